/** Who is told, whether it arrived, and by which routes. */

import { useNotifyConfig, useReceivers } from "@/api/alertmanager";
import { useDeliveries } from "@/api/deliveries";
import { AlertTabs } from "@/components/alerts/AlertTabs";
import { useBoard } from "@/components/alerts/useBoard";
import { CopyAs } from "@/components/CopyAs";
import { Empty, FiveFaces, Partial } from "@/components/FiveFaces";
import { useTime } from "@/components/location/time";
import { useView } from "@/components/location/useView";
import { Page } from "@/components/Page";
import { Panel } from "@/components/Panel";
import { StateChip } from "@/components/StateChip";
import { Table, type TableColumn } from "@/components/Table";
import { exact, when } from "@/model/time";
import { count } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { Messages } from "./Messages";
import { headline, type Receiver, receiversOf } from "./rows";
import { codec } from "./url";

const NONE: never[] = [];

export default function ReceiversPage() {
  const { now } = useTime();
  const zone = useZone();
  const receivers = useReceivers();
  const deliveries = useDeliveries();
  const config = useNotifyConfig();
  const board = useBoard();
  const { view, setView, ignored } = useView(codec);
  const rows = receiversOf(receivers.data?.map((one) => one.name) ?? NONE, deliveries.data?.deliveries ?? NONE);
  const columns: TableColumn<Receiver>[] = [
    { id: "state", head: "State", width: 130, cell: (row) => <StateChip tone={row.failed > 0 ? "bad" : row.waiting > 0 ? "hold" : row.delivered > 0 ? "good" : "none"}>{row.failed > 0 ? "misses messages" : row.waiting > 0 ? "waits" : row.delivered > 0 ? "delivered" : "not used yet"}</StateChip> },
    { id: "name", head: "Receiver", width: 180, cell: (row) => <strong>{row.name}</strong>, sort: (row) => row.name },
    { id: "delivered", head: "Delivered", numeric: true, width: 90, cell: (row) => count(row.delivered), sort: (row) => row.delivered },
    { id: "waiting", head: "Waiting", numeric: true, width: 90, cell: (row) => count(row.waiting), sort: (row) => row.waiting },
    { id: "failed", head: "Lost", numeric: true, width: 90, cell: (row) => <span className={row.failed > 0 ? "bad" : undefined}>{count(row.failed)}</span>, sort: (row) => row.failed },
    { id: "error", head: "The last trouble", cell: (row) => (row.error === null ? "" : <span title={row.error}>{row.error}</span>) },
    { id: "last", head: "Last message", numeric: true, width: 130, cell: (row) => (row.last === null ? "–" : <span title={exact(row.last, zone)}>{when(row.last, now, zone)}</span>), sort: (row) => row.last },
  ];
  return (
    <Page title={receivers.data && deliveries.data ? headline(rows) : "Receivers"} name="Receivers" ignored={ignored} actions={<AlertTabs />}>
      <Panel title="Receivers" flush>
        <FiveFaces query={receivers} rows={3} isEmpty={() => rows.length === 0} empty={<Empty title="Nobody is told.">Name an Alertmanager configuration in alerting.notify_file: its routes and receivers are used as they are.</Empty>}>
          {() => <Table label="Receivers" columns={columns} rows={rows} rowKey={(row) => row.name} tone={(row) => (row.failed > 0 ? "bad" : row.waiting > 0 ? "hold" : undefined)} />}
        </FiveFaces>
      </Panel>
      <Panel title="Messages" note="the newest first; open one for its attempts" flush>
        <FiveFaces query={deliveries} rows={4} isEmpty={(data) => data.deliveries.length === 0} empty={<Empty>Nothing was sent yet.</Empty>} partial={(data) => (data.cursor ? <Partial>The newest {data.deliveries.length}. All of them are in SQL’s deliveries and delivery_attempts.</Partial> : null)}>
          {(data) => <Messages deliveries={data.deliveries} alerts={board.query.data ?? NONE} now={now} open={view.open} onOpen={(open) => setView({ open })} />}
        </FiveFaces>
      </Panel>
      <Panel title="Routes" note="as they are in use, secrets left out" tools={config.data ? <CopyAs sources={{ value: config.data.config.original }} /> : undefined}>
        <FiveFaces query={config} rows={5}>{(data) => <pre className="mono" style={{ margin: 0, overflow: "auto", maxHeight: 420 }} tabIndex={0}>{data.config.original}</pre>}</FiveFaces>
      </Panel>
    </Page>
  );
}
