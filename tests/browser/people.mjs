// People at the demo's pages: those who chat and those who decide. They type, click and press keys.

import { until } from "../peers/check.mjs";

const WAIT = { timeout: 10000 };

/** Fails when something in the page goes wrong that nobody would see. */
function listen(page, troubles) {
  page.on("pageerror", (error) => troubles.push(`${error}`));
  page.on("console", (message) => {
    // A refused request is part of what is tested; a refused script or style is not.
    const refused = /Failed to load resource/.test(message.text());
    if (message.type() === "error" && !refused) troubles.push(message.text());
  });
}

/** Somebody in the demo's room. */
export class Chatter {
  constructor(page) {
    this.page = page;
    this.troubles = [];
    listen(page, this.troubles);
  }

  async enter(url, name) {
    await this.page.goto(url);
    const joined = this.page.waitForEvent("websocket", {
      predicate: (socket) => new URL(socket.url()).searchParams.get("user") === name, ...WAIT,
    });
    await this.page.getByTestId("name").fill(name);
    this.socket = (await joined).url();
    await this.page.locator('[data-testid="state"][data-state="open"]').waitFor(WAIT);
  }

  async say(text) {
    await this.page.getByTestId("text").fill(text);
    await this.page.getByTestId("text").press("Enter");
  }

  /** Everything that stands in the room now. */
  said() {
    return this.page.getByTestId("said").allTextContents();
  }

  async heard(text) {
    return (await this.said()).filter((said) => said === text).length;
  }

  hears(text) {
    return until(`the room shows ${text}`, async () => (await this.heard(text)) > 0);
  }

  /** A notice under the composer that says this of a message of one's own. */
  async noticed(verdict) {
    const notice = this.page.locator(`[data-testid="notice"][data-verdict="${verdict}"]`).first();
    await notice.waitFor(WAIT);
    return notice.textContent();
  }
}

/** Somebody at the console. */
export class Moderator {
  constructor(page, name) {
    this.page = page;
    this.name = name;
    this.troubles = [];
    listen(page, this.troubles);
  }

  async logIn(url, password) {
    await this.page.goto(url);
    await this.page.locator("#login-name").fill(this.name);
    await this.page.locator("#login-password").fill(password);
    await this.page.locator("#login-password").press("Enter");
    await this.page.locator("#desk").waitFor(WAIT);
  }

  /** The undecided message with this text. */
  row(text) {
    const said = this.page.locator("p.said").filter({ hasText: text });
    return this.page.locator("#queue > li:not(.over)").filter({ has: said });
  }

  async sees(text) {
    await this.row(text).first().waitFor(WAIT);
    return this.row(text).first();
  }

  /** `release` or `remove`, by its button or by its key. */
  async decide(text, what, byKey) {
    const row = await this.sees(text);
    if (!byKey) return row.locator(`[data-act="${what}"]`).click();
    await row.locator("p.said").click();
    return this.page.keyboard.press(what === "release" ? "r" : "x");
  }

  /** Keeps this moderator's decisions on a slow line until the returned function is called. */
  async delay() {
    let open;
    const opened = new Promise((resolve) => { open = resolve; });
    let asked;
    const onTheWay = new Promise((resolve) => { asked = resolve; });
    await this.page.route("**/api/holds/**", async (route) => {
      asked();
      await opened;
      await route.continue();
    });
    return {
      onTheWay,
      arrive: async () => {
        open();
        await this.page.unroute("**/api/holds/**", { behavior: "wait" }).catch(() => {});
      },
    };
  }

  async told() {
    const toast = this.page.locator("#toasts .toast.problem").last();
    await toast.waitFor(WAIT);
    return toast.textContent();
  }
}

/** What a person would notice first: nothing runs off the screen, the text can be read. */
export async function legibility(page, selector) {
  return page.evaluate((chosen) => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const channels = (color) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = (color) => {
      const [r, g, b] = channels(color).map((c) => {
        const part = c / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const element = document.querySelector(chosen);
    let ground = element;
    while (ground && channels(getComputedStyle(ground).backgroundColor)[3] === 0) {
      ground = ground.parentElement;
    }
    const ink = light(getComputedStyle(element).color);
    const back = light(ground ? getComputedStyle(ground).backgroundColor : "white");
    const contrast = (Math.max(ink, back) + 0.05) / (Math.min(ink, back) + 0.05);
    const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    return { contrast: Math.round(contrast * 10) / 10, wide, dark: back < 0.2 };
  }, selector);
}
