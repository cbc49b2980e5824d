import { useMemo } from "react";
import { rangeParams, useMetricFamilies } from "@/api/promql";
import { urlOf } from "@/api/client";
import { curl } from "@/api/sql";
import { CopyAs } from "@/components/CopyAs";
import { useKeys } from "@/components/keys/keys";
import { Select } from "@/components/layers";
import { useTime } from "@/components/location/time";
import { useView } from "@/components/location/useView";
import { Page } from "@/components/Page";
import { Panel } from "@/components/Panel";
import { SavedQueries } from "@/components/SavedQueries";
import { Choice } from "@/components/Tabs";
import { backBy, earlier } from "@/model/against";
import { durationSeconds, group } from "@/model/units";
import { remember } from "@/preferences/saved";
import { CardinalityView } from "./CardinalityView";
import { Explorer } from "./Explorer";
import { Graph, NothingAsked } from "./Graph";
import styles from "./metrics.module.css";
import { Queries } from "./Queries";
import { aligned, stepOf } from "@/components/series/series";
import { codec, STEPS } from "./url";
import { useSeries } from "./useSeries";

const NO_FAMILIES = new Map<string, never>();

export default function MetricsPage() {
  const { view, setView, ignored } = useView(codec);
  const { range, now, against } = useTime();
  const step = stepOf(view.step, range);
  const bounds = useMemo(() => aligned(range, step), [range, step]);
  const families = useMetricFamilies().data ?? NO_FAMILIES;
  const texts = view.q.filter((text) => text !== "");
  const series = useSeries(texts, view.formula, bounds, step);
  const by = backBy(bounds, against);
  const then = useMemo(() => (by === null ? bounds : earlier(bounds, by)), [bounds, by]);
  const before = useSeries(texts, view.formula, then, step, by !== null);
  const seconds = Number(step) / 1e9;
  const asked = series.asked[0] ?? "";
  const run = (change: { q?: string[]; formula?: string }) => {
    for (const text of change.q ?? []) remember("promql", text);
    setView({ ...change, all: false });
  };
  useKeys([
    { keys: "e", does: "Exemplars on or off", run: () => setView({ exemplars: !view.exemplars }) },
    { keys: "t", does: "Graph or table", run: () => setView({ shows: view.shows === "graph" ? "table" : "graph" }) },
  ]);
  return (
    <Page
      title="Metrics" ignored={ignored}
      note={<span>{texts.length === 0 ? "PromQL over everything stored" : `${group(series.lines.length)} series, one point each ${seconds < 60 ? `${seconds} s` : durationSeconds(seconds)}`}</span>}
      actions={<><SavedQueries kind="promql" text={texts[0] ?? ""} onPick={(query) => setView({ q: [query, ...texts.slice(1)], all: false })} />{texts.length > 0 && <CopyAs sources={{ promql: asked, curl: curl(urlOf("/prometheus/api/v1/query_range", rangeParams(asked, bounds, step))) }} label="curl · PromQL" />}</>}
      status={<><span>{texts.length === 0 ? "no query" : `${group(series.lines.length)} series · ${group(series.grid.length)} points each`}</span><span className="grow" /><span className="faint">Enter run · e exemplars · t table · ? all keys</span></>}
    >
      <Panel>
        <Queries queries={texts} formula={view.formula} errors={series.errors} warnings={series.warnings} families={families} onRun={run} />
      </Panel>
      <Panel
        title="Series" flush
        note={asked}
        tools={
          <>
            <Select label="Step" prefix="step" value={view.step} onChange={(id) => setView({ step: id })} options={STEPS.map((id) => ({ id, label: id === "auto" ? `auto ${seconds < 60 ? `${seconds} s` : durationSeconds(seconds)}` : id }))} />
            <button type="button" className="btn" aria-pressed={view.exemplars} onClick={() => setView({ exemplars: !view.exemplars })}>◆ Exemplars</button>
            <Choice label="How to show it" options={[{ id: "graph", label: "Graph" }, { id: "table", label: "Table" }]} value={view.shows} onChange={(shows) => setView({ shows })} />
          </>
        }
      >
        {texts.length === 0 ? <NothingAsked /> : <Graph series={series} before={by === null ? null : before.lines} against={against} range={bounds} families={families} all={view.all} onAll={() => setView({ all: true })} exemplars={view.exemplars} shows={view.shows} />}
      </Panel>
      <Panel
        title={view.tab === "explorer" ? "Metrics" : "Cardinality"} flush
        note={view.tab === "explorer" ? "a click offers what one most often wants of it" : "of the series that are sent now"}
        tools={<Choice label="Explorer or cardinality" options={[{ id: "explorer", label: "Explorer" }, { id: "cardinality", label: "Cardinality" }]} value={view.tab} onChange={(tab) => setView({ tab })} />}
      >
        <div className={styles.grid}>
          {view.tab === "explorer" ? (
            <Explorer range={bounds} now={now} find={view.find} onFind={(find) => setView({ find }, "replace")} onUse={(query) => setView({ q: [query, ...texts.slice(1)], all: false })} />
          ) : (
            <CardinalityView onFind={(find) => setView({ tab: "explorer", find })} />
          )}
        </div>
      </Panel>
    </Page>
  );
}
