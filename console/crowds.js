// Shows shields, slow modes and nukes, and lets moderators switch, fire and lift them.

import { clock, length, say } from './strings.js';
import { el, foreign } from './text.js';
import { call, now } from './door.js';
import { marks } from './row.js';
import * as shade from './shade.js';

const SHIELD_MINUTES = 60;
const $ = (id) => document.getElementById(id);
const lists = { channels: $('channels'), nukes: $('nukes') };
const dialog = $('nuke');
let desk = null;
let state = nothing();
// What the open dialog is about: a held message or a channel.
let target = null;
// The channel of the open slow-mode dialog.
let slowing = null;

function nothing() {
  return { shields: [], slow: [], nukes: [], channels: [] };
}

export function start(shared) {
  desk = shared;
  state = nothing();
  redraw();
}

export function replace(next) {
  state = next;
  redraw();
}

const same = (a, b) => a.route === b.route && a.channel === b.channel;

export function redraw() {
  // A list that is drawn anew loses the focus: whoever is on a button keeps it.
  const focused = document.activeElement?.dataset?.key;
  const rooms = [];
  for (const room of [...state.shields, ...state.slow, ...state.channels])
    if (!rooms.some((other) => same(other, room))) rooms.push(room);
  lists.channels.replaceChildren(...rooms.map(channel));
  lists.nukes.replaceChildren(...state.nukes.map(nuke));
  $('crowds-none').hidden = lists.channels.children.length > 0;
  $('nukes-title').hidden = state.nukes.length === 0;
  if (focused) document.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function name({ route, channel: room }) {
  return foreign(room || route || '—');
}

function button(key, sentence, run, kind = '') {
  return el('button', { type: 'button', className: kind, data: { key }, onclick: run }, sentence);
}

function channel(room) {
  const shield = state.shields.find((up) => same(up, room));
  const slow = state.slow.find((own) => same(own, room));
  const key = JSON.stringify([room.route, room.channel]);
  const line = el('li', { className: shield || slow ? 'channel up' : 'channel' }, name(room));
  if (shield) {
    const by = shield.by
      ? say('shield_by', { by: shield.by, at: clock(shield.until_ms) })
      : say('shield_itself', { at: clock(shield.since_ms) });
    line.append(el('span', { className: 'muted shield-state', textContent: by }));
  }
  if (slow) {
    const { seconds, by } = slow;
    const text = say('slow_by', { n: seconds, by, at: clock(slow.until_ms) });
    line.append(el('span', { className: 'muted shield-state slow-state', textContent: text }));
  }
  if (desk?.mayIn(room)) {
    const minutes = shield ? 0 : SHIELD_MINUTES;
    const body = { route: room.route, channel: room.channel, minutes };
    const press = say(shield ? 'shield_off' : 'shield_on');
    const run = () => change('/api/shield', body, shield ? 'done_shield_off' : 'done_shield_on');
    const toggle = button(`shield ${key}`, press, run, 'shield');
    toggle.title = say('shield_help');
    line.append(
      el(
        'span',
        { className: 'crowd-actions' },
        toggle,
        slowSwitch(room, key, slow),
        button(`nuke ${key}`, say('nuke_open'), () => open(room), 'nuke-open'),
      ),
    );
  }
  return line;
}

function slowSwitch({ route, channel: room }, key, slow) {
  const off = () => change('/api/slow', { route, channel: room, seconds: 0 }, 'done_slow_off');
  const run = slow ? off : () => openSlow({ route, channel: room });
  const made = button(`slow ${key}`, say(slow ? 'slow_off' : 'slow_open'), run, 'slow');
  made.title = say('slow_help');
  return made;
}

function openSlow(room) {
  slowing = room;
  $('slow-where').replaceChildren(name(room));
  $('slow-error').textContent = '';
  $('slow').showModal();
}

async function slowDown() {
  const seconds = Number($('slow-seconds').value);
  const minutes = Number($('slow-minutes').value);
  const answer = await call('/api/slow', { ...slowing, seconds, minutes });
  if (!answer.ok) {
    $('slow-error').textContent = desk.sentence(answer);
    return;
  }
  $('slow').close();
  replace(answer.body);
  desk.done(say('done_slow_on', { n: seconds }));
}

function nuke(own) {
  const left = length(Math.max(60, Math.ceil((own.until_ms - now()) / 60_000) * 60));
  const what = say(own.drop ? 'nuke_drops' : 'nuke_holds', { time: left, n: own.hits, by: own.by });
  const line = el(
    'li',
    { className: 'nuke' },
    el('span', { className: 'nuke-text' }, foreign(own.label)),
    el('span', { className: 'muted' }, what),
  );
  if (desk?.mayIn(own)) {
    const run = () => change(`/api/nukes/${own.id}/lift`, {}, 'done_nuke_lifted');
    line.append(button(`lift ${own.id}`, say('nuke_lift'), run, 'nuke-lift'));
  }
  return line;
}

async function change(path, body, done) {
  const answer = await call(path, body);
  if (!answer.ok) return desk.problem(answer);
  replace(answer.body);
  return desk.done(say(done));
}

// Over a channel with a text to be written, or over a held message.
export function open(room, hold) {
  target = hold ? { hold: hold.id } : { route: room.route, channel: room.channel };
  // Somebody else's words look as they do in the queue, with personal data veiled.
  $('nuke-text').value = '';
  $('nuke-text').required = !hold;
  $('nuke-text').hidden = Boolean(hold);
  $('nuke-text-label').hidden = Boolean(hold);
  $('nuke-said').hidden = !hold;
  $('nuke-said').replaceChildren(...(hold ? shade.read(hold, foreign(hold.text, marks(hold))) : []));
  $('nuke-where').replaceChildren(name(hold ?? room));
  unseen();
  dialog.showModal();
  if (hold) preview();
}

function asked() {
  const body = {
    ...target,
    back_minutes: Number($('nuke-back').value),
    forward_minutes: Number($('nuke-forward').value),
    action: $('nuke-action').value,
  };
  if (!target.hold) body.text = $('nuke-text').value;
  return body;
}

// Nothing is fired that was not looked at just so.
function unseen() {
  $('nuke-preview').textContent = say('nuke_look_first');
  $('nuke-fire').disabled = true;
}

async function preview() {
  const body = asked();
  const answer = await call('/api/nukes/preview', body);
  if (JSON.stringify(body) !== JSON.stringify(asked())) return undefined;
  if (!answer.ok) {
    $('nuke-preview').textContent = desk.sentence(answer);
    return undefined;
  }
  const { held, said, senders, exact } = answer.body;
  const found = say('nuke_meets', { held, said, senders });
  $('nuke-preview').textContent = exact ? `${found} ${say('nuke_exact')}` : found;
  $('nuke-fire').disabled = false;
  return undefined;
}

async function fire() {
  $('nuke-fire').disabled = true;
  const answer = await call('/api/nukes', asked());
  if (!answer.ok) {
    $('nuke-preview').textContent = desk.sentence(answer);
    return;
  }
  dialog.close();
  desk.removed(answer.body, say('done_nuke', { n: answer.body.ids.length }));
}

$('nuke-form').addEventListener('input', unseen);
$('nuke-look').addEventListener('click', preview);
$('nuke-fire').addEventListener('click', fire);
dialog.addEventListener('close', () => $('nuke-said').replaceChildren());
$('nuke-close').addEventListener('click', () => dialog.close());
$('nuke-form').addEventListener('submit', (event) => {
  event.preventDefault();
  preview();
});
$('slow-close').addEventListener('click', () => $('slow').close());
$('slow-form').addEventListener('submit', (event) => {
  event.preventDefault();
  slowDown();
});
