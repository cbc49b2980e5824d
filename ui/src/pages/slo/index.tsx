/** One SLO: what is left, how fast it goes, who spends it, and whether it can be believed. */

import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { useDeliveries } from "@/api/deliveries";
import { useEvidence, useExplain } from "@/api/explain";
import { type Slo, useSlo, useSloTransitions } from "@/api/slos";
import { FiveFaces, Partial } from "@/components/FiveFaces";
import { useKeys } from "@/components/keys/keys";
import { useTime } from "@/components/location/time";
import { useView } from "@/components/location/useView";
import { Page } from "@/components/Page";
import { Panel } from "@/components/Panel";
import { ServiceName } from "@/components/ServiceName";
import { StateChip } from "@/components/StateChip";
import { Select } from "@/components/layers";
import { useStep } from "@/components/trail/useStep";
import { fingerprint } from "@/model/fingerprint";
import type { Range } from "@/model/range";
import { parseInstant } from "@/model/range";
import { DATA_STATES } from "@/model/state";
import { add, nanos, NS_PER_S, toIso, when } from "@/model/time";
import { useZone } from "@/preferences/preferences";
import { Backtest } from "./Backtest";
import { BurnDown } from "./BurnDown";
import { Details } from "./Details";
import { EditSlo } from "./EditSlo";
import { ExcludeTime } from "./ExcludeTime";
import { ExplainPanel } from "./ExplainPanel";
import type { PlotMark } from "./Plot";
import { isFiring, verdictOf } from "@/components/slo/standing";
import { Tiers } from "./Tiers";
import { Tiles } from "./Tiles";
import { Timeline } from "./Timeline";
import { timelineOf } from "./timeline";
import { codec } from "./url";
import { useDeploys } from "./useDeploys";
import { objectiveOf, useOnset, usePeriod } from "./useSloView";
import styles from "./Slo.module.css";
import { ownerOf, targetWords, titleOf, windowWords } from "@/components/slo/words";

export default function SloPage() {
  const params: Record<string, string | undefined> = useParams({ strict: false });
  const name = params.slo ?? "";
  const query = useSlo(name);
  useStep(query.data ? `SLO ${titleOf(query.data)}` : null, "slo");
  if (query.data) return <Full slo={query.data} stale={query.error ? query : null} />;
  return <Page title={name} name={`SLO ${name}`}><Panel flush><FiveFaces query={query} height={480} rows={8}>{() => null}</FiveFaces></Panel></Page>;
}

const HOUR = 3600n * NS_PER_S;
type Layer = "backtest" | "exclude" | "edit" | null;

function Full({ slo, stale }: { slo: Slo; stale: ReturnType<typeof useSlo> | null }) {
  const { view, setView, ignored } = useView(codec);
  const { now } = useTime();
  const zone = useZone();
  const [layer, setLayer] = useState<Layer>(null);
  const objective = objectiveOf(slo, view.objective);
  const index = objective && slo.objectives[view.objective] ? view.objective : 0;
  const buckets = usePeriod(slo.name, index, objective);
  const until = objective?.status?.until;
  const onset = useOnset(slo.name, index, until);
  const chosen = rangeOf(view.since, view.until, now);
  // By the minute: Explain looks into hundreds of traces.
  const minute = until === undefined ? null : nanos(until - (until % (60n * NS_PER_S)));
  const standard: Range | null = minute === null ? null : { from: onset?.at ?? nanos(minute - HOUR), to: minute };
  const verdict = objective ? verdictOf(objective) : null;
  const page = objective?.alerts.filter(isFiring).find((alert) => alert.kind === "burn_rate");
  const alertName = page && objective ? fingerprint(alertLabels(slo, objective.target, page)) : "";
  const evidence = useEvidence(view.evidence || alertName, { enabled: (view.evidence || alertName) !== "" && view.evidence !== "now" });
  const pinned = evidence.data && evidence.data.window.bad > 0 ? evidence.data : null;
  const isPinned = pinned !== null && view.evidence !== "" && view.evidence !== "now";
  const window = chosen ?? standard;
  const explained = useExplain(slo.name, { objective: index, window }, { enabled: window !== null && !isPinned });
  const deploys = useDeploys(isPinned ? pinned : explained.data);
  const transitions = useSloTransitions(slo.name).data?.transitions ?? [];
  const deliveries = useDeliveries().data?.deliveries ?? [];
  const step = (tier: number) => () => document.getElementById(`tier-${tier}`)?.focus();
  useKeys([
    { keys: "e", does: "Explain", run: () => document.getElementById("explain")?.scrollIntoView({ block: "start" }) },
    { keys: "w", does: "Show working", run: () => document.getElementById("working")?.scrollIntoView({ block: "center" }) },
    { keys: "t", does: "Backtest", run: () => setLayer("backtest") },
    ...[1, 2, 3, 4].map((tier) => ({ keys: String(tier), does: `Tier ${tier}`, run: step(tier) })),
  ]);
  if (!objective || !verdict) return <Page title={titleOf(slo)}><Panel>This SLO has no objective.</Panel></Page>;

  const fired = transitions.filter((one) => one.objective === index && !one.group && one.kind === "burn_rate" && one.severity === "page" && one.level === "firing");
  const marks: PlotMark[] = [
    ...deploys.map((one): PlotMark => ({ at: one.at, kind: "deploy", label: `${one.service} ${one.to}` })),
    ...fired.filter((one, at) => fired[at - 1]?.at !== one.at).map((one): PlotMark => ({ at: one.at, kind: "page", label: "page" })),
  ];
  const { steps, more } = timelineOf({ deploys, onset, transitions: transitions.filter((one) => one.objective === index && !one.group), deliveries, names: [`"slo":"${slo.name}"`] }, objective.status?.period.start ?? nanos(0));
  const state = objective.status?.state ?? "no_telemetry";
  const data = DATA_STATES[state];
  const counting = objective.counting;
  return (
    <Page
      title={titleOf(slo)} name={`SLO ${titleOf(slo)}`} ignored={ignored}
      note={
        <>
          <StateChip tone={verdict.tone}>{verdict.words}{verdict.since !== null && ` since ${when(verdict.since, now, zone)}`}</StateChip>
          {counting?.is_counted === false ? <StateChip tone="hold">counting history</StateChip> : <StateChip tone={data?.tone ?? "hold"} {...(data ? { title: data.meaning } : {})}>{data?.word ?? state}</StateChip>}
          <span className="small">
            {targetWords(objective)} over {windowWords(objective)} · {slo.description ? `${slo.description} · ` : ""}at <ServiceName name={slo.service} />{ownerOf(slo) && <> · owner {ownerOf(slo)}</>}
          </span>
        </>
      }
      actions={
        <>
          {slo.objectives.length > 1 && <Select label="Objective" value={String(index)} onChange={(id) => setView({ objective: Number(id) })} options={slo.objectives.map((one, at) => ({ id: String(at), label: targetWords(one) }))} />}
          <button type="button" className="btn" onClick={() => setLayer("backtest")}>Backtest</button>
          <button type="button" className="btn" onClick={() => setLayer("exclude")}>Exclude time…</button>
          <button type="button" className="btn" onClick={() => setLayer("edit")}>Edit</button>
        </>
      }
    >
      {stale && <FiveFaces query={{ ...stale, data: slo }}>{() => null}</FiveFaces>}
      {state !== "measured" && objective.status && counting?.is_counted !== false && (
        <Partial>{data?.word ?? state}, as of {when(objective.status.until, now, zone)}: {data?.meaning} The budget is unchanged; alerts hold until it is measured again.</Partial>
      )}
      {counting && !counting.is_counted && <Partial>Counting history: {counting.segments_done} of {counting.segments_all} segments. Figures show what is counted so far.</Partial>}
      {counting?.failure && <Partial>The events could not be counted: {counting.failure}</Partial>}
      <Panel flush><div id="working" aria-label="State now"><Tiles slo={slo} index={index} objective={objective} verdict={verdict} onset={onset} now={now} /></div></Panel>
      <div className={styles.two}>
        <BurnDown
          objective={objective} buckets={buckets} show={view.show} onShow={(show) => setView({ show })} marks={marks} selected={chosen} now={now}
          onSelect={(range) => setView({ since: toIso(range.from), until: toIso(range.to), evidence: "" })}
        />
        <Tiers objective={objective} evaluatedAt={slo.evaluated_at ?? null} guards={slo.annotations["binnacle/guards"]} onBacktest={() => setLayer("backtest")} />
      </div>
      <div id="explain">
        <ExplainPanel
          slo={slo.name} service={slo.service} query={explained} pinned={pinned} isPinned={isPinned} now={now}
          onPinned={(on) => setView({ evidence: on ? alertName || view.evidence : "" })} onReset={chosen ? () => setView({ since: "", until: "" }) : null}
        />
      </div>
      <Timeline steps={steps} more={more} now={now} onAll={() => setView({ tab: "history" })} />
      <Details slo={slo} index={index} objective={objective} tab={view.tab} onTab={(tab) => setView({ tab })} isWhole={view.definition === "file"} onWhole={(isWhole) => setView({ definition: isWhole ? "file" : "own" })} transitions={transitions} now={now} />
      <Backtest slo={slo} open={layer === "backtest"} onOpenChange={(open) => setLayer(open ? "backtest" : null)} />
      <ExcludeTime slo={slo} range={chosen} open={layer === "exclude"} onOpenChange={(open) => setLayer(open ? "exclude" : null)} />
      <EditSlo slo={slo} open={layer === "edit"} onOpenChange={(open) => setLayer(open ? "edit" : null)} />
    </Page>
  );
}

/** Explain's window as the link has it. */
function rangeOf(since: string, until: string, now: Parameters<typeof parseInstant>[1]): Range | null {
  if (since === "" || until === "") return null;
  const [from, to] = [parseInstant(since, now, "UTC"), parseInstant(until, now, "UTC")];
  return from === null || to === null || from >= to ? null : { from, to: add(to, nanos(0)) };
}

/** Labels of a tier's alert, as the server makes them. */
function alertLabels(slo: Slo, target: string, alert: { severity: string; long_window?: string | null | undefined; short_window?: string | null | undefined }): Record<string, string> {
  return {
    ...slo.labels, alertname: "SLOBurnRate", slo: slo.name, service: slo.service, objective: target, severity: alert.severity,
    ...(alert.long_window ? { long_window: alert.long_window } : {}), ...(alert.short_window ? { short_window: alert.short_window } : {}),
  };
}
