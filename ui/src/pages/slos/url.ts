import { type Codec, oneOf, text } from "@/model/url";

export interface View {
  by: "none" | "service" | "owner";
  /** Words that a row's name, service or owner must hold. */
  q: string;
  /** Whose groups are shown: name and objective. */
  open: string;
}

export const codec: Codec<View> = { by: oneOf(["none", "service", "owner"], "none"), q: text(), open: text() };
