// Sets how strict a channel is, category by category, in plain words.

import { day, say } from './strings.js';
import { el, named } from './text.js';
import { ask } from './visit.js';
import { Told } from './told.js';

const $ = (id) => document.getElementById(id);
const told = new Told('strictness');
let places = [];
// What the server says, and what is to be set.
let now = null;
let levels = {};

export async function start(all) {
  places = all;
  const routes = [...new Set(all.map((own) => own.route))];
  $('place-route').replaceChildren(...routes.map((route) => el('option', { value: route, textContent: route || '—' })));
  channels();
  // Whoever may in one channel alone begins there.
  const first = all.find((own) => own.route === $('place-route').value);
  $('place-channel').value = first?.channel ?? '';
  return read();
}

export function place() {
  return { route: $('place-route').value, channel: $('place-channel').value.trim() };
}

function channels() {
  const own = places.filter((one) => one.route === $('place-route').value && one.channel);
  $('place-channels').replaceChildren(...own.map((one) => el('option', { value: one.channel })));
}

async function read() {
  const { route, channel } = place();
  const query = new URLSearchParams({ route, channel });
  // What stands there is of another channel.
  for (const one of $('sliders').querySelectorAll('input, button')) one.disabled = true;
  const answer = await ask(`/api/strictness?${query}`);
  told.clear();
  if (answer.ok) take(answer.body);
  else {
    now = null;
    told.set('', answer);
  }
  redraw();
}

function take(body) {
  now = body;
  levels = Object.fromEntries(
    body.categories.filter((own) => own.level).map((own) => [own.category, own.level]));
}

function isChanged() {
  return now.categories.some((own) => (levels[own.category] ?? null) !== own.level);
}

export function redraw() {
  for (const id of ['strictness-save', 'strictness-replay', 'strictness-undo'])
    $(id).disabled = !now?.may || !isChanged();
  told.draw();
  if (!now) {
    $('sliders').replaceChildren();
    for (const id of ['strictness-base', 'strictness-note']) $(id).textContent = '';
    return;
  }
  const by = now.version > 0
    ? ` ${say('rules_by', { version: now.version, name: named(now.by), time: day(now.at_ms) })}` : '';
  $('strictness-base').textContent = say('strictness_base', { policy: named(now.policy) }) + by;
  let note = '';
  if (!now.may) note = say('strictness_reader');
  else if (!now.may_be_milder) note = say('strictness_admin');
  $('strictness-note').textContent = note;
  $('sliders').replaceChildren(...now.categories.map(slider));
}

const same = (one, other) => one.every((verdict, at) => verdict === other[at]);

// The level that the settings come to, where they come to one.
function configured(own) {
  const fits = ({ milder, action }) => !milder && same(action, own.configured);
  return Object.keys(own.levels).sort(byRank).find((level) => fits(own.levels[level]));
}

const RANKS = ['off', 'relaxed', 'standard', 'strict'];
const byRank = (one, other) => RANKS.indexOf(one) - RANKS.indexOf(other);

function slider(own) {
  const names = Object.keys(own.levels).sort(byRank);
  const set = levels[own.category];
  const level = set ?? configured(own);
  const category = say(own.category);
  const at = Math.max(0, names.indexOf(level ?? 'standard'));
  const input = el('input', {
    type: 'range', min: '0', max: String(names.length - 1), step: '1', value: String(at),
    id: `level-${own.category}`, disabled: !now.may, data: { category: own.category },
  });
  input.setAttribute('aria-label', say('strictness_of', { category }));
  input.setAttribute('aria-valuetext', words(level, own, set));
  input.addEventListener('change', () => choose(own, names, Number(input.value)));
  const reset = el('button', {
    type: 'button', className: 'quiet', hidden: !set || !now.may, textContent: say('strictness_reset'),
  });
  reset.setAttribute('aria-label', say('strictness_reset_of', { category }));
  reset.addEventListener('click', () => choose(own, names, null));
  return el('li', { data: { category: own.category, level: level ?? '' } },
    el('p', { className: 'slider-head' },
      el('strong', { textContent: category }),
      el('span', { className: 'level-name', textContent: say(`level_${level ?? 'own'}`) }),
      el('span', { className: set ? 'tag' : 'muted small', textContent: say(set ? 'strictness_set' : 'strictness_kept') }),
      reset),
    input,
    el('p', { className: 'grades small' }, ...grades(set ? own.levels[set].action : own.configured)));
}

function grades(action) {
  return action.map((verdict, at) => el('span', {},
    `${say(`grade_${at + 1}`)}: `, el('b', { className: `does ${verdict}`, textContent: say(`does_${verdict}`) })));
}

function words(level, own, set) {
  const action = set ? own.levels[set].action : own.configured;
  const each = action.map((verdict, at) => `${say(`grade_${at + 1}`)}: ${say(`does_${verdict}`)}`);
  return `${say(`level_${level ?? 'own'}`)}. ${each.join(', ')}`;
}

// Sets one; back to what the settings say where that is nothing. What only an admin may set goes
// no further than it may.
function choose(own, names, at) {
  told.clear();
  if (at === null) delete levels[own.category];
  else {
    const may = (level) => now.may_be_milder || level === own.level || !own.levels[level].milder;
    const level = names.slice(at).find(may);
    if (level) levels[own.category] = level;
  }
  redraw();
  if (isChanged()) told.set('rules_unsaved');
  $(`level-${own.category}`).focus();
}

$('place-route').addEventListener('change', () => {
  $('place-channel').value = '';
  channels();
  read();
});
$('place-channel').addEventListener('change', read);
$('strictness-undo').addEventListener('click', read);
$('strictness-replay').addEventListener('click', () => told.replay(place(), { levels }));
$('strictness').addEventListener('submit', async (event) => {
  event.preventDefault();
  if (!now?.may || !isChanged()) return;
  const answer = await ask('/api/strictness', { ...place(), levels, base: now.version });
  told.played = null;
  if (answer.ok) take(answer.body);
  // Saved again, it goes over what somebody else set.
  else if (answer.body.error === 'changed') now.version = answer.body.version ?? now.version;
  redraw();
  told.set(answer.ok ? 'rules_saved' : '', answer.ok ? null : answer);
  if (answer.ok) $('strictness-told').focus();
});
