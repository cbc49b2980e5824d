import { useMemo } from "react";
import { CopyButton } from "@/components/CopyButton";
import { Dialog } from "@/components/layers";
import { saveText } from "@/components/saveText";
import type { Dashboard } from "@/model/dashboard/document";
import { toGrafana } from "@/model/dashboard/grafana/export";
import styles from "./dashboard.module.css";
import { JsonText } from "./JsonDialog";

/** The same view for Grafana, and what it shows otherwise. */
export function GrafanaDialog({ dashboard, onClose }: { dashboard: Dashboard; onClose: () => void }) {
  const { text, notes } = useMemo(() => {
    const exported = toGrafana(dashboard);
    return { text: `${JSON.stringify(exported.json, null, 2)}\n`, notes: exported.notes };
  }, [dashboard]);
  return (
    <Dialog
      open onOpenChange={(open) => !open && onClose()} wide title="Grafana JSON" note="to be imported there; it asks which data sources lead to this server"
      actions={<><CopyButton label="Copy" text={() => text} /><button type="button" className="btn primary" onClick={() => saveText(text, `${dashboard.id ?? "dashboard"}.grafana.json`)}>Download</button></>}
    >
      <div className="stack">
        {notes.length > 0 && <section aria-label="What differs"><h2>What differs there</h2><ul className={styles.lost}>{notes.map((note) => <li key={note}>{note}</li>)}</ul></section>}
        <JsonText text={text} />
      </div>
    </Dialog>
  );
}
