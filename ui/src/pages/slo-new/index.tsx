/** A new SLO: service, kind of good, objective; what it would have been, before it is saved. */

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useServedOperations } from "@/api/names";
import { useGoldenSignals } from "@/api/red";
import { type ApiError, asApiError } from "@/api/error";
import { saveSlo } from "@/api/slos";
import { Outcome, useOutcome } from "@/components/backtest/Outcome";
import { Empty, ErrorFace, FiveFaces } from "@/components/FiveFaces";
import { path } from "@/components/location/path";
import { useTime } from "@/components/location/time";
import { useGo } from "@/components/location/useGo";
import { Page } from "@/components/Page";
import { Panel } from "@/components/Panel";
import { Choice } from "@/components/Tabs";
import { type Range } from "@/model/range";
import { nanos, NS_PER_S } from "@/model/time";
import { count } from "@/model/units";
import { BLANK, type Draft, type Good, leastPerHour, openSlo, problemOf } from "./draft";
import styles from "./New.module.css";

const KINDS: { id: Good; label: string; words: string }[] = [
  { id: "availability", label: "Succeeds", words: "A request is good when its span did not fail." },
  { id: "latency", label: "Fast enough", words: "A request is good when it did not fail and took no longer than you say." },
  { id: "logs", label: "Quiet logs", words: "A log record is good when it is less than an error." },
];
const TARGETS = ["99", "99.5", "99.9", "99.95"].map((id) => ({ id, label: `${id} %` }));
const QUIET_MS = 700;
const HOUR = 3600n * NS_PER_S;

export default function NewSloPage() {
  const { now } = useTime();
  const go = useGo();
  const client = useQueryClient();
  const [draft, setDraft] = useState<Draft>(BLANK);
  const [byHand, setByHand] = useState<string | null>(null);
  const [saving, setSaving] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  // The hour before this minute: what the choices are made from.
  const [hour] = useState<Range>({ from: nanos(now - HOUR), to: now });
  const services = useGoldenSignals(hour);
  const operations = useServedOperations(draft.service, hour);
  const problem = problemOf(draft);
  const text = byHand ?? (problem === null ? openSlo(draft) : "");
  const settled = useSettled(text);
  const outcome = useOutcome(settled, 30, settled !== "");
  const names = [...new Set((services.data?.signals ?? []).map((one) => one.service))].sort();
  const served = operations.data?.rows ?? [];
  const perHour = draft.operation === "" ? (services.data?.signals.find((one) => one.service === draft.service)?.count ?? 0) : (served.find((one) => one.name === draft.operation)?.count ?? 0);
  const least = leastPerHour(draft.target);
  const change = (next: Partial<Draft>) => {
    setByHand(null);
    setDraft({ ...draft, ...next });
  };
  const save = () => {
    setSaving(true);
    setError(null);
    saveSlo(text)
      .then(({ names: saved }) => {
        go(saved[0] ? path("slos", saved[0]) : "/slos");
        // Nobody waits for what the page that is left would ask again, its preview among it.
        void client.invalidateQueries({ refetchType: "none" });
      })
      .catch((cause: unknown) => setError(asApiError(cause)))
      .finally(() => setSaving(false));
  };
  return (
    <Page title="New SLO" note={<span className="small">service, kind of good, objective; nothing is stored before you save</span>} actions={<button type="button" className="btn primary" disabled={saving || text === ""} onClick={save}>{saving ? "Saving…" : "Save"}</button>}>
      {error && <ErrorFace error={error} />}
      <div className={styles.two}>
        <div className="stack">
          <Panel title="1 · Whose requests">
            <FiveFaces query={services} rows={2} isEmpty={() => names.length === 0} empty={<Empty>No service was heard in the last hour. Write the definition by hand below, or send spans first.</Empty>}>
              {() => (
                <div className="stack">
                  <label className="field">Service
                    <select className="input" value={draft.service} onChange={(event) => change({ service: event.target.value, operation: "" })}>
                      <option value="">choose…</option>
                      {names.map((name) => <option key={name}>{name}</option>)}
                    </select>
                  </label>
                  {draft.good !== "logs" && (
                    <label className="field">Operation
                      <select className="input" value={draft.operation} disabled={draft.service === ""} onChange={(event) => change({ operation: event.target.value })}>
                        <option value="">all that it serves</option>
                        {served.map((one) => <option key={one.name} value={one.name}>{one.name} · {count(one.count)} in the last hour</option>)}
                      </select>
                    </label>
                  )}
                  <label className="field">Owner<input className="input" value={draft.owner} placeholder="a team" onChange={(event) => change({ owner: event.target.value })} /></label>
                </div>
              )}
            </FiveFaces>
          </Panel>
          <Panel title="2 · What is good">
            <div className="stack">
              <Choice label="Kind of good" value={draft.good} onChange={(good) => change({ good })} options={KINDS} />
              <p className="small dim">{KINDS.find((kind) => kind.id === draft.good)?.words}</p>
              {draft.good === "latency" && <label className="field">Within, ms<input className="input" type="number" min={1} value={Number.isNaN(draft.milliseconds) ? "" : draft.milliseconds} onChange={(event) => change({ milliseconds: event.target.valueAsNumber })} /></label>}
            </div>
          </Panel>
          <Panel title="3 · How often it must be good">
            <div className="stack">
              <div className="row wrap">
                <Choice label="Objective" value={String(draft.target)} onChange={(target) => change({ target: Number(target) })} options={TARGETS} />
                <input className={`input ${styles.short}`} type="number" step="0.01" min={0} max={100} aria-label="Objective in percent" value={Number.isNaN(draft.target) ? "" : draft.target} onChange={(event) => change({ target: event.target.valueAsNumber })} />
                <span className="dim">over</span>
                <input className={`input ${styles.short}`} type="number" min={1} max={90} aria-label="Window in days" value={Number.isNaN(draft.days) ? "" : draft.days} onChange={(event) => change({ days: event.target.valueAsNumber })} />
                <span className="dim">days, rolling</span>
              </div>
              {problem === null && draft.good !== "logs" && services.data && perHour < least && (
                <p className="small warn">The 5-minute window means little below {count(least)} requests an hour, there were {count(perHour)} in the last one: a single bad one is past the threshold there. Pages wait for three bad events anyway.</p>
              )}
            </div>
          </Panel>
        </div>
        <div className="stack">
          <Panel title="What it would have been" note="the last 30 days as they are stored">
            {text === "" ? <Empty>{problem}</Empty> : <Outcome query={outcome} days={30} now={now} />}
          </Panel>
          <Panel title="Definition" note="OpenSLO; change it by hand for all that is possible">
            <label className="field"><span className="visually-hidden">Definition</span><textarea className={`input mono ${styles.text}`} rows={20} spellCheck={false} value={text} placeholder="It appears as you choose." onChange={(event) => setByHand(event.target.value)} /></label>
          </Panel>
        </div>
      </div>
    </Page>
  );
}

/** A text once it has stood still for a moment: going through the history is not done at every key. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), QUIET_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}
