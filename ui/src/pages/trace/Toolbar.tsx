import { useRef } from "react";
import { useKeys } from "@/components/keys/keys";
import { Choice } from "@/components/Tabs";
import { count } from "@/model/units";
import styles from "./Fall.module.css";
import type { View } from "./url";
import type { Fall } from "./useFall";
import { spanWindow } from "./Waterfall";

const VIEWS = [{ id: "waterfall", label: "Waterfall" }, { id: "flame", label: "Flame" }, { id: "table", label: "Table" }] as const;

export interface ToolbarProps {
  view: View;
  setView: (change: Partial<View>, act?: "push" | "replace") => void;
  fall: Fall;
  /** Whether some clock is off: without, there is nothing to show of it. */
  skewed: boolean;
  onCompare: () => void;
}

export function Toolbar({ view, setView, fall, skewed, onCompare }: ToolbarProps) {
  const box = useRef<HTMLInputElement>(null);
  const { selected } = fall;
  useKeys([
    { keys: "/", does: "Find in this trace", run: () => box.current?.focus() },
    { keys: "n", does: fall.found ? "Next found span" : "Next error", run: () => (fall.found ? fall.nextFound(true) : fall.nextError(true)) },
    { keys: "Shift-N", does: fall.found ? "Previous found span" : "Previous error", run: () => (fall.found ? fall.nextFound(false) : fall.nextError(false)) },
    { keys: "c", does: "Critical path", run: () => setView({ path: !view.path }) },
    { keys: "l", does: "Log records in place", run: () => setView({ logs: !view.logs }) },
    { keys: "f", does: "Flame graph, waterfall", run: () => setView({ view: view.view === "flame" ? "waterfall" : "flame" }) },
    { keys: "j", does: "Next row", run: () => fall.step(1) },
    { keys: "k", does: "Previous row", run: () => fall.step(-1) },
    { keys: "ArrowDown", does: "Next row", run: () => fall.step(1) },
    { keys: "ArrowUp", does: "Previous row", run: () => fall.step(-1) },
    { keys: "ArrowLeft", does: "Hide children", run: () => fall.fold(selected, true) },
    { keys: "ArrowRight", does: "Show children", run: () => (fall.alike.has(selected) ? fall.unfold(selected) : fall.fold(selected, false)) },
    { keys: "Shift-ArrowRight", does: "Show all spans", run: () => fall.foldAll(false) },
    { keys: "Shift-ArrowLeft", does: "Hide all below the roots", run: () => fall.foldAll(true) },
    { keys: "z", does: "Zoom to the span", run: () => fall.zoomTo(spanWindow(fall)) },
    { keys: "0", does: "Whole trace", run: () => fall.zoomTo(null) },
    { keys: "Shift-C", does: "Compare with another trace", run: onCompare },
  ]);
  const toggle = (name: "path" | "logs" | "raw") => () => setView({ [name]: !view[name] });
  return (
    <div className={styles.toolbar}>
      <Choice label="View" options={VIEWS} value={view.view} onChange={(id) => setView({ view: id })} />
      <span className="group" role="group" aria-label="Show">
        <button type="button" className="btn" aria-pressed={view.path} onClick={toggle("path")}>Critical path</button>
        <button type="button" className="btn" aria-pressed={view.logs} onClick={toggle("logs")}>Logs</button>
        <button type="button" className="btn" aria-pressed={view.raw} disabled={!skewed} title={skewed ? "Hide where offset clocks would put the spans" : "No clock of this trace seems to be off"} onClick={toggle("raw")}>Raw clocks</button>
      </span>
      <input
        ref={box} className={`input ${styles.find}`} aria-label="Find in this trace" placeholder="Find in this trace (/)" value={view.find}
        onChange={(event) => setView({ find: event.target.value }, "replace")}
        onKeyDown={(event) => {
          if (event.key === "Enter") fall.nextFound(!event.shiftKey);
          else if (event.key === "Escape") event.currentTarget.blur();
        }}
      />
      <span className="small faint clip" role="status">{fall.found ? `${count(fall.found.size)} found · Enter next` : "n next error · c critical path"}</span>
    </div>
  );
}
