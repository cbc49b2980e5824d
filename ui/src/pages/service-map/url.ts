import { type Codec, integer, oneOf, text } from "@/model/url";

export interface View {
  /** The service in the middle; empty is none. */
  focus: string;
  depth: number;
  /** Without a focus: what hurts and its neighbours, or all. */
  show: "hurting" | "all";
  face: "map" | "table";
  find: string;
  /** A node's name, or `caller → callee`. */
  selected: string;
}

export const codec: Codec<View> = {
  focus: text(), depth: integer(2), show: oneOf(["hurting", "all"], "hurting"), face: oneOf(["map", "table"], "map"), find: text(), selected: text(),
};
