/** Choosing the runs to compare with: those of the same name first. */

import { GitCompareArrows } from "lucide-react";
import { useState } from "react";
import { type Run, useRuns } from "@/api/runs";
import { FiveFaces } from "@/components/FiveFaces";
import { Popover } from "@/components/layers";
import { type Nanos, when } from "@/model/time";
import { useZone } from "@/preferences/preferences";
import styles from "./run.module.css";
import { OTHERS_MAX } from "./url";

export function CompareWith({ run, chosen, now, open, onOpen, onChange }: { run: Run; chosen: readonly string[]; now: Nanos; open: boolean; onOpen: (open: boolean) => void; onChange: (ids: string[]) => void }) {
  const zone = useZone();
  const [find, setFind] = useState("");
  const query = useRuns();
  const wanted = find.trim().toLowerCase();
  const others = (query.data?.runs ?? []).filter((one) => one.id !== run.id && `${one.name} ${one.version ?? ""}`.toLowerCase().includes(wanted));
  const sorted = [...others.filter((one) => one.name === run.name), ...others.filter((one) => one.name !== run.name)].slice(0, 50);
  const toggle = (id: string) => onChange(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id].slice(-OTHERS_MAX));
  return (
    <Popover
      open={open} onOpenChange={onOpen} label="Compare with" align="end"
      trigger={<button type="button" className="btn"><GitCompareArrows className="ico" aria-hidden />Compare with{chosen.length > 0 ? ` ${chosen.length}` : "…"}</button>}
    >
      <div className={styles.choose}>
        <label className="field">Up to {OTHERS_MAX} others<input className="input" type="search" placeholder="Find by name or version" value={find} onChange={(event) => setFind(event.target.value)} autoFocus /></label>
        <FiveFaces query={query} rows={4} isEmpty={() => sorted.length === 0} empty={<p className="dim">There is no other load test{wanted === "" ? "" : ` like “${find}”`}.</p>}>
          {() => (
            <ul className={styles.choices}>
              {sorted.map((one) => (
                <li key={one.id}><label className="row"><input type="checkbox" checked={chosen.includes(one.id)} onChange={() => toggle(one.id)} /><span className="clip grow">{one.name} <span className="mono">{one.version}</span></span><span className="dim small">{when(one.started_at, now, zone)}</span></label></li>
              ))}
            </ul>
          )}
        </FiveFaces>
      </div>
    </Popover>
  );
}
