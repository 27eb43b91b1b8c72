// Prints as many free ports on loopback as are asked for, one a line.

import { createServer } from "node:net";

const count = Number(process.argv[2] ?? 1);
// All are open at once, so that none is given twice.
const servers = await Promise.all(Array.from({ length: count }, () => new Promise((resolve) => {
  const server = createServer().listen(0, "127.0.0.1", () => resolve(server));
})));
for (const server of servers) console.log(server.address().port);
for (const server of servers) server.close();
