/** Queries A to D and a formula over them. What is typed counts once it is run. */

import { Plus, X } from "lucide-react";
import { useState } from "react";
import type { ApiError } from "@/api/error";
import type { Family } from "@/api/promql";
import { QueryBox } from "@/components/QueryBox";
import { substitute, warningsOf } from "@/components/series/expression";
import styles from "./metrics.module.css";
import { LETTERS, QUERIES_MAX } from "./url";

export interface QueriesProps {
  queries: readonly string[];
  formula: string;
  errors: readonly (ApiError | null)[];
  warnings: readonly string[][];
  families: ReadonlyMap<string, Family>;
  onRun: (change: { q?: string[]; formula?: string }) => void;
}

interface Typed {
  /** The queries that were run when it was typed. */
  of: string;
  drafts: string[];
  draftFormula: string | null;
}

export function Queries({ queries, formula, errors, warnings, families, onRun }: QueriesProps) {
  // What is typed counts until something else is run: then the boxes stay, and the cursor in them.
  const asked = JSON.stringify([queries, formula]);
  const [typed, setTyped] = useState<Typed | null>(null);
  const { drafts, draftFormula } = typed?.of === asked ? typed : { drafts: queries.length === 0 ? [""] : [...queries], draftFormula: formula === "" ? null : formula };
  const setDrafts = (next: string[]) => setTyped({ of: asked, drafts: next, draftFormula });
  const setDraftFormula = (next: string | null) => setTyped({ of: asked, drafts, draftFormula: next });
  const run = (next = drafts, ofLetters = draftFormula) => onRun({ q: next.map((one) => one.trim()).filter((one) => one !== ""), formula: ofLetters?.trim() ?? "" });
  const hint = draftFormula && draftFormula.trim() !== "" && substitute(draftFormula, drafts) === null ? "The formula names a query that is not there." : null;
  return (
    <div className={styles.queries}>
      {drafts.map((draft, index) => {
        const error = errors[index] ?? null;
        const notes = [...warningsOf(draft, families), ...(warnings[index] ?? [])];
        return (
          <div key={index}>
            <div className={styles.query}>
              <span className={styles.letter} aria-hidden>{LETTERS[index]}</span>
              <QueryBox
                value={draft} onChange={(text) => setDrafts(drafts.map((one, at) => (at === index ? text : one)))} onRun={() => run()} language="promql" label={`PromQL query ${LETTERS[index] ?? ""}`}
                placeholder="PromQL, such as sum by (service_name) (rate(http_server_request_duration_seconds_count[5m]))" error={error ? { message: error.reason, position: error.position } : null}
              />
              {drafts.length > 1 && (
                <button type="button" className="btn quiet icon" aria-label={`Remove query ${LETTERS[index] ?? ""}`} onClick={() => {
                  const next = drafts.filter((_, at) => at !== index);
                  setDrafts(next);
                  run(next);
                }}><X className="ico" aria-hidden /></button>
              )}
              {index === 0 && <button type="button" className="btn primary" style={{ height: 32 }} onClick={() => run()}>Run</button>}
            </div>
            {(error !== null || notes.length > 0) && (
              <div className={styles.notes}>
                {error && <span className="bad" role="alert">{error.reason}{error.position && ` (line ${error.position.line}, column ${error.position.column})`}{error.hint && <span className="dim"> · {error.hint}</span>}</span>}
                {notes.map((note) => <span key={note} className="warn">{note}</span>)}
              </div>
            )}
          </div>
        );
      })}
      {draftFormula !== null && (
        <div>
          <div className={styles.query}>
            <span className={styles.letter} aria-hidden>ƒ</span>
            <QueryBox value={draftFormula} onChange={setDraftFormula} onRun={() => run()} language="plain" label="Formula of the queries’ letters" placeholder="A / B" error={null} />
            <button type="button" className="btn quiet icon" aria-label="Remove the formula" onClick={() => {
              setDraftFormula(null);
              run(drafts, null);
            }}><X className="ico" aria-hidden /></button>
          </div>
          {(hint ?? errors[QUERIES_MAX]) && <div className={styles.notes}><span className="bad" role="alert">{hint ?? errors[QUERIES_MAX]?.reason}</span></div>}
        </div>
      )}
      <div className="row">
        {drafts.length < QUERIES_MAX && <button type="button" className="btn quiet" onClick={() => setDrafts([...drafts, ""])}><Plus className="ico" aria-hidden />Query {LETTERS[drafts.length]}</button>}
        {draftFormula === null && <button type="button" className="btn quiet" onClick={() => setDraftFormula("")}><Plus className="ico" aria-hidden />Formula</button>}
      </div>
    </div>
  );
}
