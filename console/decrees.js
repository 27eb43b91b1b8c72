// Lists what moderators decided for longer than one message, and lifts it: the board's "in force".
// Opens the menus in which such a decision is taken on a held message.

import { clock, length, say } from './strings.js';
import { el, foreign } from './text.js';
import { call, now } from './door.js';
import { closeMenu } from './row.js';

const $ = (id) => document.getElementById(id);
const DAY_MS = 86_400_000;
let desk = null;
let state = { decrees: [], total: 0 };

export function start(shared) {
  desk = shared;
  state = { decrees: [], total: 0 };
  redraw();
}

export function replace(next) {
  state = next;
  redraw();
}

export function redraw() {
  // A list that is drawn anew loses the focus: whoever is on a button keeps it.
  const focused = document.activeElement?.dataset?.key;
  const open = state.decrees.filter(({ until_ms: until }) => until === null || until > now());
  $('decrees').replaceChildren(...open.map(item));
  $('decrees-none').hidden = open.length > 0;
  const behind = state.total - state.decrees.length;
  $('decrees-more').hidden = behind <= 0;
  $('decrees-more').textContent = say('decrees_more', { n: behind });
  if (focused) document.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

// Until when, with the day where it is not today's.
function end(until) {
  if (until === null) return say('until_lifted');
  const day = until - now() < DAY_MS ? '' : `${new Date(until).toLocaleDateString()} `;
  return say('until', { at: `${day}${clock(until)}` });
}

function item(own) {
  const who = own.kind === 'allow' ? own.term : own.name || own.sender;
  const where = own.channel || own.route || '—';
  const line = el(
    'li',
    { className: `decree ${own.kind}` },
    el('span', { className: 'tag', textContent: say(`decree_${own.kind}`) }),
    el('span', { className: 'decree-whom' }, foreign(who)),
    el(
      'span',
      { className: 'muted decree-state' },
      foreign(where),
      ` · ${say('decree_by', { by: own.by, end: end(own.until_ms) })}`,
    ),
  );
  if (desk?.mayIn(own)) {
    const lift = el(
      'button',
      { type: 'button', className: 'decree-lift', data: { key: `decree ${own.id}` } },
      say(own.kind === 'ban' ? 'decree_unban' : 'decree_end'),
    );
    lift.addEventListener('click', async () => {
      lift.disabled = true;
      const answer = await call(`/api/decrees/${encodeURIComponent(own.id)}/lift`, {});
      lift.disabled = false;
      if (!answer.ok) return desk.problem(answer);
      replace(answer.body);
      return desk.done(say('done_lifted'));
    });
    line.append(lift);
  }
  return line;
}

// The choice of how long, below the buttons of a message; 1 to 3 choose while it is open.
export async function openLasting(made, kind) {
  if (made.menu) return closeMenu(made);
  if (made.over) return undefined;
  const said = kind === 'allow' ? await foreseen(made) : say('trust_means');
  if (!said || made.over || made.menu) return undefined;
  const label = say(`${kind}_menu`);
  made.menu = el(
    'div',
    { className: 'menu', role: 'group', aria: { label }, data: { kind } },
    el('p', { className: 'menu-said', role: 'status' }, said),
    el('span', { className: 'muted', textContent: label }),
  );
  desk.lasting.forEach((seconds, index) => {
    const choose = () => desk.act(made, kind, { seconds });
    made.menu.append(
      el(
        'button',
        { type: 'button', onclick: choose },
        seconds === null ? say('for_good') : length(seconds),
        ' ',
        el('kbd', { aria: { hidden: 'true' } }, String(index + 1)),
      ),
    );
  });
  made.element.append(made.menu);
  made.element.querySelector(`[data-act="${kind}"]`)?.setAttribute('aria-expanded', 'true');
  made.menu.querySelector('button').focus();
  return undefined;
}

// What allowing would have let through; nothing where it may not be.
async function foreseen(made) {
  const answer = await call(`/api/holds/${encodeURIComponent(made.id)}/foresee`, {});
  if (!answer.ok) {
    desk.problem(answer);
    return null;
  }
  const { terms, minutes, held, stopped, of } = answer.body;
  const sentence = say('foreseen', { minutes, n: held + stopped, of, held });
  return el('span', {}, foreign(terms.join(', ')), ' ', sentence);
}
