// Looks at whole pages: on every screen, in a picture, and for what keeps people from using them.

import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { same } from "../peers/check.mjs";
import { legibility } from "./people.mjs";

const { ARTIFACTS } = process.env;
mkdirSync(ARTIFACTS, { recursive: true });
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

export const SCREENS = [
  { name: "phone-light", width: 390, height: 844, colorScheme: "light" },
  { name: "phone-dark", width: 390, height: 844, colorScheme: "dark" },
  { name: "desk-light", width: 1440, height: 900, colorScheme: "light" },
  { name: "desk-dark", width: 1440, height: 900, colorScheme: "dark" },
];

/** The whole page, with its bar where it is when somebody comes. */
export async function shot(page, name) {
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.screenshot({ path: join(ARTIFACTS, `${name}.png`), fullPage: true });
}

/** Nothing that keeps people from using a page as it is now. */
export async function accessible(page, where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(
    (tags) => window.axe.run(document, { runOnly: { type: "tag", values: tags } }), RULES);
  same(`${where}: axe finds nothing`, violations.map(({ id, nodes }) =>
    `${id}: ${nodes.slice(0, 2).map((node) => node.failureSummary).join(" | ")}`), []);
  const { wide } = await legibility(page, "h1");
  same(`${where}: nothing runs off the screen`, wide <= 0, true);
}
