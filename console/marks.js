// Keeps which messages are marked, so that one key or click decides all of them.

import { el } from './text.js';
import { length, say } from './strings.js';

const bar = document.getElementById('marked');
const header = document.querySelector('.bar');
const marked = new Map();
let desk = null;
let anchor = null;
let choosing = false;

// It stands below the header, however many lines that has; other pages show rows without it.
const stand = new ResizeObserver(() => {
  bar.style.top = `${header.offsetHeight + 4}px`;
});
if (bar) stand.observe(header);

export function start(shared) {
  desk = shared;
  clear();
}

export const any = () => marked.size > 0;
export const ids = () => [...marked.keys()];

// A box in the row, for a pointer or a finger; keys have M.
export function box(made, order) {
  const mark = el('input', {
    type: 'checkbox',
    className: 'mark-box',
    checked: marked.has(made.id),
    title: say('key_mark'),
    aria: { label: say('mark') },
  });
  mark.addEventListener('click', (event) => {
    if (event.shiftKey && anchor && anchor !== made.id) range(order(), made);
    else set(made, mark.checked);
  });
  return mark;
}

export function toggle(made) {
  set(made, !marked.has(made.id));
}

// From the last one that was marked to this one, both included.
export function range(rows, made) {
  const at = rows.findIndex((own) => own.id === made.id);
  const from = rows.findIndex((own) => own.id === anchor);
  const [start, end] = from < 0 ? [at, at] : [Math.min(at, from), Math.max(at, from)];
  const kept = anchor ?? made.id;
  for (const own of rows.slice(start, end + 1)) if (!own.over) set(own, true);
  anchor = kept;
}

function set(made, on) {
  if (on && !made.over) marked.set(made.id, made);
  else marked.delete(made.id);
  anchor = made.id;
  paint(made);
  show();
}

// A message that is over cannot be decided any more.
export function drop(made) {
  if (!marked.delete(made.id)) return;
  paint(made);
  show();
}

export function clear() {
  const before = [...marked.values()];
  marked.clear();
  anchor = null;
  choosing = false;
  before.forEach(paint);
  show();
}

export function paint(made) {
  const on = marked.has(made.id);
  made.element.classList.toggle('marked', on);
  const mark = made.element.querySelector('.mark-box');
  if (mark) mark.checked = on;
}

// `time-out` asks how long first.
export async function decide(act, seconds) {
  if (act === 'time-out' && seconds === undefined) {
    choosing = !choosing;
    show();
    bar.querySelector('[data-act="length"]')?.focus();
    return;
  }
  const chosen = ids();
  clear();
  await desk.marked(chosen, act, seconds);
}

// The nth length, while one is chosen.
export function choose(n) {
  if (!choosing || desk.timeOuts[n - 1] === undefined) return false;
  decide('time-out', desk.timeOuts[n - 1]);
  return true;
}

export function show() {
  bar.hidden = marked.size === 0;
  if (bar.hidden) return bar.replaceChildren();
  const act = (name, key, run) =>
    el(
      'button',
      { type: 'button', onclick: run, data: { act: name } },
      el('span', {}, say(name.replace('-', '_'))),
      ' ',
      el('kbd', { aria: { hidden: 'true' } }, key),
    );
  const lengths = desk.timeOuts.map((seconds, index) =>
    el(
      'button',
      { type: 'button', data: { act: 'length' }, onclick: () => decide('time-out', seconds) },
      length(seconds),
      ' ',
      el('kbd', { aria: { hidden: 'true' } }, String(index + 1)),
    ),
  );
  return bar.replaceChildren(
    el('span', { className: 'marked-count', role: 'status' }, say('marked', { n: marked.size })),
    act('release', 'R', () => decide('release')),
    act('remove', 'X', () => decide('remove')),
    act('time-out', 'T', () => decide('time-out')),
    act('ban', 'B', () => decide('ban')),
    act('unmark', 'Esc', clear),
    ...(choosing ? lengths : []),
  );
}
