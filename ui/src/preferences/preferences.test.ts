import { expect, it } from "vitest";
import { isTenant } from "./preferences";

it.each(["default", "team-a", "a.b_c", "x".repeat(64)])("%s names a tenant", (name) => expect(isTenant(name)).toBe(true));
it.each(["", ".", "..", "no name", "a/b", "ä", "x".repeat(65)])("%j names none", (name) => expect(isTenant(name)).toBe(false));
