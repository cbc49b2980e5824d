/** Is what I look at complete: what arrives, how late, what was refused, who fell silent, what is kept. */

import { useMemo, useRef } from "react";
import { arrivalsSql, lagSql, REJECTIONS_KEPT, rejectionsSql, segmentsSql, useArrivals, useCardinality, useLag, useRejections, useSegments, useServerMetrics } from "@/api/ingest";
import { otlpPorts, useStatus } from "@/api/status";
import { CopyAs } from "@/components/CopyAs";
import { Empty, ErrorFace, FiveFaces, Partial } from "@/components/FiveFaces";
import { KeyHint } from "@/components/KeyHint";
import { useKeys } from "@/components/keys/keys";
import { useTime } from "@/components/location/time";
import { useView } from "@/components/location/useView";
import { Page } from "@/components/Page";
import { Panel } from "@/components/Panel";
import { StateChip } from "@/components/StateChip";
import { Choice } from "@/components/Tabs";
import { total } from "@/model/exposition";
import { heardOf, reportingWords } from "@/model/senders";
import { toIso } from "@/model/time";
import { gridOf } from "@/model/traffic";
import { bytes, count, duration } from "@/model/units";
import { CardinalityTable, SeriesLimit } from "./Cardinality";
import { AcceptedChart, LagChart } from "./Charts";
import styles from "./ingest.module.css";
import { Outcomes, Rejections } from "./Rejections";
import { diskLeft, growthOf, nameOf, ratesBySignal, reasonsOf, sendersOf, sentence, tablesOf } from "./rows";
import { Segments } from "./Segments";
import { Senders } from "./Senders";
import { CARDINALITY_CURL, HealthTiles } from "./Tiles";
import { codec } from "./url";

export default function IngestPage() {
  const { view, setView, ignored } = useView(codec);
  const { range, now } = useTime();
  const grid = useMemo(() => gridOf(range), [range]);
  const [status, arrivals, lags, rejections, segments, cardinality, metrics] = [useStatus(), useArrivals(grid), useLag(grid), useRejections(), useSegments(), useCardinality(), useServerMetrics()];
  const reasons = useMemo(() => reasonsOf(rejections.data?.rows ?? [], grid), [rejections.data, grid]);
  const senders = useMemo(() => sendersOf(arrivals.data?.rows ?? [], reasons, grid), [arrivals.data, reasons, grid]);
  const rates = useMemo(() => ratesBySignal(arrivals.data?.rows ?? [], grid), [arrivals.data, grid]);
  const growth = growthOf(segments.data?.rows ?? [], toIso(now).slice(0, 10));
  const left = diskLeft(status.data?.disk, growth);
  const tables = useMemo(() => tablesOf(segments.data?.rows ?? []), [segments.data]);
  const found = senders.filter((one) => nameOf(one.name).toLowerCase().includes(view.q.trim().toLowerCase()));
  const heard = useMemo(() => heardOf(arrivals.data?.rows ?? [], grid), [arrivals.data, grid]);
  const ingest = status.data?.ingest;
  const otlp = `http://${window.location.hostname}:${otlpPorts(status.data).http}`;
  const input = useRef<HTMLInputElement>(null);
  useKeys([{ keys: "/", does: "Find a sender", run: () => input.current?.focus() }]);
  const sources = { arrivals: arrivalsSql(grid), lag: lagSql(grid), rejections: rejectionsSql, segments: segmentsSql };
  const setAside = metrics.data ? (total(metrics.data, "binnacle_storage_segments_set_aside") ?? 0) : 0;
  return (
    <Page
      title={arrivals.data && ingest ? sentence({ state: ingest.state, reason: ingest.reason ?? null, heard, reasons }) : "Ingest health"} name="Ingest health" ignored={ignored}
      note={
        <>
          {ingest && <StateChip tone={ingest.state === "accepting" ? "good" : ingest.state === "starting" ? "hold" : "bad"}>{ingest.state.replace("_", "-")}</StateChip>}
          {heard.length > 0 && <span className="dim">{reportingWords(heard)}</span>}
        </>
      }
    >
      {ingest?.state === "read_only" && <Partial><b>Nothing more is stored.</b> Queries work, and senders are told to try again. {ingest.reason}</Partial>}
      {(status.data?.recovery?.problems.length ?? 0) > 0 && <Partial>The last start could not read all of what was on disk: {status.data?.recovery?.problems.join("; ")}</Partial>}
      {setAside > 0 && <Partial>{count(setAside)} segments cannot be read and were set aside; their rows are missing from every answer.</Partial>}
      {[status, metrics].map((query) => query.error && <ErrorFace key={query.error.what} error={query.error} retry={() => void query.refetch()} />)}
      <Panel flush>
        <HealthTiles
          rates={arrivals.data ? rates : null} arrived={senders.reduce((sum, one) => sum + one.records, 0)} reasons={rejections.data ? reasons : null} lags={lags.data?.rows ?? null}
          metrics={metrics.data ?? null} tables={segments.data ? tables : null} growth={growth} left={left} sources={sources}
        />
      </Panel>
      <div className={styles.two}>
        <Panel title="Accepted" note={`records/s by signal, one point every ${duration(grid.step)}`} tools={<CopyAs sources={{ sql: sources.arrivals }} />}>
          <FiveFaces query={arrivals} height={210}>{() => <AcceptedChart rates={rates} grid={grid} />}</FiveFaces>
        </Panel>
        <Panel title="Lag" note="from a record’s own time to its being stored" tools={<CopyAs sources={{ sql: sources.lag }} />}>
          <FiveFaces query={lags} height={210}>{(data) => <LagChart lags={data.rows} grid={grid} />}</FiveFaces>
        </Panel>
      </div>
      <Panel title="Rejected" note={metrics.data && <Outcomes metrics={metrics.data} />} tools={<CopyAs sources={{ sql: sources.rejections }} />} flush>
        <FiveFaces query={rejections} rows={2} partial={(data) => data.rows.length >= REJECTIONS_KEPT && <Partial>Only the newest {REJECTIONS_KEPT} rejections are kept; there were more before.</Partial>}>
          {() => <Rejections reasons={reasons} otlp={otlp} now={now} open={view.rejection} onOpen={(rejection) => setView({ rejection }, "replace")} />}
        </FiveFaces>
      </Panel>
      <div className={styles.wide}>
        <Panel
          title="Senders" note="silent first" flush
          tools={<><input ref={input} className="input" type="search" placeholder="Find" aria-label="Find a sender by name" value={view.q} onChange={(event) => setView({ q: event.target.value }, "replace")} /><KeyHint keys="/" /><CopyAs sources={{ sql: sources.arrivals }} /></>}
        >
          <FiveFaces query={arrivals} rows={8} height={300}>
            {() => <Senders senders={found} of={senders.length} q={view.q} otlp={otlp} now={now} open={view.open} onOpen={(open) => setView({ open }, "replace")} onAll={() => setView({ q: "" })} />}
          </FiveFaces>
        </Panel>
        <Panel
          title="Cardinality" flush
          tools={<><Choice label="Counted" value={view.counted} options={[{ id: "labels", label: "Keys" }, { id: "metrics", label: "Metrics" }, { id: "senders", label: "Senders" }]} onChange={(counted) => setView({ counted }, "replace")} /><CopyAs label="Copy" sources={CARDINALITY_CURL} /></>}
        >
          <FiveFaces query={cardinality} rows={8} height={300} isEmpty={(data) => data.series === 0} empty={<Empty title="No series.">Nobody sent metrics in the last hours.</Empty>}>
            {(data) => <><SeriesLimit report={data} now={now} /><CardinalityTable report={data} counted={view.counted} /></>}
          </FiveFaces>
        </Panel>
      </div>
      <Panel title="Segments" note={`${count(tables.reduce((sum, one) => sum + one.segments, 0))} on disk, ${bytes(tables.reduce((sum, one) => sum + one.bytes, 0))}; ${dueWords(tables.reduce((sum, one) => sum + one.due, 0))}`} tools={<CopyAs sources={{ sql: sources.segments }} />} flush>
        <FiveFaces query={segments} rows={6} isEmpty={(data) => data.rows.length === 0} empty={<Empty title="No segment yet.">What has arrived is in the write-ahead log and in memory; it is flushed after a minute, or when there is enough of it.</Empty>}>
          {() => <><Segments tables={tables} now={now} />{left && <p className={`small dim ${styles.left ?? ""}`}><b>{left.words}</b>: {left.working}</p>}</>}
        </FiveFaces>
      </Panel>
    </Page>
  );
}

const dueWords = (due: number) => (due === 0 ? "nothing waits for compaction" : `${count(due)} wait for compaction`);
