// Shows the demo's chat and sends what is written, both by Tidegate's port.

import { verdicts, words } from "./words.js";

// A page that stays open all day forgets what scrolled away long ago.
const LINES_MAX = 300;
const NOTICES_MAX = 4;
// A lost connection is tried again soon, then less and less often.
const RETRY_MS = [500, 1000, 2000, 4000, 8000];
// Typing a name opens one connection, not one a letter.
const NAME_MS = 600;

const at = (id) => document.getElementById(id);
const chat = at("chat");
const log = at("log");
const notices = at("notices");
const name = at("name");
const text = at("text");

let language = remembered("language") ?? (navigator.language.startsWith("fr") ? "fr" : "en");
let links;
let socket;
let state = "connecting";
let tries = 0;
let retry;

function remembered(key) {
  try {
    return localStorage.getItem(`room.${key}`);
  } catch {
    return null; // Storage is off: the page works without.
  }
}

function remember(key, value) {
  try {
    localStorage.setItem(`room.${key}`, value);
  } catch {
    // Storage is off: the next visit starts afresh.
  }
}

const word = (key) => (words[language] ?? words.en)[key];

function element(tag, className, content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (content !== undefined) made.textContent = content;
  return made;
}

// Control and direction characters that would change how the line reads, made visible.
const visible = (raw) =>
  raw.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, (c) =>
    c === "\u200d" ? c : `⟨${c.charCodeAt(0).toString(16).padStart(4, "0")}⟩`);

function speak() {
  document.documentElement.lang = language;
  document.title = `Tidegate · ${word("title")}`;
  for (const it of document.querySelectorAll("[data-word]")) {
    it.textContent = word(it.dataset.word);
  }
  for (const it of document.querySelectorAll("[data-label]")) {
    it.setAttribute("aria-label", word(it.dataset.label));
  }
  const other = at("language");
  other.textContent = word("other");
  other.lang = language === "fr" ? "en" : "fr";
  for (const it of notices.children) explain(it);
  show(state);
}

function show(next) {
  state = next;
  const line = at("state");
  line.textContent = word(state);
  line.dataset.state = state;
}

// The same name always has the same of a few hues; the stylesheet knows which are readable.
function hue(user) {
  let sum = 0;
  for (const c of user) sum = (sum * 31 + c.codePointAt(0)) >>> 0;
  return sum % 6;
}

function clock() {
  return new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

function say(message, old) {
  if (typeof message.text !== "string" || typeof message.user !== "string") return;
  if (message.channel !== links.channel) return;
  const follow = log.scrollTop + log.clientHeight >= log.scrollHeight - 40;
  const line = element("li", "line");
  line.dataset.testid = "line";
  line.dataset.id = String(message.id ?? "");
  const who = element("bdi", "who", visible(message.user));
  who.dataset.hue = hue(message.user);
  const said = element("bdi", "said", visible(message.text));
  said.dataset.testid = "said";
  said.dir = "auto";
  const when = element("time", "when", old ? "" : clock());
  line.append(when, who, said);
  chat.append(line);
  while (chat.children.length > LINES_MAX) chat.firstElementChild.remove();
  at("empty").hidden = true;
  if (follow) log.scrollTop = log.scrollHeight;
  at("newer").hidden = follow;
}

function explain(notice) {
  const key = verdicts[notice.dataset.verdict];
  const said = key ? word(key) : notice.dataset.text || notice.dataset.verdict;
  notice.querySelector(".what").textContent = said;
  const why = notice.querySelector(".why");
  why.textContent = notice.dataset.rule ? word("rule").replace("{rule}", notice.dataset.rule) : "";
}

// A quiet line; a later one about the same message takes its place.
function note(about) {
  const id = String(about.id ?? "");
  const same = id && [...notices.children].find((it) => it.dataset.id === id);
  const notice = element("li", "notice");
  notice.dataset.testid = "notice";
  notice.dataset.id = id;
  notice.dataset.verdict = String(about.verdict ?? "");
  notice.dataset.rule = visible(String(about.rule ?? ""));
  notice.dataset.text = visible(String(about.text ?? ""));
  notice.append(element("span", "what"), element("bdi", "why"));
  explain(notice);
  if (same) same.replaceWith(notice);
  else notices.prepend(notice);
  while (notices.children.length > NOTICES_MAX) notices.lastElementChild.remove();
}

function hear(raw) {
  let frame;
  try {
    frame = JSON.parse(raw);
  } catch {
    return; // Not ours.
  }
  if (frame === null || typeof frame !== "object") return;
  if (frame.type === "chat") say(frame, false);
  if (frame.type === "notice") note(frame);
  if (frame.type === "remove") {
    for (const line of [...chat.children]) if (line.dataset.id === String(frame.id)) line.remove();
  }
  if (frame.type === "history" && Array.isArray(frame.messages)) {
    // A second connection tells the past again: it replaces what is shown.
    chat.replaceChildren();
    for (const message of frame.messages) say(message, true);
  }
}

// Behind a tunnel or another proxy only the port the page came by is sure to be reachable; on
// the room's own port the way leads around Tidegate, so the page takes the gate's address then.
function chatUrl() {
  if (location.port === new URL(links.room).port) return new URL(links.chat);
  return new URL(`${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/ws`);
}

function connect() {
  clearTimeout(retry);
  socket?.close();
  show("connecting");
  const url = chatUrl();
  url.searchParams.set("user", name.value.trim());
  const mine = new WebSocket(url);
  socket = mine;
  mine.onopen = () => {
    if (mine !== socket) return;
    tries = 0;
    show("open");
  };
  mine.onmessage = (event) => {
    if (mine === socket && typeof event.data === "string") hear(event.data);
  };
  mine.onclose = () => {
    if (mine !== socket) return;
    show("closed");
    // Spread, so that a room that comes back is not met by everybody at once.
    const wait = RETRY_MS[Math.min(tries, RETRY_MS.length - 1)] * (0.75 + Math.random() / 2);
    tries += 1;
    retry = setTimeout(connect, wait);
  };
}

function fresh() {
  const bytes = crypto.getRandomValues(new Uint8Array(9));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}

function send(event) {
  event.preventDefault();
  const said = text.value;
  if (!said.trim() || !name.value.trim()) return;
  if (socket?.readyState !== WebSocket.OPEN) {
    at("state").textContent = word("unsent");
    return;
  }
  const user = name.value.trim();
  const frame = { type: "chat", id: fresh(), channel: links.channel, user, text: said };
  socket.send(JSON.stringify(frame));
  text.value = "";
  text.focus();
}

async function start() {
  name.value = remembered("name") ?? `guest${Math.floor(Math.random() * 900 + 100)}`;
  speak();
  const answer = await fetch("room.json").catch(() => null);
  if (!answer?.ok) {
    show("closed");
    setTimeout(start, RETRY_MS[2]);
    return;
  }
  links = await answer.json();
  at("console").href = links.console;
  at("console").hidden = false;
  connect();
}

let typing;
name.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    if (!name.value.trim() || !links) return;
    remember("name", name.value.trim());
    connect();
  }, NAME_MS);
});
at("language").addEventListener("click", () => {
  language = language === "fr" ? "en" : "fr";
  remember("language", language);
  speak();
});
at("newer").addEventListener("click", () => {
  log.scrollTop = log.scrollHeight;
  at("newer").hidden = true;
});
log.addEventListener("scroll", () => {
  if (log.scrollTop + log.clientHeight >= log.scrollHeight - 40) at("newer").hidden = true;
});
at("composer").addEventListener("submit", send);
start();
