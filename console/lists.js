// Edits word lists of the console's own: checked while they are written, with every version kept.

import { day, say } from './strings.js';
import { el, foreign, named } from './text.js';
import { ask } from './visit.js';
import { place as lineOf } from './lines.js';
import { Told } from './told.js';
import * as shade from './shade.js';

const $ = (id) => document.getElementById(id);
const CHECK_MS = 800;
const told = new Told('list');
// What was written and not saved, by list.
const drafts = new Map();
let place = () => ({});
let all = [];
let now = null;
let lint = null;
const shown = new Set();
let timer = 0;
let checks = 0;

export async function start(where) {
  place = where;
  const answer = await ask('/api/lists');
  if (!answer.ok) return told.set('', answer);
  all = answer.body.lists;
  $('lists').hidden = false;
  names();
  $('list-name').value = 'harassment';
  return open();
}

function title(name) {
  return ['allow', 'left_out'].includes(name) ? say(`list_${name}`) : say(name);
}

function names() {
  const chosen = $('list-name').value;
  $('list-name').replaceChildren(...all.map(({ name, terms }) => el('option', {
    value: name, textContent: terms > 0 ? say('lists_count', { name: title(name), n: terms }) : title(name),
  })));
  if (chosen) $('list-name').value = chosen;
}

async function open() {
  const answer = await ask(`/api/lists/${$('list-name').value}`);
  told.clear();
  lint = null;
  $('list-undo').hidden = true;
  if (!answer.ok) return told.set('', answer);
  now = answer.body;
  $('list-text').value = drafts.get(now.name) ?? now.text;
  redraw();
  return isChanged() ? check() : undefined;
}

function isChanged() {
  return now && $('list-text').value !== now.text;
}

export function redraw() {
  if (!now) return;
  names();
  const special = ['allow', 'left_out'].includes(now.name);
  $('list-means').textContent = say(special ? `means_${now.name}` : 'means_terms');
  $('list-how').replaceChildren(...(special ? ['how_comment']
    : ['how_line', 'how_modes', 'how_folding', 'how_scope', 'how_examples', 'how_comment'])
    .map((key) => el('li', { textContent: say(key) })));
  // What nobody has to read unasked.
  const veiled = shade.isOn() && $('list-text').value.trim() !== '' && !shown.has(now.name);
  $('list-veil').hidden = !veiled;
  $('list-text').hidden = veiled;
  $('list-text').readOnly = !now.may;
  const ready = now.may && isChanged();
  $('list-save').disabled = !ready;
  $('list-discard').disabled = !isChanged();
  $('list-replay').disabled = !isChanged();
  state();
  history();
  told.draw();
}

function state() {
  const [newest] = now.history;
  const by = newest
    ? ` ${say('rules_by', { version: newest.version, name: named(newest.by), time: day(newest.at_ms) })}` : '';
  if (!isChanged()) $('list-state').textContent = say('lists_state_same', { terms: now.terms }) + by;
  else if (lint) $('list-state').textContent = say('lists_state', lint);
  else $('list-state').textContent = say('lists_checking');
  const wrong = lint && isChanged() ? [...lint.problems, ...lint.warnings] : [];
  $('list-problems').replaceChildren(el('ul', {}, ...wrong.map((one, at) =>
    el('li', { className: at < lint.problems.length ? '' : 'note' },
      lineOf(say(`part_${one.part}`), one.line, $('list-text')), ' ', foreign(one.cause)))));
  if (lint?.problems.length > 0 && isChanged()) $('list-text').setAttribute('aria-invalid', 'true');
  else $('list-text').removeAttribute('aria-invalid');
}

function history() {
  $('history-none').hidden = now.history.length > 0;
  $('history-part').hidden = now.history.length === 0;
  $('history-count').textContent = say('lists_history', { n: now.history.length });
  $('history').replaceChildren(...now.history.map((one) => {
    const open = el('button', { type: 'button', textContent: say('lists_open'), onclick: () => bring(one.version) });
    open.setAttribute('aria-label', say('lists_open_of', one));
    return el('li', { data: { version: one.version } },
      el('div', {},
        el('p', { textContent: say('rules_by', { version: one.version, name: named(one.by), time: day(one.at_ms) }) }),
        el('p', { className: 'muted small', textContent: say('lists_difference', one) })),
      now.may ? open : '');
  }));
}

async function bring(version) {
  const answer = await ask(`/api/lists/${now.name}/${version}`);
  if (!answer.ok) return told.set('', answer);
  $('list-text').value = answer.body.text;
  drafts.set(now.name, answer.body.text);
  told.clear();
  redraw();
  return check();
}

// Once nobody has typed for a moment.
function later() {
  drafts.set(now.name, $('list-text').value);
  lint = null;
  // What is typed is known to who types it.
  shown.add(now.name);
  told.played = null;
  told.set('');
  redraw();
  clearTimeout(timer);
  timer = setTimeout(check, CHECK_MS);
}

async function check() {
  if (!isChanged()) return;
  checks += 1;
  const own = checks;
  const answer = await ask(`/api/lists/${now.name}/lint`, { text: $('list-text').value });
  // Another one is on its way.
  if (own !== checks) return;
  if (answer.ok) lint = answer.body;
  else if (answer.status === 429) timer = setTimeout(check, answer.wait * 1000);
  else told.set('', answer);
  state();
}

async function save(text, done) {
  const before = now.text;
  const answer = await ask(`/api/lists/${now.name}`, { text, base: now.version });
  told.played = null;
  if (answer.ok) {
    now = answer.body;
    all = all.map((own) => (own.name === now.name ? { ...own, terms: now.terms } : own));
    drafts.delete(now.name);
    lint = null;
    $('list-text').value = now.text;
  } else {
    if (answer.body.problems) lint = { ...lint, warnings: [], ...answer.body };
    if (answer.body.version !== undefined) now.version = answer.body.version;
  }
  redraw();
  told.set(answer.ok ? done : '', answer.ok ? null : answer);
  if (answer.ok) $('list-told').focus();
  $('list-undo').hidden = !answer.ok || done === 'lists_undone';
  $('list-undo').onclick = () => save(before, 'lists_undone');
}

$('list-name').addEventListener('change', open);
$('list-text').addEventListener('input', later);
$('list-show').addEventListener('click', () => {
  shown.add(now.name);
  redraw();
  $('list-text').focus();
});
$('list-discard').addEventListener('click', () => {
  drafts.delete(now.name);
  open();
});
$('list-replay').addEventListener('click', async () => {
  await told.replay(place(), { list: now.name, text: $('list-text').value });
});
$('lists').addEventListener('submit', (event) => {
  event.preventDefault();
  if (now?.may && isChanged()) save($('list-text').value, 'rules_saved');
});
