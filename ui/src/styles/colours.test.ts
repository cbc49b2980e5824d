/** No stylesheet but tokens.css names a colour. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const ROOT = new URL("..", import.meta.url).pathname;
const sheets = readdirSync(ROOT, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".css") && !name.endsWith("tokens.css"));
const COLOUR = /#[0-9a-f]{3,8}\b|\b(?:rgb|hsl|oklch|oklab|color-mix)a?\(|:\s*(?:white|black|red|green|blue|gr[ae]y|yellow|orange|purple)\b/i;

it.each(sheets)("%s names no colour", (name) => {
  const text = readFileSync(join(ROOT, name), "utf8").replaceAll(/\/\*[\s\S]*?\*\//g, "");
  expect(COLOUR.exec(text)?.[0]).toBeUndefined();
  // Nothing is smaller than 11 px.
  for (const [, size] of text.matchAll(/font(?:-size)?:[^;]*?(\d+(?:\.\d+)?)px/g)) expect(Number(size) === 0 || Number(size) >= 11, `${size ?? ""}px`).toBe(true);
});
