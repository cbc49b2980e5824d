import * as v from "valibot";
import { afterEach, expect, it, vi } from "vitest";
import { ask } from "./client";
import { ApiError } from "./error";

const answers = (status: number, body: unknown) => {
  const fetched = vi.fn(() => Promise.resolve(new Response(JSON.stringify(body), { status })));
  vi.stubGlobal("fetch", fetched);
  return fetched;
};
const request = (query: string, start: number) => ask({ doing: "read logs", path: "/api/v1/logs", params: { query, start, end: start + 10 }, schema: v.unknown() }).catch((error: unknown) => error);
const unreadable = { error: { code: "parse_error", message: "'(' is never closed", hint: "add the missing ')'", position: { line: 1, column: 1 } } };

afterEach(() => vi.unstubAllGlobals());

it("asks a query that cannot be read once, whatever the time, and another one anew", async () => {
  const fetched = answers(400, unreadable);
  const errors = [await request("(a", 1), await request("(a", 2), await request("(a", 3)];
  expect(fetched).toHaveBeenCalledTimes(1);
  for (const error of errors) expect(error).toMatchObject({ reason: "'(' is never closed", hint: "add the missing ')'. It is asked again when it changes.", position: { line: 1, column: 1 } });
  await request("(a)", 3);
  expect(fetched).toHaveBeenCalledTimes(2);
});

it("asks again what failed for another reason", async () => {
  const fetched = answers(503, { error: { code: "overloaded", message: "too many queries" } });
  await request("slow", 1);
  await request("slow", 2);
  expect(fetched).toHaveBeenCalledTimes(2);
});

it("finds the place in what Tempo's API says in words", () => {
  const error = ApiError.fromAnswer("count spans", 400, "expected a field, but there is 'a' at line 1, column 2 (an attribute is written .a)");
  expect(error).toMatchObject({ isMalformed: true, reason: "expected a field, but there is 'a'", hint: "an attribute is written .a", position: { line: 1, column: 2 } });
});
