import { useCallback, useEffect, useRef, useState } from "react";
import { type ApiError, asApiError } from "@/api/error";
import { type LogRow, tailLogs } from "@/api/logs";
import { arrive, EMPTY, rateOf, show, type TailRate, type TailState } from "./tail";

/** Arrivals are drawn together, this often. */
const DRAW_MS = 250;
const RETRY_MS = 2000;

const isStopped = (stop: AbortController): boolean => stop.signal.aborted;

export interface Tail {
  state: TailState;
  rate: TailRate;
  error: ApiError | null;
  /** Puts what waits on top. */
  showWaiting: () => void;
}

/** Follows what arrives while `on`; while `paused` it waits aside. */
export function useTail(search: string, on: boolean, paused: boolean): Tail {
  const [state, setState] = useState<TailState>(EMPTY);
  const [rate, setRate] = useState<TailRate>({ perSecond: 0, oneIn: 1 });
  const [error, setError] = useState<ApiError | null>(null);
  const pausedNow = useRef(paused);
  useEffect(() => {
    pausedNow.current = paused;
  });

  useEffect(() => {
    if (!on) return;
    setState(EMPTY);
    setError(null);
    const stop = new AbortController();
    let batch: LogRow[] = [];
    let skipped = 0;
    const follow = async () => {
      for (;;) {
        try {
          await tailLogs(search, { onRow: (row) => batch.push(row), onSkipped: (rows) => (skipped += rows) }, stop.signal);
          setError(null);
        } catch (cause) {
          if (isStopped(stop)) return;
          const why = asApiError(cause);
          setError(why);
          // A query that is none stays none.
          if (why.status >= 400 && why.status < 500 && why.status !== 429) return;
        }
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        if (isStopped(stop)) return;
      }
    };
    void follow();
    const timer = setInterval(() => {
      const [rows, missed] = [batch, skipped];
      batch = [];
      skipped = 0;
      setState((before) => {
        if (rows.length === 0 && missed === 0 && before.marks.length === 0) return before;
        const next = arrive(before, rows, missed, Date.now(), pausedNow.current);
        setRate(rateOf(next, Date.now()));
        return next;
      });
    }, DRAW_MS);
    return () => {
      stop.abort();
      clearInterval(timer);
    };
  }, [search, on]);

  const showWaiting = useCallback(() => setState(show), []);
  return { state, rate, error, showWaiting };
}
