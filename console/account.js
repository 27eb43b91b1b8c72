// Shows the own account: where it is logged in, its password and second factor.

import { day, known, say } from './strings.js';
import { el, foreign } from './text.js';
import { ask, visit, why } from './visit.js';
import { svg } from './plots.js';
import * as people from './people.js';
import './account-words.js';

const $ = (id) => document.getElementById(id);
let own = null;
let setup = null;
// What was last answered and done, so that it can be said in the other language too.
let last = null;

const when = (ms) => (ms === 0 ? '—' : day(ms));

export function tell(answer, done) {
  last = { answer, done };
  repeat();
  if (answer.ok) $('told').focus();
}

function repeat() {
  if (!last) return;
  $('problem').textContent = last.answer.ok ? '' : why(last.answer, known);
  $('told').textContent = last.answer.ok ? say(last.done) : '';
}

function redraw() {
  repeat();
  if (own) {
    $('rights').textContent = '';
    $('rights').append(...people.roles(own));
    $('seats').replaceChildren(...own.seats.map(seat));
    $('seats-end').disabled = own.seats.length < 2;
    factor();
  }
  people.redraw();
}

function seat(one) {
  const end = el('button', { type: 'button', onclick: () => act(`seats/${one.id}/end`, {}, 'told_seat') });
  end.append(say('seat_end'));
  return el('li', {},
    el('div', {},
      el('p', {}, foreign(one.agent || '—'), one.own ? el('span', { className: 'tag', textContent: say('seat_own') }) : ''),
      el('p', { className: 'muted small' }, foreign(one.from || '—'), ` · ${when(one.since_ms)} – ${when(one.expires_ms)}`)),
    one.own ? '' : end);
}

function factor() {
  $('factor-state').textContent = say(own.second_factor ? 'factor_is_on' : 'factor_is_off');
  $('factor-setup').hidden = setup === null;
  if (setup) {
    draw(setup.picture);
    $('factor-uri').href = setup.uri;
    $('factor-secret').textContent = setup.secret.replace(/(.{4})/g, '$1 ').trim();
  }
  let go = 'factor_start';
  if (own.second_factor) go = 'factor_stop';
  else if (setup) go = 'factor_confirm';
  $('factor-go').textContent = say(go);
  const needed = own.second_factor || setup !== null;
  for (const id of ['factor-password']) {
    $(id).hidden = !needed;
    $(id).required = needed;
    document.querySelector(`label[for="${id}"]`).hidden = !needed;
  }
  $('factor-code').required = setup !== null;
}

// A code for cameras, with the quiet border that they need, dark on light in either scheme.
function draw(lines) {
  const size = lines.length + 8;
  const dot = (x, y) => `M${x + 4} ${y + 4}h1v1h-1z`;
  const dots = lines.flatMap((line, y) => [...line].map((own, x) => (own === '#' ? dot(x, y) : '')));
  $('drawing').setAttribute('viewBox', `0 0 ${size} ${size}`);
  $('drawing').replaceChildren(
    svg('rect', { width: size, height: size, fill: '#fff' }),
    svg('path', { d: dots.join(''), fill: '#000', 'shape-rendering': 'crispEdges' }));
}

async function act(path, body, done) {
  const answer = await ask(`/api/account/${path}`, body);
  if (answer.ok) own = answer.body;
  redraw();
  tell(answer, done);
  if (answer.ok) people.refresh();
  return answer.ok;
}

$('seats-end').addEventListener('click', () => act('seats/others/end', {}, 'told_seats'));

$('password').addEventListener('submit', async (event) => {
  event.preventDefault();
  const body = { old: $('password-old').value, new: $('password-new').value };
  if (await act('password', body, 'told_password')) $('password').reset();
});

$('factor').addEventListener('submit', async (event) => {
  event.preventDefault();
  const password = $('factor-password').value;
  if (own.second_factor) {
    if (await act('factor/off', { password }, 'told_factor_off')) $('factor').reset();
    return;
  }
  if (!setup) {
    const answer = await ask('/api/account/factor', {});
    if (!answer.ok) return tell(answer);
    setup = answer.body;
    factor();
    $('factor-code').focus();
    return;
  }
  const body = { password, secret: setup.secret, code: $('factor-code').value };
  if (await act('factor/on', body, 'told_factor_on')) {
    setup = null;
    $('factor').reset();
    factor();
  }
});

const me = await visit('page_account', redraw);
const answer = await ask('/api/account');
if (answer.ok) own = answer.body;
redraw();
if (me.role === 'admin') await people.start(me, tell);
