import { expect, it } from "vitest";
import type { RuleGroup } from "@/api/rules";
import { fingerprint } from "@/model/fingerprint";
import { nanos } from "@/model/time";
import { headline, rowsOf } from "./rows";

const rule = (name: string, health: string, states: string[]) => ({ name, query: "1", type: "alerting", health, evaluationTime: 0, lastEvaluation: nanos(0), alerts: states.map((state) => ({ labels: {}, state })) });
const group: RuleGroup = { name: "g", file: "f", interval: 15, evaluationTime: 0, lastEvaluation: nanos(0), rules: [rule("calm", "ok", []), rule("waits", "ok", ["pending"]), rule("fires", "ok", ["firing", "firing"]), rule("broken", "err", [])] };

it("rules that fail stand first, then what fires", () => {
  expect(rowsOf([group]).map((row) => [row.rule.name, row.firing, row.pending])).toEqual([["broken", 0, 0], ["fires", 2, 0], ["waits", 0, 1], ["calm", 0, 0]]);
  const held = rowsOf([group], new Set([fingerprint({})]));
  expect(held.map((row) => [row.rule.name, row.firing, row.held])).toEqual([["broken", 0, 0], ["fires", 0, 2], ["waits", 0, 0], ["calm", 0, 0]]);
  expect(headline(rowsOf([group]))).toBe("1 of 4 rules fails");
  expect(headline(rowsOf([{ ...group, rules: group.rules.slice(0, 3) }]))).toBe("1 of 3 rules fires");
  expect(headline(rowsOf([{ ...group, rules: group.rules.slice(0, 1) }]))).toBe("1 rule, none fires");
});
