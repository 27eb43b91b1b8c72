// Says what a candidate would do with messages whose texts are still there.

import { clock, known, say } from './strings.js';
import { el, foreign } from './text.js';
import * as shade from './shade.js';
import { marks, outcome } from './row.js';

// The whole in one sentence.
export function summary({ total, looked_at: n, changed, moves }) {
  if (total === 0) return say('replay_none');
  if (changed === 0) return say('replay_same', { n });
  const to = {};
  for (const move of moves) to[move.to] = (to[move.to] ?? 0) + move.n;
  const what = ['hold', 'drop', 'mask', 'pass'].filter((verdict) => to[verdict])
    .map((verdict) => say(`replay_${verdict}`, { n: to[verdict] })).join(', ');
  return say('replay_changes', { n, changed, what });
}

export function draw(answer) {
  const { total, looked_at: looked, late, changed, rows, sources, keeps_chat: keeps } = answer;
  const chat = keeps ? say('replay_chat', { n: sources.chat }) : '';
  const lines = [say('replay_sources', { ...sources, chat })];
  if (!keeps) lines.push(say('replay_no_chat'));
  if (looked < total) lines.push(say('replay_cut', { n: looked, total }));
  if (late > 0) lines.push(say('replay_late', { n: late }));
  if (changed > rows.length) lines.push(say('replay_more', { n: changed - rows.length }));
  return [
    ...lines.map((line) => el('p', { className: 'muted small', textContent: line })),
    el('ol', { className: 'replayed', aria: { label: say('replay_title') } }, ...rows.map(row)),
  ];
}

function row(one) {
  const who = one.sender.name || one.sender.id;
  const end = one.state ? outcome({ state: one.state, decided: { written: true } }) : '';
  const ended = one.decided_by ? `${end} · ${one.decided_by}` : end;
  return el('li', { className: 'replayed-row', data: { was: one.was, now: one.now } },
    el('p', { className: 'verdict-line' },
      el('span', { className: `verdict ${one.was}`, textContent: say(one.was) }),
      el('span', { aria: { hidden: 'true' } }, '→'),
      el('span', { className: `verdict ${one.now}`, textContent: say(one.now) }),
      el('span', { className: 'muted small' }, ended || say(`source_${one.source}`)),
      el('span', { className: 'muted small' }, who ? foreign(who) : say('no_name')),
      el('time', { className: 'muted small' }, clock(one.at_ms))),
    el('p', { className: 'said small-said' }, ...shade.readFound(one, foreign(one.text, marks(one)))),
    el('p', { className: 'muted small' }, foreign(one.by), ...one.findings.slice(0, 3).map((own) =>
      el('span', {}, ' · ', known(own.category) ? say(own.category) : own.category, ': ',
        foreign(own.why)))));
}
