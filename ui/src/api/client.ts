/** The only place that fetches: one request, its schema check, its error. */

import * as v from "valibot";
import { DEFAULT_TENANT, preferences } from "@/preferences/preferences";
import { ApiError } from "./error";
import { refusalOf, remember } from "./refused";

export type Params = Record<string, string | number | bigint | boolean | string[] | null | undefined>;

export interface Request<T> {
  /** What we are doing, as it stands after "Could not": `read traces`. */
  doing: string;
  path: string;
  params?: Params | undefined;
  method?: "GET" | "POST" | "DELETE" | "PUT";
  /** Sent as JSON, or as it is when a string. */
  body?: unknown;
  contentType?: string;
  schema: v.GenericSchema<unknown, T>;
  signal?: AbortSignal | undefined;
}

/** `path` with `params`; null, undefined and empty texts are left out, a list repeats its name. */
export function urlOf(path: string, params: Params = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === null || value === undefined || value === "") continue;
    for (const one of Array.isArray(value) ? value : [value]) query.append(name, String(one));
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

export function headersOf(request: Pick<Request<unknown>, "body" | "contentType">): Record<string, string> {
  const { tenant } = preferences();
  return {
    Accept: "application/json",
    ...(tenant === DEFAULT_TENANT ? {} : { "X-Scope-OrgID": tenant }),
    ...(request.body === undefined ? {} : { "Content-Type": request.contentType ?? "application/json" }),
  };
}

/** Asks once. Throws an {@link ApiError}, or an `AbortError` when `signal` says so. */
export async function ask<T>(request: Request<T>): Promise<T> {
  return check(request, parseJson(await askText(request)));
}

/** An answer as it came, for those that are so large that a worker reads them. */
export async function askText(request: Omit<Request<unknown>, "schema">): Promise<string> {
  const refusal = refusalOf(request);
  if (refusal) throw refusal;
  const response = await send(request);
  const text = await response.text();
  if (!response.ok) throw remember(request, ApiError.fromAnswer(request.doing, response.status, parseJson(text)));
  return text;
}

/** An answer by its schema. */
export function check<T>({ doing, path, schema }: Pick<Request<T>, "doing" | "path" | "schema">, answer: unknown): T {
  const checked = v.safeParse(schema, answer);
  if (!checked.success) throw ApiError.fromSchema(doing, path, v.flatten(checked.issues));
  return checked.output;
}

/** The answer as it comes; throws only when there is none. */
export async function send(request: Omit<Request<unknown>, "schema">): Promise<Response> {
  const { body } = request;
  try {
    return await fetch(urlOf(request.path, request.params), {
      method: request.method ?? (body === undefined ? "GET" : "POST"),
      headers: headersOf(request),
      body: body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body),
      signal: request.signal ?? null,
    });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw ApiError.unreachable(request.doing);
  }
}

function parseJson(text: string): unknown {
  if (text === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
