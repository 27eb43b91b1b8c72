// Says what was done, and offers to take it back while that is possible.

import { el } from './text.js';
import { say } from './strings.js';
import { now } from './door.js';

const SHOWN_MS = 5000;
const TOASTS_MAX = 4;
const place = document.getElementById('toasts');
const open = [];

// `undo` is {until_ms, run}; `kind` is done or problem.
export function toast(sentence, { kind = 'done', undo } = {}) {
  const element = el('div', { className: `toast ${kind}` }, el('p', {}, sentence));
  const entry = { element, until: undo?.until_ms ?? now() + SHOWN_MS, undo, left: null };
  if (undo) {
    // The seconds change all the time: they are for the eye, not to be read out.
    entry.left = el('span', { className: 'left', aria: { hidden: 'true' } });
    const button = el('button', { type: 'button', onclick: () => take(entry) });
    button.append(say('undo'), ' ', el('kbd', {}, 'U'), ' ', entry.left);
    element.append(button);
  }
  open.push(entry);
  place.append(element);
  while (open.length > TOASTS_MAX) close(open[0]);
  tick();
}

// Takes back the newest act that can be taken back.
export function undoLast() {
  const entry = open.findLast((candidate) => candidate.undo && candidate.until > now());
  if (entry) take(entry);
}

function take(entry) {
  close(entry);
  entry.undo.run();
}

function close(entry) {
  open.splice(open.indexOf(entry), 1);
  entry.element.remove();
}

export function closeAll() {
  while (open.length) close(open[0]);
}

function tick() {
  for (const entry of [...open]) {
    const left = Math.ceil((entry.until - now()) / 1000);
    if (left <= 0) close(entry);
    else if (entry.left) entry.left.textContent = String(left);
  }
}

setInterval(tick, 250);
