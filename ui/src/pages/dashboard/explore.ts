/** Ways out of a panel: where its question goes on, and its texts to take away. */

import { panelRequest } from "@/api/panels";
import { urlOf } from "@/api/client";
import { curl } from "@/api/sql";
import type { Sources } from "@/components/CopyAs";
import type { Panel } from "@/model/dashboard/document";
import { fromLogQl } from "@/model/dashboard/logql";
import { type Choices, substitute } from "@/model/dashboard/variables";
import type { Range } from "@/model/range";
import { list } from "@/model/url";
import { type Asked, ownValues, panelStep, questionsOf } from "./questions";

export interface Door {
  to: string;
  search: Record<string, string>;
  /** The page's name. */
  name: string;
}

/** Where a question is looked into; null where no page takes it as it is. */
export function doorOf(panel: Panel, range: Range, choices: Choices): Door | null {
  if (panel.kind === "slo") return { to: "/slos", search: {}, name: "SLOs" };
  const asked = questionsOf(panel, range, choices);
  const [first] = asked;
  if (!first?.question) return null;
  const { text } = first.question;
  switch (first.question.language) {
    case "promql": return { to: "/metrics-explorer", search: { q: list().write(asked.flatMap(({ question }) => (question?.language === "promql" ? [question.text] : [])).slice(0, 4)) }, name: "Metrics" };
    case "sql": {
      // The console knows $from and $to itself.
      const step = panelStep(panel, range);
      const open = substitute(first.query.query, "sql", choices, { ...ownValues(range, step), from: "$from", to: "$to" });
      return open.ok ? { to: "/sql", search: { q: open.text }, name: "SQL" } : null;
    }
    case "traceql": return { to: "/traces", search: { q: spansOf(text) }, name: "Traces" };
    case "logs": return { to: "/logs", search: { q: searchOf(text) }, name: "Logs" };
    case "logql": {
      const search = fromLogQl(/\{[^}]*\}(?:\s*(?:\|=|!=|\|~|!~)\s*"(?:\\.|[^"\\])*"|\s*\|\s*\w+\s*(?:=~|!~|!=|=)\s*"(?:\\.|[^"\\])*")*/.exec(text)?.[0] ?? text);
      return search === null ? null : { to: "/logs", search: { q: search === "*" ? "" : search }, name: "Logs" };
    }
  }
}

/** The spans that a query of TraceQL metrics counts. */
export const spansOf = (query: string): string => query.replace(/\|\s*(rate|count_over_time|min_over_time|max_over_time|avg_over_time|sum_over_time|quantile_over_time|histogram_over_time|compare)\s*\(.*$/s, "").trim();

const searchOf = (text: string): string => {
  const search = text.replace(/\s*\| .*$/s, "").trim();
  return search === "*" ? "" : search;
};

/** Its texts as they were asked, and as a command. */
export function sourcesOf(panel: Panel, asked: readonly Asked[]): Sources {
  const texts = (language: string) => {
    const own = asked.flatMap(({ question }) => (question?.language === language ? [question.text] : []));
    return own.length === 0 ? undefined : own.join("\n\n");
  };
  const sources: Sources = {};
  const [sql, promql, traceql] = [texts("sql"), texts("promql"), texts("traceql")];
  const logql = texts("logql") ?? texts("logs");
  if (sql !== undefined) sources.sql = sql;
  if (promql !== undefined) sources.promql = promql;
  if (traceql !== undefined) sources.traceql = traceql;
  if (logql !== undefined) sources.logql = logql;
  if (panel.kind === "slo") return { curl: curl("/api/v1/slos") };
  const commands = asked.flatMap(({ question }) => {
    if (!question) return [];
    if (panel.kind === "traces") return [curl(urlOf("/api/v1/traces", { query: question.text, start: question.range.from, end: question.range.to, limit: question.limit }))];
    const request = panelRequest(question);
    return [request.body === undefined ? curl(urlOf(request.path, request.params)) : curl(request.path, request.body)];
  });
  return commands.length === 0 ? sources : { ...sources, curl: commands.join("\n") };
}
