import { type Codec, oneOf, text } from "@/model/url";

export const TABS = ["errors", "slow", "logs", "instances", "metrics", "resource"] as const;
export type ServiceTab = (typeof TABS)[number];

export interface View {
  /** Everything is of this operation alone. */
  operation: string;
  tab: ServiceTab;
  /** Whether lines are drawn per version, and versions are tested against each other. */
  versions: "off" | "compare";
  sort: "rate" | "errors" | "p99";
}

export const codec: Codec<View> = { operation: text(), tab: oneOf(TABS, "errors"), versions: oneOf(["off", "compare"], "off"), sort: oneOf(["rate", "errors", "p99"], "rate") };
