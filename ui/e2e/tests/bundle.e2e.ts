/** What the first page costs. */

import { existsSync, readFileSync, statSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";

interface Chunk {
  file: string;
  imports?: string[];
  css?: string[];
  assets?: string[];
}

const DIST = "dist/app";
const JS_MAX = 300_000;
const STYLES_MAX = 140_000;

/** Files that `entries` need, with all they import at once. */
function needed(manifest: Record<string, Chunk>, entries: string[]): Set<string> {
  const files = new Set<string>();
  const seen = new Set<string>();
  const open = [...entries];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const chunk = manifest[name];
    if (seen.has(name) || !chunk) continue;
    seen.add(name);
    for (const file of [chunk.file, ...(chunk.css ?? []), ...(chunk.assets ?? [])]) files.add(file);
    open.push(...(chunk.imports ?? []));
  }
  return files;
}

const size = (file: string) => (file.endsWith(".woff2") ? statSync(`${DIST}/${file}`).size : gzipSync(readFileSync(`${DIST}/${file}`), { level: 9 }).length);

it("is within its budget", () => {
  expect(existsSync(`${DIST}/.vite/manifest.json`), "npm run build comes first").toBe(true);
  const manifest = JSON.parse(readFileSync(`${DIST}/.vite/manifest.json`, "utf8")) as Record<string, Chunk>;
  const overview = Object.keys(manifest).filter((name) => name === "index.html" || name.startsWith("src/pages/overview/index"));
  expect(overview).toHaveLength(2);
  const files = [...needed(manifest, overview)];
  const sum = (of: RegExp) => files.filter((file) => of.test(file)).reduce((all, file) => all + size(file), 0);
  const [script, styles] = [sum(/\.js$/), sum(/\.(css|woff2)$/)];
  console.log(`first route, gzip: ${(script / 1000).toFixed(1)} kB of JavaScript (at most ${JS_MAX / 1000}), ${(styles / 1000).toFixed(1)} kB of styles and fonts (at most ${STYLES_MAX / 1000})`);
  expect(script).toBeLessThanOrEqual(JS_MAX);
  expect(styles).toBeLessThanOrEqual(STYLES_MAX);
});
