/**
 * Queries that the server could not read. They stay so until their text changes: while the time moves on with the
 * clock, they are not asked again.
 */

import type { Request } from "./client";
import { ApiError } from "./error";

type Asked = Pick<Request<unknown>, "method" | "path" | "params" | "body">;

/** What moves with the clock, and with how much is asked for: none of it can make a query readable. */
const MOVING = new Set(["start", "end", "time", "step", "cursor", "limit"]);
/** Texts kept; beyond, the oldest may be asked once more. */
const KEPT_MAX = 200;

const refused = new Map<string, ApiError>();

/** The question without its time; null where the text may change its meaning with time, as SQL's does. */
export function textKey({ method, path, params = {}, body }: Asked): string | null {
  if ((method ?? "GET") !== "GET" || body !== undefined) return null;
  return JSON.stringify([path, Object.entries(params).filter(([name]) => !MOVING.has(name)).map(([name, value]) => [name, String(value)])]);
}

/** The error that the question was answered with at another time, if it could not be read. */
export const refusalOf = (request: Asked): ApiError | undefined => refused.get(textKey(request) ?? "");

/** The error to show for `error`; one that no time will change is kept. */
export function remember(request: Asked, error: ApiError): ApiError {
  const key = textKey(request);
  if (key === null || !error.isMalformed) return error;
  const hint = `${error.hint ? `${error.hint}. ` : ""}It is asked again when it changes.`;
  const kept = new ApiError(error.doing, error.reason, { hint, code: error.code, status: error.status, position: error.position });
  const [oldest] = refused.keys();
  if (refused.size >= KEPT_MAX && oldest !== undefined) refused.delete(oldest);
  refused.set(key, kept);
  return kept;
}
