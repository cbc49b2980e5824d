/** Deepest causes, what differs, examples: side by side. */

import { useState } from "react";
import type { Explanation } from "@/api/explain";
import { Empty, Partial } from "@/components/FiveFaces";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { ServiceName } from "@/components/ServiceName";
import { serviceColour } from "@/model/service";
import { toIso } from "@/model/time";
import { duration, group, shortId, THIN } from "@/model/units";
import styles from "./Explain.module.css";
import { attributeKey, type Cause, type Causes, causeQuery, causesOf, type Difference, differencesOf, lanesOf, type SpanOfExample } from "./rows";
import { useGoodExample, useSpansOf } from "./useSpansOf";

const percent = (share: number, digits = 0): string => `${(share * 100).toFixed(digits)}${THIN}%`;

/** `root` is the service whose events are explained. */
export function Explain({ explanation, root }: { explanation: Explanation; root: string }) {
  const spans = useSpansOf(explanation);
  const [picked, setPicked] = useState<string | null>(null);
  const causes = causesOf(explanation, spans, root);
  const cause = causes.rows.find((row) => row.key === picked) ?? causes.rows[0];
  if (explanation.window.bad === 0) {
    return <Empty title="No event of this window is bad.">{group(explanation.window.good)} good ones were counted in it. Drag over the fall in the burn-down to explain that.</Empty>;
  }
  return (
    <>
      {explanation.is_estimate && <Partial>Rows that retention thinned out count by their weight: these figures are estimates.</Partial>}
      {explanation.warnings.map((warning) => <Partial key={warning}>{warning}</Partial>)}
      <div className={styles.columns}>
        <CauseList causes={causes} explanation={explanation} picked={cause?.key ?? null} onPick={setPicked} />
        <DifferenceList explanation={explanation} />
        <ExampleList explanation={explanation} spans={spans} cause={cause} />
      </div>
    </>
  );
}

function Path({ services }: { services: string[] }) {
  return (
    <span className={styles.path}>
      {services.map((name, index) => (
        <span key={index} className={styles.hop}>
          {index > 0 && <i aria-label="to">→</i>}
          {name === "…" ? <i>…</i> : <ServiceName name={name} plain />}
        </span>
      ))}
    </span>
  );
}

function CauseList({ causes, explanation, picked, onPick }: { causes: Causes; explanation: Explanation; picked: string | null; onPick: (key: string) => void }) {
  const { window } = explanation;
  return (
    <div>
      <h3>Deepest cause · share of bad events, 95{THIN}% interval</h3>
      <ol>
        {causes.rows.map((row, index) => (
          <li key={row.key} className={styles.cause} data-picked={row.key === picked || undefined} onClick={() => onPick(row.key)}>
            <button type="button" className={styles.pick} aria-pressed={row.key === picked}><Path services={row.path} /><b>{percent(row.share, 1)}</b></button>
            <span className={styles.share} style={{ "--v": percentCss(row.share) } as React.CSSProperties} aria-hidden />
            <small>
              <Go to="/traces" search={{ q: causeQuery(row.operation), from: toIso(window.start), to: toIso(window.end) }}>{group(Math.round(row.operation.spent))} events</Go>
              {" · "}{(row.interval[0] * 100).toFixed(1)}–{percent(row.interval[1], 1)} · {sentenceOf(row, index)}
            </small>
          </li>
        ))}
        {causes.other && (
          <li className="small faint">
            {group(Math.round(causes.other.spent))} more {Math.round(causes.other.spent) === 1 ? "event" : "events"} ({percent(causes.other.share, 1)}){causes.other.count > 0 ? ` over ${causes.other.count} ${causes.other.count === 1 ? "cause" : "causes"}` : " without a span to blame"}
          </li>
        )}
      </ol>
    </div>
  );
}

const percentCss = (share: number): string => `${(Math.min(1, share) * 100).toFixed(1)}%`;

/** What an operation did, in words; significance first, when it is none. */
function sentenceOf({ operation, message }: Cause, index: number): string {
  const chance = operation.is_significant ? "" : "may be chance: ";
  const took = operation.now !== null && operation.now !== undefined ? duration(operation.now) : null;
  const usual = operation.usual !== null && operation.usual !== undefined ? duration(operation.usual) : null;
  const slow = took && usual && (operation.now ?? 0n) > (operation.usual ?? 0n) * 2n ? ` (${took}, usually ${usual})` : "";
  const before = operation.expected >= 0.5 ? `; ${group(Math.round(operation.expected))} as before` : index === 0 ? "; none before" : "";
  const what = operation.how === "failing" ? (message ?? "fails") : operation.how === "call" ? `the way ${operation.caller ?? ""} → ${operation.callee ?? ""} is slow` : "takes longer than usual";
  return `${chance}${operation.operation}: ${what}${slow}${before}`;
}

function DifferenceList({ explanation }: { explanation: Explanation }) {
  const { rows, outcomes, small, badCount, otherCount, same } = differencesOf(explanation);
  const isAny = rows.length + outcomes.length + small.length > 0;
  return (
    <div>
      <h3>What is different · <span className="bad">bad {group(badCount)}</span> against <span className={styles.goodSide}>others {group(otherCount)}</span></h3>
      <ol>
        {rows.map((row) => <DifferenceRow key={attributeKey(row.attribute)} {...row} />)}
        {rows.length === 0 && <li className="small dim">{isAny ? "No version and no attribute tells most bad events from others." : "Nothing tells bad events from others by more than chance."}</li>}
        <Folded rows={outcomes} words={(n) => `${n} that say${n === 1 ? "s" : ""} how they failed`} />
        <Folded rows={small} words={(n) => `${n} small ${n === 1 ? "difference" : "differences"}`} />
        {same > 0 && <li className="small faint">{same} more {same === 1 ? "value does" : "values do"} not differ (q {">"} 0.05, of {explanation.tests} tests)</li>}
      </ol>
    </div>
  );
}

const DifferenceRow = ({ attribute, bad, other }: Difference) => (
  <li className={styles.attribute}>
    <code className="clip" title={`${attribute.name} = ${attribute.value}; q ${attribute.q_value.toExponential(1)}`}>{attribute.name.replace(/^(span|resource)\./, "")} = {attribute.value} <i>{attribute.service}</i></code>
    <Bar share={bad} side="bad" label="of the bad" /><b>{percent(bad)}</b>
    <Bar share={other} side="good" label="of the others" /><b>{percent(other)}</b>
  </li>
);

/** Rows that are there for whoever asks. */
function Folded({ rows, words }: { rows: Difference[]; words: (n: number) => string }) {
  if (rows.length === 0) return null;
  return (
    <li className={styles.folded}>
      <details>
        <summary className="small dim">{words(rows.length)}</summary>
        <ol>{rows.map((row) => <DifferenceRow key={attributeKey(row.attribute)} {...row} />)}</ol>
      </details>
    </li>
  );
}

const Bar = ({ share, side, label }: { share: number; side: "bad" | "good"; label: string }) => (
  <span className={styles.bar} data-side={side} style={{ "--v": percentCss(share) } as React.CSSProperties} role="img" aria-label={`${percent(share)} ${label}`} />
);

function ExampleList({ explanation, spans, cause }: { explanation: Explanation; spans: SpanOfExample[]; cause: Cause | undefined }) {
  const good = useGoodExample(explanation);
  // Those of the cause picked come first.
  const of = (one: Explanation["examples"][number]) => one.culprit?.service === cause?.operation.service && one.culprit?.operation === cause?.operation.operation;
  const examples = [...explanation.examples.filter(of), ...explanation.examples.filter((one) => !of(one))].slice(0, 4);
  const longest = explanation.examples.reduce((most, one) => (one.duration > most ? one.duration : most), explanation.examples[0]?.duration ?? (0n as never));
  const first = examples[0];
  return (
    <div>
      <h3>Examples · those of the cause chosen first</h3>
      <ol>
        {examples.map((example) => (
          <li key={example.trace_id} className={styles.example}>
            <Go className="mono" to={path("traces", example.trace_id)} search={{ span: example.culprit?.span_id }} title={example.trace_id}>{shortId(example.trace_id)}</Go>
            <Lanes lanes={lanesOf(example, spans, longest)} />
            <span className="num">{duration(example.duration)}</span>
            <p className="clip" title={worstLog(example)?.body}>{worstLog(example)?.body ?? `${example.culprit?.operation ?? example.name}: ${example.culprit?.status_message ? example.culprit.status_message : "failed"}`}</p>
          </li>
        ))}
        {good && first && (
          <li className={styles.example}>
            <Go className="mono" to={path("traces", good.trace_id)} title={good.trace_id}>{shortId(good.trace_id)}</Go>
            <Lanes lanes={[{ service: first.service, from: 0, to: Number(good.duration) / Math.max(1, Number(longest)), culprit: false }]} />
            <span className="num">{duration(good.duration)}</span>
            <p className={styles.goodExample}>a good one, same minute and route · <Go to={path("traces", first.trace_id)} search={{ compare: good.trace_id }}>compare with {shortId(first.trace_id)}</Go></p>
          </li>
        )}
        {examples.length === 0 && <li className="small dim">No example was kept.</li>}
      </ol>
    </div>
  );
}

const RANK = ["trace", "debug", "info", "warn", "error", "fatal"];
const rank = (severity: string) => RANK.findIndex((one) => severity.toLowerCase().startsWith(one));
/** The record that says most of what went wrong: the first of the gravest. */
const worstLog = ({ logs }: Explanation["examples"][number]) => logs.reduce<(typeof logs)[number] | undefined>((worst, one) => (worst && rank(worst.severity) >= rank(one.severity) ? worst : one), undefined);

function Lanes({ lanes }: { lanes: ReturnType<typeof lanesOf> }) {
  return (
    <svg className={styles.lanes} width="100%" height="14" viewBox="0 0 200 14" preserveAspectRatio="none" aria-hidden>
      {lanes.map((lane, index) => (
        <rect key={index} x={lane.from * 200} y={index * 5} width={Math.max(1, (lane.to - lane.from) * 200)} height="3" style={{ fill: lane.culprit ? "var(--bad)" : serviceColour(lane.service) }} />
      ))}
    </svg>
  );
}
