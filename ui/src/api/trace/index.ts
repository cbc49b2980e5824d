/** A whole trace by its id. */

import { useQuery } from "@tanstack/react-query";
import { LARGE } from "@/model/trace/rows";
import { preferences } from "@/preferences/preferences";
import { askText, check } from "../client";
import { ApiError } from "../error";
import type { Result } from "../query";
import { answer, factsOf, type Span, type TraceFacts } from "./answer";
import type { Asked, Reply } from "./worker";

export type { ClockSkew, Span, TraceFacts } from "./answer";

export interface Trace extends TraceFacts {
  /** Spans in full, by their place in the answer (`tree.source`); null when a worker keeps them. */
  spans: readonly Span[] | null;
  /** One of them, from wherever it is. */
  span: (source: number) => Promise<Span | null>;
}

const DOING = "read the trace";
const pathOf = (id: string) => `/api/v1/traces/${encodeURIComponent(id)}`;

async function read(id: string, signal: AbortSignal): Promise<Trace> {
  const text = await askText({ doing: DOING, path: pathOf(id), signal });
  if (isLarge(text)) return readBeside(id, text, signal);
  const parsed = check({ doing: DOING, path: pathOf(id), schema: answer }, JSON.parse(text));
  return { ...factsOf(parsed), spans: parsed.spans, span: (source) => Promise.resolve(parsed.spans[source] ?? null) };
}

/** Counts no further than it needs to. */
function isLarge(text: string): boolean {
  const sign = '"parent_span_id"';
  let from = -1;
  for (let spans = 0; spans <= LARGE; spans++) {
    from = text.indexOf(sign, from + 1);
    if (from < 0) return false;
  }
  return true;
}

/** Workers keep their trace's spans; only the newest few may stay. */
const WORKERS_MAX = 3;
const workers: Worker[] = [];

async function readBeside(id: string, text: string, signal: AbortSignal): Promise<Trace> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  workers.push(worker);
  if (workers.length > WORKERS_MAX) workers.shift()?.terminate();
  signal.addEventListener("abort", () => worker.terminate());
  const reply = await question(worker, { read: text });
  if ("wrong" in reply) throw ApiError.fromSchema(DOING, pathOf(id), reply.wrong);
  if (!("facts" in reply)) throw new ApiError(DOING, "its reader answered something else", { code: "internal" });
  const span = async (source: number) => {
    const found = workers.includes(worker) ? await question(worker, { span: source }) : null;
    return found && "span" in found ? found.span : null;
  };
  return { ...reply.facts, spans: null, span };
}

let tickets = 0;

function question(worker: Worker, asked: Asked): Promise<Reply> {
  const ticket = ++tickets;
  return new Promise((resolve, reject) => {
    const channel = new AbortController();
    const once = { signal: channel.signal };
    const settle = (how: () => void) => {
      channel.abort();
      how();
    };
    worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => data.ticket === ticket && settle(() => resolve(data)), once);
    worker.addEventListener("error", (event) => settle(() => reject(new ApiError(DOING, event.message || "its reader failed", { code: "internal" }))), once);
    worker.postMessage({ ...asked, ticket });
  });
}

/** A trace never changes much: it is kept, and read again on request. */
export const useTrace = (id: string, enabled = true): Result<Trace> =>
  useQuery<Trace, ApiError>({
    queryKey: [preferences().tenant, "trace", id],
    queryFn: ({ signal }) => read(id, signal),
    enabled,
    placeholderData: undefined,
    structuralSharing: false,
    staleTime: Infinity,
    retry: (failures, error) => failures < 2 && [0, 429, 503].includes(error.status),
  });

/** One span in full. */
export function useSpan(trace: Trace, source: number): Span | null {
  const beside = trace.spans === null && source >= 0;
  const asked = useQuery({
    queryKey: ["span of trace", trace.trace_id, String(trace.stats.elapsed_ms), source],
    queryFn: () => trace.span(source),
    enabled: beside,
    placeholderData: undefined,
    structuralSharing: false,
  });
  return beside ? (asked.data ?? null) : (trace.spans?.[source] ?? null);
}
