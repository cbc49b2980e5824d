/** Errors as a page shows them: what we were doing and what happened, what to do, and the code. */

import * as v from "valibot";

const body = v.object({
  error: v.object({
    code: v.string(),
    message: v.string(),
    hint: v.nullish(v.string()),
    position: v.nullish(v.object({ line: v.number(), column: v.number() })),
  }),
});
/** The shape of the Prometheus API. */
const prometheusBody = v.object({ status: v.literal("error"), errorType: v.string(), error: v.string() });

export interface Position {
  line: number;
  column: number;
}

export class ApiError extends Error {
  /** What we were doing and what happened, one sentence. */
  readonly what: string;
  /** What to do about it. */
  readonly hint: string | null;
  readonly code: string;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** Where in the query's text, both from 1. */
  readonly position: Position | null;
  /** Only what happened, for beside a query box. */
  readonly reason: string;
  /** What we were doing, as it stands after "Could not". */
  readonly doing: string;

  constructor(doing: string, reason: string, rest: { hint?: string | null; code: string; status?: number; position?: Position | null }) {
    const what = `Could not ${doing}: ${reason.replace(/\.$/, "")}.`;
    super(what);
    this.name = "ApiError";
    this.what = what;
    this.reason = reason;
    this.doing = doing;
    this.hint = rest.hint ?? null;
    this.code = rest.code;
    this.status = rest.status ?? 0;
    this.position = rest.position ?? null;
  }

  /** The query's text could not be read: asking it again gives the same answer. */
  get isMalformed(): boolean {
    return this.status === 400 && this.position !== null && (this.code === "parse_error" || this.code === "bad_data");
  }

  static fromAnswer(doing: string, status: number, answer: unknown): ApiError {
    const ours = v.safeParse(body, answer);
    if (ours.success) {
      const { message, ...rest } = ours.output.error;
      return new ApiError(doing, message, { ...rest, status });
    }
    const prometheus = v.safeParse(prometheusBody, answer);
    if (prometheus.success) {
      const { error, errorType } = prometheus.output;
      const placed = /^invalid parameter "query": (\d+):(\d+): parse error: (.*)$/s.exec(error);
      if (!placed) return new ApiError(doing, error, { code: errorType, status });
      const [, line, column, reason = error] = placed;
      return new ApiError(doing, reason, { code: errorType, status, position: { line: Number(line), column: Number(column) } });
    }
    // Tempo's API answers in words.
    const tempo = status === 400 && typeof answer === "string" ? /^(.*) at line (\d+), column (\d+)(?: \((.*)\))?$/s.exec(answer.trim()) : null;
    if (tempo) {
      const [, reason = "", line, column, hint] = tempo;
      return new ApiError(doing, reason, { hint: hint ?? null, code: "parse_error", status, position: { line: Number(line), column: Number(column) } });
    }
    const words = typeof answer === "string" && answer !== "" ? answer.slice(0, 200) : `the server answered ${String(status)}`;
    return new ApiError(doing, words, { code: `http_${String(status)}`, status });
  }

  static fromSchema(doing: string, path: string, issues: { nested?: object; root?: unknown }): ApiError {
    const where = Object.keys(issues.nested ?? {}).slice(0, 3).join(", ");
    return new ApiError(doing, `${path} answered in a shape this page does not know${where ? ` (${where})` : ""}`, {
      hint: "Page and server may be of different versions: reload the page.",
      code: "unexpected_answer",
    });
  }

  static unreachable(doing: string): ApiError {
    return new ApiError(doing, "the server does not answer", {
      hint: "It may be stopped or restarting; this page asks again by itself.",
      code: "unreachable",
    });
  }
}

/** Anything thrown, as an {@link ApiError}. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError("show this", error instanceof Error ? error.message : String(error), { code: "internal" });
}
