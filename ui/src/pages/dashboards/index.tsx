/** All dashboards: those made here and those that came with the product. */

import { Plus, Upload } from "lucide-react";
import { useState } from "react";
import { isBuiltIn, type ListedDashboard, useDashboards } from "@/api/dashboards";
import { Empty, FiveFaces } from "@/components/FiveFaces";
import { useKeys } from "@/components/keys/keys";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { useTime } from "@/components/location/time";
import { useGo } from "@/components/location/useGo";
import { useView } from "@/components/location/useView";
import { Page } from "@/components/Page";
import { Panel } from "@/components/Panel";
import { Table, type TableColumn } from "@/components/Table";
import { fromMs, when } from "@/model/time";
import { group, NOT_APPLICABLE } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { ImportDialog } from "./ImportDialog";
import { NewDialog } from "./NewDialog";
import { foundIn, headline, tagsOf } from "./rows";
import { codec } from "./url";

export default function DashboardsPage() {
  const { view, setView, ignored } = useView(codec);
  const query = useDashboards();
  const go = useGo();
  const { now } = useTime();
  const zone = useZone();
  const [dialog, setDialog] = useState<"new" | "import" | null>(null);
  useKeys([{ keys: "n", does: "New dashboard", run: () => setDialog("new") }]);
  const all = query.data?.dashboards ?? [];
  const rows = foundIn(all, view.q, view.tag);
  const opened = (id: string) => go(path("dashboards", id), { edit: "1" });
  const columns: TableColumn<ListedDashboard>[] = [
    { id: "title", head: "Dashboard", width: 240, cell: (row) => <Go to={path("dashboards", row.id)} style={{ color: "var(--text)", fontWeight: 500 }}>{row.title}</Go>, sort: (row) => row.title.toLowerCase() },
    { id: "description", head: "What it is for", cell: (row) => <span className="dim" title={row.description ?? undefined}>{row.description}</span> },
    { id: "tags", head: "Tags", width: 240, cell: (row) => <span className="row">{(row.tags ?? []).map((tag) => <button key={tag} type="button" className="chip" style={{ border: 0, cursor: "pointer" }} onClick={() => setView({ tag })}>{tag}</button>)}</span> },
    { id: "panels", head: "Panels", numeric: true, width: 70, cell: (row) => group(row.panels), sort: (row) => row.panels },
    { id: "source", head: "Source", width: 90, cell: (row) => (isBuiltIn(row) ? <span className="dim">built-in</span> : "stored"), sort: (row) => row.source },
    { id: "updated", head: "Saved", numeric: true, width: 120, cell: (row) => (row.updated_at ? when(fromMs(Date.parse(row.updated_at)), now, zone) : NOT_APPLICABLE), sort: (row) => row.updated_at },
  ];
  return (
    <Page
      title={query.data ? headline(all) : "Dashboards"} name="Dashboards" ignored={ignored}
      actions={
        <>
          <input className="input" type="search" aria-label="Only dashboards that hold these words" placeholder="Find" value={view.q} onChange={(event) => setView({ q: event.target.value }, "replace")} />
          <button type="button" className="btn" onClick={() => setDialog("import")}><Upload className="ico" aria-hidden /> Import…</button>
          <button type="button" className="btn primary" onClick={() => setDialog("new")}><Plus className="ico" aria-hidden /> New dashboard</button>
        </>
      }
    >
      <FiveFaces query={query} rows={7} isEmpty={(data) => data.dashboards.length === 0} empty={<Panel flush><Empty title="No dashboards.">Make one, or import its JSON: Binnacle’s own, or Grafana’s.</Empty></Panel>}>
        {() => (
          <>
            <div className="row wrap" role="group" aria-label="Tags">
              {tagsOf(all).map(({ tag, count }) => <button key={tag} type="button" className="btn" aria-pressed={view.tag === tag} onClick={() => setView({ tag: view.tag === tag ? "" : tag })}>{tag} <span className="faint">{group(count)}</span></button>)}
            </div>
            <Panel flush>
              {rows.length === 0
                ? <Empty title="No dashboard fits." actions={<button type="button" className="btn" onClick={() => setView({ q: "", tag: "" })}>Show all {all.length}</button>}>None of {all.length} holds {view.q === "" ? "" : `“${view.q}”`}{view.q !== "" && view.tag !== "" ? " and " : ""}{view.tag === "" ? "" : `the tag ${view.tag}`}.</Empty>
                : <Table label="Dashboards" columns={columns} rows={rows} rowKey={(row) => row.id} rowHeight={38} onOpen={(row) => go(path("dashboards", row.id))} />}
            </Panel>
          </>
        )}
      </FiveFaces>
      {dialog === "new" && <NewDialog onClose={() => setDialog(null)} onMade={opened} />}
      {dialog === "import" && <ImportDialog onClose={() => setDialog(null)} onMade={opened} />}
    </Page>
  );
}
