import { type Nanos } from "@/model/time";
import { duration, THIN } from "@/model/units";

const HOUR = 3_600_000_000_000n;
const MINUTE = 60_000_000_000n;
const SECOND = 1_000_000_000n;

/** How long ago, in one unit: `43 min`, `5 h`, `6 d`. */
export function roundAge(span: Nanos): string {
  if (span < MINUTE) return `${span / SECOND}${THIN}s`;
  const unit = span >= 48n * HOUR ? 24n * HOUR : span >= 2n * HOUR ? HOUR : MINUTE;
  return duration(((span / unit) * unit) as Nanos).split(" ")[0] ?? "";
}
