// Looks for what keeps people from using the pages, with axe-core (WCAG 2.2 AA).

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { check, finish, part, until } from "../peers/check.mjs";
import { Chatter, Moderator } from "./people.mjs";
import { launch, open } from "./screens.mjs";

const played = JSON.parse(process.env.PLAYED);
const { ARTIFACTS, CHROMIUM } = process.env;
mkdirSync(ARTIFACTS, { recursive: true });
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

const browser = await launch(CHROMIUM);
const found = [];

/** What is there to be found on a page as it is now. */
async function look(page, where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(
    (tags) => window.axe.run(document, { runOnly: { type: "tag", values: tags } }), RULES);
  const told = violations.map(({ id, impact, nodes }) => ({
    where, id, impact, nodes: nodes.map((node) => `${node.target}: ${node.failureSummary}`),
  }));
  found.push(...told);
  const serious = told.filter(({ impact }) => ["serious", "critical"].includes(impact));
  check(`${where}: nothing serious`, serious.length === 0, serious);
}

for (const [width, height, colorScheme] of [[390, 844, "dark"], [1440, 900, "light"]]) {
  const name = `${width} px, ${colorScheme}`;
  // Its script is not the page's own, which the page's policy would refuse.
  const here = () => open(browser, { width, height, colorScheme }, { bypassCSP: true });
  await part(name, async () => {
    const guest = new Chatter(await here());
    const mo = new Moderator(await here(), played.login.name);
    await mo.page.goto(played.console);
    await mo.page.locator("#login-name").waitFor();
    await look(mo.page, `${name}: login`);
    await mo.logIn(played.console, played.login.password);
    await until("rows wait", async () => (await mo.page.locator("#queue > li").count()) > 0, 30000);
    await mo.page.locator("#queue p.said").first().click();
    await look(mo.page, `${name}: desk`);
    await mo.page.keyboard.press("t");
    await look(mo.page, `${name}: desk with a menu`);
    await mo.page.keyboard.press("Escape");
    // A list of keys, where there is a keyboard.
    if (await mo.page.locator("#help-open").isVisible()) {
      await mo.page.locator("#help-open").click();
      await look(mo.page, `${name}: help`);
      await mo.page.keyboard.press("Escape");
    }
    await mo.page.locator("button.nuke-open").first().click();
    await look(mo.page, `${name}: nuke`);
    await mo.page.keyboard.press("Escape");
    await mo.page.locator("#language-fr").click();
    await look(mo.page, `${name}: desk in French`);
    await guest.enter(played.room, `guest-${width}`);
    await look(guest.page, `${name}: room`);
    for (const person of [guest, mo]) await person.page.context().close();
  });
}

writeFileSync(join(ARTIFACTS, "access.json"), JSON.stringify(found, null, 2));
console.log(`${found.length} findings of any weight, in access.json`);
await browser.close();
finish();
