/** The picture of the map: boxes and arrows in SVG. Every box is a button, every arrow is in the table too. */

import { type RefObject, useLayoutEffect, useMemo, useRef, useState } from "react";
import { serviceColour } from "@/model/service";
import type { Tone } from "@/model/state";
import { spansPerSecond } from "@/model/traffic";
import { rate, ratio, significant, THIN } from "@/model/units";
import { type Edge, edgeKey, edgeTone, edgeWidth, type Node } from "./graph";
import { pathOf, type Point, SCALE_MIN, stretched } from "./layout";
import styles from "./map.module.css";
import { useLayout } from "./useLayout";

const [HEIGHT, CHARACTER, PADDING] = [44, 8, 40];
/** Left free below the picture, in px: its legend, and the head of what stands under it where there is no room beside. */
const BELOW = { legend: 84, company: 220 };
const COMPANY_BESIDE = 1700;
/** Of the name, in px: an estimate keeps the layout off the DOM. */
const widthOf = ({ name, type }: Pick<Node, "name" | "type">): number => {
  const isService = type === "service";
  return Math.round(Math.min(260, Math.max(isService ? 136 : 108, name.length * CHARACTER + (isService ? PADDING : 36))));
};

export interface PictureProps {
  nodes: Node[];
  edges: Edge[];
  tones: ReadonlyMap<string, Tone>;
  /** Spans per second of services that are asked nothing. */
  sends: ReadonlyMap<string, number>;
  selected: string;
  /** Names that the search found; null when there is none. */
  found: ReadonlySet<string> | null;
  onSelect: (selected: string) => void;
}

/** How much larger text is drawn on a map that is shrunk to `scale`, to stay at 11 px. */
export const growOf = (scale: number): number => (scale <= 0 || scale >= 1 ? 1 : Math.max(1, 11 / (12 * Math.max(scale, SCALE_MIN))));

/** The width of an element, as it is laid out, and the height that the window leaves it. */
function useRoom(of: RefObject<HTMLElement | null>): { width: number; height: number } {
  const [room, setRoom] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = of.current;
    if (!element) return;
    const measure = () => {
      const width = element.clientWidth;
      const height = window.innerHeight - element.getBoundingClientRect().top - window.scrollY - BELOW.legend - (window.innerWidth > COMPANY_BESIDE ? 0 : BELOW.company);
      setRoom((before) => (before.width === width && before.height !== 0 && Math.abs(before.height - height) < 40 ? before : { width, height }));
    };
    const observer = new ResizeObserver(measure);
    measure();
    observer.observe(element);
    window.addEventListener("resize", measure);
    return () => {
      observer.disconnect();
      window.removeEventListener("resize", measure);
    };
  }, [of]);
  return room;
}

const TYPES: Record<string, string> = { database: "database", queue: "queue", external: "external", user: "from outside" };

export function Picture({ nodes, edges, tones, sends, selected, found, onSelect }: PictureProps) {
  const request = useMemo(
    () => ({ boxes: nodes.map((node) => ({ id: node.name, width: widthOf(node), height: HEIGHT })), edges: edges.map(({ caller, callee }) => ({ from: caller, to: callee })) }),
    [nodes, edges],
  );
  const laid = useLayout(request);
  const canvas = useRef<HTMLDivElement>(null);
  const room = useRoom(canvas);
  const layout = useMemo(() => laid && stretched(laid, room), [laid, room]);
  if (!layout) return <div className={styles.canvas} ref={canvas} aria-busy="true" />;
  const grow = growOf(room.width / layout.width);
  const faded = (...names: string[]) => (found !== null && !names.some((name) => found.has(name)) ? styles.faded : undefined);
  return (
    <div className={styles.canvas} ref={canvas}>
      <svg style={{ width: "100%", height: "auto", maxWidth: layout.width, minWidth: Math.round(layout.width * SCALE_MIN), "--grow": grow } as React.CSSProperties} viewBox={`0 0 ${layout.width} ${layout.height}`} role="group" aria-label="Service map, callers left of what they call">
        <defs>
          {(["none", "warn", "bad"] as const).map((tone) => (
            <marker key={tone} id={`arrow-${tone}`} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto">
              <path d="M0 0 8 4 0 8Z" style={{ fill: tone === "none" ? "var(--line-strong)" : `var(--${tone})` }} />
            </marker>
          ))}
        </defs>
        {edges.map((edge) => <Arrow key={edgeKey(edge)} edge={edge} points={layout.edges[edgeKey(edge)] ?? []} label={layout.labels[edgeKey(edge)]} selected={selected === edgeKey(edge)} className={faded(edge.caller, edge.callee)} onSelect={onSelect} />)}
        {nodes.map((node) => {
          const at = layout.boxes[node.name];
          return at && <Box key={node.name} node={node} at={at} tone={tones.get(node.name) ?? "none"} sends={sends.get(node.name)} selected={selected === node.name} className={faded(node.name)} onSelect={onSelect} />;
        })}
      </svg>
    </div>
  );
}

function Box({ node, at, tone, sends, selected, className, onSelect }: { node: Node; at: Point; tone: Tone; sends: number | undefined; selected: boolean; className: string | undefined; onSelect: (name: string) => void }) {
  const width = widthOf(node);
  const isService = node.type === "service";
  const share = node.errors === 0 ? "" : ` · ${ratio(node.errors / Math.max(1, node.count))}`;
  const sub = node.type === "user" ? "from outside" : node.count === 0 && sends !== undefined ? spansPerSecond(sends) : `${rate(node.rate_per_second)}/s${share}`;
  const kind = isService ? "" : `${TYPES[node.type] ?? node.type}, `;
  const select = () => onSelect(selected ? "" : node.name);
  return (
    <g
      className={`${styles.node} ${className ?? ""}`} data-tone={tone} data-open={isService ? undefined : ""} transform={`translate(${at.x - width / 2} ${at.y - HEIGHT / 2})`}
      role="button" tabIndex={0} aria-pressed={selected} data-node={node.name} onClick={select}
      onKeyDown={(event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        select();
      }}
    >
      <title>{`${node.name}, ${kind}${sub}`}</title>
      <rect className={styles.box} width={width} height={HEIGHT} rx={isService ? 6 : HEIGHT / 2} />
      {isService && <rect x={12} y={12} width={8} height={8} rx={2} style={{ fill: serviceColour(node.name) }} />}
      <text aria-hidden="true" className={styles.name} x={isService ? 26 : 18} y={20}>{clipped(node.name, width)}</text>
      <text aria-hidden="true" className={styles.sub} x={isService ? 12 : 18} y={35}>{sub}</text>
    </g>
  );
}

const clipped = (name: string, width: number): string => {
  const most = Math.floor((width - 32) / CHARACTER);
  return name.length > most ? `${name.slice(0, most - 1)}…` : name;
};

function Arrow({ edge, points, label: middle, selected, className, onSelect }: { edge: Edge; points: Point[]; label: Point | undefined; selected: boolean; className: string | undefined; onSelect: (key: string) => void }) {
  const tone = edgeTone(edge);
  const d = pathOf(points);
  // Two digits of what is seldom: between two boxes there is no room for more.
  const label = `${edge.rate_per_second < 0.1 ? significant(edge.rate_per_second, 2) : rate(edge.rate_per_second)}/s${edge.errors === 0 ? "" : `${THIN} ${ratio(edge.error_ratio)}`}`;
  return (
    <g className={`${styles.edge} ${className ?? ""}`} data-tone={tone} data-selected={selected || undefined} data-async={edge.connection_type === "messaging" ? "" : undefined} onClick={() => onSelect(selected ? "" : edgeKey(edge))}>
      <path className={styles.hit} d={d} />
      <path className={styles.line} d={d} strokeWidth={edgeWidth(edge.rate_per_second)} markerEnd={`url(#arrow-${tone === "bad" || tone === "warn" ? tone : "none"})`} />
      {middle && <text x={middle.x} y={middle.y + 4} textAnchor="middle">{edge.errors === 0 ? label : ratio(edge.error_ratio)}</text>}
      <title>{edgeKey(edge)}: {label}</title>
    </g>
  );
}
