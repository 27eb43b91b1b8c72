// Reads the address's options; whatever is out of bounds becomes the nearest that is within.

const asked = new URLSearchParams(location.search);

function number(name, least, most, otherwise) {
  const value = Number.parseFloat(asked.get(name) ?? '');
  return Number.isFinite(value) ? Math.min(most, Math.max(least, value)) : otherwise;
}

const yes = (name, otherwise = false) =>
  asked.has(name) ? !['0', 'no', 'false'].includes(asked.get(name)) : otherwise;

export const options = {
  route: asked.get('route') ?? '',
  channel: asked.get('channel') ?? '',
  // What the chat server wants in its address, as it is (accessToken=…).
  query: asked.get('query') ?? '',
  size: number('size', 10, 120, 28),
  side: asked.get('side') === 'right' ? 'right' : 'left',
  lines: Math.round(number('lines', 1, 50, 12)),
  // Seconds until a line goes; 0: it stays until others push it out.
  fade: number('fade', 0, 3600, 30),
  // Whether it says how it is connected: for setting up, not for the stream.
  check: yes('check'),
  tts: yes('tts'),
  names: yes('names', true),
  voice: (asked.get('voice') ?? '').toLowerCase(),
  rate: number('rate', 0.5, 2, 1),
  volume: number('volume', 0, 1, 1),
};
