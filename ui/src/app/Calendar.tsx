/** A month of days: the first click begins a range, the second ends it. Arrows move, PageUp and PageDown change the month. */

import { ChevronLeft, ChevronRight } from "lucide-react";
import { type KeyboardEvent, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { type Day, dayOf, dayWords, isBefore, isBetween, isSame, MONTH_NAMES, plusDays, plusMonths, rangeOfDays, WEEKDAYS, weeksOf } from "@/model/calendar";
import type { Range, RangeText } from "@/model/range";
import { type Nanos, nanos, type Zone } from "@/model/time";
import styles from "./Calendar.module.css";

export interface CalendarProps {
  range: Range;
  now: Nanos;
  zone: Zone;
  onChoose: (range: RangeText) => void;
}

const STEPS: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };

export function Calendar({ range, now, zone, onChoose }: CalendarProps) {
  const today = dayOf(now, zone);
  const [from, to] = [dayOf(range.from, zone), dayOf(nanos(range.to - 1n), zone)];
  const [focused, setFocused] = useState<Day>(to);
  const [first, setFirst] = useState<Day | null>(null);
  const [hovered, setHovered] = useState<Day | null>(null);
  const grid = useRef<HTMLTableElement>(null);
  const end = hovered ?? focused;
  const [low, high] = first === null ? [from, to] : isBefore(end, first) ? [end, first] : [first, end];
  const move = (next: Day) => {
    // At once: the next key may come before the next frame.
    flushSync(() => setFocused(isBefore(today, next) ? today : next));
    grid.current?.querySelector<HTMLElement>('[tabindex="0"]')?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const days = STEPS[event.key];
    const months = event.key === "PageUp" ? -1 : event.key === "PageDown" ? 1 : 0;
    if (days === undefined && months === 0) return;
    event.preventDefault();
    setHovered(null);
    move(days === undefined ? plusMonths(focused, months) : plusDays(focused, days));
  };
  const click = (day: Day) => {
    setFocused(day);
    if (first === null) setFirst(day);
    else onChoose(rangeOfDays(first, day, now, zone));
  };
  return (
    <div className={styles.calendar}>
      <div className={styles.head}>
        <button type="button" className="btn icon quiet" aria-label="The month before" onClick={() => setFocused(plusMonths(focused, -1))}><ChevronLeft className="ico" aria-hidden /></button>
        <span aria-live="polite">{MONTH_NAMES[focused.month]} {focused.year}</span>
        <button type="button" className="btn icon quiet" aria-label="The month after" disabled={focused.year === today.year && focused.month === today.month} onClick={() => setFocused(isBefore(today, plusMonths(focused, 1)) ? today : plusMonths(focused, 1))}><ChevronRight className="ico" aria-hidden /></button>
      </div>
      <table ref={grid} className={styles.grid} aria-label="Days" onKeyDown={onKeyDown} onMouseLeave={() => setHovered(null)}>
        <thead><tr>{WEEKDAYS.map((name) => <th key={name} scope="col">{name}</th>)}</tr></thead>
        <tbody>
          {weeksOf(focused).map((week) => (
            <tr key={dayWords(week[0] ?? focused)}>
              {week.map((day) => (
                <td key={dayWords(day)}>
                  <button
                    type="button" className={styles.day} aria-label={dayWords(day)} aria-pressed={isBetween(day, low, high)} aria-current={isSame(day, today) ? "date" : undefined}
                    data-other={day.month !== focused.month || undefined} data-end={isSame(day, low) || isSame(day, high) || undefined} disabled={isBefore(today, day)} tabIndex={isSame(day, focused) ? 0 : -1}
                    onClick={() => click(day)} onMouseEnter={() => setHovered(day)}
                  >
                    {day.day}
                  </button>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <p className="small dim" role="status">{first === null ? "The first day, then the last." : `From ${dayWords(first)}; now the last day.`}</p>
    </div>
  );
}
