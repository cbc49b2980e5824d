/** Which trace to compare with: a pasted id, or one of the same operation, good and typical ones first. */

import { useState } from "react";
import type { Trace } from "@/api/trace";
import { type Candidate, useCandidates } from "@/api/trace/compare";
import { around, operationQuery } from "@/api/trace/operation";
import { FiveFaces } from "@/components/FiveFaces";
import { Dialog } from "@/components/layers";
import { nameOf, serviceOf } from "@/model/trace/tree";
import { hmsMs } from "@/model/time";
import { count, duration, shortId } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import styles from "./Compare.module.css";

const MOST = 12;
const ID = /^[0-9a-f]{32}$/;

export function Picker({ trace, open, onOpenChange, onPick }: { trace: Trace; open: boolean; onOpenChange: (open: boolean) => void; onPick: (id: string) => void }) {
  const { tree } = trace;
  const zone = useZone();
  const [typed, setTyped] = useState("");
  const query = `${operationQuery(serviceOf(tree, 0), nameOf(tree, 0)).slice(0, -2)} && span:parentID = nil }`;
  const asked = useCandidates(query, around(tree.origin), open && tree.ids.length > 0);
  const id = typed.trim().toLowerCase();
  return (
    <Dialog
      open={open} onOpenChange={onOpenChange} title="Compare with…" note="Spans are matched by service, name and place in the tree."
      actions={<button type="button" className="btn primary" disabled={!ID.test(id)} onClick={() => onPick(id)}>Compare</button>}
    >
      <label className="field">Trace id
        <input className="input mono" value={typed} placeholder="32 hexadecimal digits" aria-invalid={id !== "" && !ID.test(id)} onChange={(event) => setTyped(event.target.value)} onKeyDown={(event) => event.key === "Enter" && ID.test(id) && onPick(id)} />
      </label>
      <p className="small dim" style={{ marginTop: 12 }}>Or one of {serviceOf(tree, 0)} {nameOf(tree, 0)} around that time, typical good ones first:</p>
      <FiveFaces query={asked} rows={5} isEmpty={(data) => ranked(data.traces, trace.trace_id).length === 0} empty={<p className="dim">No other trace begins with this operation within an hour.</p>}>
        {(data) => (
          <div className={styles.list}>
            {ranked(data.traces, trace.trace_id).slice(0, MOST).map((one) => (
              <button key={one.trace_id} type="button" className="btn" onClick={() => onPick(one.trace_id)}>
                <code>{shortId(one.trace_id)}</code> {hmsMs(one.start_time, zone)} · {duration(one.duration)} · {failures(one) > 0 ? <span className="bad">{count(failures(one))} errors</span> : <span className="good">no error</span>}
              </button>
            ))}
          </div>
        )}
      </FiveFaces>
    </Dialog>
  );
}

const failures = (one: Candidate) => Object.values(one.services).reduce((sum, service) => sum + service.errors, 0);

/** Those without errors first, and of these the ones of middling duration. */
export function ranked(all: readonly Candidate[], self: string): Candidate[] {
  const others = all.filter((one) => one.trace_id !== self);
  const good = others.filter((one) => failures(one) === 0).map((one) => Number(one.duration)).sort((a, b) => a - b);
  const middle = good[Math.floor(good.length / 2)] ?? 0;
  const far = (one: Candidate) => Math.abs(Number(one.duration) - middle);
  return others.sort((a, b) => Number(failures(a) > 0) - Number(failures(b) > 0) || far(a) - far(b));
}
