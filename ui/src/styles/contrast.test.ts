/** Contrast of the tokens, computed anew from the file (WCAG 2.1). */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync(new URL("./tokens.css", import.meta.url), "utf8").replaceAll(/\/\*[\s\S]*?\*\//g, "");

/** Tokens of the block that `selector` begins. */
function tokensOf(selector: string): Record<string, string> {
  const block = css.slice(css.indexOf(selector) + selector.length).split("}")[0] ?? "";
  return Object.fromEntries([...block.matchAll(/(--[\w-]+):\s*([^;]+);/g)].map(([, name = "", value = ""]): [string, string] => [name, value]));
}

const light = tokensOf(":root {");
const dark = { ...light, ...tokensOf(':root[data-theme="dark"] {') };

function luminance(hex: string): number {
  const channels = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255);
  const [r = 0, g = 0, b = 0] = channels.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

const SURFACES = ["--bg", "--surface", "--sunken", "--hover"];
const LEAST: [string, number][] = [
  ["--text", 12.9], ["--text-2", 7], ["--text-3", 4.5], ["--good", 4.5], ["--warn", 4.5], ["--bad", 4.5], ["--hold", 4.5], ["--accent", 4.5],
];

describe.each([["light", light], ["dark", dark]])("in the %s theme", (_name, tokens) => {
  const of = (name: string) => tokens[name] ?? "";
  it.each(LEAST)("%s is readable on every surface", (name, least) => {
    for (const surface of SURFACES) expect(contrast(of(name), of(surface)), `${name} on ${surface}`).toBeGreaterThanOrEqual(least);
  });
  it.each(["good", "warn", "bad", "hold", "accent"])("%s is readable on its own tint", (state) =>
    expect(contrast(of(`--${state}`), of(`--${state}-bg`))).toBeGreaterThanOrEqual(4.5));
  it("shows controls' borders", () => expect(contrast(of("--line-strong"), of("--surface"))).toBeGreaterThanOrEqual(3));
  it("is readable on buttons", () => expect(contrast(of("--on-accent"), of("--accent"))).toBeGreaterThanOrEqual(4.5));
  it("shows services and severities", () => {
    const marks = [...Array.from({ length: 8 }, (_, slot) => `--c${slot}`), ...["trace", "debug", "info", "warn", "error", "fatal"].map((name) => `--sev-${name}`)];
    for (const mark of marks) expect(contrast(of(mark), of("--surface")), mark).toBeGreaterThanOrEqual(3);
  });
});

it("has the same dark values for both ways to choose them", () => expect(tokensOf(':root:not([data-theme="light"]) {')).toEqual(tokensOf(':root[data-theme="dark"] {')));
