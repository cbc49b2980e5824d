import { RotateCcw } from "lucide-react";
import type { Evidence, Explanation } from "@/api/explain";
import type { Result } from "@/api/query";
import { CopyAs } from "@/components/CopyAs";
import { curl } from "@/api/sql";
import { Explain } from "@/components/explain/Explain";
import { FiveFaces } from "@/components/FiveFaces";
import { Panel } from "@/components/Panel";
import { exact, hm, type Nanos, nanos, spell } from "@/model/time";
import { duration, group } from "@/model/units";
import { useZone } from "@/preferences/preferences";

export interface ExplainPanelProps {
  slo: string;
  service: string;
  query: Result<Explanation>;
  pinned: Evidence | null;
  /** Whether the pinned evidence is what is shown. */
  isPinned: boolean;
  onPinned: (pinned: boolean) => void;
  /** Set when the window was chosen by hand. */
  onReset: (() => void) | null;
  now: Nanos;
}

export function ExplainPanel({ slo, service, query, pinned, isPinned, onPinned, onReset, now }: ExplainPanelProps) {
  const zone = useZone();
  const shown = isPinned && pinned ? pinned : query.data;
  const span = shown && `${spell({ from: shown.window.start, to: shown.window.end }, now, zone)} · what spent ${group(shown.window.bad)} bad events, against the good ones of the same ${duration(nanos(shown.window.end - shown.window.start))} and as long before`;
  return (
    <Panel
      title="Explain" note={span} flush
      tools={
        <>
          {pinned && <button type="button" className="btn" aria-pressed={isPinned} onClick={() => onPinned(!isPinned)} title={`As found ${exact(pinned.made_at, zone)}`}>{isPinned ? `Pinned to the alert, evidence ${pinned.id}` : `Show as found ${hm(pinned.made_at, zone)}`}</button>}
          {onReset && <button type="button" className="btn" onClick={onReset}><RotateCcw className="ico" aria-hidden /> Since onset</button>}
          {shown && (
            <CopyAs
              label="Copy evidence"
              sources={{ value: `${shown.summary}\n${shown.examples.map((one) => `${window.location.origin}/traces/${one.trace_id}`).join("\n")}`, curl: curl(`/api/v1/slos/${encodeURIComponent(slo)}/explain?start=${shown.window.start}&end=${shown.window.end}`) }}
            />
          )}
        </>
      }
    >
      {isPinned && pinned ? <Explain explanation={pinned} root={service} /> : <FiveFaces query={query} height={250} rows={6}>{(data) => <Explain explanation={data} root={service} />}</FiveFaces>}
    </Panel>
  );
}
