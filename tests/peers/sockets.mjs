// The WebSocket that both libraries find as a global: the `ws` package with what a browser sends.

import WebSocket from "ws";

/** `plain`, or `twitch` for a library that speaks Twitch's dialect to an ordinary server. */
export const dialect = { now: "plain", headers: {} };

class Socket extends WebSocket {
  constructor(url, _subprotocols) {
    // Subprotocols are left out: `ws` gives up when the server chooses none, and InspIRCd knows
    // none of those that the libraries ask for.
    super(url, [], { origin: "http://localhost", headers: dialect.headers });
    this.twitch = dialect.now === "twitch";
  }

  // Twitch wants neither USER nor the end of the negotiation, which IRC does.
  send(line, ...rest) {
    if (!this.twitch) return super.send(line, ...rest);
    const wanted = String(line).startsWith("CAP REQ");
    super.send(wanted ? "CAP REQ :message-tags server-time" : line, ...rest);
    const nick = /^NICK (\S+)/.exec(String(line))?.[1];
    if (nick) {
      super.send(`USER ${nick} 0 * :${nick}`);
      super.send("CAP END");
    }
    return undefined;
  }
}

globalThis.WebSocket = Socket;
