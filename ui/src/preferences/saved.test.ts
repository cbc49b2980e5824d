import { expect, test } from "vitest";
import { named, remembered, type Saved } from "./saved";

test("the latest query is first, once; named ones stay in front", () => {
  const kept: Saved[] = [{ name: "mine", text: "a" }, { name: "", text: "b" }, { name: "", text: "c" }];
  expect(remembered(kept, "c").map((one) => one.text)).toEqual(["a", "c", "b"]);
  expect(remembered(kept, "a")).toHaveLength(4);
});

test("the history is bounded, what has a name is not dropped", () => {
  let kept: Saved[] = [{ name: "mine", text: "a" }];
  for (let i = 0; i < 50; i++) kept = remembered(kept, String(i));
  expect(kept).toHaveLength(31);
  expect(kept[0]).toEqual({ name: "mine", text: "a" });
});

test("a name stands for one query", () => {
  expect(named([{ name: "mine", text: "a" }], "mine", "b")).toEqual([{ name: "mine", text: "b" }]);
});
