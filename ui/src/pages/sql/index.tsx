import { Download, Play, Square } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { exportSql, FORMATS } from "@/api/console";
import { asApiError } from "@/api/error";
import { copy, CopyAs } from "@/components/CopyAs";
import { Empty, ErrorFace, Loading, Partial } from "@/components/FiveFaces";
import { Menu } from "@/components/layers";
import { useTime } from "@/components/location/time";
import { useView } from "@/components/location/useView";
import { Page } from "@/components/Page";
import { QueryBox } from "@/components/QueryBox";
import { SavedQueries } from "@/components/SavedQueries";
import { Choice } from "@/components/Tabs";
import { exact } from "@/model/time";
import { bytes, group } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { remember } from "@/preferences/saved";
import { asTsv } from "@/components/sql/answer";
import { Chart, Grid, Json } from "@/components/sql/AnswerView";
import { Schema } from "./Schema";
import styles from "./sql.module.css";
import { EXAMPLES, lookAt, placeInDraft, withTime } from "./text";
import { codec } from "./url";
import { useConsole } from "./useConsole";
import { useSqlCompletion } from "@/components/sql/useSqlCompletion";

export default function SqlPage() {
  const { view, setView, ignored } = useView(codec);
  const { range } = useTime();
  const zone = useZone();
  const [draft, setDraft] = useState(view.q);
  const [insert, setInsert] = useState<{ text: string } | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const [said, setSaid] = useState("");
  const sql = useConsole();
  const complete = useSqlCompletion(draft);

  const shown = useRef("");
  const run = (text: string) => {
    if (text.trim() === "") return;
    shown.current = text;
    setDraft(text);
    setFailure(null);
    remember("sql", text);
    setView({ q: text });
    sql.run(withTime(text, range));
  };
  const explain = () => {
    if (draft.trim() !== "") sql.run(`EXPLAIN ANALYZE ${withTime(draft, range)}`);
  };
  // A link shows its answer at once; Back and Forward bring their text along.
  const runNow = useRef(run);
  useEffect(() => {
    runNow.current = run;
  });
  useEffect(() => {
    if (view.q === shown.current) return;
    const first = shown.current === "";
    shown.current = view.q;
    setDraft(view.q);
    if (first && view.run && view.q !== "") runNow.current(view.q);
  }, [view.q, view.run]);

  const { answer, error } = sql;
  const usesTime = /\$(from|to)\b/.test(draft);
  const place = error?.position ? placeInDraft(draft, range, error.position) : null;
  const stats = answer?.table.stats;
  return (
    <Page
      bare title="SQL" ignored={ignored}
      status={
        <>
          {stats ? (
            <>
              <span>{group(stats.rows_returned)} rows · {group(stats.rows_scanned)} scanned</span>
              <span>{group(stats.segments - stats.segments_pruned)} of {group(stats.segments)} segments read, {group(stats.segments_pruned)} pruned · {group(stats.rows_buffered)} rows buffered · {bytes(stats.bytes_read)} · {Math.round(stats.elapsed_ms)} ms</span>
              {stats.warnings.map((warning) => <span key={warning} className="warn clip">{warning}</span>)}
            </>
          ) : <span>no question asked yet</span>}
          <span className="grow" /><span className="faint">Ctrl-Enter run · j k move · ? all keys</span>
        </>
      }
    >
      <div className={styles.page}>
        <Schema onInsert={(text) => setInsert({ text })} onLook={(table) => run(lookAt(table))} />
        <section className={styles.main} aria-label="Question and answer">
          <div className={styles.editor}>
            <QueryBox
              value={draft} onChange={setDraft} onRun={() => run(draft)} language="sql" multiline label="SQL" minHeight={124} complete={complete} insert={insert}
              placeholder="SELECT … Ctrl-Enter runs it" error={error ? { message: error.reason, position: place } : null}
            />
            <div className={styles.tools}>
              {sql.running
                ? <button type="button" className="btn danger" onClick={sql.cancel}><Square className="ico" aria-hidden />Cancel</button>
                : <button type="button" className="btn primary" onClick={() => run(draft)}><Play className="ico" aria-hidden />Run</button>}
              <button type="button" className="btn" onClick={explain}>Explain</button>
              {!usesTime && <button type="button" className="btn quiet" title="Puts the page’s time range where the cursor is" onClick={() => setInsert({ text: "time >= $from AND time < $to" })}>Insert time range</button>}
              {usesTime && <span className="small dim mono">$from {exact(range.from, zone).slice(0, 19)} · $to {exact(range.to, zone).slice(0, 19)}</span>}
              <span style={{ marginLeft: "auto" }} className="row">
                <SavedQueries kind="sql" text={draft} onPick={(text) => setDraft(text)} />
                <CopyAs sources={{ sql: withTime(draft, range) }} label="curl · SQL" />
              </span>
            </div>
          </div>
          <div className={styles.answer}>
            {error && <ErrorFace error={error} retry={() => run(draft)} {...(answer ? { asOf: answer.at } : {})} />}
            {failure !== null && <ErrorFace error={failure} />}
            {answer && (
              <>
                <div className={styles.head}>
                  <b>{group(answer.table.rows.length)} {answer.table.rows.length === 1 ? "row" : "rows"}</b>
                  <span className="small faint">{answer.table.columns.length} columns{sql.running ? " · of the question before; the next one runs" : ""}</span>
                  <span style={{ marginLeft: "auto" }} className="row">
                    <Choice label="How to show it" options={[{ id: "grid", label: "Grid" }, { id: "chart", label: "Chart" }, { id: "json", label: "JSON" }]} value={view.shows} onChange={(shows) => setView({ shows })} />
                    <button type="button" className="btn quiet" onClick={() => void copy(asTsv(answer.table, answer.table.rows, zone)).then((ok) => setSaid(ok ? "Copied" : "Not allowed to copy"))}>{said || "Copy rows"}</button>
                    <Menu
                      trigger={<button type="button" className="btn"><Download className="ico" aria-hidden />Export</button>}
                      items={FORMATS.map((format) => ({ label: format === "csv" || format === "json" ? format.toUpperCase() : format === "parquet" ? "Parquet" : "Arrow", onSelect: () => void exportSql(answer.sql, format).catch((cause: unknown) => setFailure(asApiError(cause))) }))}
                    />
                  </span>
                </div>
                {answer.table.truncated && <Partial actions={<button type="button" className="btn" onClick={() => sql.run(`SELECT count(*) AS rows FROM (${answer.sql.replace(/;\s*$/, "")})`)}>Count all</button>}>The first {group(answer.table.rows.length)} rows of more. Export has them all.</Partial>}
                <div className={styles.body}>
                  {view.shows === "grid" ? <Grid key={answer.at} table={answer.table} /> : view.shows === "chart" ? <Chart table={answer.table} /> : <Json table={answer.table} />}
                </div>
              </>
            )}
            {!answer && !error && (sql.running ? <Loading rows={12} /> : (
              <Empty title="Ask anything of everything.">
                Every span, record and point is a row. <code>$from</code> and <code>$to</code> stand for the page’s time range. To begin with:
                <ul className={styles.examples}>{EXAMPLES.map((example) => <li key={example.title}><button type="button" className="btn quiet" onClick={() => run(example.sql)}>{example.title}</button></li>)}</ul>
              </Empty>
            ))}
          </div>
        </section>
      </div>
    </Page>
  );
}
