import { expect, test } from "vitest";
import { eventReader } from "./stream";

test("events come whole, however the pieces are cut", () => {
  const seen: [string, unknown][] = [];
  const take = eventReader((name, data) => seen.push([name, data]));
  for (const piece of [": open\n\nevent: lo", 'g\ndata: {"a"', ":1}\n", "\nevent: notice\r\ndata: 5\r\n\r\n", "data: x\ndata: y\n\n", "event: cut"]) take(piece);
  expect(seen).toEqual([["log", { a: 1 }], ["notice", 5], ["message", "x\ny"]]);
});
