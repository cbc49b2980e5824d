import { expect, it } from "vitest";
import { fnv1a32, serviceColour } from "./service";

it.each([["", 0x811c9dc5], ["a", 0xe40c292c], ["foobar", 0xbf9cf968]])("hashes %s as FNV-1a", (text, hash) => expect(fnv1a32(text)).toBe(hash));
it("gives every service one of eight slots, always the same", () => {
  expect([serviceColour("payments"), serviceColour("payments")]).toEqual(["var(--c6)", "var(--c6)"]);
  expect(serviceColour("zürich")).toMatch(/^var\(--c[0-7]\)$/);
});
