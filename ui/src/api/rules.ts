/** Rules as they are in use, and how they do. */

import * as v from "valibot";
import { fromMs } from "@/model/time";
import { type Result, useApi } from "./query";

const time = v.pipe(v.string(), v.transform((text) => fromMs(Date.parse(text))));
const rule = v.object({
  name: v.string(), query: v.string(), type: v.string(), health: v.string(), lastError: v.optional(v.string()), evaluationTime: v.number(), lastEvaluation: time,
  state: v.optional(v.string()), duration: v.optional(v.number()), keepFiringFor: v.optional(v.number()), labels: v.optional(v.record(v.string(), v.string())), annotations: v.optional(v.record(v.string(), v.string())),
  alerts: v.optional(v.array(v.object({ labels: v.record(v.string(), v.string()), state: v.string() }))),
});
export type Rule = v.InferOutput<typeof rule>;
const group = v.object({ name: v.string(), file: v.string(), interval: v.number(), evaluationTime: v.number(), lastEvaluation: time, rules: v.array(rule) });
export type RuleGroup = v.InferOutput<typeof group>;
const answer = v.object({ data: v.object({ groups: v.array(group) }) });

export const useRules = (): Result<v.InferOutput<typeof answer>> => useApi({ doing: "list rules", path: "/prometheus/api/v1/rules", schema: answer }, { poll: true });
