/** JSON of a dashboard from elsewhere: ours or Grafana's. What is not understood is shown before anything is stored. */

import { useMemo, useState } from "react";
import { asApiError } from "@/api/error";
import { createDashboard } from "@/api/dashboards";
import { ErrorFace } from "@/components/FiveFaces";
import { Dialog } from "@/components/layers";
import { KIND_NAMES, isKind, writeDashboard } from "@/model/dashboard/document";
import { group } from "@/model/units";
import { forgetList } from "./NewDialog";
import { readImport } from "./readImport";
import styles from "./dashboards.module.css";

export function ImportDialog({ onClose, onMade }: { onClose: () => void; onMade: (id: string) => void }) {
  const [text, setText] = useState("");
  const [error, setError] = useState<ReturnType<typeof asApiError> | null>(null);
  const read = useMemo(() => (text.trim() === "" ? null : readImport(text)), [text]);
  const put = async (fresh: boolean) => {
    if (!read?.ok) return;
    const { id, ...rest } = read.dashboard;
    try {
      const made = await createDashboard(writeDashboard(fresh || id === undefined ? { ...rest } : { ...rest, id }));
      forgetList();
      onMade(made.id);
    } catch (cause) {
      setError(asApiError(cause));
    }
  };
  const kinds = read?.ok ? [...new Set(read.dashboard.panels.map((panel) => (isKind(panel.kind) ? KIND_NAMES[panel.kind].toLowerCase() : panel.kind)))] : [];
  return (
    <Dialog
      open onOpenChange={(open) => !open && onClose()} wide title="Import a dashboard" note="its JSON: Binnacle’s own, or Grafana’s"
      actions={
        <>
          <button type="button" className="btn" onClick={onClose}>Cancel</button>
          {error?.status === 409 && <button type="button" className="btn" onClick={() => void put(true)}>Import under another id</button>}
          <button type="button" className="btn primary" disabled={!read?.ok} onClick={() => void put(false)}>Import</button>
        </>
      }
    >
      <div className="stack">
        {error && <ErrorFace error={error} />}
        <label className="field">A file<input type="file" accept=".json,application/json" onChange={(event) => {
          const file = event.target.files?.[0];
          if (file) void file.text().then(setText);
        }} /></label>
        <label className="field">or its text<textarea className={`input ${styles.text}`} value={text} spellCheck={false} placeholder={`{ "title": …, "panels": [ … ] }`} onChange={(event) => {
          setText(event.target.value);
          setError(null);
        }} /></label>
        {read && !read.ok && <ul className={styles.notes} role="alert">{read.problems.map((problem) => <li key={problem} className="bad">{problem}</li>)}</ul>}
        {read?.ok && (
          <section aria-label="What is imported" role="status">
            <h2>{read.dashboard.title}</h2>
            <p className="small dim">{read.from} · {group(read.dashboard.panels.length)} panels ({kinds.join(", ")}) · {group(read.dashboard.variables.length)} variables</p>
            {read.notes.length > 0 ? <><p className="small">Not understood, or shown otherwise:</p><ul className={styles.notes}>{read.notes.map((note, index) => <li key={index}>{note}</li>)}</ul></> : <p className="small">Everything in it is understood.</p>}
          </section>
        )}
      </div>
    </Dialog>
  );
}
