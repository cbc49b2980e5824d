import { type Codec, integer, oneOf, text } from "@/model/url";

export interface View {
  objective: number;
  /** Of the burn-down. */
  show: "budget" | "events" | "ratio";
  tab: "groups" | "definition" | "history" | "late";
  /** What of its definition: its own, or the whole file. */
  definition: "own" | "file";
  /** Explain's window, ISO; empty: from onset to now. */
  since: string;
  until: string;
  /** Whose evidence Explain shows, by fingerprint; `now` computes. */
  evidence: string;
}

export const codec: Codec<View> = {
  objective: integer(0),
  show: oneOf(["budget", "events", "ratio"], "budget"),
  tab: oneOf(["groups", "definition", "history", "late"], "definition"),
  definition: oneOf(["own", "file"], "own"),
  since: text(),
  until: text(),
  evidence: text(),
};
