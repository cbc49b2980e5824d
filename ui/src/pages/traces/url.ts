import { type Codec, flag, list, oneOf, text } from "@/model/url";

export interface View {
  /** TraceQL; empty is every trace by its root. */
  q: string;
  tab: "traces" | "spans" | "groups";
  chart: "auto" | "scatter" | "heat";
  form: boolean;
  /** What is brushed: `from-to-least-most`, all ns. */
  brush: string;
  /** TraceQL of a selection to compare with the rest, where another page made it. */
  select: string;
  /** Ids of ticked traces. */
  ticked: string[];
}

export const codec: Codec<View> = {
  q: text(), tab: oneOf(["traces", "spans", "groups"], "traces"), chart: oneOf(["auto", "scatter", "heat"], "auto"), form: flag(true),
  brush: { default: "", read: (t) => (/^\d+-\d+-\d+-\d+$/.test(t) ? t : null), write: (v) => v }, select: text(), ticked: list(),
};
