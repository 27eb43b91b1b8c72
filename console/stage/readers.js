// Understands what a chat server says to a reader, in the dialects that Tidegate speaks.
//
// `read` turns a frame into events: somebody said something, or something is taken away.

const READERS = { irc, json, text };

export function reader(config) {
  return READERS[config.speaks](config);
}

function text() {
  return { read: (frame) => [{ kind: 'said', id: '', sender: '', name: '', text: frame }] };
}

/* IRC over WebSocket. */

function irc(config) {
  let welcomed = false;
  return {
    read(frame, send) {
      const events = [];
      for (const raw of frame.split(/\r\n|\n/)) {
        const line = parse(raw);
        if (!line) continue;
        if (line.command === 'PING') send(`PONG :${line.params.at(-1) ?? ''}`);
        else if (line.command === '001' && !welcomed) {
          welcomed = true;
          config.welcomed.forEach(send);
        } else if (line.command === '433') {
          send(`NICK stage${Math.floor(Math.random() * 1e6)}`);
        } else if (line.command === 'RECONNECT') events.push({ kind: 'again' });
        else events.push(...spoken(line, config.channel));
      }
      return events;
    },
  };
}

// Tags, prefix, command and parameters of a line.
export function parse(raw) {
  let rest = raw;
  const tags = new Map();
  if (rest.startsWith('@')) {
    const end = rest.indexOf(' ');
    if (end < 0) return null;
    for (const pair of rest.slice(1, end).split(';')) {
      const cut = pair.indexOf('=');
      if (cut < 0) tags.set(pair, '');
      else tags.set(pair.slice(0, cut), unescape(pair.slice(cut + 1)));
    }
    rest = rest.slice(end).trimStart();
  }
  let prefix = '';
  if (rest.startsWith(':')) {
    const end = rest.indexOf(' ');
    if (end < 0) return null;
    prefix = rest.slice(1, end);
    rest = rest.slice(end).trimStart();
  }
  const params = [];
  while (rest) {
    if (rest.startsWith(':') && params.length > 0) {
      params.push(rest.slice(1));
      break;
    }
    const end = rest.indexOf(' ');
    params.push(end < 0 ? rest : rest.slice(0, end));
    rest = end < 0 ? '' : rest.slice(end).replace(/^ +/, '');
  }
  const command = (params.shift() ?? '').toUpperCase();
  return command ? { tags, prefix, command, params } : null;
}

function unescape(value) {
  const known = { ':': ';', s: ' ', r: '\r', n: '\n' };
  return value.replace(/\\(.?)/g, (_, letter) => known[letter] ?? letter);
}

function spoken({ tags, prefix, command, params }, channel) {
  const here = (params[0] ?? '').toLowerCase() === channel;
  if (!here) return [];
  const nick = tags.get('login') || prefix.split('!')[0];
  const sender = tags.get('user-id') || tags.get('account') || nick.toLowerCase();
  switch (command) {
    case 'PRIVMSG':
    case 'USERNOTICE': {
      if (params.length < 2) return [];
      const action = /^\u0001ACTION ([^\u0001]*)\u0001?$/i.exec(params[1]);
      // Other requests between clients are no chat.
      if (!action && params[1].startsWith('\u0001')) return [];
      const bits = Number.parseInt(tags.get('bits') ?? '', 10);
      return [{
        kind: 'said',
        id: tags.get('id') || tags.get('msgid') || '',
        sender,
        name: tags.get('display-name') || nick,
        text: action ? action[1] : params[1],
        me: action !== null,
        paid: bits > 0 ? `${bits} bits` : '',
      }];
    }
    case 'CLEARMSG':
      return [{ kind: 'gone', ids: [tags.get('target-msg-id') ?? ''] }];
    case 'REDACT':
      return [{ kind: 'gone', ids: [params[1] ?? ''] }];
    case 'CLEARCHAT':
      if (params.length < 2) return [{ kind: 'clear' }];
      return [{ kind: 'silenced', sender: tags.get('target-user-id') || params[1].toLowerCase() }];
    default:
      return [];
  }
}

/* JSON, by pointers. */

function json(config) {
  const shape = config.json;
  return {
    read(frame) {
      const values = shape.lines ? frame.split('\n') : [frame];
      return values.flatMap((value) => events(shape, value, config.channel));
    },
  };
}

function parsed(value) {
  try {
    return JSON.parse(value);
  } catch {
    return undefined; // Nothing that anybody said.
  }
}

// The value at a pointer (RFC 6901); one with ^ starts from the frame.
export function at(pointer, outer, node) {
  if (!pointer) return undefined;
  const steps = pointer.replace(/^\^/, '').split('/').slice(1);
  let value = pointer.startsWith('^') ? outer : node;
  for (const step of steps) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}

const scalar = (value) => (['string', 'number'].includes(typeof value) ? String(value) : '');

function events(shape, frame, channel) {
  const outer = parsed(frame);
  let root = outer;
  if (shape.inner) root = parsed(scalar(at(shape.inner, outer, outer)));
  if (root === undefined || root === null) return [];
  const nodes = shape.messages ? at(shape.messages, outer, root) : [root];
  if (!Array.isArray(nodes)) return removals(shape, outer, root);
  return nodes.flatMap((node) => event(shape, outer, node, channel));
}

function event(shape, outer, node, channel) {
  const kind = scalar(at(shape.kind, outer, node));
  if (shape.kind && !shape.kinds.includes(kind)) return removals(shape, outer, node);
  const words = at(shape.text, outer, node) ?? at(shape.text_or, outer, node);
  if (typeof words !== 'string') return [];
  const own = scalar(at(shape.channel, outer, node));
  if (shape.channel && channel && own !== channel) return [];
  const sender = scalar(at(shape.user, outer, node));
  const name = scalar(at(shape.name, outer, node)) || sender;
  const paid = scalar(at(shape.paid, outer, node));
  const currency = scalar(at(shape.currency, outer, node));
  return [{
    kind: 'said',
    id: scalar(at(shape.id, outer, node)),
    sender: sender || name,
    name,
    text: shape.html ? shown(words) : words,
    paid: /[1-9]/.test(paid) ? `${paid} ${currency}`.trim() : '',
  }];
}

function removals(shape, outer, node) {
  const kind = scalar(at(shape.kind, outer, node));
  if (!shape.removed_kinds.includes(kind) || at(shape.removed_unless, outer, node)) return [];
  const ids = [at(shape.removed, outer, node)].flat().map(scalar);
  return [{ kind: 'gone', ids }];
}

// The text as a browser would show this HTML, in a document where nothing runs and nothing loads.
function shown(html) {
  const { body } = new DOMParser().parseFromString(html, 'text/html');
  for (const hidden of body.querySelectorAll('script, style, template, noscript')) hidden.remove();
  for (const image of body.querySelectorAll('img')) image.replaceWith(image.alt || image.title);
  for (const gap of body.querySelectorAll('br, p')) gap.append(' ');
  return body.textContent.trim();
}
