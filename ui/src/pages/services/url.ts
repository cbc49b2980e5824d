import { type Codec, oneOf, text } from "@/model/url";

export interface View {
  /** Part of a name. */
  find: string;
  state: "all" | "attention";
  /** The chart that stands open: `checkout:errors`. */
  open: string;
}

export const codec: Codec<View> = { find: text(), state: oneOf(["all", "attention"], "all"), open: text() };
