// Counts what was checked, and waits for what must happen.

let passed = 0;
let failed = 0;

/** Prints one line for one fact; a failed one says what was there instead. */
export function check(what, fact, detail) {
  if (fact) passed += 1;
  else failed += 1;
  const more = fact || detail === undefined ? "" : `  (${JSON.stringify(detail)})`;
  console.log(`${fact ? "PASS" : "FAIL"} ${what}${more}`);
  return Boolean(fact);
}

export function same(what, actual, expected) {
  const fact = JSON.stringify(actual) === JSON.stringify(expected);
  return check(what, fact, { actual, expected });
}

/** The value that `look` finds; an error that names what never came, after `ms`. */
export async function until(what, look, ms = 10000) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false) return found;
    if (Date.now() > end) throw new Error(`never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Runs a part; what breaks it is one failure, and the next part still runs. */
export async function part(name, run) {
  console.log(`# ${name}`);
  try {
    await run();
  } catch (error) {
    check(name, false, String(error?.stack ?? error).split("\n").slice(0, 3).join(" | "));
  }
}

/** The last line, and the exit status that goes with it. */
export function finish() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 && passed > 0 ? 0 : 1);
}
