// Edits word lists of the console's own: checked while they are written, with every version kept.

import { day, say } from './strings.js';
import { el, foreign, named } from './text.js';
import { ask } from './visit.js';
import { place as lineOf } from './lines.js';
import { Told } from './told.js';
import * as shade from './shade.js';

const $ = (id) => document.getElementById(id);
const CHECK_MS = 800;
const KEPT = 'tidegate-drafts';
const told = new Told('list');
// What was written and not saved, by list, with the version that it was written over.
const drafts = new Map();
const shown = new Set();
let place = () => ({});
let me = '';
let all = [];
let now = null;
let lint = null;
let busy = false;
let timer = 0;
// Answers to what was asked before something else was are of no use any more.
let opens = 0;
let checks = 0;

// A login that is over takes the page away, and not what was written in it.
function recall() {
  try {
    const { name, kept } = JSON.parse(sessionStorage.getItem(KEPT)) ?? {};
    if (name === me) for (const [list, own] of kept) drafts.set(list, own);
  } catch {
    /* nothing is kept */
  }
}

function draft(name, own) {
  if (own) drafts.set(name, own);
  else drafts.delete(name);
  try {
    sessionStorage.setItem(KEPT, JSON.stringify({ name: me, kept: [...drafts] }));
  } catch {
    /* this page only then */
  }
}

export async function start(where, name) {
  [place, me] = [where, name];
  recall();
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
  opens += 1;
  const own = opens;
  now = null;
  buttons();
  // What is typed now would be typed into the list before.
  $('list-text').readOnly = true;
  const answer = await ask(`/api/lists/${$('list-name').value}`);
  if (own !== opens) return undefined;
  told.clear();
  lint = null;
  if (!answer.ok) return told.set('', answer);
  now = answer.body;
  const mine = drafts.get(now.name);
  $('list-text').value = mine?.text ?? now.text;
  redraw();
  // Somebody saved what the draft was not written over.
  if (mine && mine.base !== now.version) told.set('', changed(now.history[0]));
  return isChanged() ? check() : undefined;
}

const changed = (by) => ({ body: { error: 'changed', by: by?.by } });
const isChanged = () => now !== null && $('list-text').value !== now.text;
const base = () => drafts.get(now.name)?.base ?? now.version;

function buttons() {
  const ready = isChanged() && !busy;
  $('list-save').disabled = !ready || !now.may;
  $('list-discard').disabled = !ready;
  $('list-replay').disabled = !ready || lint?.problems.length > 0;
  $('list-undo').disabled = busy;
  if (isChanged() || now === null) $('list-undo').hidden = true;
}

export function redraw() {
  buttons();
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
  $('list-force').hidden = now.in_force;
  state();
  history();
  told.draw();
}

function state() {
  const [newest] = now.history;
  const by = newest
    ? ` ${say('rules_by', { version: newest.version, name: named(newest.by), time: day(newest.at_ms) })}` : '';
  const wrong = lint && isChanged() ? [...lint.problems, ...lint.warnings] : [];
  const faults = wrong.length - (lint && isChanged() ? lint.warnings.length : 0);
  let line = say('lists_checking');
  if (!isChanged()) line = say('lists_state_same', { terms: now.terms }) + by;
  else if (faults > 0) line = say('lists_faults', { n: faults });
  else if (lint) line = say('lists_state', lint);
  $('list-state').textContent = line;
  // The causes name words; whoever has not asked for those is not shown them either.
  $('list-problems').hidden = $('list-text').hidden;
  $('list-problems').replaceChildren(el('ul', {}, ...wrong.map((one, at) =>
    el('li', { className: at < faults ? '' : 'note' },
      lineOf(say(`part_${one.part}`), one.line, $('list-text')), ' ', foreign(one.cause)))));
  if (faults > 0) $('list-text').setAttribute('aria-invalid', 'true');
  else $('list-text').removeAttribute('aria-invalid');
  buttons();
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

// The text of an older version; of none at all, nothing.
async function older(version) {
  const { name } = now;
  if (!version) return '';
  const answer = await ask(`/api/lists/${name}/${version}`);
  // Another list was opened meanwhile.
  if (now?.name !== name) return null;
  if (answer.ok) return answer.body.text;
  told.set('', answer);
  return null;
}

async function bring(version) {
  const text = await older(version);
  if (text === null) return undefined;
  $('list-text').value = text;
  typed();
  told.set('lists_opened', null, { version });
  $('list-told').focus();
  return check();
}

function typed() {
  draft(now.name, isChanged() ? { text: $('list-text').value, base: base() } : null);
  lint = null;
  // What is typed is known to who types it.
  shown.add(now.name);
  told.clear();
  redraw();
}

async function check() {
  clearTimeout(timer);
  if (!isChanged()) return;
  checks += 1;
  const [own, { name }, text] = [checks, now, $('list-text').value];
  const answer = await ask(`/api/lists/${name}/lint`, { text });
  if (own !== checks || now?.name !== name || $('list-text').value !== text) return;
  if (answer.ok) lint = answer.body;
  else if (answer.status === 429) timer = setTimeout(check, answer.wait * 1000);
  else told.set('', answer);
  state();
}

async function save(text, done) {
  if (busy) return;
  busy = true;
  buttons();
  const { name } = now;
  const answer = await ask(`/api/lists/${name}`, { text, base: base() });
  busy = false;
  if (answer.ok) {
    all = all.map((own) => (own.name === name ? { ...own, terms: answer.body.terms } : own));
    if (drafts.get(name)?.text === text) draft(name, null);
  }
  // Another list was opened meanwhile.
  if (now?.name !== name) return;
  const typing = $('list-text').value !== text && isChanged();
  if (answer.ok) {
    now = answer.body;
    lint = null;
    if (typing) draft(name, { text: $('list-text').value, base: now.version });
    else $('list-text').value = now.text;
  } else {
    if (answer.body.problems) lint = { warnings: [], terms: 0, added: 0, removed: 0, ...answer.body };
    // Saved again, it goes over what somebody else wrote.
    const version = answer.body.version ?? base();
    if (isChanged()) draft(name, { text: $('list-text').value, base: version });
  }
  told.played = null;
  redraw();
  told.set(answer.ok ? done : '', answer.ok ? null : answer);
  if (answer.ok) $('list-told').focus();
  $('list-undo').hidden = !answer.ok || typing || done === 'lists_undone';
  if (typing) await check();
}

$('list-name').addEventListener('change', open);
$('list-text').addEventListener('input', () => {
  if (!now) return;
  typed();
  // Once nobody has typed for a moment.
  clearTimeout(timer);
  timer = setTimeout(check, CHECK_MS);
});
$('list-show').addEventListener('click', () => {
  shown.add(now.name);
  redraw();
  $('list-text').focus();
});
$('list-discard').addEventListener('click', () => {
  draft(now.name, null);
  open();
});
$('list-undo').addEventListener('click', async () => {
  const text = await older(now.history[1]?.version);
  if (text !== null) await save(text, 'lists_undone');
});
$('list-replay').addEventListener('click', () => {
  const [{ name }, text] = [now, $('list-text').value];
  told.replay(place(), { list: name, text }, () => now?.name === name && $('list-text').value === text);
});
$('lists').addEventListener('submit', (event) => {
  event.preventDefault();
  if (now?.may && isChanged()) save($('list-text').value, 'rules_saved');
});
