import { useState } from "react";
import type { Slo } from "@/api/slos";
import { ErrorFace, Partial } from "@/components/FiveFaces";
import { CopyButton } from "@/components/CopyButton";
import { Dialog } from "@/components/layers";
import { useTime } from "@/components/location/time";
import { parseInstant, type Range } from "@/model/range";
import { toIso } from "@/model/time";
import { duration } from "@/model/units";
import type { Nanos } from "@/model/time";
import styles from "./Slo.module.css";
import { useSave } from "./useSave";
import { exclusionLine, withExclusion } from "./yaml";

const seconds = (time: Nanos): string => `${toIso(time).slice(0, 19)}Z`;

/** A time that counts for nothing, with its reason: part of the definition, and so of its history. */
export function ExcludeTime({ slo, range, open, onOpenChange }: { slo: Slo; range: Range | null; open: boolean; onOpenChange: (open: boolean) => void }) {
  const { range: page, now } = useTime();
  const given = range ?? page;
  const [typed, setTyped] = useState<{ from?: string; to?: string }>({});
  const [reason, setReason] = useState("");
  const [who, setWho] = useState("");
  const { save, saving, error } = useSave(() => onOpenChange(false));
  const [from, to] = [typed.from ?? seconds(given.from), typed.to ?? seconds(given.to)];
  const [start, end] = [parseInstant(from, now, "UTC"), parseInstant(to, now, "UTC")];
  const valid = start !== null && end !== null && start < end;
  const line = valid && reason.trim() !== "" ? exclusionLine(seconds(start), seconds(end), reason, who) : null;
  const text = line === null ? null : withExclusion(slo.text ?? "", line);
  const inFile = Boolean(slo.file);
  return (
    <Dialog
      open={open} onOpenChange={onOpenChange} title={`Exclude time from ${slo.name}`} note="What lies in it is neither good nor bad, also afterwards; slices keep everything."
      actions={inFile
        ? line !== null && <CopyButton text={() => line} label="Copy the line" />
        : <button type="button" className="btn primary" disabled={saving || text === null} onClick={() => text !== null && save(text)}>{saving ? "Saving…" : "Exclude"}</button>}
    >
      <div className="stack">
        {inFile && <Partial>This SLO is from the file {slo.file}: add a line to its annotation binnacle/exclusions there. Fill in what follows to have the line.</Partial>}
        {error && <ErrorFace error={error} />}
        <div className={styles.pair}>
          <label className="field">From<input className="input mono" value={from} aria-invalid={start === null} onChange={(event) => setTyped({ ...typed, from: event.target.value })} /></label>
          <label className="field">To<input className="input mono" value={to} aria-invalid={end === null} onChange={(event) => setTyped({ ...typed, to: event.target.value })} /></label>
        </div>
        <label className="field">Reason<input className="input" value={reason} placeholder="outage of the payment provider" onChange={(event) => setReason(event.target.value)} /></label>
        <label className="field">Who says so<input className="input" value={who} placeholder="ann" onChange={(event) => setWho(event.target.value)} /></label>
        {inFile && line !== null && <code className="small">{line}</code>}
        <p className="small dim" role="status">
          {!valid ? "From and to are times such as 2026-11-22T02:31:00Z, from before to." : reason.trim() === "" ? `${duration((end - start) as Nanos)} would be excluded. Say why.` : inFile ? `${duration((end - start) as Nanos)} will be excluded once the line is in the file.` : text === null ? "The text of this definition is not laid out so that a line can be added: use Edit." : `${duration((end - start) as Nanos)} will be excluded; saving makes version ${slo.version + 1}.`}
        </p>
      </div>
    </Dialog>
  );
}
