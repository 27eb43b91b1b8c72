// Puts the page of rules together: how strict each channel is, and word lists of one's own.

import { ask, visit } from './visit.js';
import * as lists from './lists.js';
import * as strictness from './strictness.js';
import './rules-words.js';

function redraw() {
  strictness.redraw();
  lists.redraw();
}

const me = await visit('page_rules', redraw);
const answer = await ask('/api/policies');
if (answer.ok) await strictness.start(answer.body.places);
else strictness.refused(answer);
if (['moderator', 'admin'].includes(me.everywhere)) await lists.start(strictness.place, me.name);
redraw();
