// Asks Tidegate with a client of Perspective and OpenAI's, in Node.

import axios from 'axios';
import OpenAI from 'openai';
import Perspective from 'perspective-api-client';

const { API, KEY } = process.env;
const THREAT = 'i know where you live and i will hurt you';

function check(what, good, seen) {
  if (!good) throw new Error(`FAIL ${what}: ${JSON.stringify(seen)}`);
  console.log(`ok   ${what}: ${JSON.stringify(seen)}`);
}

// This client has Google's address written into it: one line sends all of it here.
axios.interceptors.request.use((config) => ({
  ...config,
  url: config.url.replace('https://commentanalyzer.googleapis.com', API),
}));
const perspective = new Perspective({ apiKey: KEY });
const scored = await perspective.analyze(THREAT, { attributes: ['threat', 'toxicity'] });
const { value } = scored.attributeScores.THREAT.summaryScore;
check('perspective-api-client (npm)', value > 0.7, value);
const refused = await perspective.analyze('gg', { attributes: ['flirtation'] }).catch((e) => e);
const unknown = 'Unknown requested attribute: FLIRTATION';
check('perspective-api-client (npm), error', refused.message === unknown, refused.message);

// Plain fetch, with the key in Google's header.
const plain = await fetch(`${API}/v1alpha1/comments:analyze`, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json', 'X-Goog-Api-Key': KEY },
  body: JSON.stringify({ comment: { text: THREAT }, requestedAttributes: { INSULT: {} } }),
});
check('fetch', plain.status === 200, plain.headers.get('tidegate-model'));

const openai = new OpenAI({ apiKey: KEY, baseURL: `${API}/v1`, maxRetries: 0 });
const moderated = await openai.moderations.create({ input: ['good evening', THREAT] });
const flagged = moderated.results.map((result) => result.flagged);
check('openai (npm), flagged', flagged.join() === 'false,true', flagged);
const names = Object.keys(moderated.results[1].category_scores);
check('openai (npm), categories', names.length === 13, names.length);
const bad = await openai.moderations.create({ input: [] }).catch((e) => e);
check('openai (npm), error', bad.status === 400 && bad.param === 'input', bad.code);
