/** Silence: by which labels, until when, why; and what that hides, before it does. */

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { addSilence, type SilenceMatcher } from "@/api/alertmanager";
import { type ApiError, asApiError } from "@/api/error";
import { ErrorFace } from "@/components/FiveFaces";
import { Dialog } from "@/components/layers";
import { useTime } from "@/components/location/time";
import { Choice } from "@/components/Tabs";
import { parseInstant, parseSpan } from "@/model/range";
import { nanos, when, zoneName } from "@/model/time";
import { useZone } from "@/preferences/preferences";
import { AlertChip } from "./AlertChip";
import type { BoardAlert } from "./board";
import { matchersFor, matchesAll, problemOf } from "./silence";
import styles from "./SilenceDialog.module.css";

export interface SilenceDialogProps {
  labels: Readonly<Record<string, string>>;
  /** All there are now, for the preview. */
  alerts: readonly BoardAlert[];
  open: boolean;
  onOpenChange: (open: boolean) => void;
  onDone?: (id: string) => void;
}

const SPANS = [{ id: "30m", label: "30 min" }, { id: "1h", label: "1 h" }, { id: "4h", label: "4 h" }, { id: "1d", label: "1 d" }, { id: "3d", label: "3 d" }] as const;
const WHO = "binnacle.silence.who";
const remembered = (): string => {
  try {
    return localStorage.getItem(WHO) ?? "";
  } catch {
    return "";
  }
};

export function SilenceDialog({ labels, alerts, open, onOpenChange, onDone }: SilenceDialogProps) {
  const zone = useZone();
  const { now } = useTime();
  const client = useQueryClient();
  const [chosen, setChosen] = useState(() => matchersFor(labels));
  const [span, setSpan] = useState<string>("1h");
  const [until, setUntil] = useState("");
  const [who, setWho] = useState(remembered);
  const [why, setWhy] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const matchers = chosen.filter((one) => one.chosen).map((one) => one.matcher);
  const typed = until.trim() === "" ? null : parseInstant(until, now, zone);
  const end = until.trim() === "" ? nanos(now + (parseSpan(span) ?? 0n)) : (typed ?? now);
  const problem = until.trim() !== "" && typed === null ? "The end is no time: say 14:30 or 2026-11-22T14:30Z." : problemOf(matchers, now, end, why, who);
  const hidden = alerts.filter((alert) => alert.state !== "resolved" && matchers.length > 0 && matchesAll(matchers, alert.labels));
  const change = (index: number, next: Partial<SilenceMatcher> | null) =>
    setChosen(chosen.map((one, at) => (at !== index ? one : next === null ? { ...one, chosen: !one.chosen } : { chosen: true, matcher: { ...one.matcher, ...next } })));
  const submit = () => {
    setBusy(true);
    setError(null);
    try {
      localStorage.setItem(WHO, who);
    } catch {
      // Asked again next time.
    }
    addSilence({ matchers, from: now, to: end, createdBy: who.trim(), comment: why.trim() })
      .then(({ silenceID }) => {
        void client.invalidateQueries();
        onOpenChange(false);
        onDone?.(silenceID);
      })
      .catch((cause: unknown) => setError(asApiError(cause)))
      .finally(() => setBusy(false));
  };
  return (
    <Dialog
      open={open} onOpenChange={onOpenChange} title="Silence" note="Nobody is told while it lasts. Alerts go on as they are, and budgets too."
      actions={<button type="button" className="btn primary" disabled={busy || problem !== null} onClick={submit}>{busy ? "Silencing…" : `Silence until ${when(end, now, zone)}`}</button>}
    >
      <div className="stack">
        {error && <ErrorFace error={error} />}
        <fieldset className={styles.labels}>
          <legend className="small dim">Alerts with</legend>
          {chosen.map(({ matcher, chosen: on }, index) => (
            <div key={matcher.name} className={styles.label}>
              <label className="row"><input type="checkbox" checked={on} onChange={() => change(index, null)} /> <code>{matcher.name}</code></label>
              <button type="button" className="btn" aria-label={`${matcher.name}: ${matcher.isRegex ? "pattern" : "equal"}`} onClick={() => change(index, { isRegex: !matcher.isRegex })}>{matcher.isRegex ? "=~" : "="}</button>
              <input className="input mono" aria-label={`Value of ${matcher.name}`} value={matcher.value} onChange={(event) => change(index, { value: event.target.value })} />
            </div>
          ))}
        </fieldset>
        <div className="row wrap">
          <Choice label="For how long" value={until === "" ? span : ""} onChange={(id) => { setSpan(id); setUntil(""); }} options={SPANS} />
          <input className={`input ${styles.until}`} aria-label={`Until, ${zoneName(zone)}`} placeholder={`or until 14:30 ${zoneName(zone)}`} value={until} onChange={(event) => setUntil(event.target.value)} />
        </div>
        <div className={styles.pair}>
          <label className="field">Why<input className="input" value={why} placeholder="known, being rolled back" onChange={(event) => setWhy(event.target.value)} /></label>
          <label className="field">Who<input className="input" value={who} placeholder="your name" onChange={(event) => setWho(event.target.value)} /></label>
        </div>
        <div role="status">
          <p className="small dim">{problem ?? `Ends ${when(end, now, zone)} ${zoneName(zone)}.`} {hidden.length === 0 ? "It hides none of the alerts there are now." : `It hides ${hidden.length} of ${alerts.length}:`}</p>
          <ul className={styles.hidden}>{hidden.map((alert) => <li key={alert.fingerprint} className="row"><AlertChip alert={alert} now={now} /><span className="clip">{alert.summary}</span></li>)}</ul>
        </div>
      </div>
    </Dialog>
  );
}
