/** State as a shape: octagon, triangle, circle with a tick, dashed circle with pause bars. */

import type { Tone } from "@/model/state";

const PATHS: Record<Tone, string> = {
  bad: "M5.3 1.8h5.4l3.5 3.5v5.4l-3.5 3.5H5.3l-3.5-3.5V5.3zM8 4.8v3.8M8 11v.1",
  warn: "M8 2.2 14.5 13.5h-13zM8 6.5v3.2M8 11.6v.1",
  good: "m5.4 8.2 1.9 1.9 3.4-4",
  hold: "M6.5 6v4M9.5 6v4",
  none: "M5.5 8h5",
};

export function StateIcon({ tone, label, size = 16 }: { tone: Tone; label?: string; size?: number }) {
  return (
    <span className={tone === "none" ? "faint" : tone} {...(label ? { role: "img", "aria-label": label, title: label } : { "aria-hidden": true })}>
      <svg className="ico" viewBox="0 0 16 16" style={{ width: size, height: size }}>
        {(tone === "good" || tone === "none") && <circle cx="8" cy="8" r="6" />}
        {tone === "hold" && <circle cx="8" cy="8" r="6" strokeDasharray="2.6 2.12" />}
        <path d={PATHS[tone]} />
      </svg>
    </span>
  );
}
