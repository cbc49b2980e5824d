/** The span chosen: what is unusual about it, what it carries, and who owns the trace's time. */

import { useSpan, type Span, type Trace } from "@/api/trace";
import { around, operationQuery, useUsual } from "@/api/trace/operation";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { serviceColour } from "@/model/service";
import { pathTime } from "@/model/trace/facts";
import { at, FLAG, has, KINDS, nameOf, serviceOf } from "@/model/trace/tree";
import { hm } from "@/model/time";
import { group, ratio, shortId } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import styles from "./Aside.module.css";
import { Attributes, Events, Links, Logs } from "./Details";
import { Differs } from "./Differs";
import { Owners } from "./Owners";
import { took } from "./Row";

export function Aside({ trace, selected }: { trace: Trace; selected: number }) {
  const { tree } = trace;
  const span = useSpan(trace, at(tree.source, selected));
  return (
    <aside className={styles.aside} aria-label="Selected span">
      <Subject trace={trace} selected={selected} />
      {has(tree, selected, FLAG.absent) ? <Absent id={tree.ids[selected] ?? ""} /> : span ? <Known trace={trace} selected={selected} span={span} /> : <section className="faint small">Reading its attributes…</section>}
      <Owners trace={trace} />
    </aside>
  );
}

function Subject({ trace, selected }: { trace: Trace; selected: number }) {
  const { tree } = trace;
  const [service, parent] = [serviceOf(tree, selected), at(tree.parent, selected)];
  const [length, held] = [at(tree.duration, selected), pathTime(tree, selected)];
  const share = length / Math.max(1, tree.width);
  const from = parent >= 0 && serviceOf(tree, parent) !== service && !has(tree, parent, FLAG.absent) ? ` · seen from ${serviceOf(tree, parent)}` : "";
  return (
    <header>
      <div className={`small dim ${styles.who}`}>
        <span className="dot" style={{ "--c": serviceColour(service) } as React.CSSProperties} />
        {service && <Go to={path("services", service)} style={{ color: "inherit" }}>{service}</Go>} · {KINDS[at(tree.kind, selected)]}{from}
      </div>
      <h2>{nameOf(tree, selected) || "A span that is not stored"}</h2>
      <p className="small dim">{took(length)}, {ratio(share).replace(/(\.\d)\d/, "$1")} of the trace · {pathWords(held, length, took)}</p>
    </header>
  );
}

/** How much of a span the trace waited for. */
export function pathWords(held: number, length: number, write: (ns: number) => string): string {
  if (held === 0) return "off the critical path";
  return held >= length * 0.999 ? "all of it on the critical path" : `${write(held)} of it on the critical path`;
}

function Absent({ id }: { id: string }) {
  return (
    <section>
      <div className={styles.callout} data-tone="hold">
        <b>Not stored.</b> Spans name {shortId(id)} as their parent. It was never sent, was dropped on the way, or has not arrived yet; <Go to="/ingest">ingest health</Go> tells which senders are silent.
      </div>
    </section>
  );
}

function Known({ trace, selected, span }: { trace: Trace; selected: number; span: Span }) {
  const { tree } = trace;
  const range = around(tree.origin);
  const usual = useUsual(span.service, span.name, range, true).data?.rows ?? [];
  const [good, bad] = [usual.find((one) => !one.failed), usual.find((one) => one.failed)];
  const failed = has(tree, selected, FLAG.error);
  const slow = !failed && good !== undefined && good.p99 !== null && good.n >= 20 && span.duration > good.p99;
  return (
    <>
      <Unusual span={span} failed={failed} slow={slow} good={good} bad={bad} range={range} />
      {(failed || slow) && <Differs span={span} range={range} slowerThan={slow ? good.p99 : null} />}
      <Attributes key={span.span_id} span={span} />
      <Events span={span} />
      <Links span={span} />
      <Logs tree={tree} selected={selected} />
    </>
  );
}

type UsualRow = NonNullable<ReturnType<typeof useUsual>["data"]>["rows"][number];
interface UnusualProps {
  span: Span;
  failed: boolean;
  slow: boolean;
  good: UsualRow | undefined;
  bad: UsualRow | undefined;
  range: ReturnType<typeof around>;
}

/** One sentence: what is unusual, against what is usual. */
function Unusual({ span, failed, slow, good, bad, range }: UnusualProps) {
  const zone = useZone();
  const usual = good?.p50 != null && good.p99 !== null && `Usual here is ${took(Number(good.p50))} (p99 ${took(Number(good.p99))})`;
  if (!failed && !slow) {
    return usual ? <section><div className={styles.callout}>{usual}, of {group(good.n)} spans around this one.</div></section> : null;
  }
  const said = sentence(span.status.message || exceptionOf(span) || "Failed, and says not why");
  const since = bad && hm(bad.since, zone);
  const search = { q: operationQuery(span.service, span.name, failed ? "status = error" : `duration > ${good?.p99 ?? 0n}ns`), from: iso(range.from), to: iso(range.to) };
  return (
    <section>
      <p className={styles.callout} data-tone={failed ? "bad" : undefined}>
        <b>{failed ? said : "Slower than 99 in 100."}</b> {usual ? `${usual}${failed && bad ? "; " : "."}` : ""}
        {failed && bad && <>{usual ? "this" : "This"} is one of <Go to="/traces" search={search}>{group(bad.n)} alike</Go> since {since}.</>}
        {slow && <> <Go to="/traces" search={search}>Those alike</Go></>}
      </p>
    </section>
  );
}

const iso = (time: bigint) => new Date(Number(time / 1_000_000n)).toISOString();
const exceptionOf = (span: Span): string => {
  const found = span.events.findLast((event) => event.name === "exception")?.attributes["exception.message"];
  return typeof found === "string" ? found : "";
};
/** As a sentence: a capital, and one full stop. */
export const sentence = (text: string): string => {
  const line = text.split("\n", 1)[0]?.trim() ?? "";
  const short = line.length > 160 ? `${line.slice(0, 159)}…` : line;
  return short.charAt(0).toUpperCase() + short.slice(1) + (/[.!?…]$/.test(short) ? "" : ".");
};
