// Reads aloud what is shown, one message after the other, as far as a listener can follow.

import { options } from './options.js';

// Messages that wait to be read; a busy chat is faster than any voice, and the newest count.
const WAITING_MAX = 5;
// What takes longer than a dozen seconds to say is read by eye.
const SPOKEN_MAX = 200;
// The same word again and again is a way to hold the loudspeaker.
const REPEATS_MAX = 3;
// An engine that never says that it is done must not end the reading.
const SPEAKING_MS = 30_000;
// Right after the end of one some browsers forget the next.
const PAUSE_MS = 60;

const waiting = [];
let speaking = null;
let watch = 0;
let refused = () => {};

// `whenRefused` is called when the browser wants a click first.
export function start(whenRefused) {
  refused = whenRefused;
}

export const possible = () => 'speechSynthesis' in window;

export function say(event) {
  if (!options.tts || !possible()) return;
  const words = spoken(event);
  if (!words) return;
  waiting.push({ id: event.id, sender: event.sender, words });
  while (waiting.length > WAITING_MAX) waiting.shift();
  next();
}

// What is gone from the screen is not read any more, not even to its end.
export function forget(isGone) {
  for (let at = waiting.length - 1; at >= 0; at -= 1) if (isGone(waiting[at])) waiting.splice(at, 1);
  if (speaking && isGone(speaking)) {
    speechSynthesis.cancel();
    done(speaking);
  }
}

// After a click, which browsers want to have seen.
export function resume() {
  next();
}

// The words without what no voice should say: masks, addresses, unseen characters, drumming.
export function spoken({ name, text, me }) {
  const words = plain(text)
    .replace(/\*+/g, ' ')
    .replace(/\b(?:https?:\/\/|www\.)\S+/gi, ' ')
    .replace(/(.)\1{4,}/gu, '$1$1$1')
    .split(/\s+/)
    .filter(Boolean);
  const kept = words.filter((word, at) => {
    const before = words.slice(Math.max(0, at - REPEATS_MAX), at);
    return before.length < REPEATS_MAX || before.some((other) => other !== word);
  });
  if (!/[\p{L}\p{N}]/u.test(kept.join(''))) return '';
  const said = [...kept.join(' ')].slice(0, SPOKEN_MAX).join('');
  const who = [...plain(name).replace(/[_*]+/g, ' ')].slice(0, 25).join('').trim();
  if (!options.names || !who) return said;
  return me ? `${who} ${said}` : `${who}: ${said}`;
}

const plain = (text) => text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]+/gu, ' ');

function next() {
  if (speaking || waiting.length === 0) return;
  const own = waiting.shift();
  speaking = own;
  const utterance = new SpeechSynthesisUtterance(own.words);
  Object.assign(utterance, { rate: options.rate, volume: options.volume });
  const voice = options.voice && speechSynthesis.getVoices().find(fits);
  if (voice) Object.assign(utterance, { voice, lang: voice.lang });
  utterance.onend = () => done(own);
  utterance.onerror = (event) => {
    if (event.error === 'not-allowed') refused();
    done(own);
  };
  watch = setTimeout(() => {
    speechSynthesis.cancel();
    done(own);
  }, SPEAKING_MS);
  speechSynthesis.speak(utterance);
}

const fits = ({ name, lang }) => `${name} ${lang}`.toLowerCase().includes(options.voice);

function done(own) {
  if (speaking !== own) return;
  speaking = null;
  clearTimeout(watch);
  setTimeout(next, PAUSE_MS);
}
