// Shows what was judged and decided lately: plots, and the table behind each.

import { known, language, say, span, written } from './strings.js';
import { el, foreign } from './text.js';
import { ask, visit, why } from './visit.js';
import { columns, legend, lines, rows } from './plots.js';

const WINDOWS = ['hour', 'day', 'week'];
const REFRESH_MS = 60_000;
// A rule of which less was decided says little about the rule.
const DECIDED_MIN = 5;
const ROWS_MAX = 12;
const OTHERS = '…';

const $ = (id) => document.getElementById(id);
let period = 'day';
let sum = null;
const figures = new Map();

const number = (value) => new Intl.NumberFormat(language()).format(value);
const share = (value) => new Intl.NumberFormat(language(),
  { style: 'percent', maximumFractionDigits: 0 }).format(value);
const time = (ms) => (ms === null ? '—' : ms < 9500 ? say('seconds', { n: number(Math.round(ms / 100) / 10) }) : span(ms / 1000));
const total = (row, series) => series.reduce((all, key) => all + (row[key] ?? 0), 0);
const categoryOf = ({ category }) => (known(category) ? say(category) : category);
const nameOf = (name) => (name === OTHERS ? say('others') : name);

function moment(ms, long = false) {
  const options = {
    hour: { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
    day: { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
    week: long
      ? {
        weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit',
        hourCycle: 'h23',
      }
      : { weekday: 'short', hour: '2-digit', hourCycle: 'h23' },
  }[period];
  return written(ms, options);
}

// The rows of a figure: the largest, in order.
const largest = (all, series) => all.filter((row) => total(row, series) > 0).slice(0, ROWS_MAX);

// Every figure: from what it is drawn, how its table reads, and in which sheet it is.
const FIGURES = [
  { id: 'stopped', table: 'times', kind: columns, series: ['mask', 'hold', 'drop'], wide: true },
  { id: 'pass', table: 'times', kind: columns, series: ['pass'] },
  { id: 'ends', table: 'times', kind: columns, series: ['released', 'removed', 'expired'] },
  { id: 'waits', table: 'times', kind: lines, series: ['p50_ms', 'p95_ms'] },
  {
    id: 'categories', table: 'categories', kind: rows, series: ['mask', 'hold', 'drop'],
    bars: () => largest(sum.categories, ['mask', 'hold', 'drop']), label: categoryOf,
    column: 'col_category',
  },
  {
    id: 'rules', table: 'rules', kind: rows, series: ['mask', 'hold', 'drop'],
    bars: () => largest(sum.rules, ['mask', 'hold', 'drop']), label: ({ rule }) => nameOf(rule),
    column: 'col_rule',
  },
  {
    id: 'overturned', table: 'rules', kind: rows, series: ['overturned'], top: 1,
    bars: () => sum.rules.filter((row) => row.released + row.removed >= DECIDED_MIN)
      .sort((a, b) => b.overturned - a.overturned).slice(0, ROWS_MAX),
    label: ({ rule }) => nameOf(rule), column: 'col_rule',
    value: (row) => share(row.overturned), cells: ['overturned', 'released', 'removed', 'expired'],
  },
  {
    id: 'people', table: 'people', kind: rows, series: ['released', 'removed'],
    bars: () => largest(sum.people, ['released', 'removed']), label: ({ name }) => nameOf(name),
    column: 'col_name', cells: ['released', 'removed', 'p50_ms', 'p95_ms'],
  },
];

const ofTime = (figure) => figure.table === 'times';
const barsOf = (figure) => (ofTime(figure) ? sum.bars : figure.bars());
const cellsOf = (figure) => figure.cells ?? figure.series;

function cell(key, row) {
  const value = row[key];
  if (key.endsWith('_ms')) return time(value);
  if (key === 'overturned') return value === null ? '—' : share(value);
  return number(value);
}

function labelOf(figure, row, long = false) {
  return ofTime(figure) ? moment(row.at_ms, long) : figure.label(row);
}

// One bar in words, for whoever points at it.
function tell(figure, row) {
  const values = cellsOf(figure).map((key) => `${say(`series_${key}`)}: ${cell(key, row)}`);
  return `${labelOf(figure, row, true)}\n${values.join('\n')}`;
}

// The figure in a sentence, before anybody looks at it.
function sentence(figure, bars) {
  if (figure.id === 'waits') {
    return sum.p50_ms === null ? say('figure_none')
      : say('sum_waits', { p50: time(sum.p50_ms), p95: time(sum.p95_ms) });
  }
  const sizes = bars.map((bar) => total(bar, figure.series));
  const most = Math.max(0, ...sizes);
  if (most === 0) {
    const few = figure.id === 'overturned' && bars.length === 0 && sum.rules.length > 0;
    return few ? say('figure_few', { n: DECIDED_MIN }) : say('figure_none');
  }
  const first = bars[sizes.indexOf(most)];
  if (figure.id === 'overturned') {
    return say('sum_overturned', {
      name: labelOf(figure, first), share: share(most), n: number(first.released + first.removed),
    });
  }
  if (!ofTime(figure)) return say('sum_rows', { name: labelOf(figure, first), n: number(most) });
  const all = sizes.reduce((a, b) => a + b, 0);
  return say('sum_columns', {
    total: number(all), at: moment(first.at_ms, true), most: number(most),
  });
}

// The elements of a figure, made once, so that an open table stays open.
function made(figure) {
  const known = figures.get(figure.id);
  if (known) return known;
  const title = el('h2', { id: `title-${figure.id}` });
  const parts = {
    title,
    said: el('p', { className: 'muted small' }),
    key: el('div'),
    drawing: el('div', { className: 'drawing' }),
    summary: el('summary'),
    table: el('div', { className: 'scroll', tabIndex: 0, role: 'region' }),
    sheet: el('a', { className: 'csv', download: '' }),
  };
  const more = el('div', { className: 'more-of' },
    el('details', {}, parts.summary, parts.table), parts.sheet);
  const element = el('section', {
    className: figure.wide ? 'figure wide' : 'figure', id: `figure-${figure.id}`,
    aria: { labelledby: title.id },
  }, title, parts.said, parts.key, parts.drawing, more);
  $('figures').append(element);
  figures.set(figure.id, parts);
  return parts;
}

function draw(figure) {
  const parts = made(figure);
  const bars = barsOf(figure);
  const title = say(`figure_${figure.id}`);
  const said = sentence(figure, bars);
  parts.title.textContent = title;
  parts.said.textContent = said;
  const several = figure.series.length > 1;
  parts.key.replaceChildren(...(several ? [legend(figure.series, say)] : []));
  parts.summary.textContent = say('as_table');
  parts.summary.setAttribute('aria-label', say('as_table_of', { name: title }));
  parts.table.setAttribute('aria-label', say('as_table_of', { name: title }));
  parts.table.replaceChildren(tableOf(figure, bars, title));
  parts.sheet.textContent = say('as_csv');
  parts.sheet.setAttribute('aria-label', say('as_csv_of', { name: title }));
  parts.sheet.href = `/api/insights.csv?window=${period}&table=${figure.table}`;
  plot(figure);
}

function plot(figure) {
  const parts = figures.get(figure.id);
  const bars = barsOf(figure);
  const width = Math.floor(parts.drawing.clientWidth);
  const empty = bars.every((bar) => total(bar, figure.series) === 0);
  parts.drawing.classList.toggle('empty-plot', empty);
  if (empty || width < 120) {
    parts.drawing.replaceChildren();
    return;
  }
  const value = figure.value ?? ((row) => number(total(row, figure.series)));
  const format = figure.kind === rows ? value : figure.kind === lines ? time : number;
  parts.drawing.replaceChildren(figure.kind(width, {
    bars, series: figure.series, top: figure.top, format,
    label: (row) => (ofTime(figure) ? moment(row.at_ms) : figure.label(row)),
    name: `${parts.title.textContent}. ${parts.said.textContent}`,
    tell: (row) => tell(figure, row),
  }));
}

function tableOf(figure, bars, title) {
  const cells = cellsOf(figure);
  const column = ofTime(figure) ? 'col_time' : figure.column;
  const head = el('tr', {}, el('th', { scope: 'col', textContent: say(column) }),
    ...cells.map((key) => el('th', { scope: 'col', className: 'number', textContent: say(`series_${key}`) })));
  // The newest is what somebody looks for first.
  const ordered = ofTime(figure) ? [...bars].reverse() : bars;
  const lines = ordered.map((row) => el('tr', {},
    el('th', { scope: 'row' }, foreign(labelOf(figure, row, true))),
    ...cells.map((key) => el('td', { className: 'number', textContent: cell(key, row) }))));
  return el('table', {}, el('caption', { className: 'away', textContent: title }),
    el('thead', {}, head), el('tbody', {}, ...lines));
}

function tiles() {
  const { mask, hold, drop } = sum.stopped;
  const { released, removed, expired } = sum.ends;
  const began = sum.passes_since_ms > sum.bars[0].at_ms;
  const pass = began
    ? say('tile_pass_since', { at: written(sum.passes_since_ms,
      { weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }) })
    : say('tile_pass');
  const shown = [
    [pass, number(sum.pass)],
    [say('tile_stopped'), number(mask + hold + drop)],
    [say('tile_decided'), number(released + removed)],
    [say('tile_overturned'), sum.overturned === null ? '—' : share(sum.overturned)],
    [say('tile_p50'), time(sum.p50_ms)],
    [say('tile_p95'), time(sum.p95_ms)],
    [say('tile_expired'), number(expired)],
    [say('tile_held'), number(sum.held_now)],
  ];
  $('tiles').replaceChildren(...shown.map(([what, value]) =>
    el('div', {}, el('dt', { textContent: what }), el('dd', { textContent: value }))));
}

function redraw() {
  for (const button of $('windows').children)
    button.setAttribute('aria-pressed', String(button.dataset.window === period));
  if (!sum) return;
  tiles();
  FIGURES.forEach(draw);
}

async function refresh() {
  const wanted = period;
  const answer = await ask(`/api/insights?window=${wanted}`);
  if (wanted !== period) return;
  $('insights-error').textContent = answer.ok ? '' : why(answer, known);
  if (!answer.ok) return;
  // A bar has what its parts have, so that a table and a plot read it alike.
  sum = answer.body;
  redraw();
}

for (const name of WINDOWS) {
  $('windows').querySelector(`[data-window="${name}"]`).addEventListener('click', () => {
    period = name;
    redraw();
    refresh();
  });
}

await visit('page_insights', redraw);
redraw();
await refresh();
new ResizeObserver(() => {
  if (sum) FIGURES.forEach(plot);
}).observe($('figures'));
setInterval(() => {
  if (!document.hidden) refresh();
}, REFRESH_MS);
