/** What a link to the console reproduces. */

import { type Codec, flag, oneOf, text } from "@/model/url";

export interface View {
  /** The question that was run. */
  q: string;
  /** How its answer is shown. */
  shows: "grid" | "chart" | "json";
  /** Runs when the link is opened. */
  run: boolean;
}

export const codec: Codec<View> = { q: text(), shows: oneOf(["grid", "chart", "json"], "grid"), run: flag(true) };
