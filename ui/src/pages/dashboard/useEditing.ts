/** The dashboard as it is edited: every edit can be undone, saving tells of those who were faster. */

import { useCallback, useEffect, useState } from "react";
import { asApiError, type ApiError } from "@/api/error";
import { askDashboard, createDashboard, saveDashboard, type StoredDashboard } from "@/api/dashboards";
import { queryClient } from "@/api/query";
import { type Dashboard, writeDashboard } from "@/model/dashboard/document";
import { begin, edited, type History, isChanged, redone, undone } from "@/model/dashboard/history";

export interface Editing {
  dashboard: Dashboard;
  changed: boolean;
  undo: string | null;
  redo: string | null;
  /** `did` as "Undo …" says it; `merge` makes one of edits of the same name in a row. */
  edit: (change: (dashboard: Dashboard) => Dashboard, did: string, merge?: boolean) => void;
  onUndo: () => void;
  onRedo: () => void;
  discard: () => void;
  saving: boolean;
  error: ApiError | null;
  /** Somebody else saved meanwhile: theirs. */
  conflict: StoredDashboard | null;
  save: () => Promise<boolean>;
  /** Over theirs. */
  overwrite: () => Promise<boolean>;
  /** Theirs in place of mine. */
  takeTheirs: (dashboard: Dashboard) => void;
  saveCopy: (title?: string) => Promise<string | null>;
}

const refreshed = (id?: string) => {
  void queryClient.invalidateQueries({ predicate: ({ queryKey }) => queryKey[2] === "/api/v1/dashboards" || (id !== undefined && queryKey[2] === `/api/v1/dashboards/${encodeURIComponent(id)}`) });
};

/** Without the id: the server makes one of the title. */
export function copyOf(dashboard: Dashboard, title?: string): unknown {
  return writeDashboard({ ...dashboard, id: undefined, title: (title ?? `${dashboard.title}, copy`).slice(0, 200) });
}

export function useEditing(stored: StoredDashboard, opened: Dashboard): Editing {
  const [history, setHistory] = useState<History>(() => begin(opened));
  const [version, setVersion] = useState(stored.version);
  const [saving, setSaving] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const [conflict, setConflict] = useState<StoredDashboard | null>(null);
  const changed = isChanged(history);

  // Closing the window asks first.
  useEffect(() => {
    if (!changed) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [changed]);

  const edit: Editing["edit"] = useCallback((change, did, merge = false) => setHistory((before) => edited(before, change(before.now), did, merge)), []);

  const put = async (against: number): Promise<boolean> => {
    setSaving(true);
    setError(null);
    try {
      const answer = await saveDashboard(stored.id, against, writeDashboard(history.now));
      setVersion(answer.version);
      setConflict(null);
      setHistory((before) => ({ ...before, saved: history.now }));
      refreshed(stored.id);
      return true;
    } catch (cause) {
      const failed = asApiError(cause);
      if (failed.status === 409) {
        const theirs = await askDashboard(stored.id).catch(() => null);
        if (theirs && theirs.version !== against) {
          setConflict(theirs);
          return false;
        }
      }
      setError(failed);
      return false;
    } finally {
      setSaving(false);
    }
  };
  return {
    dashboard: history.now, changed, undo: history.past.at(-1)?.did ?? null, redo: history.future[0]?.did ?? null,
    edit, onUndo: () => setHistory(undone), onRedo: () => setHistory(redone), discard: () => setHistory((before) => begin(before.saved)),
    saving, error, conflict,
    save: () => put(version),
    overwrite: () => (conflict ? put(conflict.version) : Promise.resolve(false)),
    takeTheirs: (dashboard) => {
      if (!conflict) return;
      setVersion(conflict.version);
      setConflict(null);
      setHistory(begin(dashboard));
      refreshed(stored.id);
    },
    saveCopy: async (title) => {
      setSaving(true);
      setError(null);
      try {
        const made = await createDashboard(copyOf(history.now, title));
        refreshed();
        return made.id;
      } catch (cause) {
        setError(asApiError(cause));
        return null;
      } finally {
        setSaving(false);
      }
    },
  };
}
