import { type Codec, text } from "@/model/url";

export interface View {
  q: string;
}

export const codec: Codec<View> = { q: text() };
