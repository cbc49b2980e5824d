/** What is open, chosen and shown of a trace's waterfall. */

import { useCallback, useMemo, useState } from "react";
import type { Trace } from "@/api/trace";
import { errorsOf, find, firstToSee, type Window } from "@/model/trace/facts";
import { type Alike, alikeOf, type Expected, type Folds, initialFolds, reveal, ROW, type Rows, rowOfSpan, rowsOf } from "@/model/trace/rows";
import { at, type TraceTree } from "@/model/trace/tree";
import { usePreferences } from "@/preferences/preferences";
import type { View } from "./url";
import { windowOf, zoomText } from "./url";

export interface Fall {
  tree: TraceTree;
  rows: Rows;
  alike: ReadonlyMap<number, Alike>;
  folds: Folds;
  expected: readonly Expected[];
  rowHeight: number;
  logHeight: number;
  window: Window;
  /** The span chosen. */
  selected: number;
  /** Spans that the search finds; null without one. */
  found: ReadonlySet<number> | null;
  choose: (span: number) => void;
  /** To the row `by` further. */
  step: (by: number) => void;
  toggle: (span: number) => void;
  fold: (span: number, folded: boolean) => void;
  foldAll: (folded: boolean) => void;
  unfold: (first: number) => void;
  nextOf: (spans: readonly number[], forward: boolean) => void;
  nextError: (forward: boolean) => void;
  nextFound: (forward: boolean) => void;
  zoomTo: (window: Window | null) => void;
}

type SetView = (change: Partial<View>, act?: "push" | "replace") => void;

export function useFall(trace: Trace, view: View, setView: SetView, expected: readonly Expected[]): Fall {
  const { tree } = trace;
  const rowHeight = { compact: 24, normal: 28, roomy: 38 }[usePreferences().rows];
  const logHeight = rowHeight - 4;
  const alike = useMemo(() => alikeOf(tree), [tree]);
  const first = useMemo(() => firstToSee(tree), [tree]);
  const selected = useMemo(() => (view.span === "" ? first : Math.max(0, tree.ids.indexOf(view.span))), [tree, view.span, first]);
  // Folds of another trace do not fit this one.
  const [kept, setKept] = useState<{ tree: TraceTree; folds: Folds } | null>(null);
  const folds = useMemo(() => (kept?.tree === tree ? kept.folds : reveal(tree, initialFolds(tree), alike, selected)), [kept, tree, alike, selected]);
  const setFolds = useCallback((next: Folds) => setKept({ tree, folds: next }), [tree]);
  const rows = useMemo(
    () => rowsOf(tree, { folds, alike, logs: view.logs, expected, rowHeight, logHeight }),
    [tree, folds, alike, view.logs, expected, rowHeight, logHeight],
  );
  const window = useMemo(() => windowOf(view.zoom, tree.width), [view.zoom, tree.width]);
  const errors = useMemo(() => errorsOf(tree), [tree]);
  const hits = useMemo(() => find(tree, view.find), [tree, view.find]);
  const found = useMemo(() => (view.find.trim() === "" ? null : new Set(hits)), [hits, view.find]);

  const choose = (span: number) => {
    // Without a choice of one's own, what is open follows the first span to see: from here on it does not.
    setFolds(rowOfSpan(rows, span) < 0 ? reveal(tree, folds, alike, span) : folds);
    setView({ span: tree.ids[span] ?? "" }, "replace");
  };
  const fold = (span: number, folded: boolean) => {
    const next = folds.folded.slice();
    next[span] = folded ? 1 : 0;
    setFolds({ ...folds, folded: next });
  };
  const step = (by: number) => {
    for (let row = rowOfSpan(rows, selected) + by; row >= 0 && row < rows.count; row += Math.sign(by)) {
      if (rows.kind[row] === ROW.log || rows.kind[row] === ROW.expected) continue;
      setView({ span: tree.ids[at(rows.of, row)] ?? "" }, "replace");
      setFolds(folds);
      return;
    }
  };
  const nextOf = (spans: readonly number[], forward: boolean) => {
    const next = forward ? spans.find((span) => span > selected) ?? spans[0] : spans.findLast((span) => span < selected) ?? spans.at(-1);
    if (next !== undefined) choose(next);
  };
  return {
    tree, rows, alike, folds, expected, rowHeight, logHeight, window, selected, found, choose, step, fold,
    toggle: (span) => fold(span, at(folds.folded, span) === 0),
    foldAll: (folded) => setFolds({
      folded: folds.folded.map((_, i) => (folded && at(tree.size, i) > 1 && at(tree.parent, i) >= 0 ? 1 : 0)),
      unfolded: folded ? new Set() : new Set(alike.keys()),
    }),
    unfold: (span) => setFolds({ ...folds, unfolded: new Set([...folds.unfolded, span]) }),
    nextOf,
    nextError: (forward) => nextOf(errors, forward),
    nextFound: (forward) => nextOf(hits, forward),
    zoomTo: (to) => setView({ zoom: to ? zoomText(to) : "" }),
  };
}
