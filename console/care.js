// Proposes a break after long work or many hard texts. All of it stays in this page and browser.

// A pointer moves many times in one.
const SECOND_MS = 1000;
const MINUTE_MS = 60_000;
// Whoever did nothing for this long had a pause.
const PAUSE_MS = 5 * MINUTE_MS;
const WORK_MS = 50 * MINUTE_MS;
const TEXTS_MAX = 40;
const LATER_MS = 10 * MINUTE_MS;
const HARD = ['threat', 'hate', 'self_harm', 'extremism', 'doxxing'];
const HARD_FROM = 3;
const KEPT = 'tidegate.care';

// `since`: when work began; `last`: the last sign of it; `texts`: ids of hard texts looked at since;
// `quiet`: until when nothing is proposed; `off`: the day on which nothing is.
export const fresh = (kept = {}) => ({
  since: null,
  last: null,
  texts: [],
  quiet: kept.quiet ?? 0,
  off: kept.off ?? '',
});

// Whether a held message is among those that wear people out.
export function hard(hold) {
  const wears = ({ category, severity, shadow }) =>
    !shadow && HARD.includes(category) && severity >= HARD_FROM;
  return hold.findings.some(wears);
}

// What follows from one event {kind, at, day, id}, and why a break is due: 'time', 'texts' or ''.
// Kinds: `work` (a key, the pointer), `text` (a hard text was looked at), and what is answered to
// the notice: `later`, `off` for the day, `close`. Nothing but its arguments counts.
export function step(state, { kind, at, day, id }) {
  let next = { ...state };
  const works = kind === 'work' || kind === 'text';
  if (works && (next.last === null || at - next.last >= PAUSE_MS))
    next = { ...next, since: at, texts: [] };
  next.last = at;
  if (kind === 'text' && !next.texts.includes(id) && next.texts.length < TEXTS_MAX)
    next.texts = [...next.texts, id];
  if (kind === 'later') next.quiet = at + LATER_MS;
  if (kind === 'off') next.off = day;
  // Whoever closes it knows: it counts from the start.
  if (kind === 'close') next = { ...next, since: at, texts: [] };
  const mute = next.off === day || at < next.quiet || next.since === null;
  let due = '';
  if (!mute && next.texts.length >= TEXTS_MAX) due = 'texts';
  else if (!mute && at - next.since >= WORK_MS) due = 'time';
  return { state: next, due };
}

const today = (date) => `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;

// A browser may refuse storage; what was answered then holds for as long as the page is open.
function read() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? {};
  } catch {
    return {};
  }
}

function keep({ quiet, off }) {
  try {
    localStorage.setItem(KEPT, JSON.stringify({ quiet, off }));
  } catch {
    /* as above */
  }
}

// Watches in a page that has `place`, a live region; `draw(why, answer)` makes the notice, where
// `answer` takes 'later', 'off' or 'close'. The answer is {start, stop, look, redraw}.
export function watch(place, draw) {
  let state = fresh(read());
  let shown = '';
  let works = false;

  function show(due) {
    if (due === shown) return;
    shown = due;
    // It takes no focus, and is announced when nothing else is being said.
    place.replaceChildren(...(due ? [draw(due, answer)] : []));
  }

  function note(kind, id) {
    const now = new Date();
    const after = step(state, { kind, at: now.getTime(), day: today(now), id });
    state = after.state;
    show(after.due);
  }

  function answer(kind) {
    note(kind);
    keep(state);
  }

  for (const sign of ['keydown', 'pointerdown', 'pointermove', 'wheel']) {
    const work = () => {
      if (works && Date.now() - (state.last ?? 0) >= SECOND_MS) note('work');
    };
    window.addEventListener(sign, work, { passive: true, capture: true });
  }
  return {
    start() {
      works = true;
    },
    // What the next person did not look at does not count for them.
    stop() {
      works = false;
      state = fresh(read());
      show('');
    },
    look(hold) {
      if (works && hard(hold)) note('text', hold.id);
    },
    redraw() {
      const due = shown;
      show('');
      show(due);
    },
  };
}
