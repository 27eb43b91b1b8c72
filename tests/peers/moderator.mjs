// A moderator who works through the console's HTTP interface, as its page does.

export class Moderator {
  constructor(console, name) {
    this.console = console;
    this.name = name;
    this.cookie = "";
  }

  async ask(method, path, body, headers = {}) {
    const acting = method === "GET" ? {} : { origin: this.console, "x-tidegate": "1" };
    const json = body === undefined ? {} : { "content-type": "application/json" };
    const answer = await fetch(this.console + path, {
      method,
      headers: { cookie: this.cookie, ...acting, ...json, ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      redirect: "manual",
    });
    const text = await answer.text();
    let value = null;
    try {
      value = JSON.parse(text);
    } catch {
      value = text;
    }
    return { status: answer.status, value, cookies: answer.headers.getSetCookie() };
  }

  async logIn(password) {
    const answer = await this.ask("POST", "/login", { name: this.name, password });
    this.cookie = answer.cookies.map((cookie) => cookie.split(";")[0]).join("; ");
    return answer;
  }

  /** What waits now, oldest first. */
  async queue() {
    const answer = await this.ask("GET", "/api/queue");
    if (answer.status !== 200) throw new Error(`the queue answers ${answer.status}`);
    return answer.value.holds;
  }

  async waiting(text) {
    return (await this.queue()).find((hold) => hold.text === text);
  }

  act(id, what, body, headers) {
    return this.ask("POST", `/api/holds/${encodeURIComponent(id)}/${what}`, body, headers);
  }
}
