import { type Codec, text } from "@/model/url";

export interface View {
  /** The chart that stands open in the table: `checkout:errors`. */
  open: string;
}

export const codec: Codec<View> = { open: text() };
