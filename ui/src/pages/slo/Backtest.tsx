import { useState } from "react";
import type { Slo } from "@/api/slos";
import { Outcome, useOutcome } from "@/components/backtest/Outcome";
import { Dialog } from "@/components/layers";
import { Choice } from "@/components/Tabs";
import { useTime } from "@/components/location/time";
import styles from "./Slo.module.css";

type Span = "7" | "30" | "90";

/** The policy on the left, what it would have done on the right; nothing is stored. */
export function Backtest({ slo, open, onOpenChange }: { slo: Slo; open: boolean; onOpenChange: (open: boolean) => void }) {
  const [draft, setDraft] = useState<string | null>(null);
  const [tried, setTried] = useState<string | null>(null);
  const [days, setDays] = useState<Span>("30");
  const { now } = useTime();
  const text = draft ?? slo.text ?? "";
  const query = useOutcome(tried ?? slo.text ?? "", Number(days), open && (tried ?? slo.text) !== undefined);
  return (
    <Dialog open={open} onOpenChange={onOpenChange} wide title={`Backtest of ${slo.name}`} note="What the alerts of this definition would have done. Nothing is stored.">
      <div className={styles.backtest}>
        <div className="stack">
          <label className="field">Definition<textarea className={`input mono ${styles.text}`} rows={20} spellCheck={false} value={text} onChange={(event) => setDraft(event.target.value)} /></label>
          <div className="row wrap">
            <button type="button" className="btn primary" onClick={() => setTried(text)} disabled={query.isFetching}>{query.isFetching ? "Going through the history…" : "Run"}</button>
            <Choice label="How far back" value={days} onChange={setDays} options={[{ id: "7", label: "7 d" }, { id: "30", label: "30 d" }, { id: "90", label: "90 d" }]} />
          </div>
        </div>
        <Outcome query={query} days={Number(days)} now={now} />
      </div>
    </Dialog>
  );
}
