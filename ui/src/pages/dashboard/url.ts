/** What a link to a dashboard reproduces, beside its variables (`var-name`). */

import { type Codec, flag, text } from "@/model/url";

export interface View {
  /** Being edited. */
  edit: boolean;
  /** The panel that has the page to itself, or is edited. */
  panel: string;
}

export const codec: Codec<View> = { edit: flag(), panel: text() };
