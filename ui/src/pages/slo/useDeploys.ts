/** Deploys of versions that bad events tell of. */

import { useMemo } from "react";
import type { Explanation } from "@/api/explain";
import { useSightings } from "@/api/traffic";
import { nanos, NS_PER_S } from "@/model/time";
import { type Deploy, type Sighting, deploysOf, versionsOf } from "@/model/versions";

const HOURS_6 = 6n * 3600n * NS_PER_S;
const NONE: Deploy[] = [];

/** Of the versions bad events have more often, those that came after another one of their service, in the six hours before what is explained or during it. */
export function deploysTold(explanation: Pick<Explanation, "versions" | "window">, sightings: readonly Sighting[]): Deploy[] {
  const { start, end } = explanation.window;
  const told = explanation.versions.filter((one) => one.is_significant && one.difference > 0 && one.name === "resource.service.version");
  return deploysOf(versionsOf(sightings), nanos(start - HOURS_6), end).filter((deploy) => told.some((one) => one.service === deploy.service && one.value === deploy.to));
}

export function useDeploys(explanation: Explanation | undefined): Deploy[] {
  const { start, end } = explanation?.window ?? { start: nanos(0), end: nanos(1) };
  const isTold = explanation?.versions.some((one) => one.is_significant) ?? false;
  const { data } = useSightings({ from: nanos(start - HOURS_6), to: end }, { enabled: isTold });
  return useMemo(() => (explanation && isTold && data ? deploysTold(explanation, data.rows) : NONE), [explanation, isTold, data]);
}
