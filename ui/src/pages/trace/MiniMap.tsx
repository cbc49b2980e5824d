/** The whole trace in 43 px; a drag shows what lies under it. */

import { type PointerEvent, useEffect, useRef, useState } from "react";
import { type Tokens, useTokens } from "@/charts/tokens";
import { serviceToken } from "@/model/service";
import { left, type Window } from "@/model/trace/facts";
import { at, FLAG, has, type TraceTree } from "@/model/trace/tree";
import styles from "./Fall.module.css";

const HEIGHT = 43;
const TOP = 4;
const STEP = 2.1;

export function MiniMap({ tree, window, onZoom }: { tree: TraceTree; window: Window; onZoom: (window: Window | null) => void }) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const tokens = useTokens();
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);

  useEffect(() => {
    const [element, parent] = [canvas.current, box.current];
    if (!element || !parent) return;
    const redraw = () => draw(element, parent.clientWidth, tree, tokens);
    redraw();
    const observer = new ResizeObserver(redraw);
    observer.observe(parent);
    return () => observer.disconnect();
  }, [tree, tokens]);

  const timeAt = (event: PointerEvent) => {
    const { left: x, width } = event.currentTarget.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - x) / Math.max(1, width))) * tree.width;
  };
  const end = () => {
    // A click is no drag: it shows all again.
    if (drag) onZoom(Math.abs(drag.to - drag.from) > tree.width / 400 ? { from: Math.min(drag.from, drag.to), to: Math.max(drag.from, drag.to) } : null);
    setDrag(null);
  };
  const whole: Window = { from: 0, to: tree.width };
  const lens = drag ? { from: Math.min(drag.from, drag.to), to: Math.max(drag.from, drag.to) } : window;
  const [x0, x1] = [left(whole, lens.from) * 100, left(whole, lens.to) * 100];
  return (
    <div
      ref={box} className={styles.mini} aria-hidden title="Drag to zoom, click to see all" onPointerUp={end} onPointerCancel={() => setDrag(null)}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        setDrag({ from: timeAt(event), to: timeAt(event) });
      }}
      onPointerMove={(event) => drag && setDrag({ from: drag.from, to: timeAt(event) })}
    >
      <canvas ref={canvas} />
      {(x0 > 0.01 || x1 < 99.99) && (
        <>
          <span className={styles.veil} style={{ left: 0, width: `${x0}%` }} />
          <span className={styles.veil} style={{ left: `${x1}%`, right: 0 }} />
          <span className={styles.lens} style={{ left: `${x0}%`, width: `${x1 - x0}%` }} />
        </>
      )}
    </div>
  );
}

function draw(canvas: HTMLCanvasElement, width: number, tree: TraceTree, tokens: Tokens): void {
  const ratio = devicePixelRatio;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.round(HEIGHT * ratio);
  const ctx = canvas.getContext("2d");
  if (!ctx) return;
  ctx.scale(ratio, ratio);
  const n = tree.ids.length;
  const step = Math.min(STEP, (HEIGHT - TOP - 2) / Math.max(1, n));
  const thick = Math.max(0.8, Math.min(1.6, step * 0.76));
  const colours = tree.services.map((service) => tokens(serviceToken(service)));
  const [bad, hold] = [tokens("--bad"), tokens("--hold")];
  const scale = width / Math.max(1, tree.width);
  // Many spans share a pixel: failed ones are drawn last, so that they are seen.
  for (const failed of [false, true]) {
    for (let i = 0; i < n; i++) {
      if (has(tree, i, FLAG.error) !== failed) continue;
      ctx.fillStyle = failed ? bad : has(tree, i, FLAG.absent) ? hold : (colours[at(tree.service, i)] ?? hold);
      ctx.fillRect(at(tree.start, i) * scale, TOP + i * step, Math.max(1.5, at(tree.duration, i) * scale), thick);
    }
  }
}
