import { useCallback, useEffect, useRef } from "react";
import { askLogFacets, useLogRecords } from "@/api/logs";
import type { Complete, Completion } from "@/components/QueryBox";
import type { Range } from "@/model/range";
import { count } from "@/model/units";
import { fieldsOf } from "./fieldList";
import { SEVERITIES } from "./severity";
import { term } from "./query";

const VALUES = 50;
const OWN: Completion[] = [
  { label: "service:", detail: "field" }, { label: "severity:", detail: "field" }, { label: "body:", detail: "field" },
  { label: "trace_id:", detail: "field" }, { label: "span_id:", detail: "field" }, { label: "event_name:", detail: "field" }, { label: "scope:", detail: "field" },
];
const WORDS: Completion[] = ["AND", "OR", "NOT"].map((label) => ({ label, detail: "word" }));

/** Keys from the newest records, then values of the key with their counts. */
export function useCompletion(range: Range): Complete {
  const records = useLogRecords("", range, 200);
  const state = useRef({ range, fields: [] as Completion[] });
  useEffect(() => {
    const fields = fieldsOf(records.data?.logs ?? []).map((field) => ({ label: `${field.key}:`, detail: field.values === 1 ? "1 value" : `${field.values} values` }));
    state.current = { range, fields };
  }, [records.data, range]);
  return useCallback<Complete>(async (word) => {
    const colon = word.lastIndexOf(":");
    if (colon <= 0) return [...state.current.fields, ...OWN, ...WORDS];
    const key = word.slice(0, colon);
    if (key === "severity") return SEVERITIES.flatMap((severity) => [{ label: `severity:${severity}` }, { label: `severity:>=${severity}`, detail: "and above" }]);
    const { facets } = await askLogFacets("", state.current.range, [key], VALUES).catch(() => ({ facets: [] }));
    return (facets[0]?.values ?? []).map(({ value, count: records_ }) => ({ label: term(key, value), detail: count(records_) }));
  }, []);
}
