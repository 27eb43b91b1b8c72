// Opens a page beside the queue: who is here and in which language; without a login, back to it.

import { language, say, speak, translate } from './strings.js';
import { call } from './door.js';
import { named } from './text.js';
import * as active from './active.js';
import { offer } from './pages.js';
import './sentences.js';

const $ = (id) => document.getElementById(id);
const LOGIN = '/';
let me = null;

// Resolves to whoever is logged in; `redraw` is called whenever the language has changed.
export async function visit(title, redraw) {
  const show = () => {
    translate();
    document.title = `${say(title)} · Tidegate`;
    for (const tag of ['en', 'fr'])
      $(`language-${tag}`).setAttribute('aria-pressed', String(language() === tag));
    if (me) $('who').textContent = `${me.name} · ${say(me.role)}`;
  };
  for (const tag of ['en', 'fr']) {
    $(`language-${tag}`).addEventListener('click', () => {
      speak(tag);
      show();
      if (me) redraw();
    });
  }
  show();
  const answer = await call('/api/me');
  if (!answer.ok) return leave();
  me = answer.body;
  offer($('pages'), me);
  if (me.may_decide) active.start(() => {});
  show();
  $('page').hidden = false;
  return me;
}

// Whoever is not logged in sees nothing here; the promise of what was asked never comes true.
export function leave() {
  location.replace(LOGIN);
  return new Promise(() => {});
}

// The answer to a request; a session that is over leaves the page.
export async function ask(path, body) {
  const answer = await call(path, body);
  // A wrong password on the page is a 401 as well, and no end of the session.
  return answer.body.error === 'login' ? leave() : answer;
}

// Why something did not work, in words.
export function why(answer, known) {
  const { error, message, by } = answer.body;
  const name = `error_${error}`;
  const who = by ? named(by) : say('somebody');
  if (known(name)) return say(name, { time: say('seconds', { n: answer.wait || 1 }), who });
  return message ?? say('error_other', { error });
}
