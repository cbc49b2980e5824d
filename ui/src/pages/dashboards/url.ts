/** What a link to the list of dashboards reproduces. */

import { type Codec, text } from "@/model/url";

export interface View {
  q: string;
  tag: string;
}

export const codec: Codec<View> = { q: text(), tag: text() };
