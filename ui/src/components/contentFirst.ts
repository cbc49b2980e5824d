/** What is large and can wait: loaded once a page's first answers are there, or once somebody wants it. */

import { queryClient } from "@/api/query";

/** Answers may take long; what waits is wanted all the same. */
const WAIT_MS = 4000;

export interface Quiet {
  /** How many requests are under way. */
  busy: () => number;
  /** Tells when that changes; gives how to stop. */
  onChange: (told: () => void) => () => void;
  /** Calls back when the browser has nothing else to do. */
  idle: (then: () => void) => void;
}

/** Resolves when nothing is under way and the browser is idle; at once when `hurry` does, and after {@link WAIT_MS} at the latest. */
export function untilQuiet({ busy, onChange, idle }: Quiet, hurry: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    let looking = false;
    const look = () => {
      if (looking || busy() > 0) return;
      looking = true;
      // Answers are drawn, and ask for more, before the browser is idle.
      idle(() => {
        looking = false;
        if (busy() === 0) done();
      });
    };
    const stop = onChange(look);
    const timer = setTimeout(() => done(), WAIT_MS);
    const done = () => {
      clearTimeout(timer);
      stop();
      resolve();
    };
    void hurry.then(done);
    look();
  });
}

const idle = (then: () => void): void => {
  // A page asks in effects, after its first frame.
  requestAnimationFrame(() => setTimeout(() => ("requestIdleCallback" in window ? requestIdleCallback(then, { timeout: 500 }) : setTimeout(then, 50))));
};

let hurryUp: () => void = () => undefined;
const hurry = new Promise<void>((resolve) => {
  hurryUp = resolve;
});

/** What waits is wanted now: somebody points at it, or types. */
export const wantNow = (): void => hurryUp();

export const contentFirst = (): Promise<void> =>
  untilQuiet({ busy: () => queryClient.isFetching(), onChange: (told) => queryClient.getQueryCache().subscribe(told), idle }, hurry);
