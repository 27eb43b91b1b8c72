// Keeps the list of held messages: what is shown, what is selected, and that nothing jumps.

import { closeMenu, cover, draw, row, sentenceOf, tick, toggleMenu, uncover } from './row.js';
import { say } from './strings.js';
import * as looks from './looks.js';
import * as marks from './marks.js';
import * as shade from './shade.js';
import * as view from './view.js';

// A pointer that rests longer than this is not about to click.
const POINTER_REST_MS = 3000;
// Below this many rows the next ones are asked for.
const ROWS_FEW = 30;
// As many as one answer of the server lists.
const ROWS_MAX = 200;

const list = document.getElementById('queue');
const chip = document.getElementById('chip');
const more = document.getElementById('more');
const rows = new Map();
let desk = null;
let selected = null;
let total = 0;
let unseenRows = new Set();
let pointer = { id: null, at: -Infinity };
let byKeys = false;

export function start(shared) {
  desk = shared;
  desk.rows = ordered;
  marks.start(desk);
  rows.clear();
  list.replaceChildren();
  selected = null;
  unseenRows = new Set();
}

const ordered = () =>
  [...list.children].map((element) => rows.get(element.dataset.id)).filter(Boolean);
const open = (made) => made && !made.over;
const fresh = () => [...rows.values()].filter(open).length;

// The whole list anew: at the start, after a lag, after a reconnect.
export function replace(holds, all) {
  const listed = new Set(holds.map((hold) => hold.id));
  for (const made of rows.values()) {
    if (open(made) && !listed.has(made.id)) cover(made, '');
  }
  holds.forEach((hold) => put(hold, false));
  count(all);
  sweep();
}

export function added(hold) {
  const listed = open(rows.get(hold.id));
  // Behind others that are not listed, or one too many for a page: only counted.
  // What was paid for has a short promise and is always listed.
  const room = hold.paid || (fresh() < ROWS_MAX && total <= fresh()) || isBefore(hold);
  if (!listed) total += 1;
  if (listed || rows.has(hold.id) || room) put(hold, true);
  count(total);
}

// By another order than time it may belong among those that are listed.
function isBefore(hold) {
  const last = ordered().at(-1);
  return !view.byTime() && last && view.rank({ id: hold.id, hold }) < view.rank(last);
}

// This moderator took a decision back: the row returns to its place and is selected.
export function restored(hold) {
  if (!open(rows.get(hold.id))) total += 1;
  put(hold, false);
  const made = rows.get(hold.id);
  place(made);
  select(made);
  count(total);
}

export function moved(hold) {
  const made = rows.get(hold.id);
  if (hold.state === 'held') {
    added(hold);
    return;
  }
  if (open(made)) total -= 1;
  if (made) {
    made.hold = hold;
    const sentence = sentenceOf(hold);
    // The answer and the stream both bring it, and drawing it twice is twice the work.
    if (made.over !== sentence) cover(made, sentence);
  }
  count(total);
}

export function ways(known, all) {
  for (const [id, way] of Object.entries(known)) {
    const made = rows.get(id);
    if (!open(made) || made.hold.way === way) continue;
    made.hold.way = way;
    const line = made.element.querySelector('.way');
    if (!line) continue;
    line.className = `way ${way}`;
    line.textContent = say(`way_${way}`);
  }
  count(all);
}

export function redraw() {
  for (const made of rows.values()) {
    if (made.over && made.hold.state !== 'held') made.over = sentenceOf(made.hold);
    draw(made, desk);
  }
  count(total);
}

// Before the first that comes after it.
function place(made) {
  const later = ordered().find((other) => view.rank(other) > view.rank(made));
  list.insertBefore(made.element, later?.element ?? null);
}

function put(hold, announce) {
  const known = rows.get(hold.id);
  if (known) {
    known.hold = hold;
    if (known.over !== null) uncover(known);
    // Redrawing would close a menu and lose the focus in it: only what came back needs it.
    if (known.element.querySelector('.cover')) draw(known, desk);
    return;
  }
  const made = row(hold, desk);
  rows.set(hold.id, made);
  // In its place by age while nobody is at work, else below everything.
  if (calm()) place(made);
  else list.append(made.element);
  if (announce && made.element.getBoundingClientRect().top > window.innerHeight) {
    unseenRows.add(hold.id);
  }
}

const pointing = () => pointer.id !== null && performance.now() - pointer.at < POINTER_REST_MS;
const calm = () => !selected && !pointing();

// Takes rows that are over away, where that moves neither the selected row nor the one under the
// pointer. `decided`: this moderator just decided by key and looks for the next.
function sweep(decided = false) {
  // Who works with keys keeps the place; a clicked row is done with once the pointer rests.
  if (selected && !open(selected) && !byKeys && !pointing()) {
    if (selected.element.contains(document.activeElement)) document.activeElement.blur();
    select(null);
  }
  const all = ordered();
  const at = (id) => all.findIndex((made) => made.id === id);
  const guard = Math.max(
    pointing() ? at(pointer.id) : -1,
    selected && !decided ? at(selected.id) : -1,
  );
  all.forEach((made, index) => {
    const kept =
      made === selected || index <= guard || made.element.contains(document.activeElement);
    if (open(made) || kept) return;
    made.element.remove();
    rows.delete(made.id);
    unseenRows.delete(made.id);
  });
  if (fresh() < ROWS_FEW && total > fresh()) desk.more();
  show();
}

function count(all) {
  total = all;
  show();
}

function show() {
  const shown = fresh();
  const behind = Math.max(0, total - shown);
  more.hidden = behind === 0;
  more.textContent = say('more', { n: behind });
  document.getElementById('empty').hidden = rows.size > 0;
  for (const id of unseenRows) {
    const made = rows.get(id);
    if (!open(made) || made.element.getBoundingClientRect().top < window.innerHeight)
      unseenRows.delete(id);
  }
  chip.hidden = unseenRows.size === 0;
  chip.textContent = say('chip', { n: unseenRows.size });
  desk.counted(Math.max(total, shown));
}

export function select(made, { focus = true } = {}) {
  if (selected && selected !== made) {
    closeMenu(selected);
    selected.element.classList.remove('selected');
    selected.element.removeAttribute('aria-current');
  }
  selected = made ?? null;
  looks.look(selected?.id ?? null);
  if (!made) return;
  desk.looked(made.hold);
  made.element.classList.add('selected');
  made.element.setAttribute('aria-current', 'true');
  if (focus) made.element.focus({ preventScroll: true });
  made.element.scrollIntoView({ block: 'nearest' });
}

// The next row in a direction that can still be decided.
function step(direction, from = selected) {
  const all = ordered();
  let index = from ? all.indexOf(from) + direction : 0;
  while (all[index] && !open(all[index])) index += direction;
  return all[index];
}

// Who else looks at which row.
export function looked(next) {
  for (const id of looks.replace(next)) {
    const made = rows.get(id);
    if (made) looks.paint(made);
  }
}

// What a key does to all that is marked; true if it did something.
function keyMarked(name) {
  if (name === 's' && open(selected)) return shade.lift(selected.element);
  const acts = { r: 'release', x: 'remove', t: 'time-out', b: 'ban' };
  if (name === 'Escape') marks.clear();
  else if (acts[name]) marks.decide(acts[name]);
  else return marks.choose(Number(name));
  return true;
}

// What a key does to the selection; true if it did something.
export function key(name, shift = false) {
  byKeys = true;
  const mayDecide = desk.mayDecide && open(selected) && selected.hold.may_decide;
  if (mayDecide && name === 'm') {
    marks.toggle(selected);
    return true;
  }
  const steps = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 };
  if (mayDecide && shift && steps[name]) {
    if (!marks.any()) marks.toggle(selected);
    const next = step(steps[name]);
    if (next) {
      select(next);
      marks.range(ordered(), next);
    }
    return true;
  }
  if (desk.mayDecide && marks.any() && keyMarked(name)) return true;
  if (name === 's' && open(selected)) return shade.lift(selected.element);
  const acts = { r: 'release', x: 'remove', b: 'ban' };
  const menus = { a: 'allow', v: 'trust' };
  if (name === 'j' || name === 'ArrowDown') return go(step(1));
  if (name === 'k' || name === 'ArrowUp') return go(step(-1));
  if (name === 'Escape' && selected) {
    if (selected.menu) closeMenu(selected);
    else select(null);
    return true;
  }
  if (!mayDecide) return false;
  if (name === 'b' && !selected.hold.can_time_out) return false;
  if (acts[name]) desk.act(selected, acts[name], {}, true);
  else if (name === 't') toggleMenu(selected, desk);
  else if (selected.menu?.dataset.kind === 'time_out' && desk.timeOuts[Number(name) - 1]) {
    desk.act(selected, 'time-out', { seconds: desk.timeOuts[Number(name) - 1] }, true);
  } else if (menus[name]) {
    const offered = selected.element.querySelector(`[data-act="${menus[name]}"]`);
    if (!offered) return false;
    desk.openLasting(selected, menus[name]);
  } else if (Object.values(menus).includes(selected.menu?.dataset.kind)) {
    const seconds = desk.lasting[Number(name) - 1];
    if (seconds === undefined) return false;
    desk.act(selected, selected.menu.dataset.kind, { seconds }, true);
  } else return false;
  return true;
}

function go(made) {
  if (!made) return selected !== null;
  select(made);
  sweep(true);
  return true;
}

// After a decision by key the next row is selected; after a click nothing moves.
export function decided(made, byKey) {
  if (made !== selected || !byKey) return;
  const next = step(1, made) ?? step(-1, made);
  select(next ?? null);
  if (!next) document.activeElement?.blur();
  sweep(true);
}

list.addEventListener('focusin', (event) => {
  const made = rows.get(event.target.closest('.row')?.dataset.id);
  if (made && made !== selected) select(made, { focus: false });
});
list.addEventListener('pointermove', (event) => {
  pointer = { id: event.target.closest('.row')?.dataset.id ?? pointer.id, at: performance.now() };
});
list.addEventListener('pointerdown', () => {
  byKeys = false;
});
// A finger that was lifted may tap again in the same place.
list.addEventListener('pointerleave', (event) => {
  pointer =
    event.pointerType === 'touch'
      ? { ...pointer, at: performance.now() }
      : { id: null, at: -Infinity };
});
list.addEventListener('click', (event) => {
  const made = rows.get(event.target.closest('.row')?.dataset.id);
  const text = window.getSelection()?.isCollapsed === false;
  if (made && !event.target.closest('button') && !text) select(made);
});
chip.addEventListener('click', () => {
  const first = ordered().find((made) => unseenRows.has(made.id));
  unseenRows.clear();
  first?.element.scrollIntoView({ block: 'center' });
  show();
});
window.addEventListener(
  'scroll',
  () => {
    if (unseenRows.size) show();
  },
  { passive: true },
);

setInterval(() => {
  if (!desk || document.hidden) return;
  for (const made of rows.values()) tick(made);
  sweep();
}, 1000);
