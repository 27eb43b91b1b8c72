// The page of rules: strictness by channel and word lists, set while people chat.

import { check, finish, part, same, until } from "../peers/check.mjs";
import { Chatter, Moderator } from "./people.mjs";
import { SCREENS, accessible, shot } from "./pages.mjs";
import { launch, open } from "./screens.mjs";

const quiet = JSON.parse(process.env.QUIET);
const { ADMIN, PASSWORD, CHROMIUM } = process.env;
const browser = await launch(CHROMIUM);
const WAIT = { timeout: 10000 };
// An invented word, and what stands in its place where it is covered.
const WORD = "gremlotide";
const STARS = "*".repeat(WORD.length);

async function told(page, which, text) {
  await until(`the page says ${text}`, async () =>
    (await page.locator(`#${which}-told`).textContent()).includes(text));
}

async function enter(name, password, screen) {
  const person = new Moderator(await open(browser, screen, { bypassCSP: true }), name);
  await person.logIn(quiet.console, password);
  await person.page.goto(`${quiet.console}/rules`);
  await person.page.locator("#sliders > li").first().waitFor(WAIT);
  await person.page.locator("#list-text").waitFor({ state: "attached", ...WAIT });
  return person;
}

/** Writes a list as it is to be, and waits until it was looked at. */
async function write(page, list, text) {
  if ((await page.locator("#list-name").inputValue()) !== list) {
    const opened = page.waitForResponse((answer) => answer.url().endsWith(`/api/lists/${list}`));
    await page.locator("#list-name").selectOption(list);
    await opened;
  }
  const [field, show] = [page.locator("#list-text"), page.locator("#list-show")];
  await field.or(show).filter({ visible: true }).first().waitFor(WAIT);
  if (await show.isVisible()) await show.click();
  const checked = page.waitForResponse((answer) => answer.url().endsWith("/lint"));
  await field.fill(text);
  await checked;
  await until("it was checked", async () =>
    /lines|Faults/.test(await page.locator("#list-state").textContent()));
}

async function save(page) {
  await page.locator("#list-save").click();
  await told(page, "list", "in force");
}

/** A list with faults stays unsaved, a good one covers its word at once, and can be undone. */
async function lists(page, ada, screen) {
  const [one, two] = [`so ${WORD} one`, `so ${WORD} two`];
  await ada.say(`${one} ${screen.name}`);
  await ada.hears(`${one} ${screen.name}`);
  await write(page, "profanity", `2 word ${WORD}\n- ${WORD} here\n7 word blorp\n`);
  await page.locator("#list-problems li").first().waitFor(WAIT);
  await page.locator("#list-problems .to-line").first().click();
  const selected = await page.locator("#list-text").evaluate((field) =>
    field.value.slice(field.selectionStart, field.selectionEnd));
  same("a press leads to the line", selected, "7 word blorp");
  await accessible(page, `${screen.name}: a list with faults`);
  await shot(page, `rules-faults-${screen.name}`);
  await page.locator("#list-save").click();
  await until("it is refused", async () =>
    (await page.locator("#list-problem").textContent()).includes("stays as it was"));

  await write(page, "profanity", `# ours\n2 word ${WORD}\n+ so ${WORD} it is\n- so gremlin it is\n`);
  same("nothing is wrong with it", await page.locator("#list-problems li").allTextContents(), []);
  await page.locator("#place-channel").fill("");
  await page.locator("#list-replay").click();
  await page.locator("#list-replayed .outcome-line").waitFor(WAIT);
  await save(page);
  await ada.say(`${two} ${screen.name}`);
  await ada.hears(`so ${STARS} two ${screen.name}`);
  await page.locator("#list-undo").click();
  await told(page, "list", "Undone");
  await ada.say(`so ${WORD} three ${screen.name}`);
  await ada.hears(`so ${WORD} three ${screen.name}`);
  await page.locator("#history-count").click();
  await page.locator("#history > li button").nth(1).click();
  await until("the older version stands there again", async () =>
    (await page.locator("#list-text").inputValue()).includes(`2 word ${WORD}`));
  await save(page);
  check("each version is kept", (await page.locator("#history > li").count()) >= 3);
}

/** A channel is let through, made strict, and put back, by keys. */
async function strictness(page, ada, screen) {
  const read = page.waitForResponse((answer) => answer.url().endsWith("channel=main"));
  await page.locator("#place-channel").fill("main");
  await page.locator("#place-channel").press("Tab");
  await read;
  const slider = page.locator("#level-profanity:enabled");
  await slider.waitFor(WAIT);
  for (const [key, shown] of [["Home", `so ${WORD}`], ["ArrowRight", `so ${WORD}`], ["End", null]]) {
    await slider.press(key);
    await until("it is to be set", async () =>
      (await page.locator('#sliders li[data-category="profanity"] .tag').count()) === 1);
    if (key === "ArrowRight") continue;
    if (key === "End") {
      await accessible(page, `${screen.name}: strictness`);
      await shot(page, `rules-${screen.name}`);
    }
    await page.locator("#strictness-save").click();
    await told(page, "strictness", "in force");
    const text = `so ${WORD} ${key} ${screen.name}`;
    await ada.say(text);
    if (shown) await ada.hears(text);
    else await ada.noticed("hold");
  }
  const words = await slider.getAttribute("aria-valuetext");
  check("it is said in words", words.startsWith("Strict.") && words.includes("strong: held"), words);
  await page.locator('#sliders li[data-category="profanity"] button').click();
  await page.locator("#strictness-save").click();
  await told(page, "strictness", "in force");
  same("nothing of it is left",
    await page.locator("#sliders .tag").count(), 0);
}

/** What only an admin may do, a moderator is not led into; whoever comes second is told. */
async function limits(adam, screen) {
  const mo = await enter(quiet.login.name, quiet.login.password, screen);
  const max = await enter("max", PASSWORD, screen);
  const { page } = max;
  await page.locator("#list-name").selectOption("allow");
  await until("the list is another's to change", async () =>
    page.locator("#list-text").evaluate((field) => field.readOnly));
  await page.locator("#level-hate").press("Home");
  same("a moderator goes down to the settings and no further",
    await page.locator('#sliders li[data-category="hate"]').getAttribute("data-level"), "standard");
  await told(page, "strictness", "as strict as that");
  await adam.page.reload();
  await adam.page.locator("#sliders > li").first().waitFor(WAIT);
  for (const one of [adam, max]) await write(one.page, "spam", `2 word ${WORD}s${one.name}\n`);
  await save(adam.page);
  await page.locator("#list-save").click();
  await until("the second is told", async () =>
    (await page.locator("#list-problem").textContent()).includes("adam"));
  check("and keeps what was written", (await page.locator("#list-text").inputValue()).includes("smax"));
  await page.locator("#list-discard").click();
  await until("and can see the other's", async () =>
    (await page.locator("#list-text").inputValue()).includes("sadam"));
  same("no page complained", [...mo.troubles, ...max.troubles], []);
  await write(adam.page, "spam", "");
  await save(adam.page);
  for (const one of [mo, max]) await one.page.context().close();
}

const ada = new Chatter(await open(browser, SCREENS[2]));
await ada.enter(quiet.room, "ada-rules");
for (const screen of SCREENS) {
  await part(`${screen.name}: the rules`, async () => {
    const adam = await enter("adam", ADMIN, screen);
    const { page } = adam;
    await lists(page, ada, screen);
    await strictness(page, ada, screen);
    await limits(adam, screen);
    await write(page, "profanity", "");
    await save(page);
    await page.locator("#language-fr").click();
    same("in French too", await page.locator("h1").textContent(), "Règles");
    await shot(page, `rules-fr-${screen.name}`);
    same("no page complained", adam.troubles, []);
    await page.context().close();
  });
}
await browser.close();
finish();
