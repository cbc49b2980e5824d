/** A page's view, from and to the URL by its codec (`pages/<page>/url.ts`). */

import { useCallback, useMemo } from "react";
import { type Codec, decode, encode } from "@/model/url";
import { type Act, useChangeSearch, useSearch } from "./useSearch";

export interface ViewState<View> {
  view: View;
  /** `setView({ q })` pushes an entry, so that Back undoes it; while typing say `"replace"`. */
  setView: (change: Partial<View>, act?: Act) => void;
  /** Parameters whose values were none: give them to `<Page ignored>`. */
  ignored: string[];
}

export function useView<View extends object>(codec: Codec<View>): ViewState<View> {
  const search = useSearch();
  const changeSearch = useChangeSearch();
  const { view, ignored } = useMemo(() => decode(codec, search), [codec, search]);
  const setView = useCallback(
    (change: Partial<View>, act: Act = "push") =>
      changeSearch((before) => encode(codec, { ...decode(codec, before).view, ...change }, before), act),
    [codec, changeSearch],
  );
  return { view, setView, ignored };
}
