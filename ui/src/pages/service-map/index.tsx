/** Who calls whom, and which edge is hurting. */

import { useMemo, useRef } from "react";
import { useNamespaces, useServiceMap } from "@/api/serviceMap";
import { Empty, FiveFaces, Partial } from "@/components/FiveFaces";
import { KeyHint } from "@/components/KeyHint";
import { useKeys } from "@/components/keys/keys";
import { Select } from "@/components/layers";
import { Go } from "@/components/location/Go";
import { useView } from "@/components/location/useView";
import { Page } from "@/components/Page";
import { Panel } from "@/components/Panel";
import { useServices } from "@/components/services/useServices";
import { Choice } from "@/components/Tabs";
import type { Tone } from "@/model/state";
import { rate, ratio } from "@/model/units";
import { EdgeTable } from "./EdgeTable";
import { edgeKey, grouped, hurting, NODES_MAX, shownOf, walk, worstEdge, type Direction } from "./graph";
import styles from "./map.module.css";
import { Picture } from "./Picture";
import { EdgeSide, NodeSide } from "./Side";
import { codec } from "./url";

const NONE = { nodes: [], edges: [] };

export default function ServiceMapPage() {
  const { view, setView, ignored } = useView(codec);
  const { grid, rows } = useServices();
  const query = useServiceMap(grid.range);
  const graph = query.data ?? NONE;
  const tones = useMemo<ReadonlyMap<string, Tone>>(() => new Map(rows.map((row) => [row.service, row.tone])), [rows]);
  const sends = useMemo<ReadonlyMap<string, number>>(() => new Map(rows.filter((row) => row.traffic.counted === "spans").map((row) => [row.service, row.traffic.perSecond])), [rows]);
  const shown = useMemo(() => shownOf(graph, view, tones), [graph, view, tones]);
  const tooMany = shown.nodes.length > NODES_MAX;
  const namespaces = useNamespaces(grid.range, { enabled: tooMany });
  const drawn = useMemo(() => (tooMany ? grouped(shown, new Map(namespaces.data?.rows.map((one) => [one.service, one.namespace]))) : shown), [shown, tooMany, namespaces.data]);
  const sick = useMemo(() => hurting(graph, tones).length > 0, [graph, tones]);
  const worst = worstEdge(graph.edges);
  const wanted = view.find.trim().toLowerCase();
  const found = useMemo(() => (wanted === "" ? null : new Set(shown.nodes.map((n) => n.name).filter((name) => name.toLowerCase().includes(wanted)))), [shown, wanted]);
  const input = useRef<HTMLInputElement>(null);

  const edge = graph.edges.find((one) => edgeKey(one) === view.selected);
  const node = graph.nodes.find((one) => one.name === view.selected);
  const select = (selected: string) => setView({ selected }, "replace");
  const step = (direction: Direction) => {
    const next = walk(shown, node?.name ?? (direction === "caller" ? edge?.caller : edge?.callee) ?? "", direction);
    select(next);
    requestAnimationFrame(() => document.querySelector<SVGGElement>(`[data-node="${CSS.escape(next)}"]`)?.focus());
  };
  const focusOn = node?.name ?? edge?.callee ?? "";
  useKeys([
    { keys: "ArrowRight", does: "To what it calls most", run: () => step("callee") },
    { keys: "ArrowLeft", does: "To who calls it most", run: () => step("caller") },
    { keys: "ArrowDown", does: "Next callee of the same caller", run: () => step("next") },
    { keys: "ArrowUp", does: "Previous callee of the same caller", run: () => step("previous") },
    { keys: "f", does: "Focus on what is selected; again: on nothing", run: () => setView({ focus: view.focus === focusOn ? "" : focusOn }) },
    { keys: "t", does: "Map or table of calls", run: () => setView({ face: view.face === "map" ? "table" : "map" }) },
    { keys: "/", does: "Find a service", run: () => input.current?.focus() },
    { keys: "Escape", does: "Select nothing", run: () => select("") },
  ]);

  const title = worst ? `${worst.caller} → ${worst.callee} fails ${ratio(worst.error_ratio)} of ${rate(worst.rate_per_second)} calls per second` : graph.edges.length > 0 ? "No call fails more than 1 in 100" : "Service map";
  return (
    <Page title={title} name="Service map" ignored={ignored} note={graph.nodes.length > 0 && <span className="dim">{graph.nodes.length} services and peers, {graph.edges.length} kinds of calls</span>}>
      <div className={styles.tools}>
        <Select label="Focus" prefix="Focus" value={view.focus} options={[{ id: "", label: "none" }, ...graph.nodes.map((n) => ({ id: n.name, label: n.name })).sort((a, b) => (a.label < b.label ? -1 : 1))]} onChange={(focus) => setView({ focus })} />
        {view.focus !== "" && <Choice label="Depth" options={["1", "2", "3", "9"].map((id) => ({ id, label: id === "9" ? "all" : id }))} value={String(view.depth)} onChange={(depth) => setView({ depth: Number(depth) })} />}
        {view.focus === "" && sick && <Choice label="Part" options={[{ id: "hurting", label: "Where it hurts" }, { id: "all", label: `All ${graph.nodes.length}` }]} value={view.show} onChange={(show) => setView({ show })} />}
        <input ref={input} className="input" type="search" placeholder="Find" aria-label="Find a service" value={view.find} onChange={(event) => setView({ find: event.target.value }, "replace")} />
        <KeyHint keys="/" />
        <span className="grow" />
        <Choice label="Show as" options={[{ id: "map", label: "Map" }, { id: "table", label: "Table" }]} value={view.face} onChange={(face) => setView({ face })} />
      </div>
      <div className={styles.body}>
        <Panel flush>
          <FiveFaces
            query={query} rows={8} height={420} isEmpty={() => shown.nodes.length === 0}
            empty={
              view.focus === "" ? <Empty title="No calls in this range.">Edges come from client and server spans of one trace. Choose a longer range above, or see who sends what in <Go to="/ingest">ingest health</Go>.</Empty>
                : <Empty actions={<button type="button" className="btn" onClick={() => setView({ focus: "" })}>Show the whole map</button>}>“{view.focus}” neither called nor was called in this range.</Empty>
            }
            partial={() => tooMany && view.face === "map" ? (
              <Partial>{shown.nodes.length} services and peers, drawn as {drawn.nodes.length} namespaces; choose one to list its calls, or a focus.</Partial>
            ) : shown.hidden > 0 && view.face === "map" && (
              <Partial actions={<button type="button" className="btn" onClick={() => setView({ focus: "", show: "all" })}>Show all</button>}>
                {view.focus === "" ? "Where it hurts, and the neighbours" : `Within ${view.depth} calls of ${view.focus}`}: {shown.nodes.length} of {graph.nodes.length}.
              </Partial>
            )}
          >
            {() => view.face === "table"
              ? <EdgeTable edges={wanted === "" ? graph.edges : graph.edges.filter((one) => edgeKey(one).toLowerCase().includes(wanted))} selected={view.selected} onSelect={select} />
              : <><Picture {...drawn} tones={tones} sends={sends} selected={view.selected} found={found} onSelect={tooMany ? (name) => setView({ find: name, face: "table" }) : select} /><Legend /></>}
          </FiveFaces>
        </Panel>
        <aside className={styles.side} aria-label="Selected" data-empty={!edge && !node ? "" : undefined}>
          {edge ? <EdgeSide edge={edge} range={grid.range} />
            : node ? <NodeSide node={node} edges={graph.edges} tone={tones.get(node.name) ?? "none"} sends={sends.get(node.name)} range={grid.range} onSelect={select} onFocus={() => setView({ focus: node.name })} />
              : worst ? <EdgeSide edge={worst} range={grid.range} />
                : <Panel title="Nothing selected"><p className="dim">Choose a box or an arrow: its figures, its operations and traces that show it appear here. Arrow keys walk along the calls.</p></Panel>}
        </aside>
      </div>
    </Page>
  );
}

function Legend() {
  return (
    <p className={`${styles.legend} small dim`}>
      <span>in a box: requests that come in per second, and the share of them that fails; spans, where it is asked nothing</span><span>at an arrow: calls per second from its caller, or the share that fails</span><span>wider: more calls</span><span><span className="bad">red</span>: at least 1 in 100 fail</span><span><span className="warn">amber</span>: 1 in 1 000</span><span>dashed arrow: messages</span><span>round and empty: sends no spans</span>
    </p>
  );
}
