import { useMemo, useState } from "react";
import { TimeSeries } from "@/charts/TimeSeries";
import { BudgetBar } from "@/components/BudgetBar";
import { Dialog, Menu, Popover, Select, Tooltip } from "@/components/layers";
import { QueryBox } from "@/components/QueryBox";
import { ServiceName } from "@/components/ServiceName";
import { StateIcon } from "@/components/StateIcon";
import { Table, type TableColumn } from "@/components/Table";
import { Choice, Tabs } from "@/components/Tabs";
import { useTime } from "@/components/location/time";
import { stepFor, widthOf } from "@/model/range";
import { nanos } from "@/model/time";
import { budget, rate, ratio } from "@/model/units";

/** Errors that step up in the middle of the range, with an hour's gap in one line. */
export function GalleryChart() {
  const { range } = useTime();
  const { times, lines, middle } = useMemo(() => {
    const step = stepFor(range, 60);
    const count = Number(widthOf(range) / step);
    const at = Array.from({ length: count }, (_, index) => nanos(range.from + BigInt(index) * step));
    const wave = (index: number, size: number) => size * (1 + 0.2 * Math.sin(index / 3));
    const payments = at.map((_, index) => wave(index, index > count / 2 ? 0.03 : 0.0005));
    const orders = at.map((_, index) => (index > count * 0.7 && index < count * 0.8 ? null : wave(index, 0.012)));
    return { times: at, lines: [{ name: "payments", values: payments, token: "--bad" }, { name: "orders", values: orders, token: "--c3" }], middle: at[Math.floor(count / 2)] ?? range.from };
  }, [range]);
  return (
    <TimeSeries
      label="Error ratio by service" times={times} lines={lines} unit="ratio" openEnded threshold={{ value: 0.02, label: "page at 2 %" }}
      marks={[{ at: middle, kind: "deploy", label: "payments 2.14.1" }]}
    />
  );
}

interface Row {
  name: string;
  tone: "bad" | "warn" | "good" | "hold";
  rate: number;
  errors: number;
  left: number;
}

const ROWS: Row[] = [
  { name: "checkout", tone: "bad", rate: 19.8, errors: 0.0213, left: 0.184 },
  { name: "orders", tone: "warn", rate: 22.4, errors: 0.0004, left: 0.426 },
  { name: "email-worker", tone: "hold", rate: 0, errors: 0, left: 0.71 },
  { name: "catalog", tone: "good", rate: 204, errors: 0.00005, left: 0.968 },
];

const COLUMNS: TableColumn<Row>[] = [
  { id: "name", head: "Service", cell: (row) => <span className="row"><StateIcon tone={row.tone} label={row.tone} /><ServiceName name={row.name} /></span>, sort: (row) => row.name },
  { id: "rate", head: "Requests/s", numeric: true, width: 110, cell: (row) => rate(row.rate), sort: (row) => row.rate },
  { id: "errors", head: "Errors", numeric: true, width: 110, cell: (row) => ratio(row.errors), sort: (row) => row.errors },
  { id: "left", head: "Budget left", width: 180, cell: (row) => <BudgetBar left={row.left} held={row.tone === "hold"} firing={row.tone === "bad" ? "page" : null} />, sort: (row) => row.left },
];

export const GalleryTable = () => (
  <Table label="Services of the gallery" columns={COLUMNS} rows={ROWS} rowKey={(row) => row.name} tone={(row) => (row.tone === "good" ? undefined : row.tone)} onOpen={() => undefined} />
);

export function GalleryControls() {
  const [tab, setTab] = useState<"groups" | "history">("groups");
  const [choice, setChoice] = useState<"table" | "map">("table");
  const [kind, setKind] = useState<"scatter" | "heat">("scatter");
  const [query, setQuery] = useState("sum by (job) (rate(shop_requests_total[5m]))");
  return (
    <div className="stack">
      <div className="row wrap">
        <button type="button" className="btn primary">Run</button><button type="button" className="btn">Explain</button>
        <button type="button" className="btn quiet">Silence…</button><button type="button" className="btn" disabled>Continue</button>
        <Choice label="View" value={choice} onChange={setChoice} options={[{ id: "table", label: "Table" }, { id: "map", label: "Map" }]} />
        <Select label="Kind" value={kind} onChange={setKind} options={[{ id: "scatter", label: "Scatter" }, { id: "heat", label: "Heat map" }]} />
        <Menu trigger={<button type="button" className="btn">Menu</button>} items={[{ label: "Copy as SQL", onSelect: () => undefined }, { label: "Copy as curl", onSelect: () => undefined, hint: "y" }]} />
        <Popover label="Popover" trigger={<button type="button" className="btn">Popover</button>}>Anything in here.</Popover>
        <Dialog trigger={<button type="button" className="btn">Dialog</button>} title="Silence checkout" actions={<button type="button" className="btn primary">Silence</button>}>Hides 2 alerts until 05:12.</Dialog>
        <Tooltip text={`${budget(0.184)} of the budget is left`}><button type="button" className="btn quiet">Tooltip</button></Tooltip>
      </div>
      <div className="row"><QueryBox language="promql" label="PromQL" value={query} onChange={setQuery} onRun={() => undefined} /><button type="button" className="btn primary">Run</button></div>
      <Tabs label="Parts" value={tab} onChange={setTab} tabs={[{ id: "groups", label: "Groups", count: 4 }, { id: "history", label: "History of edits" }]}><p className="dim">The panel of {tab}.</p></Tabs>
    </div>
  );
}
