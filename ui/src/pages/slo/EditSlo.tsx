import { useState } from "react";
import type { Slo } from "@/api/slos";
import { ErrorFace, Partial } from "@/components/FiveFaces";
import { Dialog } from "@/components/layers";
import styles from "./Slo.module.css";
import { useSave } from "./useSave";

/** The definition as text: saving makes a new version. What is in a file is changed there. */
export function EditSlo({ slo, open, onOpenChange }: { slo: Slo; open: boolean; onOpenChange: (open: boolean) => void }) {
  const [draft, setDraft] = useState<string | null>(null);
  const { save, saving, error } = useSave(() => {
    setDraft(null);
    onOpenChange(false);
  });
  const text = draft ?? slo.text ?? "";
  const inFile = Boolean(slo.file);
  return (
    <Dialog
      open={open} onOpenChange={onOpenChange} wide title={`Edit ${slo.name}`} note={`Version ${slo.version}. Saving makes a new version; what is counted stays where the queries stay.`}
      actions={<button type="button" className="btn primary" disabled={saving || inFile || text === slo.text} onClick={() => save(text)}>{saving ? "Saving…" : "Save"}</button>}
    >
      {inFile && <Partial>This SLO is from the file {slo.file}: change it there, the server sees that by itself.</Partial>}
      {error && <ErrorFace error={error} />}
      <label className="field">OpenSLO<textarea className={`input mono ${styles.text}`} rows={24} spellCheck={false} readOnly={inFile} value={text} onChange={(event) => setDraft(event.target.value)} /></label>
    </Dialog>
  );
}
