import { expect, it } from "vitest";
import { fragmentOf, notesOf, trailOf } from "./notes";
import type { Trail } from "./trail";

const trail: Trail = {
  current: 1,
  steps: [
    { title: "Page: checkout [availability]", href: "/alerts/1f6e", kind: "alert", at: "2026-11-22T02:59:04Z" },
    { title: "Trace 9c41f07e – zürich", href: "/traces/9c41?span=ab12", kind: "trace", at: "2026-11-22T03:04:10Z" },
  ],
};

it("writes notes", () =>
  expect(notesOf(trail, "http://b")).toBe(
    "# Page: checkout \\[availability\\]\n\n2026-11-22, times in UTC, as looked at:\n\n1. 02:59 [Page: checkout \\[availability\\]](http://b/alerts/1f6e)\n1. 03:04 [Trace 9c41f07e – zürich](http://b/traces/9c41?span=ab12)\n",
  ));
it("goes along with a link", () => expect(trailOf(`#${fragmentOf(trail)}`)).toEqual(trail));
it.each(["", "#trail=", "#trail=!!", "#trail=e30", "#main"])("%j is none", (fragment) => expect(trailOf(fragment)).toBeNull());
it("leads to no other site", () =>
  expect(trailOf(fragmentOf({ ...trail, steps: [{ title: "x", href: "//evil.example", kind: "trace", at: "" }] }))).toBeNull());
