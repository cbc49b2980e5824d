/** The twelve columns. While it is edited, panels are moved and sized by pointer or arrow keys. */

import { type KeyboardEvent, type PointerEvent, useRef, useState } from "react";
import { COLUMNS, type Panel } from "@/model/dashboard/document";
import { GAP, inOrder, moved, ROW, stepped } from "@/model/dashboard/layout";
import type { Choices } from "@/model/dashboard/variables";
import type { Range } from "@/model/range";
import { type Grips, PanelFrame, PanelPlace } from "./PanelFrame";
import type { PanelActs } from "./PanelMenu";
import styles from "./panel.module.css";

export interface PanelGridProps {
  panels: readonly Panel[];
  range: Range;
  choices: Choices;
  /** What panels ask with is not known yet. */
  waiting: boolean;
  editing: boolean;
  selected: string;
  acts: PanelActs;
  onLayout: (panels: Panel[], did: string) => void;
}

interface Drag {
  panel: Panel;
  how: "move" | "resize";
  startX: number;
  startY: number;
  column: number;
}

const DIRECTIONS: Record<string, "left" | "right" | "up" | "down"> = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };

export function PanelGrid({ panels, range, choices, waiting, editing, selected, acts, onLayout }: PanelGridProps) {
  const element = useRef<HTMLDivElement>(null);
  const drag = useRef<Drag | null>(null);
  const [preview, setPreview] = useState<Panel[] | null>(null);
  const [said, setSaid] = useState("");

  const laidOut = (event: PointerEvent): Panel[] | null => {
    const held = drag.current;
    if (!held) return null;
    const [dx, dy] = [Math.round((event.clientX - held.startX) / held.column), Math.round((event.clientY - held.startY) / (ROW + GAP))];
    const { panel } = held;
    return moved(panels, panel.id, held.how === "move" ? { x: panel.x + dx, y: panel.y + dy } : { w: Math.min(COLUMNS - panel.x, panel.w + dx), h: panel.h + dy });
  };
  const tell = (next: readonly Panel[], id: string) => {
    const panel = next.find((one) => one.id === id);
    if (panel) setSaid(`${panel.title || panel.id}: column ${panel.x + 1}, row ${panel.y + 1}, ${panel.w} wide, ${panel.h} high`);
  };
  const grips: Grips = {
    onKey: (event: KeyboardEvent, panel: Panel) => {
      const direction = DIRECTIONS[event.key];
      if (!direction || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      const resize = { left: { w: panel.w - 1 }, right: { w: Math.min(COLUMNS - panel.x, panel.w + 1) }, up: { h: panel.h - 1 }, down: { h: panel.h + 1 } }[direction];
      const next = event.shiftKey ? moved(panels, panel.id, resize) : stepped(panels, panel.id, direction);
      onLayout(next, `${event.shiftKey ? "resize" : "move"} ${panel.title || panel.id}`);
      tell(next, panel.id);
    },
    onGrab: (event, panel, how) => {
      if (event.button !== 0 || !element.current) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      drag.current = { panel, how, startX: event.clientX, startY: event.clientY, column: (element.current.clientWidth + GAP) / COLUMNS };
    },
  };
  const shown = preview ?? panels;
  return (
    <>
      <div
        ref={element} className={styles.grid} data-editing={editing || undefined}
        onPointerMove={(event) => drag.current && setPreview(laidOut(event))}
        onPointerUp={(event) => {
          const next = laidOut(event);
          const held = drag.current;
          drag.current = null;
          setPreview(null);
          if (next && held) onLayout(next, `${held.how === "move" ? "move" : "resize"} ${held.panel.title || held.panel.id}`);
        }}
        onPointerCancel={() => {
          drag.current = null;
          setPreview(null);
        }}
      >
        {/* In reading order; while it is edited in their own, since an element that is moved loses what holds it. */}
        {(editing ? shown : inOrder(shown)).map((panel) => waiting
          ? <PanelPlace key={panel.id} panel={panel} />
          : <PanelFrame key={panel.id} panel={panel} range={range} choices={choices} grips={editing ? grips : null} selected={editing && selected === panel.id} acts={acts} />)}
      </div>
      <span className="visually-hidden" role="status">{said}</span>
    </>
  );
}
