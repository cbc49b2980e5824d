import { expect, test } from "vitest";
import { ApiError } from "@/api/error";
import { readingOf } from "./reading";

const refused = new ApiError("read the query", "expected a word", { code: "parse_error", status: 400, position: { line: 1, column: 14 } });
const busy = new ApiError("read the query", "too many queries", { code: "overloaded", status: 503 });

test("nothing is asked by a text before it is known that it can be read", () => {
  expect(readingOf("service:(a OR", null, { isSettled: false, error: null })).toEqual({ asked: null, error: null });
  expect(readingOf("service:a", "b", { isSettled: false, error: null })).toEqual({ asked: "b", error: null });
  expect(readingOf("service:a", "b", { isSettled: true, error: null })).toEqual({ asked: "service:a", error: null });
});

test("a text that cannot be read leaves what was asked before", () => {
  expect(readingOf("service:(a OR", "b", { isSettled: false, error: refused })).toEqual({ asked: "b", error: refused });
  expect(readingOf("service:(a OR", null, { isSettled: false, error: refused })).toEqual({ asked: null, error: refused });
});

test("no text and another failure hold nothing back", () => {
  expect(readingOf(" ", "b", { isSettled: false, error: null })).toEqual({ asked: " ", error: null });
  expect(readingOf("a", null, { isSettled: false, error: busy })).toEqual({ asked: "a", error: null });
});
