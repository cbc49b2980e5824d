import { describe, expect, it } from "vitest";
import { conditionsOf, EMPTY, formOf, literal, narrowed, nearest, queryOf } from "./form";

describe("a form", () => {
  const text = '{ span:parentID = nil && resource.service.name = "a \\"b\\"" && name = "GET /" && status = error && duration >= 500ms && span.http.route =~ "/c.*" }';
  it("says what the text says, and the text what it says", () => {
    expect(formOf(text)).toEqual({ service: 'a "b"', name: "GET /", status: "error", min: "500ms", max: "", root: true, others: [{ field: "span.http.route", op: "=~", value: '"/c.*"' }] });
    expect(queryOf(formOf(text) ?? EMPTY)).toBe(text);
  });
  it("is empty for an empty text and for all spans", () => {
    expect(formOf("")).toEqual(EMPTY);
    expect(formOf("{ }")).toEqual(EMPTY);
    expect(queryOf(EMPTY)).toBe("");
  });
  it.each(['{ a = 1 || b = 2 }', '{ a = 1 } >> { b = 2 }', '{ a = 1 } | count() > 2', "{ a = }", "{ a = 1 && }", "{ (a = 1) }", "{ a + 1 = 2 }", '{ name = "open', "a = 1"])("does not say %s", (more) => expect(formOf(more)).toBeNull());
  it("keeps a second condition on the same field", () => expect(formOf('{ name = "a" && name = "b" }')?.others).toEqual([{ field: "name", op: "=", value: '"b"' }]));
  it("reads fields with quoted keys", () => expect(conditionsOf('{ span."a b" = 1 }')).toEqual([{ field: 'span."a b"', op: "=", value: "1" }]));
});

describe("a query", () => {
  it("is narrowed in its braces", () => expect(narrowed('{ status = error && a = 1 }', { field: "a", op: "=", value: "2" })).toBe("{ status = error && a = 2 }"));
  it("is narrowed by a pipe where it says more", () => expect(narrowed("{ } >> { a = 1 }", { field: "b", op: "!=", value: "2" })).toBe("{ } >> { a = 1 } | { b != 2 }"));
  it("compares with values of an answer", () => expect([literal("span.a", 'x"'), literal("status", "error"), literal("span.b", 8), literal("span.c", null)]).toEqual(['"x\\""', "error", "8", "nil"]));
});

describe("the nearest text", () => {
  it("is one slip away", () => expect(nearest("/chekout", ["/cart", "/checkout"])).toBe("/checkout"));
  it("is none when all are far", () => expect(nearest("payments", ["auth", "web"])).toBeNull());
});
