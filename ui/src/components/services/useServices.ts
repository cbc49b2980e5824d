/** Services of the page's range: what they did, which versions they run, how their SLOs stand. Three questions, shared by the pages that show services. */

import { useMemo } from "react";
import type { ApiError } from "@/api/error";
import type { Result } from "@/api/query";
import { type SqlAnswer } from "@/api/sql";
import { useSightings, useTraffic } from "@/api/traffic";
import { useSlos } from "@/api/slos";
import { useTime } from "@/components/location/time";
import { byBudget, type Standing, standingsOf, worse } from "@/model/standing";
import type { Tone } from "@/model/state";
import { type Grid, gridOf, type Traffic, type TrafficRow, trafficOf } from "@/model/traffic";
import { type Deploy, deploysOf, type ServiceVersions, versionsOf } from "@/model/versions";
import { type Worsened, worsenedOf } from "@/model/worsened";

export interface ServiceRow {
  service: string;
  traffic: Traffic;
  worsened: Worsened;
  versions: ServiceVersions | null;
  deploys: Deploy[];
  standings: Standing[];
  /** The one with the least of its budget left. */
  lowest: Standing | null;
  tone: Tone;
}

export interface Services {
  grid: Grid;
  rows: ServiceRow[];
  standings: Standing[];
  deploys: Deploy[];
  query: Result<SqlAnswer<TrafficRow>>;
  /** What could not be read besides the traffic: the table stands without it. */
  failures: ApiError[];
}

/** The state of a service: the worst of its SLOs; violet when it has gone silent; green only when something is measured of it. */
export function toneOf(standings: readonly Standing[], traffic: Traffic): Tone {
  const worst = standings.map((one) => one.tone).sort(worse)[0] ?? "none";
  if (worst === "bad" || worst === "warn") return worst;
  return traffic.silentSince !== null ? "hold" : worst;
}

export function useServices(only?: string): Services {
  const { range, now } = useTime();
  const grid = useMemo(() => gridOf(range), [range]);
  const option = only === undefined ? {} : { service: only };
  const traffic = useTraffic(grid, option);
  const sightings = useSightings(range, option);
  const slos = useSlos();
  return useMemo(() => {
    const standings = standingsOf(slos.data?.slos ?? []);
    const versions = versionsOf(sightings.data?.rows ?? []);
    const deploys = deploysOf(versions, grid.range.from, now);
    const rows = trafficOf(traffic.data?.rows ?? [], grid).map((one): ServiceRow => {
      const own = standings.filter((standing) => standing.service === one.service);
      return {
        service: one.service, traffic: one, worsened: worsenedOf(one, grid), versions: versions.get(one.service) ?? null,
        deploys: deploys.filter((deploy) => deploy.service === one.service), standings: own, lowest: byBudget(own)[0] ?? null, tone: toneOf(own, one),
      };
    });
    rows.sort((a, b) => worse(a.tone, b.tone) || (a.lowest?.left ?? 2) - (b.lowest?.left ?? 2) || b.traffic.count - a.traffic.count);
    const failures = [sightings.error, slos.error].filter((error) => error !== null);
    return { grid, rows, standings, deploys, query: traffic, failures };
  }, [grid, now, traffic, sightings.data, sightings.error, slos.data, slos.error]);
}
