import { ChartLine, Flag } from "lucide-react";
import { Fragment } from "react";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { useTime } from "@/components/location/time";
import { Empty, ErrorFace, Loading } from "@/components/FiveFaces";
import { Panel } from "@/components/Panel";
import { StateIcon } from "@/components/StateIcon";
import { describeRange } from "@/model/range";
import { exact, hm, subtract } from "@/model/time";
import { duration } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import type { Change, Delivery } from "./changes";
import styles from "./overview.module.css";

const MAX = 12;

/** What changed in the range, newest first: what a reader would ask first. */
export function Changes({ changes, titles, isLoading, error }: { changes: readonly Change[]; titles: ReadonlyMap<string, string>; isLoading: boolean; error: unknown }) {
  const { text, now } = useTime();
  const zone = useZone();
  return (
    <Panel title="What changed" tools={<span className="small faint">{describeRange(text, now, zone).toLowerCase()}</span>} flush>
      {isLoading && <Loading rows={3} />}
      {error !== null && !isLoading && <ErrorFace error={error} />}
      {changes.length === 0 && !isLoading && error === null && <Empty>No deploy, no alert and no step of errors or latency in this range.</Empty>}
      {changes.length > 0 && !isLoading && (
        <ol className={styles.changes}>
          {changes.slice(0, MAX).map((change, index) => (
            <li key={index}>
              <time title={`${exact(change.at, zone)} ${zone}`}>{hm(change.at, zone)}</time>
              <span className={styles.icon}><Icon change={change} /></span>
              <span className="dim"><Words change={change} titles={titles} /></span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}

function Icon({ change }: { change: Change }) {
  if (change.kind === "deploy") return <Flag strokeWidth={1.75} className={`ico ${styles.brass ?? ""}`} aria-label="deploy" />;
  if (change.kind === "step") return <ChartLine strokeWidth={1.75} className={`ico ${change.what === "errors" ? "bad" : "warn"}`} aria-label="change point" />;
  if (change.kind === "silent") return <StateIcon tone="hold" label="silent" />;
  return <StateIcon tone={change.level !== "firing" ? "good" : change.severity === "page" ? "bad" : "warn"} label={change.level === "firing" ? change.severity : "resolved"} />;
}

function Words({ change, titles }: { change: Change; titles: ReadonlyMap<string, string> }) {
  switch (change.kind) {
    case "deploy": {
      const { service, from, to, instances, all } = change.deploy;
      return <><Service name={service} /> {from} → <b>{to}</b>{instances < all ? `, canary, ${instances} of ${all} instances` : ""}</>;
    }
    case "step":
      return (
        <>
          {change.what === "errors" ? "Errors step up in " : "p99 steps up in "}
          {change.services.map((name, index) => <Fragment key={name}>{index > 0 && ", "}<Service name={name} /></Fragment>)}
          {" "}(change point, p &lt; {change.p < 0.0001 ? "0.0001" : "0.001"})
        </>
      );
    case "silent":
      return <><Service name={change.service} /> went silent</>;
    case "alert":
      return (
        <>
          <b><Go to={path("slos", change.slo)}>{titles.get(change.slo) ?? change.slo}</Go></b> {change.level === "firing" ? `${change.severity} fired` : "resolved"}
          {deliveredWords(change.deliveries)}
        </>
      );
  }
}

const Service = ({ name }: { name: string }) => <b><Go to={path("services", name)}>{name}</Go></b>;

/** `; delivered to duty in 1.57 s`. */
function deliveredWords(deliveries: readonly Delivery[]): string {
  const one = deliveries.find((d) => d.state === "delivered" && d.finished_at !== null);
  if (one?.finished_at) return `; delivered to ${one.receiver} in ${duration(subtract(one.finished_at, one.created_at))}`;
  const failed = deliveries.find((d) => d.state !== "delivered" && d.error !== null);
  return failed ? `; not delivered to ${failed.receiver}: ${failed.error ?? ""}` : "";
}
