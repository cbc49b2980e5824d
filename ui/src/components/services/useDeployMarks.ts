import { useMemo } from "react";
import { useSightings } from "@/api/traffic";
import type { Range } from "@/model/range";
import { deploysOf, marksOf, versionsOf } from "@/model/versions";

/** Deploys of a range as verticals of its charts; of some services only, when there are `only`. One question for all charts of a page. */
export function useDeployMarks(range: Range, only: readonly string[] = NONE): { at: Range["from"]; kind: "deploy"; label: string }[] {
  const { data } = useSightings(range);
  const deploys = useMemo(() => deploysOf(versionsOf(data?.rows ?? []), range.from, range.to), [data, range]);
  return useMemo(() => marksOf(deploys, only), [deploys, only]);
}

const NONE: readonly string[] = [];
