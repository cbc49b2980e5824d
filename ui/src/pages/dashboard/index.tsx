/** One dashboard: looked at, or edited in place. */

import { useParams } from "@tanstack/react-router";
import { useEffect, useMemo } from "react";
import { type StoredDashboard, useDashboard } from "@/api/dashboards";
import { FiveFaces } from "@/components/FiveFaces";
import { Page } from "@/components/Page";
import { Panel } from "@/components/Panel";
import { readDashboard } from "@/model/dashboard/document";
import { Board } from "./Board";
import { loadCharts } from "./Body";
import { JsonText } from "./JsonDialog";

export default function DashboardPage() {
  const params: Record<string, string | undefined> = useParams({ strict: false });
  const id = params.dashboard ?? "";
  const query = useDashboard(id);
  // While another one loads, the one before is not shown under its name.
  const own = query.data?.id === id ? query : { ...query, data: undefined };
  if (own.data) return <Opened key={id} stored={own.data} />;
  return (
    <Page title={id} name={`Dashboard ${id}`}>
      <Panel><FiveFaces query={own} rows={12}>{() => null}</FiveFaces></Panel>
    </Page>
  );
}

function Opened({ stored }: { stored: StoredDashboard }) {
  const read = useMemo(() => readDashboard(stored.dashboard), [stored.dashboard]);
  useEffect(() => {
    if (read.ok) loadCharts(read.dashboard.panels);
  }, [read]);
  if (read.ok) return <Board stored={stored} opened={read.dashboard} />;
  return (
    <Page title={stored.id} name={`Dashboard ${stored.id}`}>
      <Panel title="This dashboard cannot be shown" note="it is stored as below">
        <ul className="stack">{read.problems.map((problem) => <li key={problem} className="bad">{problem}</li>)}</ul>
        <JsonText text={JSON.stringify(stored.dashboard, null, 2)} />
      </Panel>
    </Page>
  );
}
