// Blurs what nobody has to read unasked: whole texts of the gravest kinds, until a click or S.

import { say } from './strings.js';
import { el } from './text.js';

const KEPT = 'tidegate-shade';
// What somebody asked for stays shown when its list is drawn anew.
const asked = new Set();
const GRAVE = ['hate', 'extremism', 'sexual', 'self_harm'];

// Whether a text is of those: severity 4, or 3 of a kind that is no less filth for being shorter.
export function isGrave({ severity, categories, text }) {
  if (!text) return false;
  return severity >= 4 || (severity === 3 && categories.some((own) => GRAVE.includes(own)));
}

export function isOn() {
  try {
    return localStorage.getItem(KEPT) !== 'off';
  } catch {
    return true;
  }
}

export function set(on) {
  try {
    localStorage.setItem(KEPT, on ? 'on' : 'off');
  } catch {
    /* this page only then, which starts blurred */
  }
}

// The text behind a button that shows it; screen readers are not read it unasked either.
function shaded(text, id) {
  const inside = el('span', { className: 'shade', aria: { hidden: 'true' } }, text);
  const button = el('button', { type: 'button', className: 'unshade quiet', textContent: say('shade_show') });
  button.addEventListener('click', (event) => {
    event.stopPropagation();
    if (id) asked.add(id);
    lift(button.parentElement);
  });
  return [inside, button];
}

// What is drawn of a message's text: blurred if it is of those, and wanted so.
export function read(hold, text) {
  return isOn() && isGrave(hold) && !asked.has(hold.id) ? shaded(text, hold.id) : [text];
}

// The same of a text of which only what was found in it is told.
export function readFound({ id, text, findings }, drawn) {
  const acting = findings.filter((own) => !own.shadow);
  const severity = Math.max(1, ...acting.map((own) => own.severity));
  return read({ id, text, severity, categories: acting.map((own) => own.category) }, drawn);
}

// Shows the text of a row; whether it was blurred.
export function lift(row) {
  const inside = row.querySelector('.shade');
  if (!inside) return false;
  if (row.dataset.id) asked.add(row.dataset.id);
  inside.classList.remove('shade');
  inside.removeAttribute('aria-hidden');
  row.querySelector('.unshade')?.remove();
  return true;
}
