/** A panel being edited: its queries with their live result on the left, its options on the right. */

import { Plus, Trash2, X } from "lucide-react";
import { useCallback, useEffect, useState } from "react";
import { Panel as Box } from "@/components/Panel";
import { QueryBox, type Language as BoxLanguage } from "@/components/QueryBox";
import { Select } from "@/components/layers";
import { useCompletion as useLogCompletion } from "@/components/logs/useCompletion";
import { useSqlCompletion } from "@/components/sql/useSqlCompletion";
import { useCompletion as useTraceCompletion } from "@/components/traces/useCompletion";
import { isKind, type Language, LANGUAGE_NAMES, LANGUAGES_OF, type Panel, type PanelQuery, QUERIES_MAX, type Variable } from "@/model/dashboard/document";
import type { Choices } from "@/model/dashboard/variables";
import type { Range } from "@/model/range";
import { labelsIn } from "./frames";
import styles from "./dashboard.module.css";
import { PanelFrame } from "./PanelFrame";
import { PanelOptions } from "./PanelOptions";
import type { PanelActs } from "./PanelMenu";
import { usePanel } from "./usePanel";

export type Change = (change: Partial<Panel>, did: string, merge?: boolean) => void;

export interface PanelEditorProps {
  panel: Panel;
  range: Range;
  choices: Choices;
  variables: readonly Variable[];
  acts: PanelActs;
  onChange: Change;
  onClose: () => void;
}

const PREVIEW_HEIGHT = 300;
/** What is typed is asked when typing rests. */
const REST_MS = 600;

export function PanelEditor({ panel, range, choices, variables, acts, onChange, onClose }: PanelEditorProps) {
  const state = usePanel(panel, range, choices, true);
  const languages = isKind(panel.kind) ? LANGUAGES_OF[panel.kind] : [];
  const setQuery = useCallback((index: number, change: Partial<PanelQuery>) => {
    onChange({ queries: panel.queries.map((one, at) => (at === index ? { ...one, ...change } : one)) }, `change the query of ${panel.title || panel.id}`, true);
  }, [onChange, panel]);
  return (
    <div className={styles.editor}>
      <div className={styles.left}>
        <PanelFrame panel={panel} range={range} choices={choices} grips={null} selected={false} full={PREVIEW_HEIGHT} acts={acts} />
        {languages.length > 0 && (
          <Box title="Queries" note={`as you type · $from $to $step $window${variables.map((one) => ` $${one.name}`).join("")}`} flush>
            <div className={styles.queries}>
              {panel.queries.map((query, index) => (
                <QueryRow
                  key={index} query={query} index={index} languages={languages} range={range} labels={labelsIn(state.answered)}
                  error={state.asked[index]?.problem ?? state.results[index]?.error?.reason ?? null} position={state.results[index]?.error?.position ?? null}
                  onChange={(change) => setQuery(index, change)}
                  onRemove={panel.queries.length > 1 ? () => onChange({ queries: panel.queries.filter((_, at) => at !== index) }, `remove a query of ${panel.title || panel.id}`) : undefined}
                />
              ))}
              {panel.queries.length < (panel.kind === "traces" || panel.kind === "logs" || panel.kind === "heat_map" ? 1 : QUERIES_MAX) && (
                <span><button type="button" className="btn quiet" onClick={() => onChange({ queries: [...panel.queries, { language: panel.queries.at(-1)?.language ?? languages[0] ?? "promql", query: "" }] }, `add a query to ${panel.title || panel.id}`)}><Plus className="ico" aria-hidden /> Query</button></span>
              )}
            </div>
          </Box>
        )}
      </div>
      <Box
        title="Panel" note={panel.id}
        tools={<><button type="button" className="btn quiet icon danger" aria-label="Remove the panel" onClick={() => acts.onRemove(panel)}><Trash2 className="ico" aria-hidden /></button><button type="button" className="btn" onClick={onClose}>Close</button></>}
      >
        <PanelOptions panel={panel} onChange={onChange} />
      </Box>
    </div>
  );
}

interface QueryRowProps {
  query: PanelQuery;
  index: number;
  languages: readonly Language[];
  range: Range;
  labels: readonly string[];
  error: string | null;
  position: { line: number; column: number } | null;
  onChange: (change: Partial<PanelQuery>) => void;
  onRemove: (() => void) | undefined;
}

const BOXES: Record<Language, BoxLanguage> = { promql: "promql", sql: "sql", traceql: "traceql", logql: "plain", logs: "logs" };

function QueryRow({ query, index, languages, range, labels, error, position, onChange, onRemove }: QueryRowProps) {
  const [draft, setDraft] = useState({ of: query.query, text: query.query });
  // What came from elsewhere (undo, JSON) takes the place of what is typed.
  const text = draft.of === query.query ? draft.text : query.query;
  const sql = useSqlCompletion(text);
  const traceql = useTraceCompletion(range);
  const logs = useLogCompletion(range);
  const complete = { sql, traceql, logs, promql: undefined, logql: undefined }[query.language];
  const commit = (next: string) => {
    setDraft({ of: next, text: next });
    if (next !== query.query) onChange({ query: next });
  };
  useEffect(() => {
    if (text === query.query) return;
    const timer = setTimeout(() => commit(text), REST_MS);
    return () => clearTimeout(timer);
  });
  return (
    <div className={styles.query}>
      <div>
        <Select label={`Language of query ${index + 1}`} value={query.language} options={languages.map((id) => ({ id, label: LANGUAGE_NAMES[id] }))} onChange={(language) => onChange({ language })} />
        <input className={`input ${styles.name}`} aria-label={`Name of the lines of query ${index + 1}`} placeholder={labels[0] ? `name, such as {{${labels[0]}}}` : "name"} value={query.name ?? ""} onChange={(event) => onChange({ name: event.target.value === "" ? undefined : event.target.value })} />
        {onRemove && <button type="button" className="btn quiet icon" aria-label={`Remove query ${index + 1}`} onClick={onRemove}><X className="ico" aria-hidden /></button>}
      </div>
      <QueryBox
        key={query.language} language={BOXES[query.language]} label={`${LANGUAGE_NAMES[query.language]} of query ${index + 1}`} multiline variables value={text} minHeight={56}
        onChange={(next) => setDraft({ of: query.query, text: next })} onRun={() => commit(text)} {...(complete ? { complete } : {})} error={error === null ? null : { message: error, position }}
      />
      {error !== null && <p className="bad small" role="alert">{error}</p>}
    </div>
  );
}
