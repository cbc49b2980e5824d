import { useCallback, useEffect, useRef, useState } from "react";
import { type ApiError, asApiError } from "@/api/error";
import { askSql, type SqlTable } from "@/api/sql";

export interface Answer {
  /** As it was sent, `$from` and `$to` in it. */
  sql: string;
  table: SqlTable;
  /** When it came, ms. */
  at: number;
}

export interface Console {
  running: boolean;
  /** Since when, ms. */
  since: number;
  answer: Answer | null;
  error: ApiError | null;
  run: (sql: string) => void;
  cancel: () => void;
}

/** Rows a grid is given; more come as a file. */
export const ROW_LIMIT = 10_000;

/** One question at a time: a new one takes the place of the one that runs; leaving the page stops it. */
export function useConsole(): Console {
  const [running, setRunning] = useState(false);
  const [since, setSince] = useState(0);
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const current = useRef<AbortController | null>(null);
  useEffect(() => () => current.current?.abort(), []);

  const run = useCallback((sql: string) => {
    current.current?.abort();
    const own = new AbortController();
    current.current = own;
    setRunning(true);
    setSince(Date.now());
    setError(null);
    askSql(sql, { doing: "answer this", rowLimit: ROW_LIMIT, signal: own.signal }).then(
      (table) => setAnswer({ sql, table, at: Date.now() }),
      (cause: unknown) => {
        if (!own.signal.aborted) setError(asApiError(cause));
      },
    ).finally(() => {
      if (current.current === own) setRunning(false);
    });
  }, []);
  const cancel = useCallback(() => {
    current.current?.abort();
    setRunning(false);
  }, []);
  return { running, since, answer, error, run, cancel };
}
