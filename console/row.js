// Draws one held message.

import { el, foreign } from './text.js';
import { clock, countdown, known, length, say, span } from './strings.js';
import { now } from './door.js';
import * as looks from './looks.js';
import * as shade from './shade.js';
import * as chosen from './marks.js';

const HURRY_S = 20;
// What many are held for at once.
const CROWD = ['crowd', 'nuke'];

// A row keeps its element for as long as it is listed; `draw` fills it anew.
export function row(hold, desk) {
  const element = el('li', { className: 'row', tabIndex: -1, data: { id: hold.id } });
  const made = { id: hold.id, hold, element, over: null, busy: false, menu: null };
  draw(made, desk);
  return made;
}

export function draw(made, desk) {
  const { hold, element } = made;
  made.menu = null;
  element.dataset.severity = hold.severity;
  element.replaceChildren(head(made), body(hold), reasons(hold));
  // Of another channel than theirs it can be seen and not decided.
  const mayDecide = desk.mayDecide && hold.may_decide;
  if (mayDecide) element.firstChild.prepend(chosen.box(made, desk.rows));
  chosen.paint(made);
  looks.paint(made);
  const foot = el('div', { className: 'foot' });
  if (mayDecide) foot.append(actions(made, desk));
  if (hold.way) {
    foot.append(el('p', { className: `way ${hold.way}`, textContent: say(`way_${hold.way}`) }));
  }
  element.append(foot);
  if (made.over) cover(made, made.over);
  tick(made);
}

function head({ hold }) {
  const who = hold.sender.name || hold.sender.id;
  const line = el('div', { className: 'row-head' });
  line.append(who ? el('strong', {}, foreign(who)) : el('em', {}, say('no_name')));
  if (hold.paid) line.prepend(el('span', { className: 'tag paid' }, foreign(hold.paid)));
  for (const role of hold.sender.roles ?? []) {
    const name = `role_${role}`;
    line.append(el('span', { className: 'tag', textContent: known(name) ? say(name) : role }));
  }
  if (hold.first) {
    line.append(
      el('span', { className: 'tag', textContent: say('first'), title: say('first_means') }),
    );
  }
  // Half a strike is no strike to a person.
  const strikes = Math.round(hold.strikes ?? 0);
  if (strikes > 0) {
    line.append(el('span', { className: 'tag', textContent: say('strikes', { n: strikes }) }));
  }
  if (hold.channel) {
    const [before, after] = say('in_channel').split('{channel}');
    line.append(el('span', { className: 'muted' }, before, foreign(hold.channel), after));
  }
  if (hold.mode === 'egress')
    line.append(el('span', { className: 'tag', textContent: say('egress') }));
  line.append(
    el(
      'span',
      { className: 'times' },
      el('span', { className: 'age muted' }),
      el('span', { className: 'time-left' }),
    ),
  );
  return line;
}

function body(hold) {
  const text = hold.text ? shade.read(hold, foreign(hold.text, marks(hold))) : [say('erased')];
  return el(
    'p',
    { className: 'said', lang: hold.language, tabIndex: hold.text.length > 600 ? 0 : -1 },
    ...text,
  );
}

// What was found in the first characters of a text; personal data is not shown unasked.
export function marks(hold, length = hold.text.length) {
  return hold.findings
    .filter((f) => f.span && !f.shadow)
    .map((f) => ({
      start: f.span.start,
      end: Math.min(f.span.end, length),
      severity: f.severity,
      veiled: f.category === 'doxxing',
    }));
}

function reasons(hold) {
  const line = el('div', { className: 'reasons' });
  const steps = el('span', {
    className: 'severity',
    role: 'img',
    title: say('severity', { n: hold.severity }),
    aria: { label: say('severity', { n: hold.severity }) },
  });
  for (let step = 1; step <= 4; step += 1) {
    steps.append(el('i', { className: step <= hold.severity ? 'on' : '' }));
  }
  line.append(steps);
  for (const category of hold.categories) {
    line.append(
      el('span', { className: 'tag', textContent: known(category) ? say(category) : category }),
    );
  }
  for (const finding of hold.findings) {
    const why = el(
      'span',
      { className: finding.shadow ? 'why shadow' : 'why' },
      foreign(finding.why),
    );
    if (finding.shadow) why.append(` (${say('shadow')})`);
    line.append(why);
  }
  if (hold.decided_by) {
    line.append(el('span', { className: 'why' }, foreign(hold.decided_by)));
  }
  return line;
}

function actions(made, desk) {
  const button = (name, key, kind, run) =>
    el(
      'button',
      {
        type: 'button',
        className: kind,
        onclick: run,
        title: say(`key_${name}`),
        data: { act: name },
      },
      el('span', {}, say(name)),
      el('kbd', { aria: { hidden: 'true' } }, key),
    );
  const line = el('div', { className: 'actions' });
  line.append(
    button('release', 'R', 'release', () => desk.act(made, 'release')),
    button('remove', 'X', 'remove', () => desk.act(made, 'remove')),
  );
  if (made.hold.can_time_out) {
    const open = button('time_out', 'T', 'time-out', () => toggleMenu(made, desk));
    open.setAttribute('aria-expanded', 'false');
    line.append(open);
    line.append(button('ban', 'B', 'ban', () => desk.act(made, 'ban')));
  }
  const lasting = (name, key) => {
    const open = button(name, key, 'lasting', () => desk.openLasting(made, name));
    open.setAttribute('aria-expanded', 'false');
    line.append(open);
  };
  if (made.hold.can_allow) lasting('allow', 'A');
  if (made.hold.can_time_out) lasting('trust', 'V');
  if (made.hold.findings.some((finding) => CROWD.includes(finding.rule))) {
    const all = el('button', { type: 'button', className: 'alike', data: { act: 'alike' } });
    all.append(say('alike'));
    all.addEventListener('click', () => openAlike(made, desk));
    line.append(all);
  }
  return line;
}

// One of many: all of them are decided at once, after a look at how many they are.
async function openAlike(made, desk) {
  if (made.menu) return closeMenu(made);
  const found = await desk.countAlike(made);
  if (!found || made.over || made.menu) return undefined;
  const choose = (act, run) =>
    el('button', { type: 'button', onclick: run, data: { act } }, say(act));
  made.menu = el(
    'div',
    { className: 'menu', role: 'group', aria: { label: say('alike') }, data: { kind: 'alike' } },
    el('span', { className: 'muted', textContent: say('alike_count', found) }),
    choose('alike_release', () => desk.alike(made, 'release')),
    choose('alike_remove', () => desk.alike(made, 'remove')),
    choose('alike_nuke', () => desk.nuke(made.hold)),
  );
  made.element.append(made.menu);
  made.menu.querySelector('button').focus();
  return undefined;
}

// The lengths of a time-out, below the buttons; 1 to 4 choose while it is open.
export function toggleMenu(made, desk) {
  if (made.menu) return closeMenu(made);
  if (made.over || !made.hold.can_time_out) return undefined;
  made.menu = el(
    'div',
    {
      className: 'menu',
      role: 'group',
      aria: { label: say('time_out_menu') },
      data: { kind: 'time_out' },
    },
    el('span', { className: 'muted', textContent: say('time_out_menu') }),
  );
  desk.timeOuts.forEach((seconds, index) => {
    const choose = () => desk.act(made, 'time-out', { seconds });
    made.menu.append(
      el(
        'button',
        { type: 'button', onclick: choose },
        length(seconds),
        ' ',
        el('kbd', { aria: { hidden: 'true' } }, String(index + 1)),
      ),
    );
  });
  made.element.querySelector('[data-act="time_out"]').setAttribute('aria-expanded', 'true');
  made.element.append(made.menu);
  made.menu.querySelector('button').focus();
  return undefined;
}

export function closeMenu(made) {
  const held = made.menu?.contains(document.activeElement);
  made.menu?.remove();
  made.menu = null;
  for (const open of made.element.querySelectorAll('[aria-expanded="true"]'))
    open.setAttribute('aria-expanded', 'false');
  if (held) made.element.focus({ preventScroll: true });
}

// Shows in the row's own place how it ended, so that nothing moves under a pointer.
export function cover(made, sentence) {
  made.over = sentence;
  chosen.drop(made);
  closeMenu(made);
  made.element.classList.add('over');
  for (const button of made.element.querySelectorAll('button, .mark-box')) button.disabled = true;
  made.element.querySelector('.cover')?.remove();
  made.element.append(el('p', { className: 'cover' }, el('span', { textContent: sentence })));
}

export function uncover(made) {
  made.over = null;
  made.element.classList.remove('over');
}

export function tick({ hold, element, over }) {
  if (over) return;
  const left = (hold.expires_ms - now()) / 1000;
  const time = countdown(left);
  const due = hold.waits_for_duty ? 'due_unattended' : 'due';
  const sentence = left <= 0 ? say(due) : say(`left_${hold.on_expiry}`, { time });
  const timeLeft = element.querySelector('.time-left');
  // Written only when it changes: a page that is still costs nothing.
  if (timeLeft.textContent !== sentence) timeLeft.textContent = sentence;
  timeLeft.classList.toggle('hurry', left < HURRY_S);
  const age = say('age', { time: span((now() - hold.held_ms) / 1000) });
  const ageLine = element.querySelector('.age');
  if (ageLine.textContent !== age) ageLine.textContent = age;
}

// How a message ended, in words.
export function outcome(hold) {
  const { state, decided } = hold;
  if (state === 'released' && decided?.written !== true) return say('state_unknown');
  if (state === 'denied' && decided?.banned) return say('state_banned');
  if (state === 'denied' && decided?.time_out_s) return say('state_timed_out');
  return say(`state_${state}`);
}

export function sentenceOf(hold) {
  const state = outcome(hold);
  const { by, at_ms: at } = hold.decided ?? {};
  return by ? say('by_at', { state, by, at: clock(at) }) : state;
}
