/** When the page's frame may be painted: once what decides its heights is known, so that nothing moves afterwards. */

import { useEffect, useState } from "react";

/** Longer than this nobody looks at grey bars for the sake of what may still move. */
const PATIENCE_MS = 1000;

export interface Asked {
  data: unknown;
  error: unknown;
}

/** Answered, well or not; what is not asked is left out. */
export const isAnswered = (queries: readonly (Asked | null)[]): boolean => queries.every((one) => one === null || one.data !== undefined || one.error !== null);

/** True from when `isKnown` was first; from when `isEnough`, once the patience is over. It never falls back. */
export function useFrame(isKnown: boolean, isEnough: boolean): boolean {
  const [isOpen, setOpen] = useState(isKnown);
  const [isLate, setLate] = useState(false);
  const opens = isKnown || (isLate && isEnough);
  if (opens && !isOpen) setOpen(true);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, []);
  return isOpen || opens;
}
