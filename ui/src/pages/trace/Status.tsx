/** The last line: how to read the picture, clocks, what was read. */

import type { Trace } from "@/api/trace";
import { clocksOf } from "@/model/trace/facts";
import { bytes, durationMs, group } from "@/model/units";
import { offsetText } from "./Row";

export function Status({ trace, raw }: { trace: Trace; raw: boolean }) {
  const { stats, clock_skew: skews } = trace;
  return (
    <>
      <span>Underline: critical path</span>
      <span>Faded: off the path</span>
      <span>Outline and mark: error</span>
      {skews.length > 0 && (
        <span className="clip" title="What to add to the service’s times so that its spans lie inside of the calls to it. Durations never change.">
          Clocks: {[...clocksOf(trace.tree, skews.slice(0, 3)).values()].map((clock) => `${clock.service} ${offsetText(clock)}`).join(", ")} · bars as sent{raw ? "" : ", dashed where they would be"}
        </span>
      )}
      {trace.missing_parents.length > 0 && <span className="hold">{group(trace.missing_parents.length)} parents not stored</span>}
      <span style={{ marginLeft: "auto" }}>
        {stats.segments - stats.segments_pruned} segments of {stats.segments} read · {bytes(stats.bytes_read)} · {durationMs(stats.elapsed_ms)}
      </span>
    </>
  );
}
