// Decisions that outlast a message: bans, allowed terms, trust; on phone and desk, in both languages.

import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { check, finish, part, same, until } from "../peers/check.mjs";
import { Chatter, Moderator, legibility } from "./people.mjs";
import { launch, open as openIn } from "./screens.mjs";

const beside = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const lines = JSON.parse(beside("../peers/lines.json"));
const quiet = JSON.parse(process.env.QUIET);
const { ARTIFACTS, CHROMIUM, PASSWORD } = process.env;
mkdirSync(ARTIFACTS, { recursive: true });
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

// Two, because what three people say alike is a crowd.
const SCREENS = [
  { name: "phone-en", width: 390, height: 844, colorScheme: "light", byKey: false, language: "en" },
  { name: "desk-fr", width: 1440, height: 900, colorScheme: "dark", byKey: true, language: "fr" },
];
const SAID = {
  en: { banned: "banned", allowed: "allowed", trusted: "trusted", preview: "would have let through" },
  fr: { banned: "banni", allowed: "autorisé", trusted: "confiance", preview: "seraient passés" },
};
const KEYS = { ban: "b", allow: "a", trust: "v" };

const browser = await launch(CHROMIUM);
// axe's script is not the page's own, which the page's policy would refuse.
const open = (screen) => openIn(browser, screen, { bypassCSP: true });

/** Everything on one screen. */
async function decisions(screen) {
  const words = SAID[screen.language];
  const [ada, bob] = [new Chatter(await open(screen)), new Chatter(await open(screen))];
  const mo = new Moderator(await open(screen), quiet.login.name);
  await ada.enter(quiet.room, `ada-${screen.name}`);
  await bob.enter(quiet.room, `bob-${screen.name}`);
  await mo.logIn(quiet.console, quiet.login.password);
  await mo.page.locator(`#language-${screen.language}`).click();

  const shot = (name) =>
    mo.page.screenshot({ path: join(ARTIFACTS, `decisions-${name}-${screen.name}.png`) });
  const board = () => mo.page.locator("#decrees li");
  const clean = async (where, within = "body") => {
    await mo.page.evaluate(axe);
    const { violations } = await mo.page.evaluate(
      ({ tags, within: chosen }) =>
        window.axe.run(chosen, { runOnly: { type: "tag", values: tags } }), { tags: RULES, within });
    const serious = violations.filter((own) => ["serious", "critical"].includes(own.impact));
    same(`${where}: axe finds nothing serious`, serious.map((own) => [own.id, own.nodes[0]?.html]), []);
    const { wide } = await legibility(mo.page, "#queue-title");
    same(`${where}: nothing runs off the screen`, wide <= 0, true);
  };
  const listed = (n) => `${lines.allowable}, ${n} ${screen.name}`;
  /** By its key or by its button. */
  const press = async (row, act) => {
    if (!screen.byKey) return row.locator(`[data-act="${act}"]`).click();
    await row.locator("p.said").click();
    return mo.page.keyboard.press(KEYS[act]);
  };
  const passes = async (text) => {
    await ada.say(text);
    await bob.hears(text);
  };
  /** Ends what is in force, by the board. */
  const lift = async () => {
    await board().first().locator("button").click();
    await until("it is no longer in force", async () => (await board().count()) === 0);
  };

  await part(`${screen.name}: remove and ban, with undo`, async () => {
    const text = `${lines.held}, banned on ${screen.name}`;
    await ada.say(text);
    const row = await mo.sees(text);
    same("what is grave offers no term to allow", await row.locator('[data-act="allow"]').count(), 0);
    await press(row, "ban");
    await until("the board names who is banned", async () => (await board().count()) === 1);
    const said = await board().first().textContent();
    check("as banned, with whom", said.includes(words.banned) && said.includes("ada-"), said);
    await shot("banned");
    await clean("a ban on the board");
    await ada.say(`a clean line while banned on ${screen.name}`);
    await ada.noticed("banned");
    await mo.page.locator("#toasts button").last().click();
    await until("the undo lifts it", async () => (await board().count()) === 0);
    await passes(`a clean line after the undo on ${screen.name}`);
    same("nobody saw the other", await bob.heard(`a clean line while banned on ${screen.name}`), 0);
    await mo.decide(text, "remove", true);
    await until("the queue is empty", async () => (await mo.row(text).count()) === 0);
  });

  await part(`${screen.name}: release and allow the term`, async () => {
    const [first, second] = ["one", "two"].map(listed);
    await ada.say(first);
    await mo.sees(first);
    await ada.say(second);
    await mo.sees(second);
    await press(await mo.sees(first), "allow");
    const menu = mo.page.locator('.menu[data-kind="allow"]');
    await menu.waitFor();
    const foreseen = await menu.locator(".menu-said").textContent();
    check("it says what it would have let through", foreseen.includes(words.preview), foreseen);
    check("and names the term", foreseen.includes("en/harassment"), foreseen);
    await shot("allow");
    await clean("the menu of an allow");
    if (screen.byKey) await mo.page.keyboard.press("1");
    else await menu.locator("button").first().click();
    await bob.hears(first);
    check("the message is released", true);
    // The release goes out first; what is in force is said when it is.
    await until("both terms are allowed", async () => (await board().count()) === 2);
    await passes(listed("three"));
    const said = await board().first().textContent();
    check("the board names it", said.includes(words.allowed), said);
    await shot("allowed");
    for (let left = await board().count(); left > 0; left -= 1) {
      await board().first().locator("button").click();
      await until("one is over", async () => (await board().count()) === left - 1);
    }
    await ada.say(listed("four"));
    await mo.sees(listed("four"));
    for (const text of [second, listed("four")]) {
      await mo.decide(text, "remove", true);
      await until("it is removed", async () => (await mo.row(text).count()) === 0);
    }
  });

  await part(`${screen.name}: release and trust the sender`, async () => {
    const text = listed("five");
    await ada.say(text);
    await press(await mo.sees(text), "trust");
    const menu = mo.page.locator('.menu[data-kind="trust"]');
    await menu.waitFor();
    await shot("trust");
    await clean("the menu of a trust");
    if (screen.byKey) await mo.page.keyboard.press("3");
    else await menu.locator("button").last().click();
    await bob.hears(text);
    await until("they are trusted", async () => (await board().count()) === 1);
    await passes(listed("six"));
    const said = await board().first().textContent();
    check("the board names who is trusted", said.includes(words.trusted), said);
    const grave = `${lines.held}, though trusted on ${screen.name}`;
    await ada.say(grave);
    await mo.sees(grave);
    check("what is grave is held all the same", true);
    await mo.decide(grave, "remove", true);
    await until("it is removed", async () => (await mo.row(grave).count()) === 0);
    await lift();
  });

  await part(`${screen.name}: several at once`, async () => {
    const texts = ["one", "two", "three", "four"].map((n) => `${lines.held}, ${n} ${screen.name}`);
    // Somebody else, or it would be too much for one sender.
    for (const text of texts) {
      await bob.say(text);
      await mo.sees(text);
    }
    const bar = mo.page.locator("#marked");
    if (screen.byKey) {
      await mo.row(texts[0]).locator("p.said").click();
      await mo.page.keyboard.press("m");
      await mo.page.keyboard.press("Shift+J");
      await mo.page.keyboard.press("Shift+J");
    } else {
      await mo.row(texts[0]).locator(".mark-box").click();
      await mo.row(texts[2]).locator(".mark-box").click({ modifiers: ["Shift"] });
    }
    await until("three are marked", async () => (await mo.page.locator("li.marked").count()) === 3);
    check("the bar says so", (await bar.textContent()).includes("3"), await bar.textContent());
    await shot("marked");
    // What is scrolled half below the bar is no target of its own.
    await clean("marked messages", "#marked");
    if (screen.byKey) await mo.page.keyboard.press("x");
    else await bar.locator('[data-act="remove"]').click();
    await until("the three are gone", async () =>
      (await mo.row(screen.name).count()) === 1);
    same("nothing is marked any more", await bar.isVisible(), false);
    await mo.page.locator("#toasts button").last().click();
    await until("all are back", async () =>
      (await mo.row(screen.name).count()) === 4);
    for (const text of texts) {
      await mo.decide(text, "remove", true);
      await until("it is removed", async () => (await mo.row(text).count()) === 0);
    }
  });

  await part(`${screen.name}: who else is looking`, async () => {
    const max = new Moderator(await open(screen), "max");
    await max.logIn(quiet.console, PASSWORD);
    const text = `${lines.held}, looked at on ${screen.name}`;
    await bob.say(text);
    await (await max.sees(text)).locator("p.said").click();
    const tag = mo.row(text).locator(".looking");
    await tag.waitFor();
    check("the other's screen says who", (await tag.textContent()).includes("max"));
    same("one's own does not", await max.row(text).locator(".looking").count(), 0);
    await shot("looking");
    await mo.decide(text, "remove", true);
    await until("nobody needs to claim it", async () => (await mo.row(text).count()) === 0);
    same("no page complained", max.troubles, []);
    await max.page.context().close();
  });

  same(`${screen.name}: no page complained`, [ada, bob, mo].flatMap((own) => own.troubles), []);
  for (const person of [ada, bob, mo]) await person.page.context().close();
}

for (const screen of SCREENS) await decisions(screen);
await browser.close();
finish();
