import { useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useEffect } from "react";
import { handleKey, useKeys } from "@/components/keys/keys";
import { copy } from "@/components/CopyAs";
import { useTime, useTimeActions } from "@/components/location/time";
import { useGo } from "@/components/location/useGo";
import { trail } from "@/components/trail/trail";
import { shift, zoom } from "@/model/range";
import { preferences, setPreferences } from "@/preferences/preferences";
import { entryOf, SECTIONS } from "./navigation";
import { help } from "./help/open";
import { palette } from "./palette/open";
import Palette from "./palette/Palette";

const Help = lazy(() => import("./help/Help"));

/** Keys that work on every page. */
export function GlobalKeys({ refreshNow }: { refreshNow: () => void }) {
  const go = useGo();
  const time = useTime();
  const { set, setRange } = useTimeActions();
  const navigate = useNavigate();
  const isPaletteOpen = palette.use();
  const isHelpOpen = help.use();
  const back = () => {
    const { steps, current } = trail.get();
    const step = steps[current - 1];
    if (!step) return;
    trail.show(current - 1);
    void navigate({ href: step.href });
  };
  useEffect(() => {
    window.addEventListener("keydown", handleKey);
    return () => window.removeEventListener("keydown", handleKey);
  }, []);
  useKeys([
    { keys: "Ctrl-k", does: "Go to, search, act", run: () => palette.setOpen(true), global: true },
    { keys: "?", does: "Keys of this page", run: () => help.setOpen(true), global: true },
    { keys: "b", does: "Back along the trail", run: back, global: true },
    { keys: "p", does: "Pin this page to the trail", run: pinHere, global: true },
    { keys: "/", does: "Into the query", run: focusQuery, global: true },
    { keys: ".", does: "Live or paused", run: () => set({ paused: !time.paused }), global: true },
    { keys: "r", does: "Refresh now", run: refreshNow, global: true },
    { keys: "+", does: "Zoom in on the time", run: () => setRange(zoom(time.range, 0.5, time.now)), global: true },
    { keys: "-", does: "Zoom out of the time", run: () => setRange(zoom(time.range, 2, time.now)), global: true },
    { keys: "Shift-ArrowLeft", does: "Earlier", run: () => setRange(shift(time.range, -0.5)), global: true },
    { keys: "Shift-ArrowRight", does: "Later", run: () => setRange(shift(time.range, 0.5)), global: true },
    { keys: "j", does: "Next row", run: intoRows, global: true },
    { keys: "k", does: "Row before", run: intoRows, global: true },
    { keys: "y", does: "Copy the link", run: () => void copy(window.location.href), global: true },
    { keys: "[", does: "Fold the navigation", run: () => setPreferences({ navigation: preferences().navigation === "folded" ? "open" : "folded" }), global: true },
    ...SECTIONS.flatMap(({ entries }) => entries).map(({ key, label, to }) => ({ keys: `g ${key}`, does: `Go to ${label}`, run: () => go(to), global: true })),
  ]);
  return (
    <>
      {/* Not lazy: whoever presses Ctrl-K types on at once. */}
      {isPaletteOpen && <Palette />}
      <Suspense fallback={null}>{isHelpOpen && <Help />}</Suspense>
    </>
  );
}

function pinHere() {
  const title = document.title.replace(/ · Binnacle$/, "");
  trail.pin(title, entryOf(window.location.pathname)?.label ?? "page");
}

/** Into the page's first table; from there on it takes these keys itself. */
function intoRows() {
  document.querySelector<HTMLElement>('main tr[tabindex="0"]')?.focus();
}

function focusQuery() {
  document.querySelector<HTMLElement>("[data-query-box] [contenteditable], [data-query-box] textarea, [data-query-box] input")?.focus();
}
