// Lists who may do what where, and lets admins change it and invite others.

import { say } from './strings.js';
import { el, foreign } from './text.js';
import { ask } from './visit.js';

const ROLES = ['viewer', 'moderator', 'admin'];
const $ = (id) => document.getElementById(id);
let me = null;
let tell = () => {};
let all = null;

export async function start(who, told) {
  [me, tell] = [who, told];
  const answer = await ask('/api/people');
  if (!answer.ok) return tell(answer);
  all = answer.body;
  $('people-part').hidden = false;
  return redraw();
}

// The own account has changed, which stands in the list as well.
export async function refresh() {
  if (!all) return;
  const answer = await ask('/api/people');
  if (answer.ok) all = answer.body;
  redraw();
}

// What somebody may do, in words.
export function roles({ role, places = [] }) {
  const parts = role ? [el('span', { className: 'tag', textContent: `${say(role)} · ${say('everywhere')}` })] : [];
  for (const place of places)
    parts.push(el('span', { className: 'tag' }, `${say(place.role)} · `, foreign(name(place))));
  return parts;
}

function name({ route, channel }) {
  return channel ? `${route} ${channel}` : route;
}

export function redraw() {
  if (!all) return;
  const everywhere = me.everywhere === 'admin';
  $('people').replaceChildren(...all.people.map(person));
  $('invitations').replaceChildren(...all.invitations.map(invitation));
  $('invitations-none').hidden = all.invitations.length > 0;
  keep($('invite-role'), ROLES.map((role) => [role, say(role)]));
  // Only who is admin everywhere makes others so.
  const routes = all.routes.map((route) => [route, route]);
  keep($('invite-route'), everywhere ? [['', say('everywhere')], ...routes] : routes);
  place();
}

// Fills a list and leaves it at what was chosen.
function keep(select, options) {
  const chosen = select.value;
  select.replaceChildren(...options.map(([value, text]) => el('option', { value, textContent: text })));
  if (options.some(([value]) => value === chosen)) select.value = chosen;
}

function place() {
  $('invite-channel').disabled = $('invite-route').value === '';
}

function person(one) {
  const buttons = [];
  const press = (act, text, body = {}, key = '') => {
    const button = el('button', {
      type: 'button', className: 'quiet', data: { act },
      onclick: () => change(`/api/people/${encodeURIComponent(one.name)}/${act}`, body, 'told_people'),
    });
    button.append(say(text));
    if (key) button.append(' ', foreign(key));
    buttons.push(button);
  };
  const own = one.name === me.name;
  for (const { route, channel } of own ? [] : one.places ?? [])
    press('grant', 'people_take', { route, channel, role: null }, name({ route, channel }));
  if (!own && one.role && me.everywhere === 'admin') press('grant', 'people_take_all', { role: null });
  if (one.may_end) {
    press('log-out', 'people_log_out');
    if (one.second_factor) press('factor-off', 'people_factor_off');
    press('remove', 'people_remove');
  }
  return el('li', { data: { name: one.name } },
    el('div', {},
      el('p', {}, el('strong', {}, foreign(one.name)), ' ', ...roles(one)),
      el('p', { className: 'muted small' },
        one.sessions === undefined ? '' : say('people_sessions', { n: one.sessions }), one.second_factor ? ` · ${say('people_factor')}` : '')),
    el('div', { className: 'buttons' }, ...buttons),
    own ? '' : giving(one));
}

// Gives a role in one channel, or everywhere.
function giving(one) {
  const role = el('select', { aria: { label: say('role') } });
  keep(role, ROLES.map((value) => [value, say(value)]));
  const route = el('select', { aria: { label: say('where') } });
  const routes = all.routes.map((value) => [value, value]);
  keep(route, me.everywhere === 'admin' ? [['', say('everywhere')], ...routes] : routes);
  const channel = el('input', { maxLength: 512, placeholder: say('which_channel'), aria: { label: say('which_channel') } });
  const paint = () => { channel.disabled = route.value === ''; };
  route.addEventListener('change', paint);
  paint();
  const go = el('button', { type: 'submit', textContent: say('people_give') });
  const form = el('form', { className: 'giving' }, role, route, channel, go);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const where = route.value === '' ? {} : { route: route.value, channel: channel.value.trim() };
    change(`/api/people/${encodeURIComponent(one.name)}/grant`, { ...where, role: role.value }, 'told_people');
  });
  return form;
}

function invitation(one) {
  const back = el('button', {
    type: 'button', textContent: say('invitation_take_back'),
    onclick: () => change(`/api/invitations/${one.id}/take-back`, {}, 'told_taken_back'),
  });
  return el('li', {},
    el('p', {}, ...roles(one), el('span', { className: 'muted small' }, ' ', foreign(one.by))), back);
}

async function change(path, body, done) {
  const answer = await ask(path, body);
  if (answer.ok) all = answer.body;
  redraw();
  tell(answer, done);
  return answer;
}

$('invite-route').addEventListener('change', place);
$('invite').addEventListener('submit', async (event) => {
  event.preventDefault();
  const route = $('invite-route').value;
  const where = route === '' ? {} : { route, channel: $('invite-channel').value.trim() };
  const answer = await change('/api/invitations', { ...where, role: $('invite-role').value }, 'told_invited');
  $('invite-made').hidden = !answer.ok;
  if (!answer.ok) return;
  $('invite-link').value = location.origin + answer.body.link;
  $('invite-link').focus();
  $('invite-link').select();
});
