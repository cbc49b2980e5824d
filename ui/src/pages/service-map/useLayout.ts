import { useEffect, useRef, useState } from "react";
import type { Layout, LayoutRequest } from "./layout";

/** The layout, made in a worker; the previous one stays until it has come. A request of equal contents is not made again. */
export function useLayout(request: LayoutRequest): Layout | null {
  const [layout, setLayout] = useState<Layout | null>(null);
  const worker = useRef<Worker | null>(null);
  const latest = useRef(0);
  const topology = JSON.stringify({
    boxes: [...request.boxes].sort((a, b) => (a.id < b.id ? -1 : 1)),
    edges: [...request.edges].sort((a, b) => (a.from + a.to < b.from + b.to ? -1 : 1)),
  });
  useEffect(() => {
    const made = new Worker(new URL("./layout.worker.ts", import.meta.url), { type: "module" });
    made.onmessage = ({ data }: MessageEvent<{ id: number; layout: Layout }>) => {
      if (data.id === latest.current) setLayout(data.layout);
    };
    worker.current = made;
    return () => made.terminate();
  }, []);
  useEffect(() => {
    latest.current++;
    worker.current?.postMessage({ id: latest.current, request: JSON.parse(topology) as LayoutRequest });
  }, [topology]);
  return layout;
}
