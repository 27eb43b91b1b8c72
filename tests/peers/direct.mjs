// The peers alone, without Tidegate: what fails here is no fault of the proxy.

import { dialect } from "./sockets.mjs";
import { check, finish, part, same, until } from "./check.mjs";
import { Chatter } from "./irc.mjs";
import { Bot } from "./tmi.mjs";
import { readFileSync } from "node:fs";

const lines = JSON.parse(readFileSync(new URL("lines.json", import.meta.url)));
const port = Number(process.env.IRC_PORT);
// The server wants to know for whom a peer on loopback speaks; here the client says so itself.
dialect.headers = { "x-real-ip": "192.0.2.7" };

await part("irc-framework and the server, without Tidegate", async () => {
  const ada = new Chatter("127.0.0.1", port, "ada");
  const bob = new Chatter("127.0.0.1", port, "bob");
  await Promise.all([ada.join("#direct"), bob.join("#direct")]);
  for (const text of [...lines.clean, lines.masked.text, lines.dropped]) {
    ada.say("#direct", text);
    same(`arrives: ${text.slice(0, 24)} …`, (await bob.hears(text)).from, "ada");
  }
  await Promise.all([ada.leave(), bob.leave()]);
});

await part("tmi.js and the server, without Tidegate", async () => {
  const ann = new Bot("127.0.0.1", port, "ann", "#direct2");
  const ben = new Bot("127.0.0.1", port, "ben", "#direct2");
  await ann.connect();
  await until("ann is in the channel", () => ann.raw.some((m) => m.command === "366"));
  await ben.connect();
  await until("ann sees ben", () => ann.seen.has("ben"));
  ann.say(lines.clean[0]);
  check("arrives at tmi.js", await ben.hears(lines.clean[0]));
  await Promise.all([ann.leave(), ben.leave()]);
});

finish();
