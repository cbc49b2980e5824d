import { StateChip } from "@/components/StateChip";
import { type RunFacts, verdictOf } from "@/model/run/run";

/** Passed, failed, running, aborted, or nothing promised: as a chip; why on hover. */
export function Verdict({ run }: { run: Pick<RunFacts, "state" | "thresholds" | "passed"> }) {
  const { tone, word, why } = verdictOf(run);
  return <StateChip tone={tone} title={why}>{word}</StateChip>;
}
