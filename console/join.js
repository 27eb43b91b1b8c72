// Lets somebody who was invited choose a name and a password.

import { known, language, say, speak, translate } from './strings.js';
import { call } from './door.js';
import './account-words.js';

const $ = (id) => document.getElementById(id);
// It stands behind the #, which browsers send to nobody; it need not stay in their history either.
const secret = location.hash.slice(1);
history.replaceState(null, '', location.pathname);

function show() {
  translate();
  document.title = `${say('join_title')} · Tidegate`;
  for (const tag of ['en', 'fr'])
    $(`language-${tag}`).setAttribute('aria-pressed', String(language() === tag));
  if (!secret) $('join-error').textContent = say('error_invitation');
}

for (const tag of ['en', 'fr']) {
  $(`language-${tag}`).addEventListener('click', () => {
    speak(tag);
    show();
  });
}

$('join').addEventListener('submit', async (event) => {
  event.preventDefault();
  const answer = await call('/join', {
    secret, name: $('join-name').value, password: $('join-password').value,
  });
  if (answer.ok) return location.replace('/');
  const name = `error_${answer.body.error}`;
  $('join-error').textContent = known(name) ? say(name) : answer.body.message;
  return $('join-name').focus();
});

show();
