// irc-framework, the library under Kiwi IRC and The Lounge, over WebSocket.

import { createRequire } from "node:module";
import { dialect } from "./sockets.mjs";
import { until } from "./check.mjs";

const require = createRequire(import.meta.url);
const { Client } = require("irc-framework");
const transport = require("irc-framework/src/transports/websocket");

/** Somebody in a channel, and everything that came to them. */
export class Chatter {
  constructor(host, port, nick) {
    this.nick = nick;
    this.lines = [];
    this.notices = [];
    this.raw = [];
    this.channels = new Set();
    this.registered = false;
    this.closed = false;
    dialect.now = "plain";
    this.client = new Client({
      transport, host, port, path: "/", nick, username: nick, gecos: nick,
      auto_reconnect: false, enable_echomessage: false,
    });
    this.client.requestCap(["message-tags", "server-time"]);
    const keep = (how) => (e) => this.lines.push({ from: e.nick, text: e.message, how });
    this.client.on("privmsg", keep("say"));
    this.client.on("action", keep("act"));
    this.client.on("notice", (e) => this.notices.push(e.message));
    this.client.on("raw", (e) => e.from_server && this.raw.push(e.line));
    this.client.on("registered", () => { this.registered = true; });
    this.client.on("join", (e) => e.nick === nick && this.channels.add(e.channel));
    this.client.on("socket close", () => { this.closed = true; });
    this.client.connect();
  }

  async join(channel) {
    await until(`${this.nick} is registered`, () => this.registered, 20000);
    this.client.join(channel);
    await until(`${this.nick} is in ${channel}`, () => this.channels.has(channel));
  }

  say(channel, text) {
    this.client.say(channel, text);
  }

  /** The line with this text, once it is there. */
  hears(text) {
    return until(`${this.nick} hears ${text}`, () => this.lines.find((line) => line.text === text));
  }

  heard(text) {
    return this.lines.filter((line) => line.text === text).length;
  }

  /** A notice that came after the first `known` ones. */
  noticed(known) {
    return until(`a notice for ${this.nick}`, () => this.notices[known]);
  }

  async leave() {
    this.client.quit();
    await until(`${this.nick} is gone`, () => this.closed, 5000).catch(() => {});
  }
}
