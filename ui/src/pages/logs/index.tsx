import { Copy, Search, X } from "lucide-react";
import { useCallback, useMemo, useRef, useState } from "react";
import { urlOf } from "@/api/client";
import { type ApiError, asApiError } from "@/api/error";
import { type LogRow, useLogRows } from "@/api/logs";
import { curl } from "@/api/sql";
import { CopyAs } from "@/components/CopyAs";
import { ErrorFace } from "@/components/FiveFaces";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { useTime } from "@/components/location/time";
import { useView } from "@/components/location/useView";
import { Page } from "@/components/Page";
import { QueryBox } from "@/components/QueryBox";
import { SavedQueries } from "@/components/SavedQueries";
import { bytes, group, shortId } from "@/model/units";
import { Compare } from "./Compare";
import { otherOf } from "./differences";
import { remember } from "@/preferences/saved";
import { CountBy } from "./CountBy";
import { Fields } from "./Fields";
import { Histogram } from "./Histogram";
import styles from "./logs.module.css";
import { LeadingPatterns, PatternTable } from "./Patterns";
import { narrow, remove, split, term, togglePattern, traceOf } from "@/components/logs/query";
import { useReading } from "./reading";
import { PlaceStore, usePlace } from "./place";
import type { ListHandle } from "@/components/logs/LogList";
import { withKeys } from "./rowList";
import { RowsView } from "./RowsView";
import { RowTools } from "./RowTools";
import { templateOf } from "./template";
import { codec, type LogTab } from "./url";
import { useCompletion } from "@/components/logs/useCompletion";
import { usePatterns } from "./usePatterns";
import { useHeld } from "./useHeld";
import { useLogKeys } from "./useLogKeys";
import { useTail } from "./useTail";

export default function LogsPage() {
  const { view, setView, ignored } = useView(codec);
  const { range } = useTime();
  const read = useReading(view.q);
  const isAsked = read.asked !== null;
  const query = read.asked ?? "";
  const { search, pipes } = split(query);
  const tab: LogTab = pipes !== "" && view.tab === "rows" ? "count" : view.tab;
  const [places] = useState(() => new PlaceStore());
  const [atTop, setAtTop] = useState(true);
  const [hovered, setHovered] = useState(false);
  const [reading, setReading] = useState(false);
  const [paused, setPaused] = useState(false);
  const list = useRef<ListHandle>(null);

  // Nothing moves under the pointer, while something is open, or while one reads further down.
  const why = paused ? "by Space" : view.open !== "" ? "while a record is open" : !atTop ? "while you are further down" : reading ? "while a record is selected" : hovered ? "while you point at it" : null;
  const holding = why !== null;
  const held = useHeld(range, holding, `${search} ${view.columns.join()}`);
  const found = useLogRows(search, view.columns, held, { enabled: isAsked && tab === "rows" && !view.tail });
  const pages = isAsked ? found.data?.pages : undefined;
  const rows = useMemo(() => withKeys(pages ?? []), [pages]);
  const tail = useTail(search, isAsked && view.tail, holding);
  const patterns = usePatterns(search, range, isAsked);
  const shown = view.tail ? tail.state.rows : rows;
  const complete = useCompletion(range);

  const setQuery = useCallback((q: string) => {
    remember("logs", q);
    setView({ q, open: "", ...(tab === "count" && split(q).pipes === "" && pipes !== "" ? { tab: "rows" } : {}) });
  }, [setView, tab, pipes]);
  const pick = useCallback((condition: string, exclude: boolean) => setQuery(narrow(query, condition, exclude)), [setQuery, query]);
  const pickPattern = useCallback((template: string, exclude: boolean) => setView({ q: togglePattern(query, template, exclude), tab: "rows", open: "" }), [setView, query]);
  const onPlace = useCallback((top: boolean, first: number, last: number) => {
    setAtTop(top);
    places.set(first, last);
  }, [places]);
  const onNewer = () => {
    setView({ open: "" }, "replace");
    list.current?.top();
    document.getSelection()?.removeAllRanges();
    setPaused(false);
    setReading(false);
    setHovered(false);
    tail.showWaiting();
  };
  const likeThis = (row: LogRow) => templateOf(row.body, (patterns.ranked ?? []).flatMap((pattern) => pattern.template ?? []));

  useLogKeys({
    list, rows: shown, view, setView,
    onExclude: (row) => pickPattern(likeThis(row), true),
    onPause: () => (holding ? onNewer() : setPaused(true)),
  });

  const trace = traceOf(search);
  const error = read.error ?? (isAsked ? (found.error ?? tail.error) : null);
  const stats = pages?.at(-1)?.stats;
  return (
    <Page
      bare headed title="Logs" ignored={ignored}
      status={
        <>
          <InSight places={places} rows={shown.length} note={view.tail ? " kept" : found.hasNextPage ? " read so far" : ""} />
          {stats && !view.tail && <span>{group(stats.segments - stats.segments_pruned)} of {group(stats.segments)} segments read · {bytes(stats.bytes_read)} · {Math.round(stats.elapsed_ms)} ms</span>}
          {(stats?.warnings ?? []).map((warning) => <span key={warning} className="warn clip">{warning}</span>)}
          <span className={styles.keys}>j k move · Enter open · t trace · x exclude · ? all keys</span>
        </>
      }
    >
      <SearchLine committed={view.q} onRun={setQuery} complete={complete} error={error} sources={sourcesOf(view.q, range.from, range.to)} />
      {read.error && <Unread error={read.error} asked={read.asked} />}
      {isAsked ? (
        <>
          <Histogram
            search={search} range={range} other={tab === "compare" ? otherOf(view.other, range) : null} onCompare={(other) => setView({ tab: "compare", other: `${other.from}-${other.to}` })}
            onSeverity={(severity, exclude) => pick(term("severity", severity === "" ? null : severity), exclude)}
            chips={trace && (
              <span className="chip">
                <Go to={path("traces", trace)}>Trace {shortId(trace)}</Go>
                <button type="button" className="btn quiet icon" style={{ width: 18, height: 18 }} aria-label="Show all traces again" onClick={() => setQuery(remove(search, `trace_id:${trace}`) ?? "")}><X size={12} aria-hidden /></button>
              </span>
            )}
          />
          <div className={styles.body}>
            <Fields search={search} range={range} onPick={pick} />
            <section className={styles.out} aria-label="Records">
              <div className={styles.tabs}>
                <div className={styles.tablist} role="tablist" aria-label="What to see">{TAB_NAMES.map(({ id, label }) => (
                  <button key={id} type="button" role="tab" className={styles.tab} aria-selected={tab === id} onClick={() => setView({ tab: id })}>
                    {label}{id === "patterns" && patterns.ranked && <span>{patterns.ranked.length}</span>}
                  </button>
                ))}</div>
                {tab === "rows" && <RowTools view={view} setView={setView} search={search} range={range} stale={!view.tail && held !== range && holding} onNewer={onNewer} />}
              </div>
              {tab === "rows" && (
                <>
                  <LeadingPatterns found={patterns} query={query} onPick={pickPattern} />
                  <RowsView
                    view={view} setView={setView} search={search} range={range} found={found} tail={tail} rows={shown} list={list} onPlace={onPlace} onHover={setHovered} onRead={setReading} held={why}
                    onNewer={onNewer} onPick={pick} onPattern={(row) => pickPattern(likeThis(row), false)}
                  />
                </>
              )}
              {tab === "patterns" && <PatternTable found={patterns} query={query} onPick={pickPattern} />}
              {tab === "count" && <CountBy search={search} pipes={pipes} range={range} by={view.by} per={view.per} onChange={setView} onPick={pick} />}
              {tab === "compare" && <Compare search={search} range={range} other={otherOf(view.other, range)} onPick={pick} />}
            </section>
          </div>
        </>
      ) : (
        <header className={styles.hist}><h1>{read.error ? "No answer" : "Logs"}</h1></header>
      )}
    </Page>
  );
}

/** The one error of a text that cannot be read, and what is shown instead. */
function Unread({ error, asked }: { error: ApiError; asked: string | null }) {
  return (
    <div className={styles.unread}>
      <ErrorFace error={error} />
      {asked !== null && <p className="small dim">Shown below: {asked.trim() === "" ? "all records" : <>what <code>{asked}</code> finds</>}.</p>}
    </div>
  );
}

function InSight({ places, rows, note }: { places: PlaceStore; rows: number; note: string }) {
  const { first, last } = usePlace(places);
  return <span>{rows === 0 ? "no rows" : `rows ${group(first + 1)}–${group(Math.min(last + 1, rows))} of ${group(rows)}${note}`}</span>;
}

const TAB_NAMES: { id: LogTab; label: string }[] = [
  { id: "rows", label: "Rows" }, { id: "patterns", label: "Patterns" }, { id: "count", label: "Count by…" }, { id: "compare", label: "Compare" },
];

const sourcesOf = (query: string, from: bigint, to: bigint) => ({
  curl: curl(urlOf("/api/v1/logs", { query, start: from, end: to, limit: 100 })), value: query,
});

interface SearchLineProps {
  committed: string;
  onRun: (query: string) => void;
  complete: ReturnType<typeof useCompletion>;
  error: unknown;
  sources: Parameters<typeof CopyAs>[0]["sources"];
}

/** The query box. What is typed counts once it is run. */
function SearchLine({ committed, onRun, complete, error, sources }: SearchLineProps) {
  const [typed, setTyped] = useState({ of: committed, text: committed });
  // Another query from elsewhere takes the place of what is typed.
  const draft = typed.of === committed ? typed.text : committed;
  const setDraft = (text: string) => setTyped({ of: committed, text });
  const failed = error ? asApiError(error) : null;
  return (
    <form
      className={styles.query} role="search"
      onSubmit={(event) => {
        event.preventDefault();
        onRun(draft.trim());
      }}
    >
      <span className={styles.search}>
        <Search className="ico" aria-hidden />
        <QueryBox
          value={draft} onChange={setDraft} onRun={() => onRun(draft.trim())} language="logs" label="Log query" minHeight={36} complete={complete}
          placeholder={'Words, "a phrase", key:value, severity:>=warn, AND OR NOT'} error={failed ? { message: failed.reason, position: failed.position } : null}
        />
      </span>
      <SavedQueries kind="logs" text={draft} onPick={onRun} />
      <CopyAs sources={sources} label="Copy as" trigger={<button type="button" className="btn"><Copy className="ico" aria-hidden />Copy as curl</button>} />
      <button type="submit" className="btn primary">Run</button>
    </form>
  );
}
