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

// One line changes and no other: while somebody decides fast, drawing all of them would be most of
// what the page does.
export function moved(hold) {
  const at = ended.findIndex((old) => old.id === hold.id);
  const old = ended[at];
  // The answer and the stream both bring it.
  if (old && JSON.stringify(old) === JSON.stringify(hold)) return;
  if (hold.state === 'held') {
    if (!old) return;
    ended.splice(at, 1);
    list.children[at].remove();
  } else if (old) {
    ended[at] = hold;
    list.children[at].replaceWith(item(hold));
  } else {
    ended.unshift(hold);
    list.prepend(item(hold));
    if (ended.length > ENDED_MAX) list.lastElementChild.remove();
    ended.length = Math.min(ended.length, ENDED_MAX);
  }
  none();
}

export function redraw() {
  list.replaceChildren(...ended.map(item));
  none();
}

function none() {
  document.getElementById('ended-none').hidden = ended.length > 0;
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
