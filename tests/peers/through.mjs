// The same peers with Tidegate between them, and two moderators at the console.

import { readFileSync } from "node:fs";
import { check, finish, part, same, until } from "./check.mjs";
import { Chatter } from "./irc.mjs";
import { Moderator } from "./moderator.mjs";
import { dialect } from "./sockets.mjs";
import { Bot } from "./tmi.mjs";

const lines = JSON.parse(readFileSync(new URL("lines.json", import.meta.url)));
const { GATE_HOST, GATE_PORT, CONSOLE, PASSWORD } = process.env;
const gate = [GATE_HOST, Number(GATE_PORT)];
const channel = "#stream";
// A forged address: the server must be told the true one.
dialect.headers = { "x-forwarded-for": "203.0.113.66", "x-real-ip": "203.0.113.66" };

const mo = new Moderator(CONSOLE, "mo");
const max = new Moderator(CONSOLE, "max");
let ada;
let bob;
let marks = 0;

/** Says a harmless line and waits for it: what was said before it and did not arrive, will not. */
async function mark(sayer = ada, hearer = bob) {
  marks += 1;
  const text = `and now number ${marks}`;
  sayer.say(channel, text);
  await hearer.hears(text);
}

/** The hold with this text, once the queue shows it. */
const held = (text) => until(`${text} is in the queue`, () => mo.waiting(text));

await part("moderators log in", async () => {
  same("a wrong password is refused", (await mo.logIn(`${PASSWORD}?`)).status, 401);
  same("the queue is closed to strangers", (await mo.ask("GET", "/api/queue")).status, 401);
  check("mo logs in", (await mo.logIn(PASSWORD)).status < 300);
  check("max logs in", (await max.logIn(PASSWORD)).status < 300);
  same("nothing waits yet", (await mo.queue()).length, 0);
});

await part("two people join through Tidegate", async () => {
  ada = new Chatter(...gate, "ada");
  bob = new Chatter(...gate, "bob");
  await Promise.all([ada.join(channel), bob.join(channel)]);
  check("both are in the channel", true);
  ada.client.raw("USERHOST ada");
  const line = await until("USERHOST", () => ada.raw.find((raw) => / 302 /.test(raw)));
  check("the server knows the true address, not the forged one",
    line.includes("@127.0.0.1") && !line.includes("203.0.113.66"), line);
});

await part("a clean line arrives unchanged", async () => {
  for (const text of lines.clean) {
    ada.say(channel, text);
    const heard = await bob.hears(text);
    same(`unchanged: ${text.slice(0, 24)} …`, heard, { from: "ada", text, how: "say" });
  }
  ada.client.action(channel, "waves");
  same("an action stays an action", (await bob.hears("waves")).how, "act");
  same("nobody was given a notice", [ada.notices.length, bob.notices.length], [0, 0]);
});

await part("a listed line is dropped with a notice", async () => {
  const known = ada.notices.length;
  ada.say(channel, lines.dropped);
  check("its sender is told", (await ada.noticed(known)).length > 0);
  await mark();
  same("nobody heard it", bob.heard(lines.dropped), 0);
  check("its sender is still there", !ada.closed);
  same("it does not wait in the queue", (await mo.queue()).length, 0);
  ada.client.action(channel, lines.dropped);
  await mark();
  same("nor as an action", bob.heard(lines.dropped), 0);
});

await part("a masked word arrives masked", async () => {
  for (const { text, shown } of [lines.masked, lines.masked_fr]) {
    ada.say(channel, text);
    same(`shown: ${shown}`, (await bob.hears(shown)).from, "ada");
    same(`not shown: ${text}`, bob.heard(text), 0);
  }
});

await part("a held line arrives only after the release", async () => {
  const known = ada.notices.length;
  ada.say(channel, lines.held);
  check("its sender is told that it waits", (await ada.noticed(known)).length > 0);
  const hold = await held(lines.held);
  same("the queue says whose it is", [hold.sender.name, hold.channel], ["ada", channel]);
  same("the queue says how it would go", hold.way, "connection");
  check("the queue says why", hold.findings.length > 0 && hold.findings[0].why.length > 0);
  await mark();
  same("later lines pass, it does not", bob.heard(lines.held), 0);
  const stray = await mo.act(hold.id, "release", undefined, { origin: "http://evil.example" });
  same("a page of another site cannot release it", stray.status, 403);
  same("still nobody heard it", bob.heard(lines.held), 0);
  same("mo releases it", (await mo.act(hold.id, "release")).status, 200);
  same("now it arrives", (await bob.hears(lines.held)).from, "ada");
  for (const what of ["remove", "release"]) {
    const late = await max.act(hold.id, what);
    same(`max comes second (${what})`, [late.status, late.value?.by], [409, "mo"]);
  }
  await mark();
  same("it arrived once", bob.heard(lines.held), 1);
  check("it left the queue", !(await mo.waiting(lines.held)));
});

await part("of two decisions at once, one wins", async () => {
  ada.say(channel, lines.held_too);
  const hold = await held(lines.held_too);
  const both = [mo.act(hold.id, "release"), max.act(hold.id, "remove")];
  const [release, remove] = await Promise.all(both);
  same("one is taken, one refused", [release.status, remove.status].sort(), [200, 409]);
  const loser = release.status === 409 ? release : remove;
  const winner = release.status === 200 ? "mo" : "max";
  same("the second is told who won", loser.value?.by, winner);
  if (winner === "mo") await bob.hears(lines.held_too);
  await mark();
  const times = winner === "mo" ? 1 : 0;
  same("the room sees what the winner decided", bob.heard(lines.held_too), times);
});

await part("a release after the sender left", async () => {
  const eve = new Chatter(...gate, "eve");
  await eve.join(channel);
  eve.say(channel, lines.held);
  const hold = await held(lines.held);
  await eve.leave();
  const way = () => mo.waiting(lines.held).then((now) => now?.way === "orphan");
  check("the queue says that nobody can carry it", await until("the way changes", way));
  check("it can be removed", (await mo.act(hold.id, "remove")).status === 200);
  await mark();
  same("nobody heard it", bob.heard(lines.held), 1);
});

await part("people leave", async () => {
  await Promise.all([ada.leave(), bob.leave()]);
  check("both connections are closed", ada.closed && bob.closed);
});

await part("tmi.js through Tidegate", async () => {
  const ann = new Bot(...gate, "ann", channel);
  const ben = new Bot(...gate, "ben", channel);
  await ann.connect();
  await until("ann is in the channel", () => ann.raw.some((m) => m.command === "366"));
  await ben.connect();
  await until("ann sees ben", () => ann.seen.has("ben"));
  ann.say(lines.clean[0]);
  same("a clean line arrives unchanged", (await ben.hears(lines.clean[0])).from, "ann");
  const known = ann.notices().length;
  ann.say(lines.dropped);
  check("a dropped line gives a notice", await until("notice", () => ann.notices()[known]));
  ann.say(lines.masked.text);
  check("a masked word arrives masked", await ben.hears(lines.masked.shown));
  same("nobody heard the dropped one", ben.heard(lines.dropped), 0);
  ann.say(lines.held);
  const hold = await held(lines.held);
  same("a held line waits", ben.heard(lines.held), 0);
  same("max releases it", (await max.act(hold.id, "release")).status, 200);
  check("now it arrives", await ben.hears(lines.held));
  same("mo comes second", (await mo.act(hold.id, "remove")).value?.by, "max");
  await Promise.all([ann.leave(), ben.leave()]);
});

finish();
