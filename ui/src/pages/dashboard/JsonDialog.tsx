/** The dashboard as its document: to look at, to take away, and while it is edited to change. */

import { useMemo, useState } from "react";
import { CopyButton } from "@/components/CopyButton";
import { Dialog } from "@/components/layers";
import { type Dashboard, dashboardText, parseDashboard } from "@/model/dashboard/document";
import { saveText } from "@/components/saveText";
import styles from "./dashboard.module.css";

export const JsonText = ({ text }: { text: string }) => <textarea className={`input ${styles.json}`} aria-label="JSON" readOnly value={text} spellCheck={false} />;

export function JsonDialog({ dashboard, onClose, onApply }: { dashboard: Dashboard; onClose: () => void; onApply?: (dashboard: Dashboard) => void }) {
  const text = useMemo(() => dashboardText(dashboard), [dashboard]);
  const [draft, setDraft] = useState(text);
  const [problems, setProblems] = useState<string[]>([]);
  const apply = () => {
    const read = parseDashboard(draft);
    if (!read.ok) {
      setProblems(read.problems);
      return;
    }
    onApply?.(read.dashboard);
    onClose();
  };
  return (
    <Dialog
      open onOpenChange={(open) => !open && onClose()} wide title="JSON" note={onApply ? "the document as it is now; what is applied can be undone" : "the document, as files and requests have it"}
      actions={
        <>
          <CopyButton label="Copy" text={() => draft} />
          <button type="button" className="btn" onClick={() => saveText(draft, `${dashboard.id ?? "dashboard"}.json`)}>Download</button>
          {onApply && <button type="button" className="btn primary" disabled={draft === text} onClick={apply}>Apply</button>}
        </>
      }
    >
      {problems.length > 0 && <ul className="stack" role="alert">{problems.map((problem) => <li key={problem} className="bad small">{problem}</li>)}</ul>}
      {onApply ? <textarea className={`input ${styles.json}`} aria-label="JSON" value={draft} spellCheck={false} onChange={(event) => setDraft(event.target.value)} /> : <JsonText text={text} />}
    </Dialog>
  );
}
