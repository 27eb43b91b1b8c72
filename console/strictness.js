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
let busy = false;
// Answers to what was asked before something else was are of no use any more.
let reads = 0;

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

// Whoever decides nowhere sets nothing either.
export function refused(answer) {
  told.set('', answer);
}

export function place() {
  return { route: $('place-route').value, channel: $('place-channel').value.trim() };
}

function channels() {
  const own = places.filter((one) => one.route === $('place-route').value && one.channel);
  $('place-channels').replaceChildren(...own.map((one) => el('option', { value: one.channel })));
}

async function read() {
  reads += 1;
  const own = reads;
  const query = new URLSearchParams(place());
  // What stands there is of another channel.
  now = null;
  buttons();
  for (const one of $('sliders').querySelectorAll('input, button')) one.disabled = true;
  const answer = await ask(`/api/strictness?${query}`);
  if (own !== reads) return;
  told.clear();
  if (answer.ok) take(answer.body);
  else told.set('', answer);
  redraw();
}

function take(body) {
  now = body;
  levels = Object.fromEntries(
    body.categories.filter((own) => own.level).map((own) => [own.category, own.level]));
}

function isChanged() {
  return now !== null && now.categories.some((own) => (levels[own.category] ?? null) !== own.level);
}

function buttons() {
  for (const id of ['strictness-save', 'strictness-replay', 'strictness-undo'])
    $(id).disabled = busy || !now?.may || !isChanged();
}

export function redraw() {
  buttons();
  told.draw();
  $('strictness-force').hidden = now?.in_force !== false;
  if (!now) {
    $('sliders').replaceChildren();
    for (const id of ['strictness-base', 'strictness-note']) $(id).textContent = '';
    return;
  }
  const by = now.version > 0
    ? ` ${say('strictness_by', { name: named(now.by), time: day(now.version) })}` : '';
  $('strictness-base').textContent = say('strictness_base', { policy: named(now.policy) }) + by;
  let note = '';
  if (!now.may) note = say('strictness_reader');
  else if (!now.may_be_milder) note = say('strictness_admin');
  $('strictness-note').textContent = note;
  $('sliders').replaceChildren(...now.categories.map(slider));
}

const same = (one, other) => one.every((verdict, at) => verdict === other[at]);

// The level that it comes to where nothing is set, if it comes to one: the strictest that adds
// nothing, or for an admin the one that is just the same.
function without(own) {
  const names = Object.keys(own.levels).sort(byRank).reverse();
  return names.find((name) => own.levels[name].idle) ?? names.find((name) => same(own.levels[name].action, own.base));
}

const RANKS = ['off', 'relaxed', 'standard', 'strict'];
const byRank = (one, other) => RANKS.indexOf(one) - RANKS.indexOf(other);

function slider(own) {
  const names = Object.keys(own.levels).sort(byRank);
  const set = levels[own.category];
  const level = set ?? without(own);
  const category = say(own.category);
  const at = Math.max(0, names.indexOf(level ?? 'standard'));
  const input = el('input', {
    type: 'range', min: '0', max: String(names.length - 1), step: '1', value: String(at),
    id: `level-${own.category}`, disabled: !now.may, data: { category: own.category },
  });
  input.setAttribute('aria-label', say('strictness_of', { category }));
  input.setAttribute('aria-valuetext', words(level, own, set));
  input.addEventListener('change', () => choose(own, names, Number(input.value)));
  // What an admin has set, only an admin takes back.
  const theirs = set !== undefined && set === own.by_admin;
  const reset = el('button', {
    type: 'button', className: 'quiet', textContent: say('strictness_reset'),
    hidden: !set || !now.may || (theirs && !now.may_be_milder),
  });
  reset.setAttribute('aria-label', say('strictness_reset_of', { category }));
  reset.addEventListener('click', () => choose(own, names, null));
  return el('li', { data: { category: own.category, level: level ?? '' } },
    el('p', { className: 'slider-head' },
      el('strong', { textContent: category }),
      el('span', { className: 'level-name', textContent: say(`level_${level ?? 'own'}`) }),
      el('span', { className: set ? 'tag' : 'muted small', textContent: say(set ? (theirs ? 'strictness_set_admin' : 'strictness_set') : 'strictness_kept') }),
      reset),
    input,
    el('p', { className: 'grades small' }, ...grades(shown(own, set))));
}

// What is in force, or would be.
function shown(own, set) {
  if (set === own.level) return own.now;
  return set ? own.levels[set].action : own.base;
}

function grades(action) {
  return action.map((verdict, at) => el('span', {},
    `${say(`grade_${at + 1}`)}: `, el('b', { className: `does ${verdict}`, textContent: say(`does_${verdict}`) })));
}

function words(level, own, set) {
  const each = shown(own, set).map((verdict, at) => `${say(`grade_${at + 1}`)}: ${say(`does_${verdict}`)}`);
  return `${say(`level_${level ?? 'own'}`)}. ${each.join(', ')}`;
}

// Sets one; back to what there is without where that is nothing. Whoever may only make stricter gets
// no further down than that.
function choose(own, names, at) {
  told.clear();
  const back = now.may_be_milder ? undefined : own.by_admin ?? undefined;
  const idle = at !== null && own.levels[names[at]].idle;
  levels[own.category] = at === null || idle ? back : names[at];
  if (levels[own.category] === undefined) delete levels[own.category];
  redraw();
  if (idle) told.set('strictness_idle');
  else if (isChanged()) told.set('rules_unsaved');
  $(`level-${own.category}`).focus();
}

$('place-route').addEventListener('change', () => {
  $('place-channel').value = '';
  channels();
  read();
});
$('place-channel').addEventListener('change', read);
$('strictness-undo').addEventListener('click', read);
$('strictness-replay').addEventListener('click', () => {
  const [asked, tried] = [now, JSON.stringify(levels)];
  told.replay({ route: now.route, channel: now.channel }, { levels },
    () => now === asked && JSON.stringify(levels) === tried);
});
$('strictness').addEventListener('submit', async (event) => {
  event.preventDefault();
  if (!now?.may || !isChanged() || busy) return;
  busy = true;
  buttons();
  for (const one of $('sliders').querySelectorAll('input, button')) one.disabled = true;
  const [asked, { route, channel, version }] = [now, now];
  const answer = await ask('/api/strictness', { route, channel, levels, base: version });
  busy = false;
  // Another channel is shown by now.
  if (now !== asked) return;
  told.played = null;
  if (answer.ok) take(answer.body);
  // Saved again, it goes over what somebody else set.
  else if (answer.body.error === 'changed') now.version = answer.body.version ?? now.version;
  redraw();
  told.set(answer.ok ? 'rules_saved' : '', answer.ok ? null : answer);
  if (answer.ok) $('strictness-told').focus();
});
window.addEventListener('beforeunload', (event) => {
  if (isChanged()) event.preventDefault();
});
