// Shows a route's messages over the picture of a stream, as any other reader of it would.

import { say } from '/strings.js';
import { el, foreign } from '/text.js';
import { options } from './options.js';
import { reader } from './readers.js';
import * as voice from './voice.js';

// A lost connection is tried again soon, then less and less often.
const RETRY_MS = [500, 1000, 2000, 4000, 8000];
// Longer texts and names do not fit on a stage.
const TEXT_MAX = 500;
const NAME_MAX = 50;
const PAID_MAX = 32;
const LEAVING_MS = 800;

const lines = document.getElementById('lines');
const state = document.getElementById('state');
const allow = document.getElementById('allow');
let tries = 0;

const cut = (text, most) => {
  const characters = [...text];
  return characters.length > most ? `${characters.slice(0, most).join('')}…` : text;
};

function tell(key, blanks) {
  state.hidden = !options.check;
  state.textContent = say(key, blanks);
  document.body.dataset.state = key;
}

// The same name always has the same of a few hues.
function hue(name) {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + character.codePointAt(0)) >>> 0;
  return String(sum % 6);
}

function show(event) {
  const line = el('p', { className: event.me ? 'line me' : 'line' });
  Object.assign(line.dataset, { id: event.id, sender: event.sender });
  if (event.name) {
    const who = el('span', { className: 'who', data: { hue: hue(event.name) } });
    who.append(foreign(cut(event.name, NAME_MAX)));
    line.append(who);
  }
  if (event.paid) {
    const paid = el('span', { className: 'paid' });
    paid.append(foreign(cut(event.paid, PAID_MAX)));
    line.append(paid);
  }
  const said = el('span', { className: 'said' });
  said.append(foreign(cut(event.text, TEXT_MAX)));
  line.append(said);
  lines.append(line);
  while (lines.children.length > options.lines) lines.firstElementChild.remove();
  if (options.fade > 0) setTimeout(() => leave(line), options.fade * 1000);
}

function leave(line) {
  line.classList.add('leaving');
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  setTimeout(() => line.remove(), still ? 0 : LEAVING_MS);
}

// Takes lines off at once: what is gone must not fade while everybody reads it.
function take(isGone) {
  for (const line of [...lines.children]) if (isGone(line.dataset)) line.remove();
  voice.forget(isGone);
}

function meet(event, socket) {
  switch (event.kind) {
    case 'said':
      if (!event.text.trim()) return;
      show(event);
      voice.say(event);
      return;
    case 'gone': {
      const ids = new Set(event.ids.filter(Boolean));
      take(({ id }) => ids.has(id));
      return;
    }
    case 'silenced':
      take(({ sender }) => sender === event.sender);
      return;
    case 'clear':
      take(() => true);
      return;
    case 'again':
      socket.close();
  }
}

function again() {
  const wait = RETRY_MS[Math.min(tries, RETRY_MS.length - 1)];
  tries += 1;
  setTimeout(connect, wait);
}

// Where the chat is and how it speaks; asked each time, because Tidegate may have been restarted
// with other settings.
async function ask() {
  const query = new URLSearchParams({ route: options.route, channel: options.channel });
  try {
    const answer = await fetch(`/stage/route?${query}`);
    const body = await answer.json();
    if (answer.ok) return body;
    tell('stage_refused', { why: body.message ?? answer.status });
  } catch {
    tell('stage_lost');
  }
  return null;
}

async function connect() {
  const route = await ask();
  if (!route) return again();
  const own = reader(route);
  const query = options.query ? `?${options.query}` : '';
  const place = `${route.secure ? 'wss' : 'ws'}://${location.hostname}:${route.port}${route.path}`;
  const socket = new WebSocket(place + query);
  socket.binaryType = 'arraybuffer';
  const bytes = new TextDecoder();
  const send = (line) => socket.readyState === WebSocket.OPEN && socket.send(line);
  socket.addEventListener('open', () => {
    tries = 0;
    tell('stage_linked', { channel: route.channel || '*' });
    route.hello.forEach(send);
  });
  socket.addEventListener('message', ({ data }) => {
    const frame = typeof data === 'string' ? data : bytes.decode(data);
    for (const event of own.read(frame, send)) meet(event, socket);
  });
  socket.addEventListener('close', () => {
    // Whatever is taken away from now on is not heard of here: nothing stays that might be.
    take(() => true);
    tell('stage_lost');
    again();
  });
}

document.documentElement.style.setProperty('--size', `${options.size}px`);
document.body.dataset.side = options.side;
voice.start(() => {
  allow.textContent = say('stage_allow');
  allow.hidden = false;
});
allow.addEventListener('click', () => {
  allow.hidden = true;
  voice.resume();
});
tell('stage_wait');
if (options.check) {
  const text = say(options.tts && !voice.possible() ? 'stage_mute' : 'stage_sample');
  const sample = { id: '', sender: '', name: 'Tidegate', text, paid: '' };
  show(sample);
  voice.say(sample);
}
connect();
