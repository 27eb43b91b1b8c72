// Blurs what nobody has to read unasked: whole texts of the gravest kinds, until a click or S.

import { say } from './strings.js';
import { el } from './text.js';

const KEPT = 'tidegate-shade';
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
export function shaded(text) {
  const inside = el('span', { className: 'shade', aria: { hidden: 'true' } }, text);
  const button = el('button', { type: 'button', className: 'unshade quiet', textContent: say('shade_show') });
  button.addEventListener('click', (event) => {
    event.stopPropagation();
    lift(button.parentElement);
  });
  return [inside, button];
}

// What is drawn of a message's text: blurred if it is of those, and wanted so.
export function read(hold, text) {
  return isOn() && isGrave(hold) ? shaded(text) : [text];
}

// Shows the text of a row; whether it was blurred.
export function lift(row) {
  const inside = row.querySelector('.shade');
  if (!inside) return false;
  inside.classList.remove('shade');
  inside.removeAttribute('aria-hidden');
  row.querySelector('.unshade')?.remove();
  return true;
}
