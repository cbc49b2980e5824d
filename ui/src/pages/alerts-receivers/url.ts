import { type Codec, text } from "@/model/url";

export interface View {
  /** The message whose attempts stand open. */
  open: string;
}

export const codec: Codec<View> = { open: text() };
