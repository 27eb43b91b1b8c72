// Has the console draw a thousand texts that want to be more than text, in a real browser.

import { check, same } from "../peers/check.mjs";

const RUN = "window.ran = 1";
// What runs, loads or moves something where text is taken for markup, style or an address.
export const MARKUP = [
  `<script>${RUN}</script>`, `<img src=x onerror="${RUN}">`, `<svg onload="${RUN}">`,
  `<svg><script>${RUN}</script></svg>`, `<iframe srcdoc="<script>parent.ran=1</script>">`,
  `<iframe src="javascript:${RUN}">`, `<a href="javascript:${RUN}" autofocus>x</a>`,
  `<input onfocus="${RUN}" autofocus>`, `<details open ontoggle="${RUN}">`,
  `<video><source onerror="${RUN}"></video>`, `<body onload="${RUN}">`,
  `<math><mtext><img src=x onerror="${RUN}">`, `<style>*{display:none}</style>`,
  `<link rel=stylesheet href=//evil.example>`, `<base href=//evil.example/>`,
  `<meta http-equiv=refresh content="0;url=//evil.example">`, `<form action=//evil.example>`,
  `<object data="javascript:${RUN}">`, `<embed src="javascript:${RUN}">`,
  `<template><img src=x onerror="${RUN}"></template>`, `<noscript><img src=x onerror="${RUN}">`,
  `<!--><img src=x onerror="${RUN}">-->`, `<![CDATA[<img src=x onerror="${RUN}">]]>`,
  `javascript:${RUN}`, `data:text/html,<script>${RUN}</script>`, `{{constructor.constructor('${RUN}')()}}`,
  `\${${RUN}}`, `<% ${RUN} %>`, `';${RUN}//`, `";${RUN}//`, `\`;${RUN}//`, `__proto__`, `constructor`,
];
// Characters that nobody sees, or that reach beyond their own line.
export const SHAPE = [
  "\u202eabc", "\u202dabc", "\u2066abc", "\u2067abc\u2069\u2069\u2069", "\u200babc", "a\u200dbc", "\ufeffabc",
  "a" + "\u0301".repeat(300), "\u0489".repeat(500), "a\u0000b", "a\u001b[2Jb", "a\r\nb\u2028c\u2029d",
  "\u{e0041}\u{e0042}", "\ud800 alone", "\ue000", "ﷺ".repeat(40), "𒐫".repeat(40), "W".repeat(4000),
  "\n".repeat(200), "\u00ad".repeat(50), "\u061c abc", "\u3164\u3164", "\ufff9a\ufffab\ufffb", "🏳️‍🌈".repeat(50),
];
const AROUND = [
  (text) => text, (text) => `gg ${text} gg`, (text) => `</p></bdi>${text}`, (text) => `"'>${text}`,
  (text) => `]]>${text}`, (text) => text.toUpperCase(), (text) => `&lt;${text}&gt;`, (text) => `${text}${text}`,
  (text) => text.replaceAll("<", "\u200b<"), (text) => encodeURIComponent(text.toWellFormed()),
  (text) => text.replaceAll("<", "\\u003c"), (text) => `\u2069\u2069${text}`, (text) => `\u202e${text}`,
  (text) => `<<${text}>>`, (text) => `-->${text}`, (text) => `*/${text}/*`, (text) => `\u0000${text}`,
  (text) => `</script>${text}`, (text) => `</style>${text}`, (text) => `</textarea>${text}`,
];

/** Every text in its own row between rows of others, as the console draws them. */
async function drawn(texts) {
  const { el, foreign } = await import("/text.js");
  const strange = [];
  const invisible = /[\p{Cc}\p{Zl}\p{Zp}\p{Co}\p{Cs}]|(?!\u200D)\p{Cf}/u;
  const place = el("div", {});
  document.body.prepend(place);
  const left = (element) => Math.round(element.getBoundingClientRect().left);
  texts.forEach((text, index) => {
    const [above, below] = [el("p", {}, "above"), el("p", {}, "below")];
    const said = el("p", { className: "said" }, foreign(text));
    place.replaceChildren(above, said, below);
    const wrong = (what) => strange.push(`${index} ${what}: ${JSON.stringify(text).slice(0, 80)}`);
    for (const inside of said.querySelectorAll("*")) {
      if (!["BDI", "SPAN"].includes(inside.tagName)) wrong(`made a ${inside.tagName}`);
      for (const { name } of inside.attributes) if (name !== "class") wrong(`set ${name}`);
    }
    if (invisible.test(said.textContent)) wrong("hides something");
    if (/\p{M}{5,}/u.test(said.textContent)) wrong("piles up marks");
    const [a, s, b] = [above, said, below].map((element) => element.getBoundingClientRect());
    if (a.bottom > s.top || s.bottom > b.top) wrong("covers another row");
    if (left(above) !== left(below)) wrong("moves another row");
    if (said.scrollWidth > document.documentElement.clientWidth) wrong("runs off the screen");
  });
  // What would run does so after this turn.
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 200)));
  place.remove();
  return { strange, ran: window.ran ?? 0, frames: window.frames.length, title: document.title };
}

export async function hostile(page, url) {
  const went = [];
  page.on("dialog", (dialog) => went.push(dialog.message()) && dialog.dismiss());
  page.on("request", (request) => request.url().startsWith(url) || went.push(request.url()));
  await page.goto(url);
  const texts = [...MARKUP, ...SHAPE].flatMap((text) => AROUND.map((around) => around(text)));
  check(`${texts.length} hostile texts`, texts.length >= 1000);
  const { strange, ran, frames, title } = await page.evaluate(drawn, texts);
  same("none was more than text", strange.slice(0, 5), []);
  same("none ran", [ran, frames, title], [0, 0, "Tidegate"]);
  same("none reached for anything", went, []);
}
