import { useCallback, useEffect, useRef } from "react";
import { useAttributeKeys, useSchema } from "@/api/console";
import type { Complete, Completion } from "@/components/QueryBox";
import { typeWord } from "./types";

const WORDS = ["SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "HAVING", "LIMIT", "JOIN", "LEFT JOIN", "USING", "WITH", "AS", "DISTINCT", "DESC", "CASE", "WHEN", "THEN", "ELSE", "END", "AND", "OR", "NOT", "IN", "LIKE", "IS NULL", "IS NOT NULL", "BETWEEN", "UNION ALL", "EXPLAIN ANALYZE", "DESCRIBE"];
const FUNCTIONS = ["count(*)", "sum", "avg", "min", "max", "approx_percentile_cont", "date_trunc", "date_bin", "round", "coalesce", "json_value", "lower", "upper", "substr", "strpos", "regexp_like", "regexp_replace", "array_agg", "first_value", "last_value", "row_number", "to_timestamp_nanos", "now"];

/** Tables, columns of the tables that are named, attributes, functions, words. */
export function useSqlCompletion(text: string): Complete {
  const schema = useSchema();
  const keys = useAttributeKeys();
  const state = useRef<{ columns: Completion[]; tables: Completion[]; keys: Completion[] }>({ columns: [], tables: [], keys: [] });
  useEffect(() => {
    const all = schema.data?.rows ?? [];
    const named = new Set(all.map((column) => column.table_name).filter((table) => new RegExp(`\\b${table}\\b`).test(text)));
    const columns = new Map(all.filter((column) => named.size === 0 || named.has(column.table_name)).map((column) => [column.column_name, { label: column.column_name, detail: typeWord(column.data_type) }]));
    const own = (keys.data?.rows ?? []).filter((key) => named.has(key.table)).map((key) => ({ label: key.key, detail: `attribute, ${key.type ?? "mixed"}`, insert: `attributes['${key.key.replaceAll("'", "''")}']` }));
    state.current = { columns: [...columns.values()], tables: [...new Set(all.map((column) => column.table_name))].map((label) => ({ label, detail: "table" })), keys: own };
  }, [schema.data, keys.data, text]);
  return useCallback<Complete>((_word, before) => {
    const { columns, tables, keys: own } = state.current;
    if (/\b(from|join|describe)\s+\w*$/i.test(before)) return tables;
    return [...columns, ...own, ...tables, ...FUNCTIONS.map((label) => ({ label, detail: "function" })), ...WORDS.map((label) => ({ label })), { label: "$from", detail: "the page’s time" }, { label: "$to", detail: "the page’s time" }];
  }, []);
}
