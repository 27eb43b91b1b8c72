// Speaks with Tidegate: requests, and the stream of changes that comes back by itself.

// A dead connection is noticed after this long without a beat (one comes every 10 s).
const SILENCE_MS = 32_000;
const RETRY_MS = [500, 1000, 2000, 4000, 8000, 15_000];

// How far the server's clock is ahead of this one.
let ahead = 0;

export function now() {
  return Date.now() + ahead;
}

function set(nowMs) {
  if (Number.isFinite(nowMs)) ahead = nowMs - Date.now();
}

// Resolves to {ok, status, body, wait}; never throws.
export async function call(path, body) {
  const options = { headers: { accept: 'application/json' }, credentials: 'same-origin' };
  if (body !== undefined) {
    options.method = 'POST';
    options.body = JSON.stringify(body);
    options.headers['content-type'] = 'application/json';
    options.headers['x-tidegate'] = '1';
  }
  try {
    const response = await fetch(path, options);
    const answer = response.status === 204 ? {} : await response.json();
    set(answer.now_ms);
    const wait = Number(response.headers.get('retry-after'));
    return { ok: response.ok, status: response.status, body: answer, wait };
  } catch {
    return { ok: false, status: 0, body: { error: 'unreachable' }, wait: 0 };
  }
}

// Listens to what a query asks for until stopped. `on` has queue, added, moved, crowds, decrees, looks, beat, linked(bool) and ended.
export function listen(on, query = '') {
  let source = null;
  let tries = 0;
  let timer = 0;
  let stopped = false;

  function open() {
    if (stopped) return;
    source = new EventSource(`/api/stream${query}`);
    for (const kind of ['queue', 'added', 'moved', 'crowds', 'decrees', 'looks', 'beat']) {
      source.addEventListener(kind, (event) => {
        alive();
        const data = JSON.parse(event.data);
        set(data.now_ms);
        on[kind](data);
      });
    }
    source.addEventListener('ended', finish);
    source.addEventListener('error', retry);
    watch();
  }

  function alive() {
    tries = 0;
    on.linked(true);
    watch();
  }

  function watch() {
    clearTimeout(timer);
    timer = setTimeout(retry, SILENCE_MS);
  }

  // The browser's own retry gives up on refusals; this one asks first whether to log in again.
  function retry() {
    source.close();
    clearTimeout(timer);
    if (stopped) return;
    on.linked(false);
    const wait = RETRY_MS[Math.min(tries, RETRY_MS.length - 1)] * (0.75 + Math.random() / 2);
    tries += 1;
    timer = setTimeout(async () => {
      const me = await call('/api/me');
      if (me.status === 401) finish();
      else if (me.ok) open();
      else if (!stopped) retry();
    }, wait);
  }

  function finish() {
    stop();
    on.ended();
  }

  function stop() {
    stopped = true;
    clearTimeout(timer);
    source?.close();
  }

  open();
  return stop;
}
