// Keeps in which order the queue is listed, and of which channel and category.

import { known, say } from './strings.js';
import { el } from './text.js';

const KEPT = 'tidegate-view';
const CATEGORIES = [
  'threat', 'hate', 'harassment', 'sexual', 'self_harm', 'doxxing', 'extremism', 'profanity', 'spam',
  'link', 'impersonation',
];
const SORTS = ['paid', 'age', 'severity'];
const $ = (id) => document.getElementById(id);
// Routes and channels have no such character.
const BETWEEN = '\n';

let view = { sort: 'paid', place: '', category: '' };
let places = [];
let changed = () => {};

export function start(told) {
  changed = told;
  try {
    view = { ...view, ...JSON.parse(sessionStorage.getItem(KEPT) ?? '{}') };
  } catch {
    // A browser that keeps nothing, or kept something else, starts with the usual.
  }
  redraw();
}

// Whoever sits here next chooses anew.
export function forget() {
  view = { sort: 'paid', place: '', category: '' };
  places = [];
  try {
    sessionStorage.removeItem(KEPT);
  } catch {
    /* nothing was kept */
  }
}

// What the server is asked for.
export function query() {
  const asked = new URLSearchParams();
  if (view.sort !== 'paid') asked.set('sort', view.sort);
  if (view.place) {
    const [route, channel] = view.place.split(BETWEEN);
    asked.set('route', route);
    asked.set('channel', channel);
  }
  if (view.category) asked.set('category', view.category);
  const text = asked.toString();
  return text && `?${text}`;
}

// In the order that was asked for; ids sort by time.
export function rank({ id, hold }) {
  if (view.sort === 'age') return id;
  const paid = hold.paid ? 0 : 1;
  return view.sort === 'severity' ? `${9 - hold.severity}${paid}${id}` : `${paid}${id}`;
}

// Only what is listed by time has its newest at the end.
export const byTime = () => view.sort !== 'severity';

export function channels(list) {
  const next = list.map(({ route, channel }) => `${route}${BETWEEN}${channel}`).sort();
  if (next.join() === places.join()) return;
  places = next;
  redraw();
}

export function redraw() {
  fill($('view-sort'), SORTS.map((sort) => [sort, say(`sort_${sort}`)]), view.sort);
  const named = (place) => [place, place.split(BETWEEN).filter(Boolean).join(' ')];
  const all = view.place && !places.includes(view.place) ? [view.place, ...places] : places;
  fill($('view-place'), [['', say('all_channels')], ...all.map(named)], view.place);
  const word = (category) => [category, known(category) ? say(category) : category];
  fill($('view-category'), [['', say('all_categories')], ...CATEGORIES.map(word)], view.category);
}

function fill(select, options, chosen) {
  // A list that is open stays as it is.
  if (select === document.activeElement && select.options.length === options.length) return;
  select.replaceChildren(...options.map(([value, textContent]) => el('option', { value, textContent })));
  select.value = chosen;
}

for (const [id, key] of [['view-sort', 'sort'], ['view-place', 'place'], ['view-category', 'category']]) {
  $(id).addEventListener('change', () => {
    view = { ...view, [key]: $(id).value };
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(view));
    } catch {
      /* as above */
    }
    changed();
  });
}
