// Shows who else is looking at a message, and says what is looked at here: a courtesy, no claim.

import { el } from './text.js';
import { say } from './strings.js';
import { call } from './door.js';

// Not every row that a key passes is looked at.
const REST_MS = 250;
// The server forgets whoever does not say it again.
const AGAIN_MS = 20_000;

let me = null;
let told = null;
let at = null;
let timer = 0;
let looks = {};

export function start(name) {
  me = name;
  told = null;
  at = null;
  looks = {};
  clearTimeout(timer);
}

// `id` is selected here now; null: nothing is.
export function look(id) {
  at = id;
  clearTimeout(timer);
  if (me !== null) timer = setTimeout(tell, REST_MS);
}

async function tell() {
  clearTimeout(timer);
  if (me === null || (at === null && told === null)) return;
  told = at;
  // Whether it arrives does not matter: nothing waits for it.
  await call('/api/look', { hold: document.hidden ? null : at });
  if (me !== null && at !== null) timer = setTimeout(tell, AGAIN_MS);
}

document.addEventListener('visibilitychange', tell);

// What all consoles look at now; the ids of messages for which that changed.
export function replace(next) {
  const ids = new Set([...Object.keys(looks), ...Object.keys(next)]);
  const before = looks;
  looks = next;
  return [...ids].filter((id) => String(before[id] ?? []) !== String(next[id] ?? []));
}

// Puts who looks at a message beside its sender.
export function paint({ id, element }) {
  const others = (looks[id] ?? []).filter((name) => name !== me);
  element.querySelector('.looking')?.remove();
  if (others.length === 0) return;
  const sentence = say('looking', { who: others.join(', ') });
  element
    .querySelector('.row-head .times')
    ?.before(el('span', { className: 'tag looking', textContent: sentence }));
}
