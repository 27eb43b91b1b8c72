// The account's page: invitations, roles by channel, sessions, a password and a second factor.

import { createHmac } from "node:crypto";
import { check, finish, part, same, until } from "../peers/check.mjs";
import { Chatter, Moderator } from "./people.mjs";
import { SCREENS, accessible, shot } from "./pages.mjs";
import { launch, open } from "./screens.mjs";

const quiet = JSON.parse(process.env.QUIET);
const { ADMIN, CHROMIUM } = process.env;
const browser = await launch(CHROMIUM);
const WAIT = { timeout: 10000 };

/** What an authenticator shows now, some half minutes later, by RFC 6238. */
function code(secret, steps = 0) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret].map((c) => letters.indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + steps));
  const hash = createHmac("sha1", key).update(counter).digest();
  const at = hash[19] & 15;
  return String((hash.readUInt32BE(at) & 0x7fffffff) % 1000000).padStart(6, "0");
}

async function told(page, text) {
  await until(`the page says ${text}`, async () =>
    (await page.locator("#told").textContent()).includes(text));
}

/** The gravest texts are blurred until they are asked for, and the queue is listed as asked. */
async function looks(page, screen) {
  const rows = page.locator("#queue > li");
  const grave = rows.filter({ has: page.locator(".shade") }).first();
  await grave.waitFor(WAIT);
  const before = await page.locator("#queue .shade").count();
  await accessible(page, `${screen.name}: blurred`);
  await shot(page, `blurred-${screen.name}`);
  await grave.locator(".row-head").click();
  await page.keyboard.press("s");
  same("S shows what is blurred", await page.locator("#queue .shade").count(), before - 1);
  const all = await rows.count();
  await page.locator("#view-category").selectOption("self_harm");
  await until("one category is listed", async () => {
    const texts = await page.locator("#queue p.said").allTextContents();
    return texts.length > 0 && texts.length < all && texts.every((text) => text.includes("kys"));
  });
  await page.locator("#view-category").selectOption("");
  await until("all are listed again", async () => (await rows.count()) === all);
  await page.locator("#shade").click();
  same("nothing is blurred where nobody wants it", await page.locator("#queue .shade").count(), 0);
  await page.locator("#shade").click();
}

/** An admin invites, changes and ends others, and looks after the own account, on one screen. */
async function evening(screen, password) {
  const adam = new Moderator(await open(browser, screen, { bypassCSP: true }), "adam");
  const { page } = adam;
  await adam.logIn(quiet.console, password);
  await page.goto(`${quiet.console}/account`);
  await page.locator("#people > li").first().waitFor(WAIT);
  await accessible(page, `${screen.name}: account`);
  await shot(page, `account-${screen.name}`);

  const name = `cleo-${screen.name}`;
  await page.locator("#invite-role").selectOption("moderator");
  await page.locator("#invite-route").selectOption("demo");
  await page.locator("#invite-channel").fill("attic");
  await page.locator("#invite button[type=submit]").click();
  await told(page, "link");
  const link = await page.locator("#invite-link").inputValue();
  same("the invitation is listed", await page.locator("#invitations > li").count(), 1);

  const guest = new Moderator(await open(browser, screen, { bypassCSP: true }), name);
  await guest.page.goto(link);
  same("the secret leaves the address", new URL(guest.page.url()).hash, "");
  await accessible(guest.page, `${screen.name}: join`);
  await shot(guest.page, `join-${screen.name}`);
  await guest.page.locator("#join-name").fill(name);
  await guest.page.locator("#join-password").fill(password);
  await guest.page.locator("#join button[type=submit]").click();
  await guest.page.locator("#login-name").waitFor(WAIT);
  await guest.logIn(quiet.console, password);
  same("whoever has another channel sees nothing of this one",
    await guest.page.locator("#queue > li").count(), 0);

  await page.reload();
  const row = page.locator(`#people > li[data-name="${name}"]`);
  await row.locator("select").nth(1).selectOption("demo");
  await row.locator("select").nth(0).selectOption("viewer");
  await row.locator(".giving input").fill("main");
  await row.locator(".giving button").click();
  await told(page, "done");
  await guest.page.reload();
  await guest.page.locator("#queue > li").first().waitFor(WAIT);
  same("a viewer of the channel sees it, and has nothing to press",
    await guest.page.locator("#queue > li .foot button").count(), 0);
  same("nor at the board", await guest.page.locator(".crowd-actions").count(), 0);
  await looks(guest.page, screen);
  await row.locator('[data-act="log-out"]').click();
  await told(page, "done");
  await guest.page.locator("#login-name").waitFor({ timeout: 20000 });
  check("whoever is logged out is out", true);
  await row.locator('[data-act="remove"]').click();
  await until("the account is gone", async () => (await row.count()) === 0);

  await page.locator("#factor-go").click();
  await page.locator("#drawing path").waitFor({ state: "attached", ...WAIT });
  await accessible(page, `${screen.name}: a second factor`);
  await shot(page, `factor-${screen.name}`);
  const secret = (await page.locator("#factor-secret").textContent()).replaceAll(" ", "");
  await page.locator("#factor-code").fill(code(secret));
  await page.locator("#factor-password").fill(password);
  await page.locator("#factor-go").click();
  await told(page, "code");
  const late = new Moderator(await open(browser, screen), "adam");
  await late.page.goto(quiet.console);
  await late.page.locator("#login-name").fill("adam");
  await late.page.locator("#login-password").fill(password);
  await late.page.locator("#login-password").press("Enter");
  await late.page.locator("#login-code").waitFor(WAIT);
  await late.page.locator("#login-code").fill(code(secret, 1));
  await late.page.locator("#login-code").press("Enter");
  await late.page.locator("#desk").waitFor(WAIT);
  check("a code opens", true);
  await page.reload();
  await until("two browsers are listed", async () => (await page.locator("#seats > li").count()) >= 2);
  await page.locator("#seats-end").click();
  await told(page, "logged out");
  same("and one is left", await page.locator("#seats > li").count(), 1);
  await page.locator("#factor-password").fill(password);
  await page.locator("#factor-go").click();
  await told(page, "suffices");

  const next = `${password}-${screen.name}`;
  await page.locator("#password-old").fill("wrong horse battery");
  await page.locator("#password-new").fill(next);
  await page.locator("#password button[type=submit]").click();
  await until("a wrong password is called wrong", async () =>
    (await page.locator("#problem").textContent()).length > 0);
  same("and nobody is thrown out for it", new URL(page.url()).pathname, "/account");
  await page.locator("#password-old").fill(password);
  await page.locator("#password-new").fill(next);
  await page.locator("#password button[type=submit]").click();
  await told(page, "changed");
  await page.locator("#language-fr").click();
  same("in French too", await page.locator("h1").textContent(), "Compte");
  await told(page, "changé");
  await shot(page, `account-fr-${screen.name}`);
  same("no page complained", [...adam.troubles, ...guest.troubles, ...late.troubles], []);
  for (const person of [adam, guest, late]) await person.page.context().close();
  return next;
}

// A message that waits, so that there is something to see or not to see.
const ada = new Chatter(await open(browser, SCREENS[2]));
await ada.enter(quiet.room, "ada-account");
await ada.say("i know where you live, account");
await ada.noticed("hold");
await ada.say("kys, account");
await until("both wait", async () =>
  (await ada.page.locator('[data-testid="notice"][data-verdict="hold"]').count()) > 1);

let password = ADMIN;
for (const screen of SCREENS) {
  await part(`${screen.name}: the account`, async () => {
    password = await evening(screen, password);
  });
}
await browser.close();
finish();
