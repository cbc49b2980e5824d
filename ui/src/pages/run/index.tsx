/** One load test: did it hold, what the services saw of it, and is it better than others. */

import { Trash2 } from "lucide-react";
import { useMemo, useState } from "react";
import { useParams } from "@tanstack/react-router";
import { queryClient } from "@/api/query";
import { deleteRun, type Run, runPath, useRun, windowOf } from "@/api/runs";
import { curl } from "@/api/sql";
import { CopyAs } from "@/components/CopyAs";
import { Empty, ErrorFace, FiveFaces, Partial } from "@/components/FiveFaces";
import { Figure, Tile, Tiles } from "@/components/Figure";
import { useKeys } from "@/components/keys/keys";
import { Dialog } from "@/components/layers";
import { Go } from "@/components/location/Go";
import { useTime } from "@/components/location/time";
import { useGo } from "@/components/location/useGo";
import { useView } from "@/components/location/useView";
import { Page } from "@/components/Page";
import { Panel } from "@/components/Panel";
import { Verdict } from "@/components/runs/Verdict";
import { StateChip } from "@/components/StateChip";
import { Choice } from "@/components/Tabs";
import { percentile } from "@/model/run/latency";
import { correctedWords, errorRatio, sentence, verdictOf } from "@/model/run/run";
import { exact, hm, type Nanos, subtract, toIso, when } from "@/model/time";
import { count, duration, durationMs, durationSeconds, group, NO_DATA, rate, ratio, THIN } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { CompareWith } from "./CompareWith";
import { Curve } from "./Curve";
import { EffectOnSlos } from "./Effect";
import { Load } from "./Load";
import { Stages, Thresholds } from "./Parts";
import { Percentiles, Sentences } from "./Percentiles";
import { comparedOf } from "./runs";
import styles from "./run.module.css";
import { Sides } from "./Sides";
import { codec, OTHERS_MAX } from "./url";

export default function RunPage() {
  const params: Record<string, string | undefined> = useParams({ strict: false });
  const id = params.run ?? "";
  const { view, setView, ignored } = useView(codec);
  const { now } = useTime();
  const zone = useZone();
  const query = useRun(id);
  const run = query.data?.id === id ? query.data : undefined;
  const asked = view.with.filter((one) => one !== id).slice(0, OTHERS_MAX);
  // A hook each, asked or not: their number is fixed.
  const [a, b, c] = [useOther(asked[0]), useOther(asked[1]), useOther(asked[2])];
  const others = useMemo(() => [a.run, b.run, c.run].filter((one): one is Run => one !== undefined), [a.run, b.run, c.run]);
  const compared = useMemo(() => (run ? comparedOf([run, ...others], (one) => when(one.started_at, now, zone)) : []), [run, others, now, zone]);
  const [choosing, setChoosing] = useState(false);
  useKeys([
    { keys: "c", does: "Compare with…", run: () => setChoosing(true) },
    { keys: "s", does: "Linear or logarithmic latency", run: () => setView({ scale: view.scale === "linear" ? "log" : "linear" }, "replace") },
  ]);
  const name = run?.name ?? "Load test";
  const time = run ? windowOf(run, now) : null;
  return (
    <Page
      title={run ? sentence(run) : name} name={`Load test ${name}`} ignored={ignored}
      note={run && time && (
        <>
          <Verdict run={run} />
          <span className="dim" title={exact(run.started_at, zone)}>{run.version && <span className="mono">{run.version} · </span>}{when(run.started_at, now, zone)}{run.ended_at ? ` – ${hm(run.ended_at, zone)}` : ", still running"} · {[run.tool, run.tool_version].filter(Boolean).join(" ") || "tool not said"}</span>
          {Object.entries(run.labels).map(([key, value]) => <span key={key} className="chip">{key}={value}</span>)}
        </>
      )}
      actions={run && time && (
        <>
          <CompareWith run={run} chosen={asked} now={now} open={choosing} onOpen={setChoosing} onChange={(ids) => setView({ with: ids })} />
          <Go className="btn" to="/services" search={{ from: toIso(time.from), to: toIso(time.to) }} title="What every service did in the time of this run">Services</Go>
          <CopyAs sources={{ curl: curl(runPath(id)) }} />
          <Remove run={run} />
        </>
      )}
    >
      {query.error?.status === 404 ? (
        <Panel flush><Empty title="There is no such load test." actions={<Go className="btn" to="/runs">All load tests</Go>}>It was deleted, or the link has another server’s id.</Empty></Panel>
      ) : (
        <FiveFaces query={{ ...query, data: run }} rows={10} height={500}>
          {(shown) => (
            <>
              {[a, b, c].map((one, index) => one.error && <ErrorFace key={index} error={one.error} />)}
              <Panel flush><Figures run={shown} now={now} /></Panel>
              <Corrected run={shown} />
              <Panel
                title={compared.length > 1 ? `Latency of ${compared.length} runs` : "Latency"} note={`by percentile, on the scale of 1 ÷ (1 − q)${shown.total.latency?.buckets ? "" : "; its tool sent percentiles, not a histogram"}`} flush
                tools={<Choice label="Scale of latency" value={view.scale} options={[{ id: "linear", label: "Linear" }, { id: "log", label: "Log" }]} onChange={(scale) => setView({ scale }, "replace")} />}
              >
                <Sentences runs={compared} />
                <div className={styles.curve}><Curve runs={compared} kind={view.scale} /></div>
                <Percentiles runs={compared} onRemove={(other) => setView({ with: asked.filter((one) => one !== other) })} />
              </Panel>
              <Load run={shown} window={windowOf(shown, now)} />
              <Sides run={shown} now={now} />
              <div className={styles.two}>
                <Stages run={shown} />
                <Thresholds run={shown} />
              </div>
              <EffectOnSlos run={shown} now={now} />
            </>
          )}
        </FiveFaces>
      )}
    </Page>
  );
}

function useOther(id: string | undefined): { run: Run | undefined; error: unknown } {
  const query = useRun(id ?? "", { enabled: id !== undefined });
  return { run: id !== undefined && query.data?.id === id ? query.data : undefined, error: id === undefined ? null : query.error };
}

function Figures({ run, now }: { run: Run; now: Nanos }) {
  const { total } = run;
  const of = (p: number) => (total.latency ? percentile(total.latency, p) : null);
  const ms = (ns: number | null) => (ns === null ? NO_DATA : durationMs(ns / 1e6));
  const [intended, achieved] = [total.intended_rate ?? null, total.achieved_rate ?? null];
  const lasted = subtract(windowOf(run, now).to, run.started_at);
  const short = intended !== null && achieved !== null && achieved < intended * 0.95;
  const sources = { curl: curl(runPath(run.id)) };
  return (
    <Tiles>
      <Tile label="Achieved" note="requests/s" tone={short ? "warn" : undefined} below={intended === null ? "no rate was intended" : `of ${rate(intended)} intended`}>{achieved === null ? NO_DATA : <Figure sources={sources} label="achieved rate">{rate(achieved)}</Figure>}</Tile>
      <Tile label="Requests" below={`in ${duration(lasted)}`}><Figure exact={group(total.requests)} sources={sources} label="requests">{count(total.requests)}</Figure></Tile>
      <Tile label="p50" below={`p90 ${ms(of(90))}`}>{ms(of(50))}</Tile>
      <Tile label="p99" below={`p99.9 ${ms(of(99.9))} · max ${ms(of(100))}`}>{ms(of(99))}</Tile>
      <Tile label="Errors" below={`${group(total.errors)} of ${group(total.requests)}`} tone={verdictOf(run).word === "failed" && total.errors > 0 ? "bad" : undefined}><Figure exact={group(total.errors)} sources={sources} label="errors">{ratio(errorRatio(total))}</Figure></Tile>
      <Tile label="Behind schedule, at most" below={run.corrected === true ? "latency is corrected for it" : run.corrected === false ? "latency is not corrected for it" : "not said whether corrected"}>{run.behind_seconds_max === null || run.behind_seconds_max === undefined ? NO_DATA : run.behind_seconds_max === 0 ? `0${THIN}s` : durationSeconds(run.behind_seconds_max)}</Tile>
    </Tiles>
  );
}

/** Said out loud only when it changes how figures are to be read. */
function Corrected({ run }: { run: Run }) {
  const { words, tone } = correctedWords(run);
  return tone === "none" ? null : <Partial><StateChip tone={tone}>{run.corrected === true ? "fell behind" : "not corrected"}</StateChip> {words}</Partial>;
}

function Remove({ run }: { run: Run }) {
  const go = useGo();
  const [open, setOpen] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const remove = () =>
    deleteRun(run.id).then(async () => {
      await queryClient.invalidateQueries();
      go("/runs");
    }, setFailure);
  return (
    <Dialog
      open={open} onOpenChange={setOpen} title={`Delete ${run.name}?`} note="Its figures, histogram and timeline go; spans and SLOs of its time stay. This cannot be undone."
      trigger={<button type="button" className="btn icon quiet" aria-label="Delete this load test" title="Delete…"><Trash2 className="ico" aria-hidden /></button>}
      actions={<><button type="button" className="btn" onClick={() => setOpen(false)}>Keep</button><button type="button" className="btn danger" onClick={() => void remove()}>Delete</button></>}
    >
      {failure !== null && <ErrorFace error={failure} />}
    </Dialog>
  );
}
