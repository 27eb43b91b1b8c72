// The stage in a browser: what people say in a chat that nobody here owns, and what reaches the screen.

import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { check, finish, part, same, until } from "../peers/check.mjs";
import { Moderator } from "../browser/people.mjs";

const { chromium } = createRequire(new URL("../browser/", import.meta.url))("playwright-core");
const stage = JSON.parse(process.env.STAGE);
const irc = process.env.IRC ? JSON.parse(process.env.IRC) : null;
const { ARTIFACTS, CHROMIUM, UPSTREAM, IRC_PORT } = process.env;
mkdirSync(ARTIFACTS, { recursive: true });

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

async function open(motion = "reduce") {
  const context = await browser.newContext({
    viewport: { width: 800, height: 600 }, locale: "en-GB", reducedMotion: motion,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10000);
  return page;
}

/** The overlay, as a streaming program opens it. */
async function overlay(address, options = "", prepare) {
  const page = await open();
  const troubles = [];
  page.on("pageerror", (error) => troubles.push(`${error}`));
  page.on("console", (message) => message.type() === "error" && troubles.push(message.text()));
  page.on("dialog", (dialog) => { troubles.push("a dialog"); dialog.dismiss(); });
  if (prepare) await page.addInitScript(prepare);
  await page.goto(address + options);
  await page.locator('body[data-state="stage_linked"]').waitFor();
  const said = () => page.locator(".line .said").allTextContents();
  const shows = async (text) => (await said()).includes(text);
  return { page, troubles, said, shows };
}

/** People in the room itself, around every Tidegate. */
const crowd = await open();
await crowd.goto(UPSTREAM.replace("ws:", "http:").replace("/ws", "/"));
const sockets = (user, frame) => crowd.evaluate(async ({ url, user, frame }) => {
  window.people ??= new Map();
  if (!window.people.has(user)) {
    const own = new URL(url);
    own.searchParams.set("user", user);
    const socket = new WebSocket(own);
    await new Promise((resolve) => { socket.onopen = resolve; });
    window.people.set(user, socket);
  }
  window.people.get(user).send(JSON.stringify(frame));
}, { url: UPSTREAM, user, frame });
let count = 0;
async function say(user, text, more = {}) {
  count += 1;
  const id = `m${count}`;
  await sockets(user, { type: "chat", id, channel: "main", user, text, ...more });
  return id;
}

const main = await overlay(stage.overlay, "&fade=0&lines=12&size=24");
const mo = new Moderator(await open(), stage.login.name);
await mo.logIn(stage.console, stage.login.password);
let marks = 0;
/** Whatever was said before has been judged when this is on the screen. */
async function mark() {
  marks += 1;
  const text = `that was number ${marks}`;
  await say("regular", text);
  await until(`the screen shows ${text}`, () => main.shows(text));
}

await part("what is harmless is shown, and nothing of it runs", async () => {
  await say("ana", "good evening everybody");
  await until("a harmless line", () => main.shows("good evening everybody"));
  same("with its name", await main.page.locator(".line .who").first().textContent(), "ana");
  const markup = "<img src=x onerror=alert(1)><script>alert(2)</script> look";
  await say("ana", markup);
  await until("markup is text", () => main.shows(markup));
  same("no element came of it",
    await main.page.locator("#lines img, #lines script").count(), 0);
  await say("ana", "right\u202Eto left\u{E0000}");
  await mark();
  const turned = main.page.locator(".line", { hasText: "right" });
  same("what turns text around is not drawn", await turned.locator(".unseen").first().isVisible(),
    false);
  await say("ana", "for the new chair", { paid: 25, currency: "EUR" });
  await until("an amount", async () =>
    (await main.page.locator(".paid").allTextContents()).includes("25 EUR"));
  await sockets("ana", { type: "chat", id: "x", channel: "elsewhere", user: "ana", text: "far off" });
  await mark();
  same("another channel is not shown", await main.shows("far off"), false);
});

await part("swearing is masked, of somebody who is known", async () => {
  await say("regular", "damn, that was close");
  await until("masked", () => main.shows("****, that was close"));
  await say("newbie", "damn, that was close again");
  await mark();
  check("of somebody new it waits", !(await main.said()).some((text) => text.includes("again")));
  check("for a moderator", await mo.sees("damn, that was close again"));
});

await part("what is never shown", async () => {
  for (const text of ["mail me at ana.blorp@gmail.com", "there is a bomb in the building"]) {
    await say("newbie2", text);
    await mark();
    check(`not on the screen: ${text}`, !(await main.shows(text)));
    same("and waits for nobody", await mo.row(text).count(), 0);
  }
});

const link = "look at www.blorp-example.net/now";
await part("what waits appears when it is released", async () => {
  await say("linker", link);
  await mark();
  check("a link is not shown", !(await main.shows(link)));
  await mo.decide(link, "release", true);
  await until("the link on the screen", () => main.shows(link));
  await say("linker", "and www.blorp-example.net/other");
  await mo.decide("and www.blorp-example.net/other", "remove", true);
  await mark();
  check("what is removed never is", !(await main.shows("and www.blorp-example.net/other")));
});

const screenshot = (page, name) =>
  page.screenshot({ path: join(ARTIFACTS, `${name}.png`), omitBackground: true });
await main.page.evaluate(() => {
  // A picture below it, as of a game, to see whether the letters can be read over it.
  document.body.style.setProperty("background",
    "linear-gradient(135deg, #fff 0 25%, #2a7 25% 50%, #f5e27a 50% 75%, #123 75%)");
});
await screenshot(main.page, "overlay-over-picture");
await main.page.evaluate(() => document.body.style.removeProperty("background"));
await screenshot(main.page, "overlay");

await part("what is gone is gone from the screen", async () => {
  const id = await say("ana", "i should not have said this");
  await until("it is there", () => main.shows("i should not have said this"));
  await sockets("ana", { type: "remove", id });
  await until("deleted in the chat", async () => !(await main.shows("i should not have said this")));

  const copy = "the gremlo choir sings at the harbour on saturday evening";
  await say("ana", copy);
  await say("regular", "something else entirely, about cheese");
  await until("it is there", () => main.shows(copy));
  await mo.page.locator("#channels li", { hasText: "main" }).first().locator("button.nuke-open").click();
  await mo.page.locator("#nuke-text").fill(copy);
  await mo.page.locator("#nuke-look").click();
  await until("the preview", async () =>
    (await mo.page.locator("#nuke-fire").isDisabled()) === false);
  await mo.page.locator("#nuke-fire").click();
  await until("nuked", async () => !(await main.shows(copy)));
  check("and nothing else", await main.shows("something else entirely, about cheese"));
  await mo.page.keyboard.press("Escape");

  await say("rascal", "hello friends");
  await say("rascal", "see www.blorp-example.org/raid");
  await until("the rascal is there", () => main.shows("hello friends"));
  const row = await mo.sees("see www.blorp-example.org/raid");
  await row.locator("p.said").click();
  await mo.page.keyboard.press("t");
  await mo.page.keyboard.press("1");
  await until("a time-out clears the screen of its bearer", async () =>
    !(await main.shows("hello friends")));
});

await part("the screen is bounded", async () => {
  for (let n = 0; n < 15; n += 1) await say(`visitor${n}`, `a line of its own kind, ${n * 7919}`);
  await mark();
  same("no more lines than asked for", (await main.said()).length, 12);
  await say("ana", `long ${"ab cd ".repeat(200)}`);
  await mark();
  const box = await main.page.locator(".line").last().boundingBox();
  check("nothing is wider than the picture", box.x + box.width <= 800, box);
  const short = await overlay(stage.overlay, "&fade=4");
  await say("regular", "gone in seconds");
  await until("it comes", () => short.shows("gone in seconds"));
  await until("and fades", async () => !(await short.shows("gone in seconds")));
  same("the other stays", await main.shows("gone in seconds"), true);
  same("no page complained", short.troubles, []);
  await short.page.context().close();
});

await part("a voice reads what is shown, and nothing else", async () => {
  const voice = await overlay(stage.overlay, "&tts=1", () => {
    // Headless browsers have no voices: what would be spoken is written down.
    window.spoken = [];
    window.cancelled = 0;
    const speech = {
      getVoices: () => [],
      speak(utterance) {
        window.spoken.push(utterance.text);
        if (!utterance.text.includes("slowly")) setTimeout(() => utterance.onend(), 10);
      },
      cancel() { window.cancelled += 1; },
    };
    Object.defineProperty(window, "speechSynthesis", { value: speech });
  });
  const spoken = () => voice.page.evaluate(() => window.spoken);
  const aloud = (text) => until(`spoken: ${text}`, async () => (await spoken()).includes(text));
  await say("regular", "nice weather today");
  await aloud("regular: nice weather today");
  await say("regular", "damn, that was good");
  await aloud("regular: , that was good");
  await say("shy", "mail shy.blorp@gmail.com");
  await say("linker", "once more www.blorp-example.net/voice");
  await mark();
  await aloud(`regular: that was number ${marks}`);
  check("neither held nor dropped", !(await spoken()).join("|").match(/shy|voice/), await spoken());
  const id = await say("ana", "reading this slowly");
  await aloud("ana: reading this slowly");
  await sockets("ana", { type: "remove", id });
  await until("the voice stops in the middle", () => voice.page.evaluate(() => window.cancelled > 0));
  await say("regular", "and on it goes");
  await aloud("regular: and on it goes");
  same("no page complained", voice.troubles, []);
  await voice.page.context().close();
});

await part("who may listen", async () => {
  const page = await open();
  const opened = (url) => page.evaluate((url) => new Promise((resolve) => {
    const socket = new WebSocket(url);
    socket.onopen = () => resolve(true);
    socket.onerror = () => resolve(false);
  }), url);
  await page.route("https://elsewhere.example/", (route) => route.fulfill({ body: "x" }));
  await page.goto("https://elsewhere.example/");
  same("no page of another site", await opened(stage.chat), false);
  await page.goto(`${stage.console}/stage/?check=1`);
  await page.locator('body[data-state="stage_linked"]').waitFor();
  await page.locator(".line", { hasText: "A message looks like this." }).waitFor();
  await screenshot(page, "overlay-check");
  const [answer] = await Promise.all([
    page.waitForResponse((answer) => answer.url().endsWith("/stage/?side=right")),
    page.goto(`${stage.console}/stage/?side=right`),
  ]);
  const policy = answer.headers()["content-security-policy"];
  check("the page may reach its chat and nothing else",
    policy.includes("default-src 'self'") && !policy.includes("unsafe") &&
    policy.endsWith(`connect-src 'self' ws://${new URL(stage.chat).host}`),
    policy);
  await page.context().close();
});

await part("frames as platforms send them", async () => {
  const events = (config, frames) => main.page.evaluate(async ({ config, frames }) => {
    const { reader } = await import("/stage/readers.js");
    const own = reader(config);
    const sent = [];
    const found = frames.flatMap((frame) => own.read(frame, (line) => sent.push(line)));
    return { found, sent };
  }, { config, frames });
  const chat = { speaks: "irc", channel: "#ana", welcomed: ["JOIN #ana"] };
  const { found, sent } = await events(chat, [
    ":tmi.twitch.tv 001 justinfan1 :Welcome, GLHF!\r\n:tmi.twitch.tv 002 justinfan1 :x\r\n",
    "PING :tmi.twitch.tv\r\n",
    "@badges=;bits=100;display-name=B\\so;id=i-1;user-id=7 :bo!bo@bo.tmi.twitch.tv PRIVMSG #ana :cheer100 hi : there\r\n",
    "@id=i-2;user-id=8 :cy!cy@x PRIVMSG #other :elsewhere",
    "@login=bo;target-msg-id=i-1 :tmi.twitch.tv CLEARMSG #ana :cheer100 hi",
    "@target-user-id=7 :tmi.twitch.tv CLEARCHAT #ana :bo",
    ":tmi.twitch.tv CLEARCHAT #ana",
    ":bo!b@h PRIVMSG #ana :\u0001VERSION\u0001",
    "@broken", ":only", "", "\r\n",
  ]);
  same("IRC is answered", sent, ["JOIN #ana", "PONG :tmi.twitch.tv"]);
  same("IRC is understood", found, [
    { kind: "said", id: "i-1", sender: "7", name: "B o", text: "cheer100 hi : there", me: false,
      paid: "100 bits" },
    { kind: "gone", ids: ["i-1"] },
    { kind: "silenced", sender: "7" },
    { kind: "clear" },
  ]);
  const shape = { messages: "", kind: "/type", kinds: ["CHAT"], text: "/body", text_or: "",
    user: "/user/id", name: "/user/displayName", channel: "", id: "/id", paid: "", currency: "",
    inner: "", html: true, lines: true, removed_kinds: ["VISIBILITY-UPDATE"], removed: "/ids",
    removed_unless: "/visible" };
  const body = '<p>hi <img class="emoji" alt=":wave:" src="/x.png"> <script>alert(1)</script>&amp;</p>';
  const user = { id: "u7", displayName: "<b>Ana" };
  const web = await events({ speaks: "json", channel: "", json: shape }, [
    `${JSON.stringify({ type: "CHAT", id: "c1", user, body })}\n{"type":"USER_JOINED"}\nbroken`,
    JSON.stringify({ type: "VISIBILITY-UPDATE", ids: ["c1"], visible: false }),
    JSON.stringify({ type: "VISIBILITY-UPDATE", ids: ["c1"], visible: true }),
    '{"type":"CHAT","id":"c2","body":["x"]}', "null", "7", '{"__proto__":{"type":"CHAT"}}',
  ]);
  same("JSON with HTML is understood", web.found, [
    { kind: "said", id: "c1", sender: "u7", name: "<b>Ana", text: "hi :wave: &", paid: "" },
    { kind: "gone", ids: ["c1"] },
  ]);
});

if (irc) {
  await part("a chat over IRC, without an account", async () => {
    const own = await overlay(irc.overlay);
    await crowd.evaluate(async (port) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
      window.talker = socket;
      await new Promise((resolve, reject) => {
        setTimeout(() => reject(new Error("no welcome")), 10000);
        socket.onopen = () => {
          for (const line of ["NICK Talker", "USER t 0 * :t"]) socket.send(line);
        };
        socket.onmessage = ({ data }) => {
          if (data.startsWith("PING")) socket.send(`PONG ${data.slice(5)}`);
          if (/ 001 /.test(data)) socket.send("JOIN #lobby");
          if (/ 366 /.test(data)) resolve();
        };
        socket.onclose = () => reject(new Error("the IRC server closed"));
      });
    }, IRC_PORT);
    const tell = (text) =>
      crowd.evaluate((text) => window.talker.send(`PRIVMSG #lobby :${text}`), text);
    await until("the reader is in the channel", async () => {
      await tell("is anybody there");
      return own.shows("is anybody there");
    });
    same("by name", await own.page.locator(".who").first().textContent(), "Talker");
    await tell("\u0001ACTION waves\u0001");
    await until("an action", () => own.shows("waves"));
    await tell("come to www.blorp-example.net/irc");
    const judge = new Moderator(await open(), irc.login.name);
    await judge.logIn(irc.console, irc.login.password);
    await judge.decide("come to www.blorp-example.net/irc", "release", true);
    await until("a released link", () => own.shows("come to www.blorp-example.net/irc"));
    await screenshot(own.page, "overlay-irc");
    same("no page complained", own.troubles, []);
  });
}

same("no page complained", [...main.troubles, ...mo.troubles], []);
await browser.close();
finish();
