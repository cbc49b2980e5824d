/** What is broken, since when, what does it cost, what changed. */

import { useMemo } from "react";
import { useToldAlerts } from "@/api/alertmanager";
import { useAlertChanges, useDeliveriesOf } from "@/api/changes";
import { useArrivals } from "@/api/ingest";
import { useSlos } from "@/api/slos";
import { useSloMinutes } from "@/api/traffic";
import { ErrorFace, FiveFaces, Loading } from "@/components/FiveFaces";
import { useTime } from "@/components/location/time";
import { useGo } from "@/components/location/useGo";
import { useView } from "@/components/location/useView";
import { Page } from "@/components/Page";
import { Panel } from "@/components/Panel";
import { ServicesTable } from "@/components/services/ServicesTable";
import { useHeard } from "@/components/services/useHeard";
import { useServices } from "@/components/services/useServices";
import { Choice } from "@/components/Tabs";
import { isHealthy } from "@/model/standing";
import { duration } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { attentionOf, withSilent } from "./attention";
import { Budgets } from "./Budgets";
import { Cards, useEvidences } from "./Cards";
import { Changes } from "./Changes";
import { changesOf } from "./changes";
import { NoTelemetry } from "./NoTelemetry";
import { badOf, onsetOf, overOf, shareOf } from "./onset";
import { Faults } from "./Faults";
import styles from "./overview.module.css";
import { headlineOf, noteOf } from "./sentences";
import { codec } from "./url";
import { isAnswered, useFrame } from "./useFrame";

export default function OverviewPage() {
  const { view, setView, ignored } = useView(codec);
  const { range, now } = useTime();
  const zone = useZone();
  const go = useGo();
  const services = useServices();
  const { grid, rows, standings, deploys, query, failures } = services;
  const told = useToldAlerts();
  const minutes = useSloMinutes(grid);
  const transitions = useAlertChanges(range);
  const deliveries = useDeliveriesOf(range);
  const heard = useHeard(grid);
  const slos = useSlos();
  const arrivals = useArrivals(grid, { poll: false });

  const cards = useMemo(() => withSilent(attentionOf(told.data ?? [], standings), heard, standings), [told.data, standings, heard]);
  const first = cards[0]?.standing ?? null;
  const failing = useMemo(() => {
    const buckets = first ? badOf(minutes.data?.rows ?? [], first, grid) : [];
    return { onset: onsetOf(buckets, grid), share: shareOf(buckets), from: grid.range.from, over: overOf(buckets, grid) };
  }, [first, minutes.data, grid]);
  const changes = useMemo(
    () =>
      changesOf({
        grid, deploys, heard, worsened: new Map(rows.map((row) => [row.service, row.worsened])),
        transitions: transitions.data?.rows ?? [], deliveries: deliveries.data?.rows ?? [], services: new Map(standings.map((one) => [one.slo, one.service])),
      }),
    [grid, deploys, rows, heard, standings, transitions.data, deliveries.data],
  );
  const titles = useMemo(() => new Map(standings.map((one) => [one.slo, one.title])), [standings]);
  const isLoading = query.data === undefined && !query.error;
  // Cards come above all else: what says how many and how high they are is waited for.
  const evidences = useEvidences(cards);
  const isFramed = useFrame(isAnswered([told, slos, arrivals, minutes, ...evidences]), isAnswered([told, slos]));
  const areComing = isLoading || !isAnswered([transitions, deliveries]);

  return (
    <Page
      title={!isFramed || (query.data === undefined && cards.length === 0) ? "Overview" : headlineOf(cards, standings, failing, rows.length, now, zone)} name="Overview" ignored={ignored}
      note={isFramed && <span className="dim">{noteOf(cards, standings.filter(isHealthy).length, standings.length, heard)}</span>}
    >
      {told.error && <Panel flush><ErrorFace error={told.error} retry={() => void told.refetch()} /></Panel>}
      {!isFramed && <Panel flush><Loading rows={8} height={460} /></Panel>}
      {isFramed && <Cards cards={cards} grid={grid} minutes={minutes.data?.rows ?? []} deploys={deploys} />}
      {isFramed && (
        <div className={styles.body}>
          <Panel
            title={<>Services <span className="chip">{isLoading ? "…" : rows.length}</span></>} flush
            note={<>worst first · one point every {duration(grid.step)} · <span className={styles.brass}>┊</span> deploy</>}
            tools={<Choice label="Show as" options={[{ id: "table", label: "Table" }, { id: "map", label: "Map" }]} value="table" onChange={(id) => id === "map" && go("/service-map")} />}
          >
            {failures.map((error) => <ErrorFace key={error.what} error={error} />)}
            <FiveFaces query={query} rows={8} height={420} isEmpty={() => rows.length === 0} empty={<NoTelemetry />}>
              {() => <ServicesTable rows={rows} grid={grid} open={view.open} onOpen={(open) => setView({ open }, "replace")} />}
            </FiveFaces>
          </Panel>
          <div className={styles.side}>
            <Budgets standings={standings} />
            <Changes changes={changes} titles={titles} isLoading={areComing} error={query.error ?? transitions.error ?? deliveries.error} />
            {!areComing && <Faults />}
          </div>
        </div>
      )}
    </Page>
  );
}
