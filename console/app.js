// Puts the page together: who is logged in, what is listened to, what a key or a click does.

import { clock, known, language, length, say, span, speak, translate } from './strings.js';
import { call, listen } from './door.js';
import { closeAll, toast, undoLast } from './toasts.js';
import { el, named } from './text.js';
import { outcome } from './row.js';
import * as active from './active.js';
import * as care from './care.js';
import * as crowds from './crowds.js';
import * as decrees from './decrees.js';
import * as ended from './ended.js';
import * as looks from './looks.js';
import * as marks from './marks.js';
import { offer } from './pages.js';
import * as queue from './queue.js';
import * as shade from './shade.js';
import * as view from './view.js';

const $ = (id) => document.getElementById(id);
const desk = {
  // Somewhere; each message says whether here.
  mayDecide: false,
  mayIn: () => false,
  timeOuts: [],
  lasting: [],
  act,
  more,
  counted,
  alike,
  countAlike,
  openLasting: decrees.openLasting,
  looked: (hold) => breaks.look(hold),
  nuke: (hold) => crowds.open(hold, hold),
  removed,
  marked,
  problem,
  sentence,
  done: (text) => toast(text),
};
const breaks = care.watch($('care'), proposal);
let me = null;
let stop = () => {};
let asking = false;
let linked = false;
// The store refuses: nothing can be held, and policy says what passes.
let failing = false;
// What is given up because more is asked than the model can read: 0 to 3.
let overload = 0;
// The names of those on duty.
let onDuty = [];

function enter(who) {
  me = who;
  desk.mayDecide = who.may_decide;
  const decides = (role) => ['moderator', 'admin'].includes(role);
  const of = (place, room) => place.route === room.route && place.channel === room.channel;
  desk.mayIn = (room) =>
    decides(who.everywhere) || who.places.some((own) => decides(own.role) && of(own, room));
  desk.timeOuts = who.time_outs_s;
  desk.lasting = who.lasting_s;
  looks.start(who.name);
  queue.start(desk);
  crowds.start(desk);
  decrees.start(desk);
  view.start(relisten);
  if (me.may_decide) active.start(attended);
  breaks.start();
  face();
  hear();
}

// Another order or choice: the list anew, and its changes from then on.
function relisten() {
  stop();
  queue.start(desk);
  hear();
}

function hear() {
  stop = listen({
    queue(data) {
      queue.replace(data.holds, data.total);
      ended.replace(data.ended);
      crowds.replace(data.crowds);
      view.channels(data.crowds.channels);
      failing = data.store_failing;
      overload = data.overload;
      link();
      decrees.replace(data.decrees);
      queue.looked(data.looks.looks);
      attended(data.on_duty);
    },
    looks(data) {
      queue.looked(data.looks);
    },
    crowds(data) {
      crowds.replace(data);
      view.channels(data.channels);
    },
    decrees(data) {
      decrees.replace(data);
    },
    added(data) {
      queue.added(data.hold);
    },
    moved(data) {
      queue.moved(data.hold);
      ended.moved(data.hold);
    },
    beat(data) {
      queue.ways(data.ways, data.total);
      crowds.replace(data.crowds);
      view.channels(data.crowds.channels);
      failing = data.store_failing;
      overload = data.overload;
      link();
      decrees.redraw();
      attended(data.on_duty);
    },
    linked(now) {
      if (now === linked) return;
      linked = now;
      link();
    },
    ended() {
      leave('login');
    },
  }, view.query());
}

function leave(why = '') {
  stop();
  stop = () => {};
  me = null;
  linked = false;
  failing = false;
  overload = 0;
  onDuty = [];
  active.start(null);
  breaks.stop();
  closeAll();
  $('nuke').close();
  $('slow').close();
  looks.start(null);
  // Whoever sits here next has not logged in: nothing that was said stays in the page.
  queue.start(desk);
  crowds.start(desk);
  decrees.start(desk);
  ended.replace([]);
  $('who').textContent = '';
  view.forget();
  face();
  $('login-error').textContent = why && say(`error_${why}`);
  $('login-name').focus();
}

// What is to be seen: the login or the desk.
function face() {
  translate();
  for (const tag of ['en', 'fr'])
    $(`language-${tag}`).setAttribute('aria-pressed', String(language() === tag));
  $('login').hidden = me !== null;
  for (const id of ['desk', 'link', 'duty', 'help-open', 'who', 'log-out', 'held-count'])
    $(id).hidden = me === null;
  $('viewer-note').hidden = me === null || me.may_decide;
  $('refunds').hidden = !me?.may_decide;
  offer($('pages'), me);
  if (me === null) document.title = 'Tidegate';
  else $('who').textContent = `${me.name} · ${say(me.role)}`;
  link();
  attended(onDuty);
  breaks.redraw();
}

// The notice that proposes a break.
function proposal(why, answer) {
  const button = (kind) =>
    el('button', { type: 'button', onclick: () => answer(kind) }, say(`break_${kind}`));
  return el(
    'div',
    { className: 'care-note' },
    el('p', {}, say(`break_${why}`)),
    el('div', { className: 'care-buttons' }, button('later'), button('off'), button('close')),
  );
}

// Who is on duty, at the head of the page and for rows that wait for somebody.
function attended(names) {
  onDuty = names;
  const text = names.length ? say('on_duty', { n: names.length }) : say('nobody_on_duty');
  // Written only when it changes: a page that is still costs nothing.
  if ($('duty').textContent !== text) $('duty').textContent = text;
  $('duty').title = names.join(', ');
  $('duty').classList.toggle('nobody', names.length === 0);
}

function link() {
  $('link').classList.toggle('lost', !linked || failing || overload > 0);
  let state = 'linked';
  if (!linked) state = 'lost';
  else if (failing) state = 'store_failing';
  else if (overload > 0) state = `overload_${overload}`;
  $('link-text').textContent = say(state);
}

function counted(total) {
  document.title = total ? `(${total}) Tidegate` : 'Tidegate';
  $('held-count').textContent = say('held_count', { n: total });
}

// More rows than the list held at first: asked for when it runs low.
async function more() {
  if (asking) return;
  asking = true;
  const asked = view.query();
  const answer = await call(`/api/queue${asked}`);
  if (answer.ok && me && asked === view.query()) queue.replace(answer.body.holds, answer.body.total);
  asking = false;
}

async function act(made, what, body = {}, byKey = false) {
  if (made.busy || made.over) return;
  made.busy = true;
  breaks.look(made.hold);
  // The stream may bring the decided record, which has no way any more, before the answer.
  const { way } = made.hold;
  const answer = await call(`/api/holds/${encodeURIComponent(made.id)}/${what}`, body);
  made.busy = false;
  if (!answer.ok) return problem(answer);
  const { hold } = answer.body;
  queue.moved(hold);
  ended.moved(hold);
  queue.decided(made, byKey);
  if (what === 'release')
    return toast(say(way === 'orphan' ? 'done_release_orphan' : 'done_release'));
  const who = named(hold.sender.name || hold.sender.id);
  // A release is final, and so is one with more to it; the board ends what it brought.
  if (what === 'allow' || what === 'trust') return toast(say(`done_${what}`, { who }));
  const time = what === 'time-out' ? length(body.seconds) : '';
  const sentence = say(`done_${what.replace('-', '_')}`, { who, time });
  return toast(sentence, {
    undo: { until_ms: hold.decided.undo_until_ms, run: () => undo(hold.id) },
  });
}

async function undo(id) {
  const answer = await call(`/api/holds/${encodeURIComponent(id)}/undo`, {});
  if (!answer.ok) return problem(answer);
  queue.restored(answer.body.hold);
  ended.moved(answer.body.hold);
  return toast(say('done_undo'));
}

// How many are held like a message; null if that cannot be said.
async function countAlike(made) {
  const answer = await call(`/api/holds/${encodeURIComponent(made.id)}/alike`, {});
  if (answer.ok) return answer.body;
  problem(answer);
  return null;
}

// Decides all that are held like a message; the rows change as the stream tells.
async function alike(made, what) {
  if (made.busy || made.over) return;
  made.busy = true;
  const answer = await call(`/api/holds/${encodeURIComponent(made.id)}/${what}-alike`, {});
  made.busy = false;
  if (!answer.ok) return problem(answer);
  const { ids } = answer.body;
  if (what === 'remove') return removed(answer.body, say('done_alike_remove', { n: ids.length }));
  return toast(say('done_alike_release', { n: ids.length }));
}

// Decides all that were marked, whatever became of some of them meanwhile.
async function marked(ids, act, seconds) {
  const body = { ids, act };
  if (seconds !== undefined) body.seconds = seconds;
  const answer = await call('/api/marked', body);
  if (!answer.ok) return problem(answer);
  const { ids: decided, missed } = answer.body;
  const done = say(`done_marked_${act.replace('-', '_')}`, { n: decided.length });
  const text = missed ? `${done} ${say('marked_missed', { n: missed })}` : done;
  if (act === 'release') return toast(text);
  return removed(answer.body, text);
}

// Many were removed at once, and can be taken back at once.
function removed({ ids, undo_until_ms: until }, text) {
  if (ids.length === 0) return toast(text);
  const run = async () => {
    let undone = 0;
    for (const id of ids) {
      const answer = await call(`/api/holds/${encodeURIComponent(id)}/undo`, {});
      if (answer.status === 401) return leave('login');
      undone += Number(answer.ok);
    }
    return toast(say('done_alike_undo', { n: undone }));
  };
  return toast(text, { undo: { until_ms: until, run } });
}

function problem(answer) {
  if (answer.status === 401) return leave('login');
  return toast(sentence(answer), { kind: 'problem' });
}

function sentence({ body }) {
  if (body.error === 'already') {
    const state = outcome({ state: body.state, decided: { written: true } });
    return body.by
      ? say('already', { state, by: body.by, at: clock(body.at_ms) })
      : say('already_clock', { state });
  }
  const name = `error_${body.error}`;
  return known(name) ? say(name) : say('error_other', { error: body.error });
}

$('login-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const button = event.submitter ?? $('login-form').querySelector('button');
  button.disabled = true;
  $('login-error').textContent = '';
  const answer = await call('/login', {
    name: $('login-name').value,
    password: $('login-password').value,
    ...($('login-code').value ? { code: $('login-code').value } : {}),
  });
  button.disabled = false;
  $('login-code').value = '';
  // The password was right: it stays while the code is asked for.
  const second = ['code_needed', 'code'].includes(answer.body.error);
  $('login-second').hidden = !second;
  if (!second) $('login-password').value = '';
  if (answer.ok) {
    enter(answer.body);
    // Whoever logged in is there.
    return active.tell();
  }
  const name = `error_${answer.body.error}`;
  $('login-error').textContent = known(name)
    ? say(name, { time: span(answer.wait) })
    : say('error_other', { error: answer.body.error });
  return $(second ? 'login-code' : 'login-password').focus();
});

$('log-out').addEventListener('click', async () => {
  await call('/logout', {});
  leave();
});

for (const tag of ['en', 'fr']) {
  $(`language-${tag}`).addEventListener('click', () => {
    speak(tag);
    face();
    if (!me) return;
    queue.redraw();
    view.redraw();
    shadeWord();
    ended.redraw();
    crowds.redraw();
    decrees.redraw();
    marks.show();
  });
}

function shadeWord() {
  $('shade').textContent = say(shade.isOn() ? 'shade_on' : 'shade_off');
  $('shade').setAttribute('aria-pressed', String(shade.isOn()));
}

$('shade').addEventListener('click', () => {
  shade.set(!shade.isOn());
  shadeWord();
  queue.redraw();
});
shadeWord();

$('help-open').addEventListener('click', () => $('help').showModal());

document.addEventListener('keydown', (event) => {
  const typing = event.target.closest?.('input:not([type="checkbox"]), textarea, select');
  const chord = event.ctrlKey || event.metaKey || event.altKey;
  const asked = ['help', 'nuke', 'slow'].some((id) => $(id).open);
  if (!me || typing || chord || event.isComposing || asked) return;
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const moves = ['j', 'k', 'ArrowDown', 'ArrowUp'].includes(name);
  // A key that is held down moves the selection, but never decides.
  if (event.repeat && !moves) return;
  if (name === '?') $('help').showModal();
  else if (name === 'u') undoLast();
  else if (!queue.key(name, event.shiftKey)) return;
  event.preventDefault();
});

translate();
const first = await call('/api/me');
if (first.ok) enter(first.body);
else leave(first.status === 0 ? 'unreachable' : '');
