/** Below the fold: groups, the definition, what alerts and editors did, late data. */

import type { Objective, Slo, Transition, Version } from "@/api/slos";
import { useSloGroups, useSloVersions } from "@/api/slos";
import { curl } from "@/api/sql";
import { reasonWords } from "@/components/alerts/reason";
import { BudgetBar } from "@/components/BudgetBar";
import { CopyAs } from "@/components/CopyAs";
import { Empty, FiveFaces, Partial } from "@/components/FiveFaces";
import { Panel } from "@/components/Panel";
import { Table, type TableColumn } from "@/components/Table";
import { Tabs } from "@/components/Tabs";
import { alertWord } from "@/model/state";
import { exact, type Nanos, when } from "@/model/time";
import { burn, count, duration, durationSeconds, NO_DATA, sli } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { groupName } from "@/components/slo/groups";
import { isFiring } from "@/components/slo/standing";
import styles from "./Slo.module.css";
import type { View } from "./url";
import { documentsOf, ownDocument } from "./yaml";
import { targetOf } from "@/components/slo/words";

interface DetailsProps {
  slo: Slo;
  index: number;
  objective: Objective;
  tab: View["tab"];
  onTab: (tab: View["tab"]) => void;
  transitions: Transition[];
  now: Nanos;
  /** Whether the definition is shown with the rest of its file. */
  isWhole: boolean;
  onWhole: (isWhole: boolean) => void;
}

export function Details({ slo, index, objective, tab, onTab, transitions, now, isWhole, onWhole }: DetailsProps) {
  const grouped = objective.group_by.length > 0;
  const tabs = [
    ...(grouped ? [{ id: "groups" as const, label: "Groups", count: objective.groups_alive ?? "" }] : []),
    { id: "definition" as const, label: "Definition" },
    { id: "history" as const, label: "History", count: transitions.length },
    { id: "late" as const, label: "Late data" },
  ];
  const value = tabs.some((one) => one.id === tab) ? tab : "definition";
  return (
    <Panel flush>
      <Tabs label="About this SLO" tabs={tabs} value={value} onChange={onTab} tools={value === "definition" && slo.text !== undefined ? <CopyAs sources={{ value: isWhole ? slo.text : (ownDocument(slo.text, slo.name) ?? slo.text), curl: curl(`/api/v1/slos/${encodeURIComponent(slo.name)}`) }} /> : undefined}>
        {value === "groups" && <Groups slo={slo} index={index} objective={objective} />}
        {value === "definition" && <Definition slo={slo} isWhole={isWhole} onWhole={onWhole} />}
        {value === "history" && <History slo={slo} transitions={transitions} now={now} />}
        {value === "late" && <Late objective={objective} now={now} />}
      </Tabs>
    </Panel>
  );
}

/** The SLO's own document, and the way to the file that it is from. */
function Definition({ slo, isWhole, onWhole }: { slo: Slo; isWhole: boolean; onWhole: (isWhole: boolean) => void }) {
  if (slo.text === undefined) return <Empty>The text is not kept.</Empty>;
  const own = ownDocument(slo.text, slo.name);
  const others = documentsOf(slo.text).length - 1;
  const file = slo.file ?? "";
  return (
    <>
      {(file !== "" || (own !== null && others > 0)) && (
        <p className={`row wrap small dim ${styles.from ?? ""}`}>
          {file !== "" && <span>From <code className={styles.path}>{file}</code></span>}
          {own !== null && others > 0 && <button type="button" className="btn" aria-pressed={isWhole} onClick={() => onWhole(!isWhole)}>{isWhole ? "Only this SLO" : `Whole file, with ${others} more`}</button>}
        </p>
      )}
      <pre className={styles.yaml} tabIndex={0} aria-label="OpenSLO">{isWhole || own === null ? slo.text : own}</pre>
    </>
  );
}

type GroupRow = NonNullable<ReturnType<typeof useSloGroups>["data"]>["groups"][number];

function Groups({ slo, index, objective }: { slo: Slo; index: number; objective: Objective }) {
  const query = useSloGroups(slo.name, index);
  const first = (group: GroupRow) => group.status.burn_rates[0];
  const columns: TableColumn<GroupRow>[] = [
    { id: "group", head: objective.group_by.join(", "), cell: (row) => <span className={row.is_gone ? "faint" : undefined}>{groupName(row.group)}{row.is_gone && " · gone"}</span>, sort: (row) => groupName(row.group) },
    { id: "events", head: "Events", numeric: true, width: 110, cell: (row) => count(row.status.events.total), sort: (row) => row.status.events.total },
    { id: "bad", head: "Bad", numeric: true, width: 90, cell: (row) => count(row.status.events.bad), sort: (row) => row.status.events.bad },
    { id: "sli", head: "SLI", numeric: true, width: 110, cell: (row) => sli(row.status.counted.good, row.status.counted.total, targetOf(objective)), sort: (row) => row.status.sli },
    { id: "budget", head: "Budget left", width: 180, cell: (row) => <BudgetBar left={row.status.budget.remaining ?? null} firing={row.alerts.some(isFiring) ? "page" : null} />, sort: (row) => row.status.budget.remaining },
    { id: "burn", head: `Burn, ${objective.status?.burn_rates[0]?.long_window ?? ""}`, numeric: true, width: 110, cell: (row) => { const tier = first(row); return tier?.long === null || tier?.long === undefined ? NO_DATA : burn(tier.long); }, sort: (row) => first(row)?.long },
  ];
  return (
    <FiveFaces query={query} isEmpty={(data) => data.groups.length === 0} empty={<Empty title="No group yet.">A group appears with its first event.</Empty>} partial={(data) => (data.truncated ? <Partial>The 1 000 groups with the least budget left. All of them: GET /api/v1/slos/{slo.name}/groups by SQL’s slo_slices.</Partial> : null)}>
      {(data) => <Table label="Groups of this SLO" columns={columns} rows={data.groups} rowKey={(row) => groupName(row.group)} tone={(row) => (row.alerts.some(isFiring) ? "bad" : undefined)} />}
    </FiveFaces>
  );
}

interface Entry {
  at: Nanos;
  what: string;
  of: string;
  why: string;
  tone: "bad" | "warn" | undefined;
}

/** Oldest first. */
const versionEntry = (version: Version): Entry[] => [
  { at: version.created_at, what: `version ${version.version}`, of: version.file ? `file ${version.file}` : "API", why: "the definition was stored", tone: undefined },
  ...(version.deleted_at !== null && version.deleted_at !== undefined ? [{ at: version.deleted_at, what: "deleted", of: `version ${version.version}`, why: "its counts and transitions are kept", tone: undefined }] : []),
];

function History({ slo, transitions, now }: { slo: Slo; transitions: Transition[]; now: Nanos }) {
  const zone = useZone();
  const versions = useSloVersions(slo.name);
  const entries: Entry[] = [
    ...transitions.map((one): Entry => ({
      at: one.at, what: `${one.severity} ${alertWord(one.level)}`, of: `${one.long_window ? `${one.long_window}/${one.short_window ?? ""}` : one.kind.replaceAll("_", " ")}${one.group ? ` of ${one.group.map((part) => part ?? "(none)").join(", ")}` : ""}`, why: reasonWords(one.reason),
      tone: one.level !== "firing" ? undefined : one.severity === "page" ? "bad" : "warn",
    })),
    // Times are of whole seconds: those of one second stay in the order of versions, newest first.
    ...(versions.data?.versions.flatMap(versionEntry) ?? []).reverse(),
  ].sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
  const columns: TableColumn<Entry>[] = [
    { id: "at", head: "Time", width: 120, cell: (row) => <span title={exact(row.at, zone)}>{when(row.at, now, zone)}</span>, sort: (row) => row.at },
    { id: "what", head: "What", width: 130, cell: (row) => row.what, sort: (row) => row.what },
    { id: "of", head: "Of", width: 200, cell: (row) => <span className="dim">{row.of}</span>, sort: (row) => row.of },
    { id: "why", head: "Why", cell: (row) => <span title={row.why}>{row.why}</span> },
  ];
  if (versions.error) return <FiveFaces query={versions}>{() => null}</FiveFaces>;
  return <Table label="What alerts and editors did" columns={columns} rows={entries} rowKey={(row) => `${String(row.at)} ${row.what} ${row.of}`} tone={(row) => row.tone} height="420px" />;
}

function Late({ objective, now }: { objective: Objective; now: Nanos }) {
  const zone = useZone();
  const counting = objective.counting;
  if (!counting) return <Empty title="Nothing is counted yet." />;
  const lag = duration((now > counting.watermark ? now - counting.watermark : 0n) as Nanos);
  return (
    <div className={`${styles.pad} stack`}>
      <p>Slices close {durationSeconds(counting.settle_seconds)} after they end: by then 99 of 100 events of late have arrived. What comes later changes the budget, and pages nobody for what is past.</p>
      <p className="dim">Counted to {exact(counting.watermark, zone)}, {lag} behind.{counting.last_heard !== null && counting.last_heard !== undefined && <> The last event from its senders was at {exact(counting.last_heard, zone)}.</>} {counting.is_estimate ? "Rows that retention thinned out before this SLO existed count by their weight: the figures are estimates." : "Every event is counted once."}{counting.lost_segments > 0 && ` ${counting.lost_segments} segments could not be read.`}</p>
    </div>
  );
}
