/** The trace's time by path of services and operations: wide is long. */

import { useMemo, useState } from "react";
import { type Flame as FlameData, useFlame } from "@/api/trace/flame";
import { FiveFaces, Partial } from "@/components/FiveFaces";
import { boxesOf } from "@/model/trace/flame";
import { serviceColour } from "@/model/service";
import { count, ratio } from "@/model/units";
import styles from "./Flame.module.css";
import { took } from "./Row";

const ROW = 22;

export interface FlameProps {
  id: string;
  /** Only the time of the critical path. */
  path: boolean;
  find: string;
  onOpen: (service: string, name: string) => void;
}

export function Flame({ id, path, find, onOpen }: FlameProps) {
  const asked = useFlame(id, path);
  return (
    <FiveFaces query={asked} isEmpty={(flame) => flame.nodes.length === 0} height={320} rows={10} partial={(flame) => flame.truncated && <Partial>Only the widest paths are shown: there are more than a flame graph holds.</Partial>}>
      {(flame) => <Graph key={String(path)} flame={flame} find={find.trim().toLowerCase()} note={path ? "time on the critical path" : "all time: what ran side by side counts as often"} onOpen={onOpen} />}
    </FiveFaces>
  );
}

function Graph({ flame, find, note, onOpen }: { flame: FlameData; find: string; note: string; onOpen: FlameProps["onOpen"] }) {
  const [focus, setFocus] = useState<number | null>(null);
  const { nodes } = flame;
  const boxes = useMemo(() => boxesOf(nodes.map((n) => ({ parent: n.parent, total: Number(n.total_time), self: Number(n.self_time) })), focus), [nodes, focus]);
  const all = nodes.reduce((sum, node) => (node.parent === null ? sum + Number(node.total_time) : sum), 0);
  const depth = boxes.reduce((most, box) => Math.max(most, box.depth), 0);
  return (
    <section className={styles.flame} aria-label="Flame graph">
      <p className="small faint">
        {note} · a click widens a box{focus !== null && <> · <button type="button" className={styles.link} onClick={() => setFocus(null)}>show all</button></>}
      </p>
      <div className={styles.sheet} style={{ height: (depth + 1) * ROW }}>
        {boxes.map(({ node, depth: level, x, width }) => {
          const one = nodes[node];
          if (!one) return null;
          const dim = find !== "" && !`${one.service} ${one.name}`.toLowerCase().includes(find);
          const words = `${one.service} ${one.name}: ${took(Number(one.total_time))}, ${ratio(Number(one.total_time) / Math.max(1, all))}; itself ${took(Number(one.self_time))}; ${count(one.spans)} spans${one.errors > 0 ? `, ${count(one.errors)} failed` : ""}`;
          return (
            <button
              key={node} type="button" className={styles.box} title={words} aria-label={words} data-error={one.errors > 0 || undefined} data-dim={dim || undefined} data-named={width > 0.03 || undefined}
              style={{ left: `${x * 100}%`, width: `${width * 100}%`, top: level * ROW, "--c": serviceColour(one.service) } as React.CSSProperties}
              onClick={() => (focus === node ? onOpen(one.service, one.name) : setFocus(node))}
            >
              {width > 0.03 && <><b>{one.service}</b> {one.name} <span>{took(Number(one.total_time))}</span></>}
            </button>
          );
        })}
      </div>
      {focus !== null && nodes[focus] && (
        <p className="row small" style={{ marginTop: 12 }}>
          <span className="dim">{nodes[focus].service} {nodes[focus].name}: {took(Number(nodes[focus].total_time))} in {count(nodes[focus].spans)} spans, {took(Number(nodes[focus].self_time))} of it their own.</span>
          <button type="button" className="btn" onClick={() => nodes[focus] && onOpen(nodes[focus].service, nodes[focus].name)}>Show its longest span</button>
        </p>
      )}
    </section>
  );
}
