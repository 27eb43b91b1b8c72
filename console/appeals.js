// Shows senders' appeals, to be decided by somebody who did not decide before.

import { clock, known, say } from './strings.js';
import { el, foreign } from './text.js';
import { marks } from './row.js';
import * as shade from './shade.js';
import { ask, visit, why } from './visit.js';

const REFRESH_MS = 30_000;
const $ = (id) => document.getElementById(id);
let state = { total: 0, appeals: [] };
let busy = false;

function redraw() {
  const { total, appeals } = state;
  $('appeals-count').textContent = total === 0 ? say('appeals_none') : say('appeals_count', { n: total });
  // A list that is drawn anew loses the focus: whoever is on a button keeps it.
  const focused = document.activeElement?.dataset?.key;
  const forgiven = new Set([...$('appeals').querySelectorAll('input:checked')].map((box) => box.value));
  $('appeals').replaceChildren(...appeals.map((one) => row(one, forgiven.has(one.decision))));
  if (focused) document.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

const said = (one) => shade.readFound(one, foreign(one.text, marks(one)));

function row(one, forgiven) {
  const who = one.sender.name || one.sender.id;
  const against = `against_${one.against}`;
  const [before, after] = say('in_channel').split('{channel}');
  const element = el('li', { className: 'appeal', data: { decision: one.decision } },
    el('p', { className: 'verdict-line' },
      el('strong', {}, foreign(who)),
      one.channel ? el('span', { className: 'muted' }, before, foreign(one.channel), after) : '',
      el('span', { className: 'tag', textContent: known(against) ? say(against) : one.against }),
      el('time', { className: 'muted small' }, clock(one.at_ms))),
    el('p', { className: 'muted small', textContent: say('appeal_said') }),
    el('p', { className: 'said small-said' },
      ...(one.said ? said({ id: one.id, text: one.said, findings: one.findings }) : [say('erased')])),
    el('p', { className: 'muted small' }, foreign(one.decided_by),
      ...one.findings.slice(0, 3).map((own) => el('span', {}, ' · ', foreign(own.why)))),
    el('p', { className: 'muted small', textContent: say('appeal_text') }),
    el('blockquote', { className: 'plea' }, one.text ? foreign(one.text) : say('erased')),
    deciders(one));
  if (one.may_end) element.append(...buttons(one, forgiven));
  else element.append(el('p', { className: 'note', textContent: say('error_own_decision') }));
  return element;
}

function deciders({ deciders: names }) {
  const text = names.length === 0 ? say('appeal_machine') : say('appeal_by', { names: names.join(', ') });
  return el('p', { className: 'muted small' }, foreign(text));
}

function buttons(one, forgiven) {
  const box = el('input', { type: 'checkbox', value: one.decision, checked: forgiven });
  const press = (act) => {
    const button = el('button', {
      type: 'button', data: { act, key: `${act} ${one.decision}` },
      onclick: () => end(one, act, act === 'overturn' && box.checked),
    });
    button.append(say(`appeal_${act}`));
    return button;
  };
  return [
    el('label', { className: 'tick' }, box, ' ', say('appeal_forgive')),
    el('div', { className: 'buttons' }, press('overturn'), press('uphold')),
  ];
}

async function end(one, act, forgive) {
  if (busy) return;
  busy = true;
  const answer = await ask(`/api/appeals/${encodeURIComponent(one.decision)}/${act}`, { forgive });
  busy = false;
  await take(answer);
  if (!answer.ok) await refresh(true);
  $('appeals-count').focus();
}

async function take(answer) {
  const { by, outcome } = answer.body;
  const second = answer.body.error === 'appeal_over' && by;
  const told = second ? say('appeal_over_by', { by, outcome: say(`outcome_${outcome}`) }) : why(answer, known);
  $('appeals-error').textContent = answer.ok ? '' : told;
  if (!answer.ok) return;
  state = answer.body;
  redraw();
}

async function refresh(quiet = false) {
  const answer = await ask('/api/appeals');
  if (!answer.ok) return take(answer);
  state = answer.body;
  if (!quiet) $('appeals-error').textContent = '';
  return redraw();
}

await visit('page_appeals', redraw);
redraw();
await refresh();
setInterval(() => {
  if (!document.hidden && !busy) refresh(true);
}, REFRESH_MS);
