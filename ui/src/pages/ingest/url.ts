import { type Codec, oneOf, text } from "@/model/url";

export interface View {
  /** Part of a sender's name. */
  q: string;
  /** The sender that stands open. */
  open: string;
  /** The rejection that stands open. */
  rejection: string;
  counted: "labels" | "metrics" | "senders";
}

export const codec: Codec<View> = { q: text(), open: text(), rejection: text(), counted: oneOf(["labels", "metrics", "senders"], "labels") };
