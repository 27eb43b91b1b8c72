// Draws text that a hostile sender wrote: only ever as text nodes, isolated, nothing invisible.

import { say } from './strings.js';

// Controls, format characters (bidi overrides and isolates, zero width, tags), line and paragraph
// separators, private use, lone surrogates.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/u;
const MARK = /\p{M}/u;
const PICTURE = /\p{Extended_Pictographic}|\p{Emoji_Modifier}|\uFE0F/u;
const JOINER = '\u200D';
// Marks on one letter beyond these are no language's, they only climb over other lines.
const MARKS_MAX = 4;

export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  const { data, aria, ...plain } = properties;
  Object.assign(element, plain);
  Object.assign(element.dataset, data ?? {});
  for (const [name, value] of Object.entries(aria ?? {}))
    element.setAttribute(`aria-${name}`, value);
  element.append(...children);
  return element;
}

// An isolated element with the text in it, every unseen character named.
export function foreign(text, marks = []) {
  const bdi = el('bdi', { className: 'foreign' });
  for (const { start, end, severity, veiled } of pieces(text, marks)) {
    const part = seen(text.slice(start, end));
    if (!severity) bdi.append(part);
    else bdi.append(veiled ? veil(part, severity) : el('mark', { data: { severity } }, part));
  }
  return bdi;
}

// Personal data: blurred, and unread by screen readers, until a click, Enter or Space on it.
function veil(part, severity) {
  const name = say('veiled');
  const inside = el('span', { className: 'blur', aria: { hidden: 'true' } }, part);
  const mark = el(
    'mark',
    { className: 'veil', tabIndex: 0, role: 'button', title: name, data: { severity } },
    inside,
  );
  mark.setAttribute('aria-label', name);
  const lift = (event) => {
    if (event.type === 'keydown' && event.key !== 'Enter' && event.key !== ' ') return;
    if (!mark.classList.contains('veil')) return;
    event.preventDefault();
    event.stopPropagation();
    mark.classList.remove('veil');
    for (const name of ['role', 'title', 'aria-label']) mark.removeAttribute(name);
    inside.removeAttribute('aria-hidden');
  };
  mark.addEventListener('click', lift);
  mark.addEventListener('keydown', lift);
  return mark;
}

// Cuts [0, length) at the marks' edges; where marks overlap the most severe shows.
// Marks count UTF-16 code units, as strings do here.
export function pieces(text, marks) {
  const inside = marks.filter((m) => m.start < m.end && m.end <= text.length);
  const edges = new Set([0, text.length, ...inside.flatMap((m) => [m.start, m.end])]);
  const sorted = [...edges].sort((a, b) => a - b);
  return sorted.slice(1).map((end, index) => {
    const start = sorted[index];
    const over = inside.filter((m) => m.start <= start && end <= m.end);
    const severity = Math.max(0, ...over.map((m) => m.severity));
    return { start, end, severity, veiled: over.some((m) => m.veiled) };
  });
}

function seen(text) {
  const drawn = document.createDocumentFragment();
  const characters = [...text];
  let plain = '';
  let marks = 0;
  const flush = () => {
    if (plain) drawn.append(plain);
    plain = '';
  };
  const flushMarks = () => {
    if (marks > MARKS_MAX) {
      flush();
      drawn.append(unseen(say('marks', { n: marks - MARKS_MAX })));
    }
    marks = 0;
  };
  characters.forEach((character, index) => {
    if (MARK.test(character)) {
      marks += 1;
      if (marks <= MARKS_MAX) plain += character;
      return;
    }
    flushMarks();
    const joins =
      character === JOINER &&
      PICTURE.test(characters[index - 1] ?? '') &&
      PICTURE.test(characters[index + 1] ?? '');
    if (!UNSEEN.test(character) || joins) {
      plain += character;
      return;
    }
    flush();
    const code = character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0');
    drawn.append(unseen(`U+${code}`));
  });
  flushMarks();
  flush();
  return drawn;
}

function unseen(name) {
  return el('span', { className: 'unseen', textContent: name });
}

// A short name for the middle of a sentence, where no element can isolate it.
export function named(text) {
  const short = [...text].slice(0, 32).join('');
  const safe = short.replace(new RegExp(UNSEEN, 'gu'), '\uFFFD').replace(/\p{M}{5,}/gu, '');
  return `\u2068${safe}\u2069`;
}
