/** What is typed and stored is shown sign by sign: no `!=` drawn as `≠`. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const ROOT = new URL("..", import.meta.url).pathname;
const sheets = readdirSync(ROOT, { recursive: true, encoding: "utf8" }).filter((name) => /\.(css|tsx?)$/.test(name) && !/tokens\.css$|\.test\.ts$/.test(name));

// `font:` turns them on again, so that what is inherited does not do: each rule says it beside the font.
it("monospaced text has no ligatures", () => {
  const rules = sheets.flatMap((name) => [...readFileSync(join(ROOT, name), "utf8").matchAll(/\{[^{}]*var\(--mono\)[^{}]*\}/g)].map(([rule]) => `${name}: ${rule}`));
  expect(rules.length).toBeGreaterThan(20);
  expect(rules.filter((rule) => !/font-?variant-?ligatures: "?none/i.test(rule))).toEqual([]);
});
