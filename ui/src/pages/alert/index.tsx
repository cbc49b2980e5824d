/** One alert: is it real, what do I do, was I told. Right on a phone first. */

import { useParams } from "@tanstack/react-router";
import { BellOff, BookOpen, Gauge, Lightbulb } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useRuleTransitions } from "@/api/alerts";
import { tellsOf, useDeliveries } from "@/api/deliveries";
import { useEvidence, useExplain } from "@/api/explain";
import { useSloTransitions } from "@/api/slos";
import { AlertChip } from "@/components/alerts/AlertChip";
import { type BoardAlert, tierOf } from "@/components/alerts/board";
import { reasonWords } from "@/components/alerts/reason";
import { SilenceDialog } from "@/components/alerts/SilenceDialog";
import { type Board, useBoard } from "@/components/alerts/useBoard";
import { Explain } from "@/components/explain/Explain";
import { Empty, FiveFaces, Partial } from "@/components/FiveFaces";
import { useKeys } from "@/components/keys/keys";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { useTime, useTimeActions } from "@/components/location/time";
import { Page } from "@/components/Page";
import { Panel } from "@/components/Panel";
import { ServiceName } from "@/components/ServiceName";
import { StateChip } from "@/components/StateChip";
import { useStep } from "@/components/trail/useStep";
import { windowSeconds } from "@/components/slo/standing";
import type { Range } from "@/model/range";
import { alertTone, alertWord, type AlertState } from "@/model/state";
import { exact, hm, type Nanos, nanos, NS_PER_MS, NS_PER_S, spell, toIso, when } from "@/model/time";
import { burn, group } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import styles from "./Alert.module.css";
import { Deliveries } from "./Deliveries";
import { type Change, changesOf, groupValues, pastAlert } from "./find";
import { OfRule } from "./OfRule";
import { ThenNow } from "./ThenNow";
import { causeOf, heldSentence, leftOf, nearestMiss, overSentence } from "./words";

const NONE: never[] = [];

export default function AlertPage() {
  const params: Record<string, string | undefined> = useParams({ strict: false });
  const print = params.fingerprint ?? "";
  const board = useBoard();
  const rules = useRuleTransitions();
  const evidence = useEvidence(print, { enabled: print !== "" });
  const active = board.query.data?.find((alert) => alert.fingerprint === print);
  const alert = active ?? (board.query.data && rules.data && !evidence.isFetching ? pastAlert(print, rules.data.rows, evidence.data) : null);
  if (alert) return <Full alert={alert} board={board} evidence={evidence.data} rules={rules.data?.rows ?? NONE} />;
  const waiting = board.query.data === undefined || rules.isPending || evidence.isPending;
  return (
    <Page title={`Alert ${print.slice(0, 8)}`}>
      <Panel flush>
        {waiting ? <FiveFaces query={{ ...board.query, data: undefined }} height={320} rows={6}>{() => null}</FiveFaces> : (
          <Empty title="No alert has this fingerprint." actions={<Go className="btn" to="/alerts">All alerts</Go>}>Neither what fires now nor what is kept of the past has {print}. Labels make the fingerprint: a rule that changed its labels makes others.</Empty>
        )}
      </Panel>
    </Page>
  );
}

interface FullProps {
  alert: BoardAlert;
  board: Board;
  evidence: ReturnType<typeof useEvidence>["data"];
  rules: NonNullable<ReturnType<typeof useRuleTransitions>["data"]>["rows"];
}

function Full({ alert, board, evidence, rules }: FullProps) {
  const { now, paused } = useTime();
  const { set } = useTimeActions();
  const zone = useZone();
  const [silencing, setSilencing] = useState(false);
  useStep(`${alert.severity === "page" ? "Page" : "Alert"}: ${alert.slo ?? alert.name}`, "alert", "start");
  // What is looked at is evidence: time stands still from here on, once.
  const frozen = useRef(false);
  useEffect(() => {
    if (!frozen.current && !paused) set({ paused: true }, "replace");
    frozen.current = true;
  }, [paused, set]);
  const slo = board.slos.find((one) => one.name === alert.slo);
  const tier = tierOf(slo, alert.labels);
  const objective = slo && tier ? (slo.objectives[tier.index] ?? null) : null;
  const transitions = useSloTransitions(alert.slo ?? undefined, 1000);
  const changes = changesOf(alert, rules, alert.slo !== null ? (transitions.data?.transitions ?? NONE) : NONE, groupValues(alert.labels, objective?.group_by ?? NONE));
  const fired = changes.find((change) => change.state === "firing");
  const resolved = changes.find((change) => change.state === "resolved" && (alert.since === null || change.at > alert.since));
  const deliveries = (useDeliveries().data?.deliveries ?? NONE).filter((delivery) => tellsOf(delivery, alert.fingerprint));
  const pinned = evidence && evidence.window.bad > 0 ? evidence : undefined;
  const window: Range | null = alert.slo !== null && fired && !pinned ? windowOf(alert, fired) : null;
  const explained = useExplain(alert.slo ?? "", { objective: tier?.index ?? 0, window }, { enabled: window !== null && slo !== undefined, immutable: true });
  const cause = pinned ?? explained.data;
  const explain = () => document.getElementById("explain")?.scrollIntoView({ block: "start" });
  const { runbook_url: runbook } = alert.annotations;
  useKeys([{ keys: "e", does: "Explain", run: explain }, { keys: "s", does: "Silence", run: () => setSilencing(true) }]);
  const first = cause?.examples[0];
  const miss = alert.state === "resolved" || alert.state === "pending" ? nearestMiss(objective, alert.labels) : null;
  return (
    <Page
      title={alert.state === "resolved" ? overSentence(alert.summary, alert.since === null ? null : when(alert.since, now, zone), resolved === undefined ? null : when(resolved.at, now, zone)) : alert.summary} name={`Alert ${alert.slo ?? alert.name}`}
      note={
        <>
          <AlertChip alert={alert} now={now} />
          {alert.silencedBy.length > 0 && <Go to="/alerts/silences"><StateChip tone="hold">silenced</StateChip></Go>}
          {alert.inhibitedBy.length > 0 && <StateChip tone="hold">inhibited by another</StateChip>}
          {alert.service && <ServiceName name={alert.service} />}
          {alert.since !== null && <span className="small" title={exact(alert.since, zone)}>{alert.state === "resolved" ? "fired" : "since"} {when(alert.since, now, zone)}</span>}
          {leftOf(objective) && <span className="small">{leftOf(objective)}</span>}
        </>
      }
    >
      <div className={styles.lead}>
        <p>{cause && cause.window.bad > 0 ? cause.summary : causeOf(alert, evidence)}</p>
        <div className={styles.buttons}>
          <button type="button" className="btn" onClick={() => setSilencing(true)} disabled={alert.state === "resolved"}><BellOff className="ico" aria-hidden /> Silence…</button>
          {alert.slo !== null && <button type="button" className="btn primary" onClick={explain}><Lightbulb className="ico" aria-hidden /> Explain</button>}
          {slo && <Go className="btn" to={path("slos", slo.name)} search={tier && tier.index > 0 ? { objective: String(tier.index) } : {}}><Gauge className="ico" aria-hidden /> SLO</Go>}
          {runbook !== undefined && /^https?:/.test(runbook) && <a className="btn" href={runbook} target="_blank" rel="noreferrer"><BookOpen className="ico" aria-hidden /> Runbook</a>}
          {first && <Go className={`btn ${styles.worst}`} to={path("traces", first.trace_id)} search={{ span: first.culprit?.span_id }}>Worst trace</Go>}
        </div>
      </div>
      {alert.state === "held" && alert.heldSince !== null && <Partial>{heldSentence(when(alert.heldSince, now, zone))}</Partial>}
      {miss && <Partial>Why it does not fire: long {burn(miss.long)} and short {burn(miss.short)}, each of {burn(miss.threshold)}.</Partial>}
      <div className={styles.two}>
        <ThenNow alert={alert} slo={slo} objective={objective} fired={fired} evidence={pinned} now={now} />
        <History changes={changes} now={now} />
      </div>
      {alert.slo === null && <OfRule alert={alert} />}
      {alert.slo !== null && (
        <div id="explain">
          <Panel
            title="Explain" flush
            note={cause && `${spell({ from: cause.window.start, to: cause.window.end }, now, zone)} · what spent ${group(cause.window.bad)} bad events`}
            tools={pinned ? <span className="chip">pinned {hm(pinned.made_at, zone)}</span> : <span className="chip">computed now</span>}
          >
            {pinned ? <Explain explanation={pinned} root={alert.service} /> : window === null ? <Empty>When it began to fire is not kept.</Empty> : <FiveFaces query={explained} height={220} rows={5}>{(data) => <Explain explanation={data} root={alert.service} />}</FiveFaces>}
          </Panel>
        </div>
      )}
      {cause && cause.examples.some((example) => example.logs.length > 0) && <Logs cause={cause} />}
      <Deliveries deliveries={deliveries} now={now} source={alert.state === "firing" ? "firing" : "other"} />
      <Labels alert={alert} />
      {silencing && <SilenceDialog labels={alert.labels} alerts={board.query.data ?? NONE} open onOpenChange={setSilencing} />}
    </Page>
  );
}

/** The alert's long window up to when it fired, six hours at most: what its evidence is of. */
function windowOf(alert: BoardAlert, fired: Change): Range {
  const seconds = Math.min(21_600, windowSeconds(alert.labels.long_window ?? "") || 21_600);
  return { from: nanos(fired.at - BigInt(seconds) * NS_PER_S), to: fired.at };
}

function History({ changes, now }: { changes: Change[]; now: Nanos }) {
  const zone = useZone();
  return (
    <Panel title="States" note="the last first, each with its reason" flush>
      {changes.length === 0 ? <Empty>What it did is not kept.</Empty> : (
        <ol className={styles.changes}>
          {changes.slice(0, 30).map((change) => (
            <li key={`${String(change.at)} ${change.state}`}>
              <span className="dim" title={exact(change.at, zone)}>{when(change.at, now, zone)}</span>
              <span><StateChip tone={change.state === "firing" ? "bad" : change.state === "resolved" ? "good" : alertTone(change.state as AlertState, "page")}>{alertWord(change.state)}</StateChip></span>
              <span className="small">{reasonWords(change.reason)}</span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}

function Logs({ cause }: { cause: NonNullable<ReturnType<typeof useExplain>["data"]> }) {
  const zone = useZone();
  const lines = cause.examples.flatMap((example) => example.logs.map((log) => ({ ...log, trace: example.trace_id }))).slice(0, 8);
  const { window } = cause;
  // What a span of the window said at its end may lie past the window.
  const last = lines.reduce((end, line) => (line.time >= end ? nanos(line.time + NS_PER_MS) : end), window.end);
  return (
    <Panel title="Logs of the examples" flush tools={<Go className="btn" to="/logs" search={{ q: `service:${JSON.stringify(cause.services[0]?.service ?? "")}`, from: toIso(window.start), to: toIso(last) }}>All logs of {cause.services[0]?.service ?? "the window"}</Go>}>
      <ul className={styles.logs}>
        {lines.map((line, index) => (
          <li key={index}>
            <span className="dim">{hm(line.time, zone)}</span>
            <span className={line.severity.startsWith("error") || line.severity.startsWith("fatal") ? "bad" : "dim"}>{line.severity.toUpperCase()}</span>
            <ServiceName name={line.service} plain />
            <code>{line.body}</code>
            <Go className="mono" to={path("traces", line.trace)}>{line.trace.slice(0, 8)}</Go>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Labels({ alert }: { alert: BoardAlert }) {
  // What stands on this page already, or leads to it.
  const rest = Object.entries(alert.annotations).filter(([name]) => !["summary", "description", "explanation", "explain_url", "trace_ids"].includes(name));
  return (
    <Panel title="Labels" note={`fingerprint ${alert.fingerprint}`}>
      <div className="row wrap">{Object.entries(alert.labels).map(([name, value]) => <code key={name} className="chip">{name}={value}</code>)}</div>
      {rest.length > 0 && <dl className={styles.annotations}>{rest.map(([name, value]) => <div key={name}><dt className="small dim">{name}</dt><dd className={styles.breaks}>{/^https?:\/\//.test(value) ? <a className={styles.link} href={value}>{value}</a> : value}</dd></div>)}</dl>}
    </Panel>
  );
}
