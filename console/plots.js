// Draws plots by hand: columns over time, lines over time, and rows. The table beside each has the
// same numbers, so that nobody needs the drawing.

import { el } from './text.js';

// The page's own empty drawing tells the name of what drawings are made of.
const NAMESPACE = document.getElementById('drawing').namespaceURI;
const HEIGHT = 190;
const PAD = { top: 12, right: 8, bottom: 26, left: 52 };
const ROW = 30;
const LABELS_APART = 72;

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function picture(width, height, label) {
  return svg('svg', {
    width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label, class: 'plot',
  });
}

function write(x, y, text, more = {}) {
  return svg('text', { x, y, ...more }, text);
}

// The next number that reads well: 1, 2 or 5 and zeros.
export function nice(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

// Whole steps up to the top, and two or more of them.
export function ticks(most, whole = true) {
  const step = nice(most / 3);
  // A tenth is the least that a label tells.
  const apart = Math.max(whole ? 1 : 0.1, step);
  const count = Math.max(1, Math.ceil(most / apart));
  return Array.from({ length: count + 1 }, (_, n) => n * apart);
}

function frame(canvas, { width, marks, top, format, bars, label }) {
  const inner = width - PAD.left - PAD.right;
  const y = (value) => HEIGHT - PAD.bottom - (value / top) * (HEIGHT - PAD.top - PAD.bottom);
  for (const mark of marks) {
    canvas.append(
      svg('line', { x1: PAD.left, x2: width - PAD.right, y1: y(mark), y2: y(mark), class: 'grid' }),
      write(PAD.left - 6, y(mark) + 4, format(mark), { 'text-anchor': 'end' }),
    );
  }
  const slot = inner / bars.length;
  const every = Math.max(1, Math.ceil(LABELS_APART / slot));
  bars.forEach((bar, index) => {
    // The last one is now: the labels count back from it.
    if ((bars.length - 1 - index) % every !== 0) return;
    const last = index === bars.length - 1;
    const x = last ? width - 2 : PAD.left + slot * (index + 0.5);
    canvas.append(write(x, HEIGHT - 8, label(bar), { 'text-anchor': last ? 'end' : 'middle' }));
  });
  return { y, slot };
}

// Columns, stacked: `series` are keys of each bar, from below.
export function columns(width, { bars, series, format, label, name, tell }) {
  const canvas = picture(width, HEIGHT, name);
  const sum = (bar) => series.reduce((all, key) => all + (bar[key] ?? 0), 0);
  const marks = ticks(Math.max(1, ...bars.map(sum)));
  const top = marks.at(-1);
  const { y, slot } = frame(canvas, { width, marks, top, format, bars, label });
  bars.forEach((bar, index) => {
    let below = 0;
    const column = svg('g', {}, svg('title', {}, tell(bar)));
    // A whole slot to point at, however low the column is.
    column.append(svg('rect', {
      x: PAD.left + slot * index, y: PAD.top, width: slot, height: HEIGHT - PAD.top - PAD.bottom,
      class: 'reach',
    }));
    for (const key of series) {
      const value = bar[key] ?? 0;
      if (value === 0) continue;
      const from = y(below);
      below += value;
      column.append(svg('rect', {
        x: PAD.left + slot * (index + 0.14), width: Math.max(1, slot * 0.72),
        y: y(below), height: Math.max(1, from - y(below)), class: `series ${key}`,
      }));
    }
    canvas.append(column);
  });
  return canvas;
}

// Lines over time; where there is no value, there is a gap.
export function lines(width, { bars, series, format, label, name, tell }) {
  const canvas = picture(width, HEIGHT, name);
  const values = bars.flatMap((bar) => series.map((key) => bar[key] ?? 0));
  const marks = ticks(Math.max(1, ...values) / 1000, false).map((seconds) => seconds * 1000);
  const top = marks.at(-1);
  const { y, slot } = frame(canvas, { width, marks, top, format, bars, label });
  const x = (index) => PAD.left + slot * (index + 0.5);
  for (const key of series) {
    let path = '';
    bars.forEach((bar, index) => {
      if (bar[key] === null) return;
      const joined = index > 0 && bars[index - 1][key] !== null;
      path += `${joined ? 'L' : 'M'}${x(index)} ${y(bar[key])}`;
    });
    canvas.append(svg('path', { d: path, class: `line ${key}` }));
    bars.forEach((bar, index) => {
      if (bar[key] === null) return;
      const dot = key === series[0]
        ? svg('circle', { cx: x(index), cy: y(bar[key]), r: 3.5, class: `dot ${key}` })
        : svg('rect', { x: x(index) - 3.5, y: y(bar[key]) - 3.5, width: 7, height: 7, class: `dot ${key}` });
      dot.append(svg('title', {}, tell(bar)));
      canvas.append(dot);
    });
  }
  return canvas;
}

// One row for each, stacked, with its name above and its number at the end.
export function rows(width, { bars, series, format, label, name, tell, top }) {
  const height = bars.length * ROW + 4;
  const canvas = picture(width, height, name);
  const sum = (bar) => series.reduce((all, key) => all + (bar[key] ?? 0), 0);
  const most = top ?? Math.max(1, ...bars.map(sum));
  const names = Math.min(150, width * 0.38);
  const room = width - names - 64;
  bars.forEach((bar, index) => {
    const middle = index * ROW + ROW / 2;
    const line = svg('g', {}, svg('title', {}, tell(bar)));
    line.append(write(names - 8, middle + 4, shortened(label(bar), names), { 'text-anchor': 'end' }));
    let from = names;
    for (const key of series) {
      const length = ((bar[key] ?? 0) / most) * room;
      if (length <= 0) continue;
      line.append(svg('rect', {
        x: from, y: middle - 8, width: Math.max(1, length), height: 16, class: `series ${key}`,
      }));
      from += length;
    }
    line.append(write(from + 6, middle + 4, format(bar), { class: 'value' }));
    canvas.append(line);
  });
  return canvas;
}

// As much of a name as there is room for: a letter takes some seven pixels.
function shortened(text, width) {
  const room = Math.max(4, Math.floor(width / 7.4) - 1);
  const letters = [...text];
  return letters.length > room ? `${letters.slice(0, room - 1).join('')}…` : text;
}

// What each colour stands for.
export function legend(series, say) {
  return el('ul', { className: 'legend' }, ...series.map((key) =>
    el('li', {}, el('span', { className: `swatch ${key}`, aria: { hidden: 'true' } }),
      say(`series_${key}`))));
}
