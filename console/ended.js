// Lists the last decisions, newest first.

import { el, foreign } from './text.js';
import { clock, say } from './strings.js';
import { marks, outcome } from './row.js';
import * as shade from './shade.js';

const ENDED_MAX = 50;
const TEXT_MAX = 120;
const list = document.getElementById('ended');
let ended = [];

export function replace(holds) {
  ended = holds;
  redraw();
}

export function moved(hold) {
  const at = ended.findIndex((old) => old.id === hold.id);
  if (hold.state === 'held') ended = ended.filter((old) => old.id !== hold.id);
  else if (at >= 0) ended[at] = hold;
  else ended = [hold, ...ended].slice(0, ENDED_MAX);
  redraw();
}

export function redraw() {
  document.getElementById('ended-none').hidden = ended.length > 0;
  list.replaceChildren(...ended.map(item));
}

function item(hold) {
  const who = hold.sender.name || hold.sender.id;
  const short =
    hold.text.length > TEXT_MAX ? `${hold.text.slice(0, TEXT_MAX).toWellFormed()}…` : hold.text;
  const by = hold.decided?.by;
  const line = el(
    'p',
    { className: 'ended-line' },
    el('span', { className: `outcome ${hold.state}`, textContent: outcome(hold) }),
    el('span', { className: 'muted' }, by ? `${by} · ${clock(hold.decided.at_ms)}` : ''),
  );
  const said = el(
    'p',
    { className: 'ended-said' },
    who ? foreign(who) : el('em', {}, say('no_name')),
    ' ',
    el(
      'span',
      { className: 'muted' },
      ...(hold.text ? shade.read(hold, foreign(short, marks(hold, short.length))) : [say('erased')]),
    ),
  );
  return el('li', {}, line, said);
}
