/** Answers without an end: server-sent events. */

import { headersOf, type Request, urlOf } from "./client";
import { ApiError } from "./error";

/** One event of a stream: its name and its data, parsed. */
export type OnEvent = (name: string, data: unknown) => void;

/** Listens until the server ends, `signal` says so, or an `error` event comes, which is thrown. */
export async function listen(request: Pick<Request<unknown>, "doing" | "path" | "params" | "signal">, onEvent: OnEvent): Promise<void> {
  const { doing, path, params, signal } = request;
  let response: Response;
  try {
    response = await fetch(urlOf(path, params), { headers: { ...headersOf({}), Accept: "text/event-stream" }, signal: signal ?? null });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw ApiError.unreachable(doing);
  }
  if (!response.ok || !response.body) throw ApiError.fromAnswer(doing, response.status, parse(await response.text()));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const take = eventReader((name, data) => {
    if (name === "error") throw ApiError.fromAnswer(doing, response.status, data);
    onEvent(name, data);
  });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      take(value);
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

/** Takes pieces of a stream as they come; calls `onEvent` for each event that is complete. */
export function eventReader(onEvent: OnEvent): (piece: string) => void {
  let rest = "";
  return (piece) => {
    const lines = (rest + piece).split(/\r?\n\r?\n/);
    rest = lines.pop() ?? "";
    for (const block of lines) {
      let name = "message";
      const data: string[] = [];
      for (const line of block.split(/\r?\n/)) {
        if (line.startsWith("event:")) name = line.slice(6).trim();
        else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
      }
      if (data.length > 0) onEvent(name, parse(data.join("\n")));
    }
  };
}
