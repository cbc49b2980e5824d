/** The dashboard's page: head, variables, notices, panels, and the editor over them. */

import { useBlocker } from "@tanstack/react-router";
import { Braces, Copy, Download, Pencil, Plus, Redo2, Save, Settings2, Trash2, Undo2 } from "lucide-react";
import { useCallback, useMemo, useState } from "react";
import { asApiError } from "@/api/error";
import { deleteDashboard, isBuiltIn, type StoredDashboard } from "@/api/dashboards";
import { queryClient } from "@/api/query";
import { Empty, ErrorFace } from "@/components/FiveFaces";
import { useKeys } from "@/components/keys/keys";
import { Dialog } from "@/components/layers";
import { useTime } from "@/components/location/time";
import { useGo } from "@/components/location/useGo";
import { path } from "@/components/location/path";
import { useView } from "@/components/location/useView";
import { Page } from "@/components/Page";
import { useStep } from "@/components/trail/useStep";
import { type Dashboard, freeId, type Panel, readDashboard } from "@/model/dashboard/document";
import { compact, freePlace } from "@/model/dashboard/layout";
import { Notices } from "./Notices";
import styles from "./dashboard.module.css";
import { GrafanaDialog } from "./GrafanaDialog";
import { JsonDialog } from "./JsonDialog";
import { PanelEditor } from "./PanelEditor";
import { PanelFrame, PanelPlace } from "./PanelFrame";
import { PanelGrid } from "./PanelGrid";
import type { PanelActs } from "./PanelMenu";
import { SettingsDialog } from "./SettingsDialog";
import { codec } from "./url";
import { useEditing } from "./useEditing";
import { useVariables } from "./useVariables";
import { VariableBar } from "./VariableBar";

const FULL_HEIGHT = 640;

/** The panel under the pointer, or the one with the focus. */
const panelHere = (): string | null => {
  const focused = document.activeElement?.closest("[data-panel]");
  return (focused ?? [...document.querySelectorAll("[data-panel]:hover")].at(-1))?.getAttribute("data-panel") ?? null;
};

export function Board({ stored, opened }: { stored: StoredDashboard; opened: Dashboard }) {
  const { view, setView, ignored } = useView(codec);
  const { range } = useTime();
  const go = useGo();
  const editing = useEditing(stored, opened);
  const { dashboard } = editing;
  const builtIn = isBuiltIn(stored);
  const edits = view.edit && !builtIn;
  const variables = useVariables(dashboard.variables, range);
  const [dialog, setDialog] = useState<"json" | "grafana" | "settings" | "delete" | null>(null);
  const selected = dashboard.panels.find((panel) => panel.id === view.panel);
  useStep(dashboard.title, "Dashboard");
  const blocked = useBlocker({ shouldBlockFn: ({ current, next }) => editing.changed && current.pathname !== next.pathname, withResolver: true, enableBeforeUnload: false });

  const { edit } = editing;
  const acts = useMemo((): PanelActs => ({
    onFull: (panel) => setView({ panel: !edits && view.panel === panel.id ? "" : panel.id, edit: false }),
    onEdit: (panel) => setView({ panel: panel.id, edit: true }),
    onDuplicate: (panel) => edit((before) => duplicated(before, panel), `duplicate ${panel.title || panel.id}`),
    onRemove: (panel) => {
      edit((before) => ({ ...before, panels: compact(before.panels.filter((one) => one.id !== panel.id)) }), `remove ${panel.title || panel.id}`);
      if (view.panel === panel.id) setView({ panel: "" }, "replace");
    },
  }), [edit, edits, setView, view.panel]);
  const onLayout = useCallback((panels: Panel[], did: string) => edit((before) => ({ ...before, panels }), did, true), [edit]);

  const copy = async () => {
    const id = await editing.saveCopy();
    if (id !== null) go(path("dashboards", id), { edit: "1" });
  };
  const startEditing = () => (builtIn ? void copy() : setView({ edit: !view.edit, panel: "" }));
  const act = (run: (panel: Panel) => void) => () => {
    const panel = dashboard.panels.find((one) => one.id === panelHere()) ?? selected;
    if (panel) run(panel);
  };
  useKeys([
    { keys: "e", does: builtIn ? "Copy to edit" : "Edit, or stop editing", run: startEditing },
    { keys: "v", does: "Panel in full size", run: act(acts.onFull) },
    ...(edits ? [
      { keys: "d", does: "Duplicate the panel", run: act(acts.onDuplicate) },
      { keys: "Delete", does: "Remove the panel", run: act(acts.onRemove) },
      { keys: "Ctrl-z", does: "Undo", run: editing.onUndo }, { keys: "Ctrl-Shift-Z", does: "Redo", run: editing.onRedo }, { keys: "Ctrl-s", does: "Save", run: () => void editing.save() },
    ] : []),
    { keys: "Escape", does: "Back to all panels", run: () => view.panel !== "" && setView({ panel: "" }) },
  ]);

  const add = () => {
    const id = freeId(dashboard.panels, "panel");
    edit((before) => ({ ...before, panels: [...before.panels, newPanel(before.panels, id)] }), "add a panel");
    setView({ panel: id, edit: true });
  };
  const full = !edits && selected;
  return (
    <Page
      title={dashboard.title} name={dashboard.title} ignored={ignored}
      note={<>{builtIn ? <span className="chip">built-in</span> : edits && <span className={editing.changed ? "chip warn" : "chip"}>{editing.changed ? "not saved" : "editing"}</span>}{dashboard.description !== "" && <span className="small dim">{dashboard.description}</span>}</>}
      actions={edits ? (
        <>
          <span className="group">
            <button type="button" className="btn icon" aria-label={editing.undo ? `Undo: ${editing.undo}` : "Undo"} title={editing.undo ?? undefined} disabled={editing.undo === null} onClick={editing.onUndo}><Undo2 className="ico" aria-hidden /></button>
            <button type="button" className="btn icon" aria-label={editing.redo ? `Redo: ${editing.redo}` : "Redo"} title={editing.redo ?? undefined} disabled={editing.redo === null} onClick={editing.onRedo}><Redo2 className="ico" aria-hidden /></button>
          </span>
          <button type="button" className="btn" onClick={add}><Plus className="ico" aria-hidden /> Panel</button>
          <button type="button" className="btn" onClick={() => setDialog("settings")}><Settings2 className="ico" aria-hidden /> Settings</button>
          <button type="button" className="btn" onClick={() => setDialog("json")}><Braces className="ico" aria-hidden /> JSON</button>
          <button type="button" className="btn quiet danger" onClick={() => setDialog("delete")}><Trash2 className="ico" aria-hidden /> Delete…</button>
          <button type="button" className="btn" onClick={startEditing}>Done</button>
          <button type="button" className="btn primary" disabled={!editing.changed || editing.saving} onClick={() => void editing.save()}><Save className="ico" aria-hidden /> {editing.saving ? "Saving…" : "Save"}</button>
        </>
      ) : (
        <>
          <button type="button" className="btn" onClick={() => setDialog("json")}><Braces className="ico" aria-hidden /> JSON</button>
          <button type="button" className="btn" onClick={() => setDialog("grafana")}><Download className="ico" aria-hidden /> Grafana JSON</button>
          {builtIn
            ? <button type="button" className="btn primary" disabled={editing.saving} onClick={startEditing}><Copy className="ico" aria-hidden /> Copy to edit</button>
            : <button type="button" className="btn primary" onClick={startEditing}><Pencil className="ico" aria-hidden /> Edit</button>}
        </>
      )}
    >
      <VariableBar variables={dashboard.variables} found={variables} />
      <Notices editing={editing} viewing={!edits} onCopied={(id) => go(path("dashboards", id), { edit: "1" })} onEdit={() => setView({ edit: true })} />
      {edits && selected && (
        <PanelEditor key={selected.id} panel={selected} range={range} choices={variables.choices} variables={dashboard.variables} acts={acts} onClose={() => setView({ panel: "" })} onChange={(change, did, merge) => edit((before) => ({ ...before, panels: compact(before.panels.map((one) => (one.id === selected.id ? { ...one, ...change } : one)), selected.id) }), did, merge)} />
      )}
      {full ? variables.waiting ? <PanelPlace panel={full} /> : (
        <PanelFrame panel={full} range={range} choices={variables.choices} grips={null} selected={false} full={FULL_HEIGHT} acts={acts} />
      ) : dashboard.panels.length === 0 ? (
        <section className="panel"><Empty title="No panel yet." actions={edits ? <button type="button" className="btn primary" onClick={add}>Add a panel</button> : <button type="button" className="btn" onClick={startEditing}>Edit</button>}>A panel is a question and how its answer is drawn: a chart, a number, a table, a heat map, logs, traces, SLOs.</Empty></section>
      ) : (
        <>
          {edits && selected && <div className={styles.others}><h2>How others see it</h2><span className="small faint">every panel at its place</span></div>}
          <PanelGrid panels={dashboard.panels} range={range} choices={variables.choices} waiting={variables.waiting} editing={edits} selected={view.panel} acts={acts} onLayout={onLayout} />
        </>
      )}
      {dialog === "json" && <JsonDialog dashboard={dashboard} onClose={() => setDialog(null)} {...(edits ? { onApply: (next: Dashboard) => edit(() => next, "change the JSON") } : {})} />}
      {dialog === "grafana" && <GrafanaDialog dashboard={dashboard} onClose={() => setDialog(null)} />}
      {dialog === "settings" && <SettingsDialog dashboard={dashboard} onClose={() => setDialog(null)} onChange={(next) => edit((before) => ({ ...before, ...next }), "change the settings")} />}
      <DeleteDialog id={stored.id} title={dashboard.title} open={dialog === "delete"} onClose={() => setDialog(null)} onDeleted={() => {
        editing.discard();
        // Once nothing is unsaved any more.
        setTimeout(() => go("/dashboards"), 0);
      }} />
      <Dialog
        open={blocked.status === "blocked"} onOpenChange={(open) => !open && blocked.reset?.()} title="Leave without saving?" note={`Edits of “${dashboard.title}” are not saved and will be lost.`}
        actions={<><button type="button" className="btn" onClick={() => blocked.reset?.()}>Stay</button><button type="button" className="btn danger" onClick={() => blocked.proceed?.()}>Leave</button></>}
      >{null}</Dialog>
    </Page>
  );
}

function duplicated(dashboard: Dashboard, panel: Panel): Dashboard {
  const copy = { ...structuredClone(panel), id: freeId(dashboard.panels, panel.id), ...freePlace(dashboard.panels, panel.w, panel.h) };
  return { ...dashboard, panels: [...dashboard.panels, copy] };
}

function newPanel(panels: readonly Panel[], id: string): Panel {
  const read = readDashboard({ title: "new", panels: [{ id, kind: "time_series", title: "New panel", ...freePlace(panels, 6, 7), queries: [{ language: "promql", query: "" }] }] });
  if (!read.ok || !read.dashboard.panels[0]) throw new Error("a new panel is none");
  return read.dashboard.panels[0];
}

function DeleteDialog({ id, title, open, onClose, onDeleted }: { id: string; title: string; open: boolean; onClose: () => void; onDeleted: () => void }) {
  const [error, setError] = useState<unknown>(null);
  const run = () => {
    deleteDashboard(id).then(() => {
      void queryClient.invalidateQueries({ predicate: ({ queryKey }) => queryKey[2] === "/api/v1/dashboards" });
      onDeleted();
    }, (cause: unknown) => setError(asApiError(cause)));
  };
  return (
    <Dialog
      open={open} onOpenChange={(next) => !next && onClose()} title={`Delete “${title}”?`} note="Links to it will lead nowhere. Its JSON can be kept first, from the JSON button."
      actions={<><button type="button" className="btn" onClick={onClose}>Keep it</button><button type="button" className="btn danger" onClick={run}>Delete</button></>}
    >{error !== null && <ErrorFace error={error} />}</Dialog>
  );
}
