/** One row of the waterfall: its name, and its lane. */

import { Link2, OctagonAlert } from "lucide-react";
import { type CSSProperties, memo } from "react";
import { type Clock, left, type Window } from "@/model/trace/facts";
import type { Alike, Expected } from "@/model/trace/rows";
import { at, FLAG, has, nameOf, serviceOf, type TraceTree } from "@/model/trace/tree";
import { serviceColour } from "@/model/service";
import { severityName } from "@/model/state";
import { nanos } from "@/model/time";
import { count, duration } from "@/model/units";
import { StateIcon } from "@/components/StateIcon";
import styles from "./Fall.module.css";

/** What all rows share; the same object while nothing of it changes. */
export interface Shared {
  tree: TraceTree;
  window: Window;
  /** Fades what is off the critical path. */
  path: boolean;
  /** Services whose clocks seem to be off. */
  clocks: ReadonlyMap<string, Clock> | null;
  onToggle: (span: number) => void;
  onUnfold: (first: number) => void;
}

interface Place {
  shared: Shared;
  span: number;
  row: number;
  top: number;
  height: number;
}

export const took = (ns: number): string => duration(nanos(Math.round(ns)));
/** Shares of the lane, in CSS: written where they are needed, as properties that are inherited cost more for each of the rows that come with a frame. */
const share = (part: number) => `${(part * 100).toFixed(3)}%`;
const box = (window: Window, from: number, to: number): CSSProperties => ({ left: share(left(window, from)), width: share(left(window, to) - left(window, from)) });
/** Where a bar's duration stands: after it, or before it where it begins far to the right. */
const beside = (window: Window, from: number, to: number): CSSProperties =>
  left(window, from) > BEFORE ? { right: `calc(100% - ${share(left(window, from))} + 6px)` } : { left: `calc(${share(left(window, from))} + max(3px, ${share(left(window, to) - left(window, from))}) + 6px)` };
/** The duration stands before a bar that begins so far to the right. */
const BEFORE = 0.8;

const place = ({ top, height }: Place): CSSProperties => ({ transform: `translateY(${top}px)`, height });
export const rowId = (row: number): string => `span-row-${row}`;

export const SpanRow = memo(function SpanRow(props: Place & { selected: boolean; found: boolean; folded: boolean }) {
  const { shared, span, row, selected, folded } = props;
  const { tree, window } = shared;
  const [service, absent] = [serviceOf(tree, span), has(tree, span, FLAG.absent)];
  const parent = at(tree.size, span) > 1;
  return (
    <div
      role="row" id={rowId(row)} className={styles.row} style={place(props)} data-span={span} data-found={props.found || undefined}
      aria-level={at(tree.depth, span) + 1} aria-posinset={at(tree.position, span)} aria-setsize={at(tree.siblings, span)}
      aria-expanded={parent ? !folded : undefined} aria-selected={selected} aria-rowindex={row + 1}
    >
      <div role="gridcell" className={styles.name} style={{ "--d": Math.min(at(tree.depth, span), 14) } as CSSProperties} title={absent ? tree.ids[span] : `${service} ${nameOf(tree, span)}`}>
        {parent ? (
          <button type="button" tabIndex={-1} className={styles.fold} data-folded={folded || undefined} aria-label={folded ? "Show children" : "Hide children"} onClick={() => shared.onToggle(span)}></button>
        ) : <span className={styles.leaf} />}
        {absent ? <span className="hold"><StateIcon tone="hold" size={12} /></span> : <span className="dot" style={{ "--c": serviceColour(service) } as CSSProperties} aria-hidden />}
        {has(tree, span, FLAG.error) && <OctagonAlert className={`bad ${styles.mark}`} role="img" aria-label="failed" />}
        <span className={styles.text}>
          {absent ? <><b className="faint">no span</b><em>{tree.ids[span]}</em></> : <><b>{service}</b><em>{nameOf(tree, span)}</em></>}
        </span>
        {has(tree, span, FLAG.links) && <Link2 className={`faint ${styles.mark}`} role="img" aria-label="has links" />}
        {folded && <span className={styles.count}>{count(at(tree.size, span) - 1)} below</span>}
      </div>
      <SpanLane shared={shared} span={span} window={window} />
    </div>
  );
});

function SpanLane({ shared, span, window }: { shared: Shared; span: number; window: Window }) {
  const { tree } = shared;
  const [from, length] = [at(tree.start, span), at(tree.duration, span)];
  const [error, absent, onPath] = [has(tree, span, FLAG.error), has(tree, span, FLAG.absent), has(tree, span, FLAG.path)];
  const service = serviceOf(tree, span);
  const clock = absent ? undefined : shared.clocks?.get(service);
  const segments = [];
  if (shared.path) for (let k = at(tree.pathAt, span); k < at(tree.pathAt, span + 1); k++) segments.push(k);
  const events = [];
  for (let k = at(tree.eventAt, span); k < at(tree.eventAt, span + 1) && events.length < 40; k++) events.push(k);
  return (
    <div role="gridcell" className={styles.lane} aria-label={absent ? "not stored" : clock ? undefined : `${took(length)}${error ? ", failed" : ""}`}>
        <i className={styles.bar} style={{ ...box(window, from, from + length), "--c": serviceColour(service) } as CSSProperties} data-error={error || undefined} data-absent={absent || undefined} data-off={(shared.path && !onPath && !absent) || undefined} />
        {clock && <Corrected clock={clock} window={window} from={from + clock.offset} length={length} />}
        {events.map((k) => <i key={k} className={styles.event} style={box(window, at(tree.events, k), at(tree.events, k))} />)}
        {segments.map((k) => <i key={k} className={styles.path} style={box(window, at(tree.pathStart, k), at(tree.pathEnd, k))} />)}
        <span className={styles.took} style={beside(window, from, from + length)} data-hold={absent || undefined}>
          {absent ? "parent not stored: dropped, or not here yet" : has(tree, span, FLAG.negative) ? "ends before it starts" : took(length)}
        </span>
        {clock && <span className="visually-hidden">{error ? ", failed" : ""}, clock off by {offsetText(clock)}</span>}
    </div>
  );
}

/** Where a span would be were its clock right: its box, within a line as long as the offset may be wrong. */
function Corrected({ clock, window, from, length }: { clock: Clock; window: Window; from: number; length: number }) {
  const { offset, bound } = clock;
  const apart = Math.abs(offset) / (window.to - window.from);
  return (
    <>
      {bound !== null && <i className={styles.bound} style={box(window, from - bound, from + length + bound)} />}
      <i className={styles.moved} style={box(window, from, from + length)} />
      {apart > LABEL_APART && from + length > window.from && from < window.to && <span className={styles.took} data-hold="" aria-hidden style={beside(window, from - (bound ?? 0), from + length + (bound ?? 0))}>{offsetText(clock)}</span>}
    </>
  );
}

/** An offset is written beside the box only if that is so far from the bar, whose duration stands there. */
const LABEL_APART = 0.25;

/** What to add, and how far that may be wrong: `−3.00 s ± 169 µs`. */
export const offsetText = ({ offset, bound }: Clock): string =>
  `${offset > 0 ? "+" : ""}${took(offset)}${bound === null ? ", fits not all of its calls" : ` ± ${took(bound)}`}`;

export const AlikeRow = memo(function AlikeRow(props: Place & { run: Alike; selected: boolean }) {
  const { shared, run, row, selected } = props;
  const { tree, window } = shared;
  const last = run.end - 1;
  const to = lastEnd(tree, run);
  const service = serviceOf(tree, run.first);
  return (
    <div
      role="row" id={rowId(row)} className={styles.row} style={place(props)} data-span={run.first} aria-level={at(tree.depth, run.first) + 1} aria-expanded={false}
      aria-selected={selected} aria-rowindex={row + 1} aria-posinset={at(tree.position, run.first)} aria-setsize={at(tree.siblings, last)}
    >
      <div role="gridcell" className={styles.name} style={{ "--d": Math.min(at(tree.depth, run.first), 14) } as CSSProperties}>
        <button type="button" tabIndex={-1} className={styles.fold} data-folded="" aria-label={`Show all ${run.count}`} onClick={() => shared.onUnfold(run.first)}></button>
        <span className="dot" style={{ "--c": serviceColour(service) } as CSSProperties} aria-hidden />
        <span className={styles.text}><b>{count(run.count)} × {service}</b><em>{nameOf(tree, run.first)}</em></span>
      </div>
      <div role="gridcell" className={styles.lane} >
          <i className={styles.bar} style={{ ...box(window, at(tree.start, run.first), to), "--c": serviceColour(service) } as CSSProperties} data-many="" data-off={(shared.path && !has(tree, run.first, FLAG.path)) || undefined} />
          <span className={styles.took} style={beside(window, at(tree.start, run.first), to)}>{between(run.shortest, run.longest)}</span>
      </div>
    </div>
  );
});

const between = (a: number, b: number) => (took(a) === took(b) ? took(a) : `${took(a)} – ${took(b)}`);

function lastEnd(tree: TraceTree, run: Alike): number {
  let end = 0;
  for (let i = run.first; i < run.end; i += at(tree.size, i)) end = Math.max(end, at(tree.start, i) + at(tree.duration, i));
  return end;
}

export const LogRow = memo(function LogRow(props: Place & { log: number }) {
  const { shared, row, span } = props;
  const { tree, window } = shared;
  const log = tree.logs[props.log];
  if (!log) return null;
  const tone = severityName(log.severityNumber) ?? "info";
  const x = left(window, log.at);
  return (
    <div role="row" id={rowId(row)} className={`${styles.row} ${styles.log}`} style={place(props)} data-span={span} data-tone={tone} aria-level={at(tree.depth, span) + 2} aria-rowindex={row + 1}>
      <div role="gridcell" className={styles.name}>{log.severity || tone.toUpperCase()} · +{took(log.at)}</div>
      <div role="gridcell" className={styles.lane} >
        <i style={{ left: share(x), background: `var(--sev-${tone})` }} />
          <code data-left={x > 0.5 || undefined} style={x > 0.5 ? { left: 0, right: `calc(100% - ${share(x)} + 6px)` } : { left: `calc(${share(x)} + 14px)` }} title={log.body}>{log.body.slice(0, 300)}</code>
      </div>
    </div>
  );
});

export const ExpectedRow = memo(function ExpectedRow(props: Place & { expected: Expected }) {
  const { shared, row, span, expected } = props;
  return (
    <div role="row" id={rowId(row)} className={styles.row} style={place(props)} aria-level={at(shared.tree.depth, span) + 2} aria-rowindex={row + 1}>
      <div role="gridcell" className={styles.name} style={{ "--d": Math.min(at(shared.tree.depth, span) + 1, 14) } as CSSProperties}>
        <span className={styles.leaf} /><span className="hold"><StateIcon tone="hold" size={12} /></span>
        <span className={styles.text}><b className="faint">{expected.service}</b><em>no span</em></span>
      </div>
      <div role="gridcell" className={styles.lane} >
        <span className={styles.took} style={{ right: "calc(1% + 6px)" }} data-hold="">{expected.why}</span>
      </div>
    </div>
  );
});
