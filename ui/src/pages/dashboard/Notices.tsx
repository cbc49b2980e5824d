/** What stands between the head and the panels: unsaved edits, failed saves, and who was faster. */

import { ErrorFace } from "@/components/FiveFaces";
import { readDashboard } from "@/model/dashboard/document";
import { fromMs, when } from "@/model/time";
import { useTime } from "@/components/location/time";
import { useZone } from "@/preferences/preferences";
import styles from "./dashboard.module.css";
import type { Editing } from "./useEditing";

export function Notices({ editing, viewing, onCopied, onEdit }: { editing: Editing; viewing: boolean; onCopied: (id: string) => void; onEdit: () => void }) {
  const zone = useZone();
  const { now } = useTime();
  const { conflict, error } = editing;
  const theirs = conflict ? readDashboard(conflict.dashboard) : null;
  const at = conflict?.updated_at ? ` at ${when(fromMs(Date.parse(conflict.updated_at)), now, zone)}` : "";
  return (
    <>
      {error && <ErrorFace error={error} />}
      {conflict && (
        <div className={styles.notice} data-tone="bad" role="alert">
          <span>Somebody else saved version {conflict.version}{at} while you edited an older one. Nothing of yours is lost, and nothing was overwritten.</span>
          <button type="button" className="btn" onClick={() => void editing.saveCopy().then((id) => id !== null && onCopied(id))}>Save mine as a copy</button>
          {theirs?.ok && <button type="button" className="btn" onClick={() => editing.takeTheirs(theirs.dashboard)}>Take theirs, drop mine</button>}
          <button type="button" className="btn danger" onClick={() => void editing.overwrite()}>Overwrite with mine</button>
        </div>
      )}
      {viewing && editing.changed && !conflict && (
        <div className={styles.notice} data-tone="warn" role="status">
          <span>You look at edits that are not saved.</span>
          <button type="button" className="btn" onClick={onEdit}>Go on editing</button>
          <button type="button" className="btn" onClick={editing.discard}>Discard</button>
          <button type="button" className="btn primary" disabled={editing.saving} onClick={() => void editing.save()}>Save</button>
        </div>
      )}
    </>
  );
}
