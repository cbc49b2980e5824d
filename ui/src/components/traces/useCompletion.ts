/** Completion in TraceQL: fields of the tenant, and values of the field before the operator. */

import { useCallback, useEffect, useRef } from "react";
import { askFields, askValues } from "@/api/traces";
import type { Complete, Completion } from "@/components/QueryBox";
import type { Range } from "@/model/range";
import { textOf } from "@/model/traceql/form";

const FUNCTIONS = ["count()", "avg(duration)", "max(duration)", "min(duration)", "sum(duration)", "by(resource.service.name)", "select(span.http.route)", "coalesce()"].map((label): Completion => ({ label, detail: "function" }));
const STATUS = ["error", "ok", "unset"].map((label): Completion => ({ label, detail: "status" }));
const KINDS = ["server", "client", "producer", "consumer", "internal"].map((label): Completion => ({ label, detail: "kind" }));

/** The field that a value is wanted for, and whether its quote is open. */
export function fieldBefore(before: string): { field: string; quoted: boolean } | null {
  const found = /([\w.:/-]+|[\w.]*"[^"]*")\s*(?:=~|!~|!=|=|>=|<=|>|<)\s*("?)$/.exec(before);
  return found?.[1] ? { field: found[1], quoted: found[2] === '"' } : null;
}

export function useCompletion(range: Range): Complete {
  const state = useRef({ range, fields: null as Promise<Completion[]> | null });
  useEffect(() => {
    state.current.range = range;
  }, [range]);
  return useCallback<Complete>(async (word, before) => {
    const value = fieldBefore(before);
    if (value?.field === "status") return STATUS;
    if (value?.field === "kind") return KINDS;
    if (value) {
      const found = await askValues(value.field, state.current.range).catch(() => []);
      return found.map((one) => ({ label: one.value, detail: one.type, insert: one.type === "string" && !value.quoted ? textOf(one.value) : one.value }));
    }
    if (/\|\s*$/.test(before)) return FUNCTIONS;
    if (word === "" && !/[{&|(,]\s*$/.test(before)) return [];
    state.current.fields ??= askFields(state.current.range).then((fields) => fields.map(({ field, scope }) => ({ label: field, detail: scope }))).catch(() => []);
    return state.current.fields;
  }, []);
}
