// Echoes every message, compressed where that was agreed; prints its port, and a line for each compressed connection.
//
//   node echo.mjs [deflate]

import { WebSocketServer } from 'ws';

const deflate = process.argv[2] === 'deflate' && { threshold: 0 };
const server = new WebSocketServer({
  host: '127.0.0.1',
  port: 0,
  maxPayload: 32 * 1024 * 1024,
  // Autobahn sends more fragments than this server takes by itself.
  maxFragments: 0,
  maxBufferedChunks: 0,
  perMessageDeflate: deflate,
});
server.on('connection', (socket) => {
  if (socket.extensions.includes('permessage-deflate')) console.log('compressed');
  socket.on('message', (data, binary) => socket.send(data, { binary }));
  socket.on('error', () => {});
});
server.on('listening', () => console.log(`port ${server.address().port}`));
