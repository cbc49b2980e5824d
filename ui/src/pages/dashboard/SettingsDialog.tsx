/** Title, description, tags, and variables. */

import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { Dialog, Select } from "@/components/layers";
import { type Dashboard, readDashboard, type Variable, VARIABLE_KIND_NAMES, VARIABLE_KINDS } from "@/model/dashboard/document";
import styles from "./dashboard.module.css";

const words = (text: string): string[] => text.split(",").map((word) => word.trim()).filter((word) => word !== "");

export function SettingsDialog({ dashboard, onClose, onChange }: { dashboard: Dashboard; onClose: () => void; onChange: (change: Partial<Dashboard>) => void }) {
  const [draft, setDraft] = useState({ title: dashboard.title, description: dashboard.description, tags: dashboard.tags.join(", "), variables: dashboard.variables });
  const [problems, setProblems] = useState<string[]>([]);
  const setVariable = (index: number, change: Partial<Variable>) => setDraft({ ...draft, variables: draft.variables.map((one, at) => (at === index ? { ...one, ...change } : one)) });
  const apply = () => {
    const change = { title: draft.title, description: draft.description, tags: words(draft.tags), variables: draft.variables };
    const read = readDashboard({ ...dashboard, ...change });
    if (!read.ok) {
      setProblems(read.problems);
      return;
    }
    onChange(change);
    onClose();
  };
  const add = () => {
    const taken = new Set(draft.variables.map((one) => one.name));
    const name = ["service", "operation", "value"].find((one) => !taken.has(one)) ?? `value${taken.size + 1}`;
    setDraft({ ...draft, variables: [...draft.variables, { name, label: "", kind: "attribute", query: "resource.service.name", values: [], multi: true, all: true, default: [] }] });
  };
  return (
    <Dialog
      open onOpenChange={(open) => !open && onClose()} wide title="Settings" note="applied to what you edit; saved with it"
      actions={<><button type="button" className="btn" onClick={onClose}>Cancel</button><button type="button" className="btn primary" onClick={apply}>Apply</button></>}
    >
      <div className={styles.list}>
        {problems.length > 0 && <ul className="stack" role="alert">{problems.map((problem) => <li key={problem} className="bad small">{problem}</li>)}</ul>}
        <label className="field">Title<input className="input" value={draft.title} onChange={(event) => setDraft({ ...draft, title: event.target.value })} /></label>
        <label className="field">What it is for<input className="input" value={draft.description} onChange={(event) => setDraft({ ...draft, description: event.target.value })} /></label>
        <label className="field">Tags, with commas between<input className="input" value={draft.tags} onChange={(event) => setDraft({ ...draft, tags: event.target.value })} /></label>
        <section aria-label="Variables">
          <h2>Variables</h2>
          <p className="small dim">In a query <code>$name</code> stands for what is chosen, quoted as the language wants it; after <code>=~</code> for several values; in SQL <code>service IN ($name)</code>.</p>
          {draft.variables.map((one, index) => <VariableRow key={index} variable={one} onChange={(change) => setVariable(index, change)} onRemove={() => setDraft({ ...draft, variables: draft.variables.filter((_, at) => at !== index) })} />)}
          <button type="button" className="btn quiet" onClick={add}><Plus className="ico" aria-hidden /> Variable</button>
        </section>
      </div>
    </Dialog>
  );
}

function VariableRow({ variable, onChange, onRemove }: { variable: Variable; onChange: (change: Partial<Variable>) => void; onRemove: () => void }) {
  const hint = { sql: "SELECT DISTINCT service FROM red ORDER BY 1", promql: "label_values(http_server_request_duration_seconds_count, job)", attribute: "resource.service.name", list: "0.5, 0.95, 0.99", text: "" }[variable.kind];
  return (
    <div className={styles.variable}>
      <label className="field">Name<input className="input" value={variable.name} onChange={(event) => onChange({ name: event.target.value })} /></label>
      <div className="field">Values from<Select label="Values from" value={variable.kind} options={VARIABLE_KINDS.map((id) => ({ id, label: VARIABLE_KIND_NAMES[id] }))} onChange={(kind) => onChange({ kind })} /></div>
      {variable.kind === "list"
        ? <label className="field">Values<input className="input" defaultValue={variable.values.join(", ")} placeholder={hint} onBlur={(event) => onChange({ values: words(event.target.value) })} /></label>
        : variable.kind === "text" ? <label className="field">At first<input className="input" value={variable.default[0] ?? ""} onChange={(event) => onChange({ default: event.target.value === "" ? [] : [event.target.value] })} /></label>
          : <label className="field">Question<input className="input mono" value={variable.query} placeholder={hint} onChange={(event) => onChange({ query: event.target.value })} /></label>}
      <button type="button" className="btn quiet icon" aria-label={`Remove the variable ${variable.name}`} onClick={onRemove}><Trash2 className="ico" aria-hidden /></button>
      {variable.kind !== "text" && (
        <span className={styles.checks}>
          <label><input type="checkbox" checked={variable.multi} onChange={(event) => onChange({ multi: event.target.checked })} /> several may be chosen</label>
          <label><input type="checkbox" checked={variable.all} onChange={(event) => onChange({ all: event.target.checked })} /> “All” may be chosen</label>
          <label>shown as <input className="input" value={variable.label} placeholder={variable.name} onChange={(event) => onChange({ label: event.target.value })} /></label>
        </span>
      )}
    </div>
  );
}
