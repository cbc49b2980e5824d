/** What nobody is told of, until when and why. */

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { endSilence, type Silence, useSilences } from "@/api/alertmanager";
import { type ApiError, asApiError } from "@/api/error";
import { AlertTabs } from "@/components/alerts/AlertTabs";
import type { BoardAlert } from "@/components/alerts/board";
import { matcherText, matchesAll } from "@/components/alerts/silence";
import { SilenceDialog } from "@/components/alerts/SilenceDialog";
import { useBoard } from "@/components/alerts/useBoard";
import { Empty, ErrorFace, FiveFaces, Partial } from "@/components/FiveFaces";
import { useTime } from "@/components/location/time";
import { useView } from "@/components/location/useView";
import { Page } from "@/components/Page";
import { Panel } from "@/components/Panel";
import { StateChip } from "@/components/StateChip";
import { Table, type TableColumn } from "@/components/Table";
import { exact, type Nanos, nanos, when } from "@/model/time";
import { duration } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { BLANK, codec, labelsOf } from "./url";

const NONE: BoardAlert[] = [];
const STATES: Record<string, string> = { active: "in force", pending: "to come", expired: "over" };

function headline(silences: readonly Silence[]): string {
  const active = silences.filter((one) => one.status.state === "active").length;
  return active === 0 ? "Nothing is silenced" : `${active} ${active === 1 ? "silence is" : "silences are"} in force`;
}

export default function SilencesPage() {
  const query = useSilences();
  const board = useBoard();
  const { now } = useTime();
  const alerts = board.query.data ?? NONE;
  const { view, setView, ignored } = useView(codec);
  const asked = labelsOf(view, alerts);
  const [isBlank, setBlank] = useState(false);
  const labels = isBlank ? BLANK : asked;
  const setMaking = (open: boolean) => {
    setBlank(open);
    // A closed form does not come back with the link.
    if (!open) setView({ alert: "", new: "" }, "replace");
  };
  const isGone = view.alert !== "" && board.query.data !== undefined && asked === null;
  return (
    <Page title={query.data ? headline(query.data) : "Silences"} name="Silences" ignored={ignored} actions={<><AlertTabs /><button type="button" className="btn primary" onClick={() => setMaking(true)}>New silence…</button></>}>
      {isGone && <Partial actions={<button type="button" className="btn" onClick={() => setMaking(true)}>New silence…</button>}>The alert of this link is none of those there are now: it has ended, or belongs to another server.</Partial>}
      <Panel flush>
        <FiveFaces query={query} rows={4} isEmpty={(data) => data.length === 0} empty={<Empty title="No silence was ever made." actions={<button type="button" className="btn" onClick={() => setMaking(true)}>New silence…</button>}>A silence keeps alerts with certain labels from being told, for a time and with a reason. amtool and Grafana make them too.</Empty>}>
          {(data) => <List silences={data} alerts={alerts} now={now} />}
        </FiveFaces>
      </Panel>
      {labels && <SilenceDialog key={`${view.alert} ${view.new}`} labels={labels} alerts={alerts} open onOpenChange={setMaking} />}
    </Page>
  );
}

function List({ silences, alerts, now }: { silences: Silence[]; alerts: readonly BoardAlert[]; now: Nanos }) {
  const zone = useZone();
  const client = useQueryClient();
  const [error, setError] = useState<ApiError | null>(null);
  const end = (id: string) => {
    setError(null);
    endSilence(id).then(() => client.invalidateQueries()).catch((cause: unknown) => setError(asApiError(cause)));
  };
  const columns: TableColumn<Silence>[] = [
    { id: "state", head: "State", width: 110, cell: (row) => <StateChip tone={row.status.state === "active" ? "hold" : "none"}>{STATES[row.status.state] ?? row.status.state}</StateChip>, sort: (row) => row.status.state },
    { id: "of", head: "Alerts with", cell: (row) => <span className="row">{row.matchers.map((one) => <code key={matcherText(one)} className="chip">{matcherText(one)}</code>)}</span> },
    { id: "hides", head: "Hides now", numeric: true, width: 90, cell: (row) => (row.status.state === "active" ? alerts.filter((alert) => matchesAll(row.matchers, alert.labels)).length : "–"), sort: (row) => alerts.filter((alert) => matchesAll(row.matchers, alert.labels)).length },
    { id: "why", head: "Why", cell: (row) => <span title={row.comment}>{row.comment} <span className="faint">{row.createdBy}</span></span>, sort: (row) => row.comment },
    { id: "from", head: "From", numeric: true, width: 120, cell: (row) => <span title={exact(row.startsAt, zone)}>{when(row.startsAt, now, zone)}</span>, sort: (row) => row.startsAt },
    { id: "to", head: "To", numeric: true, width: 190, cell: (row) => <span title={exact(row.endsAt, zone)}>{when(row.endsAt, now, zone)}{row.status.state === "active" && row.endsAt > now && <span className="faint"> in {duration(nanos(row.endsAt - now))}</span>}</span>, sort: (row) => row.endsAt },
    { id: "end", head: "", label: "End it", width: 90, cell: (row) => (row.status.state === "expired" ? "" : <button type="button" className="btn" onClick={() => end(row.id)}>End now</button>) },
  ];
  return (
    <>
      {error && <ErrorFace error={error} />}
      <Table label="Silences" columns={columns} rows={silences} rowKey={(row) => row.id} rowHeight={38} />
    </>
  );
}
