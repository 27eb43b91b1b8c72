// Leads to the line of a text field in which something is wrong.

import { say } from './strings.js';
import { el } from './text.js';

export function goTo(field, line) {
  const lines = field.value.split('\n');
  const start = lines.slice(0, line - 1).join('\n').length + (line > 1 ? 1 : 0);
  field.closest('details')?.setAttribute('open', '');
  field.focus();
  field.setSelectionRange(start, start + (lines[line - 1] ?? '').length);
}

// "Word list, line 3": a press leads there; without a line only the name.
export function place(name, line, field) {
  if (!line || !field) return el('strong', { textContent: name });
  const press = el('button', {
    type: 'button', className: 'to-line', onclick: () => goTo(field, line),
  });
  press.append(say('part_line', { part: name, line }));
  return press;
}
