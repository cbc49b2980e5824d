import type { ReactNode } from "react";
import type { Tone } from "@/model/state";
import { StateIcon } from "./StateIcon";

/** Shape, word and colour in one: `<StateChip tone="bad">Page · firing 13 min</StateChip>`. */
export function StateChip({ tone, children, title }: { tone: Tone; children: ReactNode; title?: string }) {
  return (
    <span className={`chip ${tone}`} title={title}>
      <StateIcon tone={tone} size={12} />
      {children}
    </span>
  );
}
