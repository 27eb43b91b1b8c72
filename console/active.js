// Says that somebody is at work in this page: a key or the pointer, once a minute at most.

import { call } from './door.js';

const AGAIN_MS = 60_000;
const SIGNS = ['keydown', 'pointerdown', 'pointermove', 'wheel'];

let heard = null;
let toldAt = -Infinity;

// `hears` gets the names of those on duty, as they are then; null: nobody works here now.
export function start(hears) {
  heard = hears;
  toldAt = -Infinity;
}

export async function tell() {
  if (!heard) return;
  toldAt = performance.now();
  // Whether it arrives does not matter: the next minute says it again.
  const answer = await call('/api/active', {});
  if (answer.ok) heard?.(answer.body.on_duty);
}

for (const sign of SIGNS) {
  const moved = () => {
    if (performance.now() - toldAt >= AGAIN_MS) tell();
  };
  window.addEventListener(sign, moved, { passive: true, capture: true });
}
