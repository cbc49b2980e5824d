import { type Codec, list, text } from "@/model/url";

export interface View {
  /** Part of a name or version. */
  q: string;
  /** Ids of ticked runs, to be compared. */
  ticked: string[];
}

export const codec: Codec<View> = { q: text(), ticked: list() };
/** So many curves can still be told apart. */
export const COMPARED_MAX = 4;
