// tmi.js, the library that most Twitch bots are written with.

import { createRequire } from "node:module";
import { dialect } from "./sockets.mjs";
import { until } from "./check.mjs";

const require = createRequire(import.meta.url);
const tmi = require("tmi.js");

/** A bot in one channel, and everything that came to it. */
export class Bot {
  constructor(host, port, nick, channel) {
    this.nick = nick;
    this.channel = channel;
    this.lines = [];
    this.seen = new Set();
    this.raw = [];
    this.client = new tmi.Client({
      options: { skipMembership: true, skipUpdatingEmotesets: true },
      connection: { server: host, port, secure: false, reconnect: false, timeout: 8000 },
      identity: { username: nick, password: "oauth:none" },
      channels: [channel],
    });
    // "No response from Twitch" is expected: an ordinary server confirms a JOIN otherwise.
    this.client.log.setLevel("fatal");
    this.client.on("message", (_channel, tags, text) => {
      this.lines.push({ from: tags.username, text });
    });
    this.client.on("join", (_channel, user) => this.seen.add(user));
    this.client.on("raw_message", (message) => this.raw.push(message));
  }

  async connect() {
    dialect.now = "twitch";
    await this.client.connect();
  }

  say(text) {
    // The promise waits for an answer that only Twitch gives.
    this.client.say(this.channel, text).catch(() => {});
  }

  hears(text) {
    return until(`${this.nick} hears ${text}`, () => this.lines.find((line) => line.text === text));
  }

  heard(text) {
    return this.lines.filter((line) => line.text === text).length;
  }

  /** A NOTICE to this bot or its channel after the first `known` ones. */
  notices() {
    return this.raw.filter((message) => message.command === "NOTICE");
  }

  async leave() {
    await this.client.disconnect().catch(() => {});
  }
}
