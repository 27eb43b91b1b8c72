// Echoes for Autobahn's fuzzing server, case after case, through whatever stands between.
//
//   node drive.mjs ws://HOST:PORT

import WebSocket from 'ws';

const [base] = process.argv.slice(2);
const agent = 'tidegate';

// Resolves with the last text when the connection has ended; `echo` sends everything back.
function visit(path, echo) {
  return new Promise((resolve) => {
    let last = '';
    const socket = new WebSocket(base + path, {
      maxPayload: 32 * 1024 * 1024,
      maxFragments: 0,
      maxBufferedChunks: 0,
    });
    socket.on('message', (data, binary) => {
      last = data.toString();
      if (echo) socket.send(data, { binary });
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(last));
  });
}

const count = Number(await visit('/getCaseCount', false));
if (!(count > 0)) throw new Error('the fuzzing server has no cases');
for (let number = 1; number <= count; number += 1) {
  await visit(`/runCase?case=${number}&agent=${agent}`, true);
}
await visit(`/updateReports?agent=${agent}`, false);
console.log(`${count} cases`);
