import { describe, expect, it } from "vitest";
import { decode, encode, flag, integer, list, oneOf, parseSearch, stringifySearch, text } from "./url";

const codec = { q: text(), view: oneOf(["rows", "patterns"], "rows"), wrap: flag(), depth: integer(2), keys: list() };
type View = { q: string; view: "rows" | "patterns"; wrap: boolean; depth: number; keys: string[] };

describe("a codec", () => {
  const view: View = { q: "a & b", view: "patterns", wrap: true, depth: 3, keys: ["a,b", "c"] };
  it("round trips", () => expect(decode<View>(codec, parseSearch(stringifySearch(encode<View>(codec, view, {})))).view).toEqual(view));
  it("leaves defaults out and keeps what it does not know", () =>
    expect(encode<View>(codec, decode<View>(codec, {}).view, { from: "now-6h", q: "old", later: "1" })).toEqual({ from: "now-6h", later: "1" }));
  it("names bad values and ignores them", () => {
    const { view: read, ignored } = decode<View>(codec, { view: "cube", depth: "deep" });
    expect([read.view, read.depth, ignored]).toEqual(["rows", 2, ["view", "depth"]]);
  });
});
