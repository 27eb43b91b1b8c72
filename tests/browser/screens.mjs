// Opens the browser and its pages.

import { chromium } from "playwright-core";

export function launch(executablePath) {
  return chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

/** A page in a context of its own; `more` are further settings of the context. */
export async function open(browser, { width, height, colorScheme }, more = {}) {
  const context = await browser.newContext({
    viewport: { width, height }, colorScheme, locale: "en-GB", reducedMotion: "reduce", ...more,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10000);
  return page;
}
