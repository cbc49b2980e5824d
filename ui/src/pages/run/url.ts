import { type Codec, list, oneOf } from "@/model/url";

export interface View {
  /** Ids of the runs it is compared with. */
  with: string[];
  scale: "linear" | "log";
}

export const codec: Codec<View> = { with: list(), scale: oneOf(["linear", "log"], "linear") };
/** Beside the page's own run. */
export const OTHERS_MAX = 3;
