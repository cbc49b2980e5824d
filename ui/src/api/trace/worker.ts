/** Reads large traces beside the page: parses, checks, lays out, and keeps the spans to be asked for one by one. */

import * as v from "valibot";
import { buffersOf } from "@/model/trace/tree";
import { type Answer, answer, factsOf, type Span, type TraceFacts } from "./answer";

export type Asked = { read: string } | { span: number };
/** Replies carry their question's ticket: several may be on their way. */
export type Reply = ({ facts: TraceFacts } | { span: Span | null } | { wrong: { nested?: object } }) & { ticket: number };

let kept: Answer | null = null;

self.onmessage = ({ data }: MessageEvent<Asked & { ticket: number }>) => {
  const { ticket } = data;
  const reply = (message: Reply, moved: ArrayBuffer[] = []) => self.postMessage(message, { transfer: moved });
  if ("span" in data) {
    reply({ span: kept?.spans[data.span] ?? null, ticket });
    return;
  }
  const checked = v.safeParse(answer, JSON.parse(data.read));
  if (!checked.success) {
    reply({ wrong: v.flatten(checked.issues), ticket });
    return;
  }
  kept = checked.output;
  const facts = factsOf(kept);
  reply({ facts, ticket }, buffersOf(facts.tree));
};
