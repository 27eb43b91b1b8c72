// The pages beside the queue: a text that is tried, a candidate that is replayed, the insights and
// appeals.

import { readFileSync } from "node:fs";
import { check, finish, part, same, until } from "../peers/check.mjs";
import { Moderator as Caller } from "../peers/moderator.mjs";
import { Chatter, Moderator, legibility } from "./people.mjs";
import { SCREENS, accessible, shot } from "./pages.mjs";
import { launch, open as openIn } from "./screens.mjs";

const lines = JSON.parse(readFileSync(new URL("../peers/lines.json", import.meta.url), "utf8"));
// The page's own module, which imports nothing: Node takes no .js file for a module by itself.
const care = readFileSync(new URL("../../console/care.js", import.meta.url), "utf8");
const { fresh, hard, step } = await import(`data:text/javascript,${encodeURIComponent(care)}`);
const quiet = JSON.parse(process.env.QUIET);
const { APPEALS, CHROMIUM, PASSWORD } = process.env;

const browser = await launch(CHROMIUM);

/** Something that was said, held and decided, so that there is something to count. */
async function evening() {
  const ada = new Chatter(await openIn(browser, SCREENS[2]));
  const mo = new Moderator(await openIn(browser, SCREENS[2]), quiet.login.name);
  await ada.enter(quiet.room, "ada-beside");
  await mo.logIn(quiet.console, quiet.login.password);
  for (let n = 0; n < 3; n += 1) await ada.say(`${lines.clean[0]} ${n} beside`);
  await ada.say(`${lines.masked.text} beside`);
  await ada.say(`${lines.dropped} beside`);
  for (const [n, what] of [[0, "release"], [1, "remove"], [2, null]]) {
    const text = `${lines.held} beside ${"abc"[n]}`;
    await ada.say(text);
    await mo.sees(text);
    if (what) await mo.decide(text, what, true);
  }
  for (const person of [ada, mo]) await person.page.context().close();
}

async function tries(screen) {
  const mo = new Moderator(await openIn(browser, screen, { bypassCSP: true }), quiet.login.name);
  const { page } = mo;
  await mo.logIn(quiet.console, quiet.login.password);
  await page.locator('#pages a[href="/try"]').click();
  await page.locator("#page").waitFor();
  await accessible(page, `${screen.name}: try`);
  const verdict = (side) => page.locator(`[data-side="${side}"] .verdict`).first().textContent();

  await page.locator("#try-text").fill(`${lines.held} <img src=x onerror="window.ran=1">`);
  await page.locator("#try-text").press("Enter");
  await page.locator('[data-side="running"]').waitFor();
  same("a text is judged", await verdict("running"), "held");
  check("the span is marked", (await page.locator('[data-side="running"] mark').count()) > 0);
  same("text stays text", await page.evaluate(() => [window.ran ?? 0,
    document.querySelectorAll("#sides img").length]), [0, 0]);

  await page.locator("#candidate-kind").selectOption("toml");
  await page.locator("#candidate-toml").fill('[policy.mine]\npreset = "off"\nblorp = 1\n');
  await page.locator("#try-go").click();
  const wrong = page.locator("#try-problems li");
  await wrong.first().waitFor();
  check("what is wrong is named by line", (await wrong.first().textContent()).includes("line 3"),
    await wrong.first().textContent());
  same("and marked", await page.locator("#candidate-toml").getAttribute("aria-invalid"), "true");
  await accessible(page, `${screen.name}: try, refused`);
  await wrong.first().locator("button").click();
  same("a press leads there", await page.evaluate(() => {
    const field = document.activeElement;
    return field.value.slice(field.selectionStart, field.selectionEnd);
  }), "blorp = 1");

  await page.locator("#candidate-toml").fill('[policy.mine]\npreset = "off"\n');
  await page.locator("#try-go").click();
  await page.locator('[data-side="candidate"]').waitFor();
  same("side by side", [await verdict("running"), await verdict("candidate")], ["held", "passes"]);
  check("the difference in a sentence",
    (await page.locator("#outcome").textContent()).includes("Now: held. With the candidate: passes"));
  await shot(page, `try-${screen.name}`);
  await accessible(page, `${screen.name}: try, side by side`);

  await page.locator("#replay-go").click();
  const rows = page.locator(".replayed-row");
  await rows.first().waitFor();
  check("a replay says how many would change", /Of \d+ messages \d+ would change: let pass \d+/.test(
    await page.locator("#outcome").textContent()), await page.locator("#outcome").textContent());
  check("and which", (await rows.allTextContents()).some((row) => row.includes("beside c")));
  await shot(page, `replay-${screen.name}`);
  await accessible(page, `${screen.name}: replay`);

  await page.locator("#language-fr").click();
  same("in French too", await page.locator("h1").textContent(), "Essayer avant d’activer");
  check("what was answered as well", (await page.locator("#outcome").textContent()).startsWith("Sur "));
  await shot(page, `replay-fr-${screen.name}`);
  await accessible(page, `${screen.name}: replay in French`);
  await page.locator("#language-en").click();
  same("no page complained", mo.troubles, []);
  await page.context().close();
}

async function counts(screen) {
  const mo = new Moderator(await openIn(browser, screen, { bypassCSP: true }), quiet.login.name);
  const { page } = mo;
  await mo.logIn(quiet.console, quiet.login.password);
  await page.locator('#pages a[href="/insights"]').click();
  await page.locator("#figure-stopped svg").waitFor();
  for (const name of ["hour", "week", "day"]) {
    await page.locator(`[data-window="${name}"]`).click();
    await until(`${name} is shown`, async () =>
      (await page.locator("#figure-stopped a.csv").getAttribute("href")).includes(`=${name}`));
    await page.waitForFunction((own) => document.querySelector(
      "#figure-stopped tbody").children.length === { hour: 12, day: 24, week: 28 }[own], name);
  }
  const plots = await page.locator("svg.plot").count();
  check(`${plots} plots are drawn`, plots >= 6, plots);
  const named = await page.locator("svg.plot").evaluateAll((all) =>
    all.every((one) => one.getAttribute("role") === "img" && one.getAttribute("aria-label")));
  check("each says what it shows", named);
  // The table has the numbers of the plot, and the keyboard reaches it.
  const details = page.locator("#figure-stopped details");
  await details.locator("summary").focus();
  await page.keyboard.press("Enter");
  await details.locator("table").waitFor();
  const sums = await page.locator("#figure-stopped tbody tr").evaluateAll((rows) => rows
    .map((row) => [...row.querySelectorAll("td")].map((cell) => Number(cell.textContent)))
    .reduce((all, row) => all.map((own, at) => own + row[at]), [0, 0, 0]));
  check("masked, held and dropped are counted", sums.every((sum) => sum >= 1), sums);
  const people = await page.locator("#figure-people tbody").textContent();
  check("so is who decided", people.includes(quiet.login.name), people);
  const sheet = await page.evaluate(async (href) => (await fetch(href)).text(),
    await page.locator("#figure-people a.csv").getAttribute("href"));
  check("the sheet has them too", sheet.includes(`"${quiet.login.name}"`), sheet);
  await shot(page, `insights-${screen.name}`);
  await accessible(page, `${screen.name}: insights`);
  await page.locator("#language-fr").click();
  same("in French too", await page.locator("h1").textContent(), "Bilan");
  check("the open table stays open", (await details.getAttribute("open")) !== null);
  await shot(page, `insights-fr-${screen.name}`);
  await accessible(page, `${screen.name}: insights in French`);
  await page.locator("#language-en").click();
  const { dark } = await legibility(page, "#figure-stopped h2");
  same(`it is ${screen.colorScheme}`, dark, screen.colorScheme === "dark");
  same("no page complained", mo.troubles, []);
  await page.context().close();
}

/** A sender's appeal, from the platform's call to the end that the platform reads. */
async function appeals(screen) {
  const ada = new Chatter(await openIn(browser, screen));
  const mo = new Moderator(await openIn(browser, screen, { bypassCSP: true }), quiet.login.name);
  const max = new Moderator(await openIn(browser, screen, { bypassCSP: true }), "max");
  const sender = `ada-appeals-${screen.name}`;
  const text = `${lines.held}, said ${screen.name}`;
  await ada.enter(quiet.room, sender);
  await mo.logIn(quiet.console, quiet.login.password);
  await max.logIn(quiet.console, PASSWORD);
  await ada.say(text);
  await mo.decide(text, "remove", true);
  const caller = new Caller(quiet.console, "max");
  await caller.logIn(PASSWORD);
  const removed = await until("it is removed", async () =>
    (await caller.ask("GET", "/api/queue")).value.ended.find((hold) => hold.text === text));
  const path = `${quiet.console}/v1/decisions/${removed.id}/appeal`;
  const headers = { authorization: `Bearer ${APPEALS.trim()}`, "content-type": "application/json" };
  const plea = 'a line of a <b>song</b>, "nothing" more';
  const taken = await fetch(path, {
    method: "POST", headers, body: JSON.stringify({ sender, text: plea }),
  });
  same("the appeal is taken", taken.status, 201);

  await mo.page.locator('#pages a[href="/appeals"]').click();
  const own = mo.page.locator(`.appeal[data-decision="${removed.id}"]`);
  await own.waitFor();
  same("whoever decided has no say", await own.locator("button").count(), 0);
  await max.page.locator('#pages a[href="/appeals"]').click();
  const row = max.page.locator(`.appeal[data-decision="${removed.id}"]`);
  await row.waitFor();
  check("both texts are shown, as text", (await row.textContent()).includes(plea)
    && (await row.textContent()).includes(text), await row.textContent());
  await shot(max.page, `appeals-${screen.name}`);
  await accessible(max.page, `${screen.name}: appeals`);
  await max.page.locator("#language-fr").click();
  same("in French too", await max.page.locator("h1").textContent(), "Recours");
  await shot(mo.page, `appeals-own-${screen.name}`);
  await accessible(mo.page, `${screen.name}: appeals, decided by oneself`);
  await max.page.locator("#language-en").click();
  await row.locator('[data-act="overturn"]').click();
  await until("it is over", async () => (await row.count()) === 0);
  const state = await (await fetch(path, { headers })).json();
  same("and the platform reads how it ended", state.state, "overturned");
  same("no page complained", [...ada.troubles, ...mo.troubles, ...max.troubles], []);
  for (const person of [ada, mo, max]) await person.page.context().close();
}

// On each screen another one: what several newcomers say within two minutes is a crowd's.
const TALK = ["that last jump was a close call", "my cat just walked over the keyboard",
  "which map comes after this one", "i baked some bread while you were away"];

/** Who is on duty, and a channel's slow mode from the switch to its end by hand. */
async function slowMode(screen) {
  const talk = TALK[SCREENS.indexOf(screen)];
  const ada = new Chatter(await openIn(browser, screen));
  const mo = new Moderator(await openIn(browser, screen, { bypassCSP: true }), quiet.login.name);
  const { page } = mo;
  await ada.enter(quiet.room, `ada-slow-${screen.name}`);
  await mo.logIn(quiet.console, quiet.login.password);
  // The login itself is a sign of somebody there.
  const duty = page.locator("#duty");
  await until("somebody is on duty", async () => /^\d+ on duty$/.test(await duty.textContent()));
  check("and it is said who", (await duty.getAttribute("title")).split(", ")
    .includes(quiet.login.name), await duty.getAttribute("title"));

  const first = `${talk}, slow`;
  await ada.say(first);
  await ada.hears(first);
  const room = page.locator("#channels .channel").first();
  await room.locator("button.slow").click();
  await page.getByLabel("Seconds between two messages").fill("600");
  await page.getByLabel("For how many minutes").fill("2");
  await shot(page, `slow-${screen.name}`);
  await accessible(page, `${screen.name}: slow mode is asked for`);
  await page.locator("#slow-form button.primary").click();
  await room.locator(".slow-state").waitFor();
  check("the board says so", (await room.locator(".slow-state").textContent())
    .includes(`600 s, by ${quiet.login.name}`), await room.locator(".slow-state").textContent());
  await accessible(page, `${screen.name}: slow mode`);
  const soon = `${talk}, too soon`;
  await ada.say(soon);
  await ada.noticed("drop");
  same("what comes too soon is not shown", await ada.heard(soon), 0);
  await page.locator("#language-fr").click();
  check("in French too", (await room.locator(".slow-state").textContent()).startsWith("mode lent"));
  check("the duty line as well", (await duty.textContent()).endsWith("de service"));
  await page.locator("#language-en").click();
  await room.locator("button.slow").click();
  await until("it is off", async () => (await room.locator(".slow-state").count()) === 0);
  const after = `${talk}, after`;
  await ada.say(after);
  await ada.hears(after);
  same("no page complained", [...ada.troubles, ...mo.troubles], []);
  for (const person of [ada, mo]) await person.page.context().close();
}

/** When a break is proposed: the rule alone, which needs no page. */
function breaks() {
  const minute = 60_000;
  let state = fresh();
  const go = (kind, at, { id, day = "today" } = {}) => {
    const after = step(state, { kind, at: at * minute, id, day });
    state = after.state;
    return after.due;
  };
  const worked = [];
  for (let at = 0; at < 50; at += 4) worked.push(go("work", at));
  same("not before 50 minutes", [...new Set(worked)], [""]);
  same("then it is time", go("work", 50), "time");
  same("ten minutes later", [go("later", 51), go("work", 55), go("work", 59), go("work", 61)],
    ["", "", "", "time"]);
  same("a pause counts", [go("work", 66), go("work", 67)], ["", ""]);
  const seen = [];
  for (let n = 0; n < 39; n += 1) seen.push(go("text", 67 + n / 60, { id: `t${n}` }));
  same("the same text again is one", [...new Set([...seen, go("text", 68, { id: "t1" })])], [""]);
  same("forty texts", go("text", 68, { id: "t40" }), "texts");
  same("off for the day", [go("off", 69), go("work", 70)], ["", ""]);
  same("and not for the next", go("work", 71, { day: "tomorrow" }), "texts");
  same("closed, it begins anew",
    [go("close", 72, { day: "tomorrow" }), go("work", 73, { day: "tomorrow" })], ["", ""]);
  const finding = (category, severity, shadow = false) => ({ category, severity, shadow });
  same("hard texts", [
    [finding("hate", 3)], [finding("hate", 2)], [finding("spam", 4)], [finding("threat", 4, true)],
  ].map((findings) => hard({ findings })), [true, false, false, false]);
}

/** Whoever is not logged in, or only looks, sees none of it. */
async function strangers() {
  const page = await openIn(browser, SCREENS[2]);
  for (const path of ["/try", "/insights", "/appeals"]) {
    await page.goto(quiet.console + path);
    await page.locator("#login-name").waitFor();
    same(`${path} leads to the login`, new URL(page.url()).pathname, "/");
  }
  await page.context().close();
}

await part("when a break is proposed", breaks);
await part("an evening", evening);
await part("strangers", strangers);
for (const screen of SCREENS) {
  await part(`${screen.name}: a text and a candidate are tried`, () => tries(screen));
  await part(`${screen.name}: what was counted`, () => counts(screen));
  await part(`${screen.name}: an appeal`, () => appeals(screen));
  await part(`${screen.name}: who is on duty, and slow mode`, () => slowMode(screen));
}
await browser.close();
finish();
