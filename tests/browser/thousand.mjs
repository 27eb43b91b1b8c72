// A thousand texts in the queue, most of them hostile, and how long a decision takes beside them.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { check, finish, part, same, until } from "../peers/check.mjs";
import { Moderator as Caller } from "../peers/moderator.mjs";
import { MARKUP, SHAPE } from "./hostile.mjs";
import { Chatter, Moderator } from "./people.mjs";
import { launch, open } from "./screens.mjs";

const crowded = JSON.parse(process.env.CROWDED);
const { ARTIFACTS, CHROMIUM } = process.env;
mkdirSync(ARTIFACTS, { recursive: true });

const TEXTS = 1000;
// No server takes half a character.
const ATTACKS = [...MARKUP, ...SHAPE].map((text) => text.toWellFormed());
const CONSOLES = 50;
const DECISIONS = 100;
// Held by the lists whatever stands behind it.
const HELD = "kys";

/** Words that no other text has, or the crowd rule would take all of them for one. */
function own(n) {
  let state = n * 2654435761 + 1;
  const syllable = () => {
    state = (state * 48271) % 2147483647;
    return "bcdfglmnprst"[state % 12] + "aeiou"[(state >> 8) % 5];
  };
  return Array.from({ length: 12 }, () => syllable() + syllable() + syllable()).join(" ");
}

/** The text and the name of the n-th: an attack, in the text and in the name. */
function attack(n) {
  const one = ATTACKS[n % ATTACKS.length];
  const other = ATTACKS[(n * 7 + 3) % ATTACKS.length];
  // The room takes no name with a control character in it.
  const user = `${n} ${other}`.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, "").slice(0, 40).toWellFormed();
  return { text: `${HELD} ${one} ${own(n)}`, user };
}

/** A text that is held and nothing worse. */
const plain = (n) => ({ text: `${HELD} ${own(n + 100000)}`, user: `somebody${n}` });

/** Says what `make` makes, each by a sender of its own, over sockets of this page. */
function say(page, url, from, count, make) {
  const all = Array.from({ length: count }, (_, n) => ({ id: `${make.name}-${from + n}`, ...make(from + n) }));
  return page.evaluate(async ({ url, all, from, width }) => {
    window.sockets ??= [];
    for (const [n, { id, user, text }] of all.entries()) {
      // So many connections that none says more than the pace allows.
      const at = (from + n) % width;
      if (!window.sockets[at]) {
        const own = new URL(url);
        own.searchParams.set("user", user);
        const socket = new WebSocket(own);
        await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = reject; });
        window.sockets[at] = socket;
      }
      window.sockets[at].send(JSON.stringify({ type: "chat", id, channel: "main", user, text }));
    }
  }, { url, all, from, width: 200 });
}

/** What is wrong with the rows that are shown now. */
function wrong(page) {
  return page.evaluate(() => {
    const faults = [];
    const list = document.getElementById("queue");
    if (window.ran) faults.push("something ran");
    const allowed = new Set(["LI", "DIV", "P", "SPAN", "STRONG", "EM", "I", "BDI", "MARK", "BUTTON", "KBD"]);
    let bottom = -Infinity;
    for (const row of list.children) {
      for (const part of row.querySelectorAll("*")) {
        // The box that marks the row, and no other.
        if (part === row.querySelector('input[type="checkbox"]')) continue;
        if (!allowed.has(part.tagName)) faults.push(`a ${part.tagName} in a row`);
        for (const { name } of part.attributes) {
          if (/^on|^href$|^src/.test(name)) faults.push(`an attribute ${name}`);
        }
      }
      const box = row.getBoundingClientRect();
      if (box.top < bottom - 1) faults.push("a row over another");
      bottom = box.bottom;
      const said = row.querySelector("p.said").getBoundingClientRect();
      if (said.right > box.right + 1 || said.left < box.left - 1) faults.push("a text beside its row");
      if (said.bottom > box.bottom + 1) faults.push("a text below its row");
      if (box.height > 1200) faults.push(`a row of ${Math.round(box.height)} px`);
      if (/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.test(row.textContent)) {
        faults.push("something unseen in a row");
      }
    }
    const root = document.documentElement;
    if (root.scrollWidth > root.clientWidth) faults.push("the page is wider than the screen");
    return [...new Set(faults)];
  });
}

/** Times in a line, printed. */
function told(what, times) {
  const took = times.sort((a, b) => a - b);
  const share = (p) => took[Math.min(took.length - 1, Math.floor(took.length * p))].toFixed(1);
  const line = `${what}, ${took.length} releases, ${TEXTS} rows, ${CONSOLES} consoles: ` +
    `median ${share(0.5)} ms, p90 ${share(0.9)}, p99 ${share(0.99)}, slowest ${share(1)}`;
  console.log(line);
  return line;
}

const browser = await launch(CHROMIUM);
const desk = { width: 1440, height: 900, colorScheme: "light" };
const phone = { width: 390, height: 844, colorScheme: "dark" };
const guest = new Chatter(await open(browser, desk));
const mo = new Moderator(await open(browser, desk), crowded.login.name);
const thumb = new Moderator(await open(browser, phone), crowded.login.name);
const caller = new Caller(crowded.console, crowded.login.name);

await part("a thousand texts wait", async () => {
  await guest.enter(crowded.room, "guest");
  await caller.logIn(crowded.login.password);
  await Promise.all([
    mo.logIn(crowded.console, crowded.login.password),
    thumb.logIn(crowded.console, crowded.login.password),
  ]);
  const total = async () => (await caller.ask("GET", "/api/queue")).value.total;
  // So many strangers raise the shield, under which such texts are dropped. A moderator's word
  // keeps it down.
  const off = { route: "demo", channel: "main", minutes: 0 };
  await say(guest.page, guest.socket, 0, 1, plain);
  await until("the channel is known", async () => (await total()) === 1);
  const turned = await caller.ask("POST", "/api/shield", off);
  check("the shield stays down", turned.status < 300, turned);
  // The oldest, which a moderator meets first.
  await say(guest.page, guest.socket, 1, DECISIONS - 1, plain);
  await until("the harmless ones are held", async () => (await total()) === DECISIONS);
  // Some are walls of one sign, which are dropped.
  for (let from = 0; (await total()) < TEXTS; from += 100) {
    const before = await total();
    await say(guest.page, guest.socket, from, 100, attack);
    await until("most of them are held", async () => (await total()) > before + 60);
  }
  check("a thousand are held", (await total()) >= TEXTS);
  // Whoever stays hears every release: those of the harmless ones are enough.
  await guest.page.evaluate((stay) =>
    window.sockets.splice(stay).forEach((socket) => socket.close()), DECISIONS);
  await mo.page.reload();
  await thumb.page.reload();
});

await part("none of them is more than text", async () => {
  for (const [who, name] of [[mo, "desk"], [thumb, "phone"]]) {
    await until("rows are there", async () => (await who.page.locator("#queue > li").count()) >= 200);
    same(`${name}: nothing runs, nothing leaves its place`, await wrong(who.page), []);
    await who.page.screenshot({ path: join(ARTIFACTS, `hostile-${name}.png`) });
  }
  await mo.page.locator("#language-fr").click();
  same("in French too", await wrong(mo.page), []);
  await mo.page.locator("#language-en").click();
});

await part(`from the key to the room, with ${TEXTS} rows and ${CONSOLES} consoles`, async () => {
  const stop = new AbortController();
  for (let n = 1; n < CONSOLES; n += 1) {
    const stream = await fetch(`${crowded.console}/api/stream`, {
      headers: { cookie: caller.cookie }, signal: stop.signal,
    });
    if (stream.status !== 200) throw new Error(`console ${n} is answered ${stream.status}`);
    (async () => { for await (const _ of stream.body); })().catch(() => {});
  }
  check(`${CONSOLES} consoles are open`, true);
  await guest.page.evaluate((url) => {
    window.arrived = [];
    const socket = new WebSocket(url.replace("user=guest", "user=listener"));
    const clock = () => performance.timeOrigin + performance.now();
    socket.onmessage = ({ data }) => {
      if (JSON.parse(data).type === "chat") window.arrived.push(clock());
    };
    return new Promise((resolve) => { socket.onopen = resolve; });
  }, guest.socket);
  await mo.page.evaluate(() => {
    window.pressed = [];
    const clock = () => performance.timeOrigin + performance.now();
    document.addEventListener("keydown", (e) => e.key === "r" && window.pressed.push(clock()), true);
  });
  await mo.page.locator("#queue > li:not(.over) p.said").first().click();
  const arrived = () => guest.page.evaluate(() => window.arrived.length);
  let decided = "";
  for (let n = 0; n < DECISIONS; n += 1) {
    // The message may be in the room before the answer is at the console. Until then the row that
    // was decided is still selected, and takes no second key.
    const next = mo.page.locator(`#queue > li.selected:not(.over):not([data-id="${decided}"])`);
    decided = await next.getAttribute("data-id");
    await mo.page.keyboard.press("r");
    await until(`release ${n} arrives`, async () => (await arrived()) > n);
  }
  const [pressed, came] = [
    await mo.page.evaluate(() => window.pressed), await guest.page.evaluate(() => window.arrived),
  ];
  same("each key press is one message in the room", came.length, pressed.length);
  const lines = [told("key to room", came.map((at, n) => at - pressed[n]))];
  same("still nothing ran", await wrong(mo.page), []);
  same("no page complained", [...guest.troubles, ...mo.troubles, ...thumb.troubles], []);

  // The same without a page that draws the queue on the cores that Tidegate runs on.
  for (const one of [mo, thumb]) await one.page.context().close();
  const asked = [];
  for (let n = 0; n < DECISIONS; n += 1) {
    const hold = (await caller.queue()).find(({ way }) => way === "connection");
    asked.push(performance.timeOrigin + performance.now());
    const answer = await caller.ask("POST", `/api/holds/${hold.id}/release`, {});
    if (answer.status !== 200) throw new Error(`a release is answered ${answer.status}`);
    await until(`release ${n} arrives`, async () => (await arrived()) > DECISIONS + n);
  }
  const later = await guest.page.evaluate((from) => window.arrived.slice(from), DECISIONS);
  lines.push(told("request to room", later.map((at, n) => at - asked[n])));
  writeFileSync(join(ARTIFACTS, "key-to-room.txt"), `${lines.join("\n")}\n`);
  stop.abort();
});

await browser.close();
finish();
