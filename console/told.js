// Says what came of an act, and what a candidate would change, in the language that is spoken.

import { known, say } from './strings.js';
import { el, foreign } from './text.js';
import { ask, why } from './visit.js';
import * as replay from './replay.js';

const $ = (id) => document.getElementById(id);

// Of one part of a page: the elements are named after it.
export class Told {
  constructor(name) {
    [this.name, this.done, this.answer, this.played] = [name, '', null, null];
    this.blanks = {};
  }

  set(done, answer = null, blanks = {}) {
    [this.done, this.answer, this.blanks] = [done, answer, blanks];
    this.draw();
  }

  draw() {
    const { name, done, answer, played, blanks } = this;
    $(`${name}-told`).textContent = done ? say(done, blanks) : '';
    $(`${name}-problem`).replaceChildren(...(answer ? [el('p', {}, foreign(why(answer, known)))] : []));
    if (!played) return $(`${name}-replayed`).replaceChildren();
    return $(`${name}-replayed`).replaceChildren(
      el('p', { className: 'outcome-line', textContent: replay.summary(played) }), ...replay.draw(played));
  }

  // What a candidate would do with what is still known, if that is still asked by then.
  async replay(place, candidate, asked) {
    this.set('rules_replay_busy');
    const answer = await ask('/api/replay', { ...place, candidate });
    if (!asked()) return;
    this.played = answer.ok ? answer.body : null;
    this.set('', answer.ok ? null : answer);
  }

  clear() {
    this.played = null;
    this.set('');
  }
}
