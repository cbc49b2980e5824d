/** While the server goes through the history: what it does, for how long already, and a way to stop it. */

import { useEffect, useState } from "react";
import { NS_PER_S, nanos } from "@/model/time";
import { duration } from "@/model/units";
import styles from "./Going.module.css";

/** What is done, in words: the server answers once, at the end, so there is no share to show. */
export const doingWords = (days: number, seconds: number): string =>
  `Reading the events of ${days} days as they are stored, and evaluating them every few seconds of that time${seconds < 1 ? "" : `: for ${duration(nanos(BigInt(seconds) * NS_PER_S))}`}.`;

export function Going({ days, onCancel }: { days: number; onCancel: () => void }) {
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    const began = Date.now();
    const timer = setInterval(() => setSeconds(Math.floor((Date.now() - began) / 1000)), 1000);
    return () => clearInterval(timer);
  }, []);
  return (
    <div className={styles.going}>
      <progress aria-label="Going through the history" />
      <p className="small dim"><span role="status">Going through {days} days of history…</span> {doingWords(days, seconds)}</p>
      <button type="button" className="btn" onClick={onCancel}>Cancel</button>
    </div>
  );
}
