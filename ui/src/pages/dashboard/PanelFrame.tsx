/** One panel of the grid: its head, its ⋯, its body once it is in sight, and its grips while the dashboard is edited. */

import { Grip, MoveDiagonal2 } from "lucide-react";
import { type CSSProperties, type KeyboardEvent, type PointerEvent, useEffect, useId, useRef } from "react";
import { Tooltip } from "@/components/layers";
import type { Panel } from "@/model/dashboard/document";
import { heightOf } from "@/model/dashboard/layout";
import type { Choices } from "@/model/dashboard/variables";
import type { Range } from "@/model/range";
import { Body } from "./Body";
import { Boundary } from "./Boundary";
import styles from "./panel.module.css";
import { type PanelActs, PanelMenu } from "./PanelMenu";
import { useInSight } from "./useInSight";
import { usePanel } from "./usePanel";

export interface Grips {
  onKey: (event: KeyboardEvent, panel: Panel) => void;
  onGrab: (event: PointerEvent<HTMLElement>, panel: Panel, how: "move" | "resize") => void;
}

export interface PanelFrameProps {
  panel: Panel;
  range: Range;
  choices: Choices;
  /** Null while the dashboard is only looked at. */
  grips: Grips | null;
  selected: boolean;
  /** It has the page to itself; its height in px. */
  full?: number;
  acts: PanelActs;
}

const HEAD = 40;
const PADDING = 12;

const placeOf = (panel: Panel): CSSProperties => ({ gridColumn: `${panel.x + 1} / span ${panel.w}`, gridRow: `${panel.y + 1} / span ${panel.h}` });

/** Where a panel will be, until it is known what it asks with. */
export const PanelPlace = ({ panel }: { panel: Panel }) => (
  <section className={`panel ${styles.panel}`} aria-busy="true" aria-label={panel.title || panel.id} data-panel={panel.id} style={placeOf(panel)}>
    <header className={styles.head} data-bare={panel.title === "" ? "" : undefined}><h2 className={panel.title === "" ? "visually-hidden" : "clip"}>{panel.title || panel.id}</h2></header>
  </section>
);

export function PanelFrame({ panel, range, choices, grips, selected, full, acts }: PanelFrameProps) {
  const id = useId();
  const element = useRef<HTMLElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const inSight = useInSight(element);
  const state = usePanel(panel, range, choices, inSight);
  // What overflows is scrolled by keyboard, too.
  useEffect(() => {
    const box = body.current;
    if (!box) return;
    const overflows = box.scrollHeight > box.clientHeight + 1 && !box.querySelector("a, button, input, select, textarea, [tabindex]");
    if (overflows) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  });
  const height = (full ?? heightOf(panel.h)) - (panel.title === "" && !grips ? PADDING : HEAD) - PADDING - 2;
  const flush = panel.kind === "table" || panel.kind === "logs" || panel.kind === "traces" || panel.kind === "slo";
  const placed: CSSProperties = full === undefined ? placeOf(panel) : { height: full };
  const sized = { ...placed, ["--rows-height" as "height"]: `${full ?? heightOf(panel.h)}px` };
  return (
    <section
      ref={element} className={`panel ${styles.panel}`} aria-labelledby={id} data-panel={panel.id} data-selected={selected || undefined} data-kind={panel.kind}
      style={sized}
    >
      <header className={styles.head} data-bare={panel.title === "" && !grips ? "" : undefined}>
        {grips && (
          <button
            type="button" className={`btn quiet icon ${styles.grip}`} aria-label={`Move ${panel.title || panel.id}: arrow keys move, Shift with arrow keys resizes`}
            onKeyDown={(event) => grips.onKey(event, panel)} onPointerDown={(event) => grips.onGrab(event, panel, "move")}
          >
            <Grip className="ico" aria-hidden />
          </button>
        )}
        <h2 id={id} className={panel.title === "" ? "visually-hidden" : "clip"}>{panel.title || panel.id}</h2>
        {panel.description !== "" && <Tooltip text={panel.description}><span className={`small faint clip ${styles.note}`} tabIndex={0}>{panel.description}</span></Tooltip>}
        <PanelMenu panel={panel} state={state} range={range} choices={choices} editing={grips !== null} full={full !== undefined} acts={acts} />
      </header>
      <div ref={body} className={styles.body} data-flush={flush || undefined}>
        <Boundary of={panel}>
          {inSight || state.answered.length > 0 ? <Body panel={panel} state={state} range={range} choices={choices} height={height} inSight={inSight} /> : null}
        </Boundary>
      </div>
      {grips && <span className={styles.corner} aria-hidden onPointerDown={(event) => grips.onGrab(event, panel, "resize")}><MoveDiagonal2 size={14} /></span>}
    </section>
  );
}
