/** A query is read by the server before anything is asked by it: one that cannot be read is one error, in the user's own text. */

import { useState } from "react";
import { useReadLogQuery } from "@/api/logs";
import type { ApiError } from "@/api/error";

export interface Reading {
  /** What the panels ask by: the last text that could be read; null when there was none. */
  asked: string | null;
  /** Why the text cannot be read. */
  error: ApiError | null;
}

export interface Answer {
  /** Whether it is this text's, and not still to come. */
  isSettled: boolean;
  error: ApiError | null;
}

/** What to ask by after `answer` to `query`. Only a refusal of the text holds it back: what else may fail, fails where it is asked. */
export function readingOf(query: string, last: string | null, { isSettled, error }: Answer): Reading {
  if (error?.isMalformed) return { asked: last, error };
  return { asked: isSettled || error || query.trim() === "" ? query : last, error: null };
}

/** `query` as soon as it is known that it can be read; until then, and if it cannot, the one before. */
export function useReading(query: string): Reading {
  const [last, setLast] = useState<string | null>(null);
  const { isSuccess, isPlaceholderData, error, failureReason } = useReadLogQuery(query);
  const reading = readingOf(query, last, { isSettled: isSuccess && !isPlaceholderData, error: error ?? failureReason });
  if (reading.asked !== last) setLast(reading.asked);
  return reading;
}
