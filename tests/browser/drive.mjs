// The demo in a browser: two people in the room, two moderators at the console, four screens.

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { check, finish, part, same, until } from "../peers/check.mjs";
import { hostile } from "./hostile.mjs";
import { Chatter, Moderator, legibility } from "./people.mjs";
import { launch, open as openIn } from "./screens.mjs";

const beside = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const lines = JSON.parse(beside("../peers/lines.json"));
const script = beside("../../console/room/script.jsonl").trim().split("\n").map(JSON.parse);
const quiet = JSON.parse(process.env.QUIET);
const played = JSON.parse(process.env.PLAYED);
const { ARTIFACTS, CHROMIUM, PASSWORD } = process.env;
mkdirSync(ARTIFACTS, { recursive: true });

const SCREENS = [
  { name: "phone-light", width: 390, height: 844, colorScheme: "light", byKey: false },
  { name: "phone-dark", width: 390, height: 844, colorScheme: "dark", byKey: false },
  { name: "desk-light", width: 1440, height: 900, colorScheme: "light", byKey: true },
  { name: "desk-dark", width: 1440, height: 900, colorScheme: "dark", byKey: true },
];

const browser = await launch(CHROMIUM);
const open = (screen) => openIn(browser, screen);
const shot = (page, name) => page.screenshot({ path: join(ARTIFACTS, `${name}.png`) });

/** Everything that is asked of the product, on one screen. */
async function evening(screen) {
  const ada = new Chatter(await open(screen));
  const bob = new Chatter(await open(screen));
  const mo = new Moderator(await open(screen), quiet.login.name);
  const max = new Moderator(await open(screen), "max");
  const [first, second] = [`ada-${screen.name}`, `bob-${screen.name}`];
  let marks = 0;
  const mark = async () => {
    marks += 1;
    const text = `${screen.name} says ${marks}`;
    await ada.say(text);
    await bob.hears(text);
  };

  await part(`${screen.name}: people come in`, async () => {
    await Promise.all([ada.enter(quiet.room, first), bob.enter(quiet.room, second)]);
    check("the room's page chats through Tidegate", ada.socket.startsWith(quiet.chat), ada.socket);
    await Promise.all([
      mo.logIn(quiet.console, quiet.login.password), max.logIn(quiet.console, PASSWORD),
    ]);
    check("two moderators are at the console", true);
  });

  await part(`${screen.name}: a clean line arrives unchanged`, async () => {
    const markup = "<img src=x onerror=alert(1)> & <b>bold</b>";
    // The room tells newcomers what was said before, so each screen has lines of its own.
    for (const text of [...lines.clean, markup].map((line) => `${line} (${screen.name})`)) {
      await ada.say(text);
      await bob.hears(text);
      check(`unchanged: ${text.slice(0, 24)} …`, true);
    }
    same("text stays text", await bob.page.locator("#chat img, #chat b").count(), 0);
  });

  await part(`${screen.name}: a listed line is dropped with a notice`, async () => {
    const text = `${lines.dropped}, ${screen.name}`;
    await ada.say(text);
    check("its sender is told", (await ada.noticed("drop")).trim().length > 0);
    await mark();
    same("nobody sees it", await bob.heard(text), 0);
  });

  await part(`${screen.name}: a masked word arrives masked`, async () => {
    const own = (line) => `${line}, ${screen.name}`;
    await ada.say(own(lines.masked.text));
    await bob.hears(own(lines.masked.shown));
    check("all but the word arrives", true);
    same("the word itself does not", await bob.heard(own(lines.masked.text)), 0);
  });

  await part(`${screen.name}: a held line arrives only after the release`, async () => {
    const text = `${lines.held}, ${screen.name} <b>x</b>`;
    await ada.say(text);
    check("its sender is told that it waits", (await ada.noticed("hold")).trim().length > 0);
    const row = await mo.sees(text);
    check("the console shows where", (await row.locator("mark").allTextContents()).length > 0);
    same("text stays text there too", await row.locator("p.said b").count(), 0);
    await mark();
    same("later lines pass, it does not", await bob.heard(text), 0);
    await shot(ada.page, `room-held-${screen.name}`);
    await shot(mo.page, `console-${screen.name}`);

    // Both decide; the second's click is on its way while the first's arrives.
    const slow = await max.delay();
    await max.decide(text, "remove", screen.byKey);
    await slow.onTheWay;
    await mo.decide(text, "release", screen.byKey);
    await bob.hears(text);
    check("after the release it arrives", true);
    await slow.arrive();
    const told = await max.told();
    check("the second moderator is told who won", told.includes(mo.name), told);
    await shot(max.page, `console-second-${screen.name}`);
    check("its sender is told", (await ada.noticed("released")).trim().length > 0);
    await mark();
    same("it arrived once", await bob.heard(text), 1);
    await until("the queue is empty", async () => (await mo.row(text).count()) === 0);
  });

  await part(`${screen.name}: everything can be read`, async () => {
    for (const [page, what, selector] of [
      [bob.page, "room", ".said"], [bob.page, "room's hint", ".hint"],
      [mo.page, "console", "#queue-title"],
    ]) {
      const { contrast, wide, dark } = await legibility(page, selector);
      check(`${what}: contrast ${contrast}`, contrast >= 4.5);
      same(`${what}: nothing runs off the screen`, wide <= 0, true);
      same(`${what}: ${screen.colorScheme}`, dark, screen.colorScheme === "dark");
    }
    const box = await ada.page.getByTestId("send").boundingBox();
    const fits = box && box.y + box.height <= screen.height && box.x + box.width <= screen.width;
    check("the send button is on the screen", fits, box);
    check("and large enough for a thumb", box && box.height >= 44, box);
    await ada.page.getByTestId("language").click();
    same("the room speaks French", await ada.page.getByTestId("send").textContent(), "Envoyer");
    await shot(ada.page, `room-${screen.name}`);
    const troubles = [ada, bob, mo, max].flatMap((person) => person.troubles);
    same("no page complained", troubles, []);
  });

  await part(`${screen.name}: whoever logs out leaves nothing said in the page`, async () => {
    check("something was said", (await mo.page.locator(".ended-said").count()) > 0);
    await mo.page.locator("#log-out").click();
    await mo.page.locator("#login").waitFor();
    same("nothing is left", await mo.page.locator(".foreign").count(), 0);
  });

  for (const person of [ada, bob, mo, max]) await person.page.context().close();
}

/** What a newcomer sees without doing anything. */
async function play() {
  const guest = new Chatter(await open(SCREENS[2]));
  const mo = new Moderator(await open(SCREENS[2]), played.login.name);
  await guest.enter(played.room, "newcomer");
  await mo.logIn(played.console, played.login.password);
  const of = (verdict) => script.filter((line) => line.expect === verdict).map((line) => line.text);
  await guest.hears(script.at(-1).text);
  const said = await guest.said();
  for (const text of of("pass")) check(`passed: ${text}`, said.includes(text));
  for (const text of [...of("mask"), ...of("hold"), ...of("drop")]) {
    check(`not shown as it was: ${text}`, !said.includes(text));
  }
  const masked = said.filter((text) => /\*{2}/.test(text)).length;
  same("masked lines are shown masked", masked, of("mask").length);
  for (const text of of("hold")) check(`waits: ${text}`, await mo.sees(text));
  await shot(guest.page, "played-room");
  await shot(mo.page, "played-console");
  const text = of("hold")[0];
  await mo.decide(text, "release", true);
  await guest.hears(text);
  check("and arrives when it is released", true);
}

/** Ten strangers with one line; a moderator who deals with all of them at once. */
async function raid() {
  const line = "the gremlo choir sings at the harbour on saturday evening";
  const ada = new Chatter(await open(SCREENS[2]));
  const mo = new Moderator(await open(SCREENS[2]), quiet.login.name);
  await ada.enter(quiet.room, "ada-raid");
  await mo.logIn(quiet.console, quiet.login.password);
  await ada.page.evaluate(async ({ url, text }) => {
    for (let n = 0; n < 10; n += 1) {
      const own = new URL(url);
      own.searchParams.set("user", `raider${n}`);
      const socket = new WebSocket(own);
      await new Promise((resolve) => { socket.onopen = resolve; });
      const said = { type: "chat", id: `raid${n}`, channel: "main", user: `raider${n}`, text };
      socket.send(JSON.stringify({ ...said, text: `${text} ${n}${n}` }));
      (window.raiders ??= []).push(socket);
    }
  }, { url: ada.socket, text: line });
  await until("six copies are held", async () => (await mo.row(line).count()) === 6);
  same("four were seen", (await ada.said()).filter((said) => said.startsWith(line)).length, 4);

  const button = (act) => mo.page.locator(`#queue > li:not(.over) [data-act="${act}"]`).first();
  await button("alike").click();
  const menu = await mo.page.locator('.menu[data-kind="alike"]').textContent();
  check("it says how many", menu.includes("6 held like it, of 6 senders"), menu);
  await shot(mo.page, "console-raid");
  await button("alike_remove").click();
  await until("all of them are removed", async () => (await mo.row(line).count()) === 0);
  // The rows go as soon as the first console hears of it; the undo comes with the answer.
  await mo.page.locator("#toasts kbd").last().waitFor();
  await mo.page.keyboard.press("u");
  await until("and taken back at once", async () => (await mo.row(line).count()) === 6);

  const channel = mo.page.locator("#channels li", { hasText: "main" }).first();
  await channel.locator("button.shield").click();
  await mo.page.locator("#channels li.up").waitFor();
  await ada.say("a harmless line by somebody new");
  await mo.sees("a harmless line by somebody new");
  await mo.page.locator("#channels li.up button.shield").click();
  await until("the shield is down", async () => (await mo.page.locator("li.up").count()) === 0);

  await channel.locator("button.nuke-open").click();
  await mo.page.locator("#nuke-text").fill(line);
  same("nothing is fired unseen", await mo.page.locator("#nuke-fire").isDisabled(), true);
  await mo.page.locator("#nuke-look").click();
  await until("the preview counts", async () =>
    (await mo.page.locator("#nuke-preview").textContent()).includes("6 held would be removed"));
  await shot(mo.page, "console-nuke");
  await mo.page.locator("#nuke-fire").click();
  await until("what is held is removed", async () => (await mo.row(line).count()) === 0);
  const nuke = mo.page.locator("#nukes li", { hasText: "the gremlo choir" });
  await nuke.waitFor();
  await mo.page.locator("#language-fr").click();
  same("in French too", await mo.page.locator("#crowds-title").textContent(), "Foules");
  await shot(mo.page, "console-crowds-fr");
  await mo.page.locator("#language-en").click();
  await nuke.locator("button").click();
  await until("and lifted", async () => (await mo.page.locator("#nukes li").count()) === 0);
  const { wide } = await legibility(mo.page, "#crowds-title");
  same("nothing runs off the screen", wide <= 0, true);
  same("no page complained", [...ada.troubles, ...mo.troubles], []);
  for (const person of [ada, mo]) await person.page.context().close();
}

await part("the chat that is played", play);
for (const screen of SCREENS) await evening(screen);
await part("a raid", raid);
await part("hostile texts", async () => hostile(await open(SCREENS[0]), quiet.console));
await browser.close();
finish();
