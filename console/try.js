// Judges a text as the chat would, and beside it under a candidate.

import { known, language, say } from './strings.js';
import { el, foreign } from './text.js';
import { ask, visit, why } from './visit.js';
import * as lines from './lines.js';
import * as replay from './replay.js';

const ROLES = ['broadcaster', 'moderator', 'vip', 'subscriber'];
const CATEGORIES = [
  'threat', 'hate', 'harassment', 'sexual', 'self_harm', 'doxxing', 'extremism', 'profanity',
  'spam', 'link', 'impersonation',
];
const TEMPLATE = '[policy.mine]\npreset = "standard"\n\n[policy.mine.profanity]\n'
  + 'action = ["pass", "mask", "hold", "drop"]\n';
const NUMBERS = ['col_severity', 'col_score', 'col_threshold'];
const PARTS = { toml: 'candidate-toml', policy: 'candidate-policy', add: 'candidate-add',
  allow: 'candidate-allow', leave_out: 'candidate-leave-out' };

const $ = (id) => document.getElementById(id);
let places = [];
// What was answered last, so that it can be shown in another language.
let shown = null;
let busy = false;

function option(value, text) {
  const made = el('option', { value });
  made.append(text);
  return made;
}

// What stands in the form and not in the page: filled once, and again in another language.
function fill() {
  const ticked = new Set(chosenRoles());
  $('try-roles').replaceChildren(...ROLES.map((role) => {
    const box = el('input', { type: 'checkbox', value: role, checked: ticked.has(role) });
    return el('label', {}, box, ' ', el('span', { textContent: say(`role_${role}`) }));
  }));
  const category = $('candidate-category').value || 'profanity';
  $('candidate-category').replaceChildren(...CATEGORIES.map((own) => option(own, say(own))));
  $('candidate-category').value = category;
}

function chosenRoles() {
  return [...$('try-roles').querySelectorAll('input:checked')].map((box) => box.value);
}

function fillPlaces({ policies, places: all }) {
  places = all;
  const routes = [...new Set(all.map((place) => place.route))];
  $('try-route').replaceChildren(...routes.map((route) => option(route, route || '—')));
  $('candidate-policy').replaceChildren(...policies.map((name) => option(name, name)));
  channels();
}

function channels() {
  const own = places.filter((place) => place.route === $('try-route').value && place.channel);
  $('try-channels').replaceChildren(...own.map((place) => option(place.channel, place.policy)));
  // Most often there is one room, or the last one is meant.
  if (!$('try-channel').value && own.length === 1) $('try-channel').value = own[0].channel;
}

function parts() {
  const kind = $('candidate-kind').value;
  $('candidate-policy-part').hidden = kind !== 'policy';
  $('candidate-toml-part').hidden = kind !== 'toml';
  if (kind === 'toml' && !$('candidate-toml').value) $('candidate-toml').value = TEMPLATE;
}

// What is to be tried, or null where that is nothing.
function candidate() {
  const kind = $('candidate-kind').value;
  const trial = {
    policy: kind === 'policy' ? $('candidate-policy').value : '',
    toml: kind === 'toml' ? $('candidate-toml').value : '',
    add: $('candidate-add').value,
    category: $('candidate-category').value,
    allow: $('candidate-allow').value,
    leave_out: $('candidate-leave-out').value,
  };
  const any = ['policy', 'toml', 'add', 'allow', 'leave_out'].some((part) => trial[part].trim());
  return any ? trial : null;
}

function where() {
  return { route: $('try-route').value, channel: $('try-channel').value };
}

async function judge() {
  if (!$('try-text').value.trim()) return refuse(say('error_text'), $('try-text'));
  const body = {
    ...where(),
    text: $('try-text').value,
    paid: $('try-paid').value,
    standing: {
      roles: chosenRoles(),
      first: $('try-first').checked,
      strikes: Number($('try-strikes').value) || 0,
      shield: $('try-shield').checked,
    },
    candidate: candidate(),
    language: language(),
  };
  return run('try_busy', '/api/try', body, (answer) => ({ kind: 'sides', body: answer, text: body.text }));
}

async function rerun() {
  const trial = candidate();
  if (!trial) return refuse(say('error_candidate_none'), $('candidate-kind'));
  return run('replay_busy', '/api/replay', { ...where(), candidate: trial },
    (answer) => ({ kind: 'replay', body: answer }));
}

async function run(waiting, path, body, shape) {
  if (busy) return;
  busy = true;
  clearProblems();
  $('outcome').textContent = say(waiting);
  for (const id of ['try-go', 'replay-go']) $(id).disabled = true;
  const answer = await ask(path, body);
  for (const id of ['try-go', 'replay-go']) $(id).disabled = false;
  busy = false;
  if (!answer.ok) {
    $('outcome').textContent = shown ? '' : say('try_none');
    problems(answer);
    return;
  }
  shown = shape(answer.body);
  draw();
  notes(answer.body.warnings);
  $('outcomes-title').focus();
}

function refuse(sentence, field) {
  clearProblems();
  $('try-problems').replaceChildren(el('p', { textContent: sentence }));
  field.focus();
}

function clearProblems() {
  $('try-problems').replaceChildren();
  for (const id of Object.values(PARTS)) $(id).removeAttribute('aria-invalid');
}

function problems(answer) {
  const list = el('ul');
  for (const wrong of answer.body.problems ?? []) {
    $(PARTS[wrong.part])?.setAttribute('aria-invalid', 'true');
    list.append(el('li', {}, place(wrong), ' ', wrong.key ? el('code', {}, foreign(wrong.key)) : '',
      ' ', foreign(wrong.cause)));
  }
  $('try-problems').replaceChildren(el('p', { textContent: why(answer, known) }), list);
}

function notes(warnings) {
  const list = (warnings ?? []).map((wrong) => el('p', { className: 'note' }, place(wrong), ' ',
    foreign(`${wrong.key} ${wrong.cause}`)));
  $('try-problems').replaceChildren(...list);
}

// Where something is wrong; a press leads there.
function place({ part, line }) {
  return lines.place(say(`part_${part}`), line, $(PARTS[part]));
}

function draw() {
  if (!shown) {
    $('outcome').textContent = say('try_none');
    return;
  }
  const sides = shown.kind === 'sides';
  $('sides').hidden = !sides;
  $('replayed').hidden = sides;
  if (!sides) {
    $('outcome').textContent = replay.summary(shown.body);
    $('replayed').replaceChildren(...replay.draw(shown.body));
    return;
  }
  const { running, candidate: other } = shown.body;
  const [was, now] = [say(running.verdict), other ? say(other.verdict) : ''];
  const key = other ? (was === now ? 'try_same' : 'try_differs') : 'try_alone';
  $('outcome').textContent = say(key, { was, now: now || was });
  const both = [side('running', running, shown.text)];
  if (other) both.push(side('candidate', other, shown.text));
  $('sides').classList.toggle('two', both.length === 2);
  $('sides').replaceChildren(...both);
}

function side(name, judged, text) {
  const marks = judged.findings.filter((f) => f.span && !f.shadow).map((f) => ({
    start: f.span.start, end: f.span.end, severity: f.severity, veiled: false,
  }));
  const card = el('article', { className: 'side-card', data: { side: name } },
    el('h3', { textContent: say(`side_${name}`) }),
    el('p', { className: 'verdict-line' },
      el('span', { className: `verdict ${judged.verdict}`, textContent: say(judged.verdict) }),
      el('span', { className: 'muted' }, say('side_policy', { name: judged.policy })),
      judged.exempt ? el('span', { className: 'tag', textContent: say('side_exempt') }) : ''),
    el('p', { className: 'said' }, foreign(text, marks)));
  if (judged.mask.length > 0) {
    card.append(el('p', { className: 'muted small', textContent: say('side_shown') }),
      el('p', { className: 'said' }, foreign(starred(text, judged.mask))));
  }
  card.append(...found(name, judged), ...scores(name, judged));
  const facts = el('dl', { className: 'facts' });
  const fact = (key, value) => facts.append(
    el('dt', { textContent: say(key) }), el('dd', {}, foreign(value)));
  fact('side_by', judged.by);
  if (judged.told && judged.verdict !== 'pass') fact('side_told', judged.told);
  card.append(facts);
  return card;
}

// As the gate writes it: a star for each character.
function starred(text, spans) {
  let out = '';
  let at = 0;
  for (const { start, end } of spans) {
    out += text.slice(at, start) + '*'.repeat([...text.slice(start, end)].length);
    at = end;
  }
  return out + text.slice(at);
}

function table(title, columns, rows) {
  const head = el('tr', {}, ...columns.map((name) => el('th', {
    scope: 'col', className: NUMBERS.includes(name) ? 'number' : '', textContent: say(name),
  })));
  return el('div', { className: 'scroll', tabIndex: 0, role: 'region', aria: { label: title } },
    el('table', {}, el('caption', { className: 'away', textContent: title }),
      el('thead', {}, head), el('tbody', {}, ...rows)));
}

function found(side, { findings }) {
  const title = say('side_found');
  const head = el('h4', { textContent: title });
  if (findings.length === 0)
    return [head, el('p', { className: 'muted small', textContent: say('side_found_none') })];
  const rows = findings.map((finding) => el('tr', { className: finding.shadow ? 'shadow' : '' },
    el('th', { scope: 'row' }, foreign(finding.rule)),
    el('td', { textContent: known(finding.category) ? say(finding.category) : finding.category }),
    el('td', { className: 'number', textContent: String(finding.severity) }),
    el('td', {}, foreign(finding.why), finding.shadow ? ` (${say('shadow')})` : '')));
  return [head,
    table(`${say(`side_${side}`)}: ${title}`, ['col_rule', 'col_category', 'col_severity', 'col_why'], rows)];
}

function scores(side, { scores: all, late }) {
  const title = say('side_scores');
  const head = el('h4', { textContent: title });
  if (all.length === 0) {
    const none = say(late ? 'side_late' : 'side_scores_none');
    return [head, el('p', { className: 'muted small', textContent: none })];
  }
  const rows = all.map(({ head: name, score, threshold }) => {
    const over = threshold !== null && score >= threshold;
    return el('tr', { className: over ? 'over-it' : '' },
      el('th', { scope: 'row', textContent: name }),
      el('td', { className: 'number', textContent: score.toFixed(2) }),
      el('td', { className: 'number' }, threshold === null ? '—' : threshold.toFixed(2)));
  });
  return [head, table(`${say(`side_${side}`)}: ${title}`, ['col_head', 'col_score', 'col_threshold'], rows)];
}

$('try-route').addEventListener('change', channels);
$('candidate-kind').addEventListener('change', parts);
$('try-form').addEventListener('submit', (event) => {
  event.preventDefault();
  judge();
});
// A text is judged by Enter; Shift and Enter begin a new line.
$('try-text').addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  judge();
});
$('replay-go').addEventListener('click', rerun);

await visit('page_try', () => {
  fill();
  draw();
});
fill();
parts();
draw();
const answer = await ask('/api/policies');
if (answer.ok) fillPlaces(answer.body);
else problems(answer);
