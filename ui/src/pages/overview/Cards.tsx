/** What needs attention, as at most three cards: burn, cause, picture, what to open. */

import { useMemo } from "react";
import { useEvidence } from "@/api/explain";
import type { SloMinute } from "@/api/traffic";
import { reasonWords } from "@/components/alerts/reason";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { useTime } from "@/components/location/time";
import { StateChip } from "@/components/StateChip";
import { spanWords } from "@/components/slo/words";
import { roundAge } from "@/components/services/age";
import { DATA_STATES, type Tone } from "@/model/state";
import { exact, type Nanos, subtract, when } from "@/model/time";
import { logsIn } from "@/model/trace/holds";
import type { Grid } from "@/model/traffic";
import type { Deploy } from "@/model/versions";
import { burn, duration, ratio } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { type Attention, CARDS_MAX } from "./attention";
import { BadRatio } from "./BadRatio";
import styles from "./overview.module.css";
import { badOf, onsetOf } from "./onset";
import { causeOf } from "./sentences";
import type { Asked } from "./useFrame";

const TONE: Record<Attention["kind"], Tone> = { page: "bad", ticket: "warn", held: "hold" };
const WORD = { page: "Page", ticket: "Ticket" } as const;

export interface CardsProps {
  cards: Attention[];
  grid: Grid;
  minutes: readonly SloMinute[];
  deploys: readonly Deploy[];
}

export function Cards({ cards, ...rest }: CardsProps) {
  const shown = cards.slice(0, CARDS_MAX);
  if (shown.length === 0) return null;
  return (
    <section className={styles.cards} data-count={shown.length} aria-label="Needs attention">
      {shown.map((card, index) => (card.kind === "held" ? <Held key={card.key} card={card} /> : <Firing key={card.key} card={card} withChart={index === 0} {...rest} />))}
      {cards.length > CARDS_MAX && <Go to="/alerts" className={styles.more}>{cards.length - CARDS_MAX} more</Go>}
    </section>
  );
}

/** What was pinned when the card's alert fired; asked for where the alert was explained. */
const useCardEvidence = (card: Attention | undefined) => useEvidence(card?.fingerprint ?? "", { enabled: hasEvidence(card), immutable: true });
const hasEvidence = (card: Attention | undefined): boolean => card !== undefined && card.kind !== "held" && card.fingerprint !== null && card.annotations.explanation !== undefined;

/** The evidence that the drawn cards show, null where one has none: it decides how high they are. */
export function useEvidences(cards: readonly Attention[]): (Asked | null)[] {
  const first = useCardEvidence(cards[0]);
  const second = useCardEvidence(cards[1]);
  const third = useCardEvidence(cards[2]);
  return [first, second, third].map((query, index) => (hasEvidence(cards[index]) ? query : null));
}

function Top({ card, children }: { card: Attention; children: React.ReactNode }) {
  const { now } = useTime();
  const zone = useZone();
  return (
    <div className={styles.top}>
      {children}
      {card.since !== null && <time className="faint" title={`${exact(card.since, zone)} ${zone}`}>since {when(card.since, now, zone)}</time>}
    </div>
  );
}

/** Its own component, so that each card asks for the evidence of its own alert only. */
function Firing({ card, grid, minutes, deploys, withChart }: { card: Attention; withChart: boolean } & Omit<CardsProps, "cards">) {
  const { now } = useTime();
  const zone = useZone();
  const { standing } = card;
  const evidence = useCardEvidence(card);
  const bad = useMemo(() => (standing ? badOf(minutes, standing, grid) : []), [minutes, standing, grid]);
  const onset = onsetOf(bad, grid);
  const cause = evidence.data && evidence.data.slo === standing?.slo ? causeOf(evidence.data, onset, deploys) : null;
  const kind = card.kind === "page" ? "page" : "ticket";
  const marks = deploys.filter((deploy) => cause?.deploy?.service === deploy.service && cause.deploy.version === deploy.to);
  return (
    <article className={`panel ${styles.card}`} data-kind={kind} data-chart={(withChart && standing !== null) || undefined}>
      <Top card={card}>
        <Go to={card.fingerprint ? path("alerts", card.fingerprint) : "/alerts"} title="Open the alert">
          <StateChip tone={TONE[card.kind]}>{WORD[kind]} · firing {card.since === null ? "" : roundAge(subtract(now, card.since))}{card.silenced ? " · silenced" : ""}</StateChip>
        </Go>
        {standing && <Go className="dim clip" to={path("slos", standing.slo)}>{card.title} · {standing.target}</Go>}
      </Top>
      <div>
        <h2>{standing ? titleOf(card, onset?.until ?? null, now, zone) : card.title}</h2>
        {cause ? (
          <p>
            {Math.round(cause.share * 100)} % of the bad events end in <b>{cause.where}</b>{cause.said && <>: “{cause.said}”</>}{cause.usual && <>, {cause.usual}</>}.
            {cause.deploy && <> Began {duration(cause.deploy.before)} after <b>{cause.deploy.service} {cause.deploy.version}</b> was deployed.</>}
          </p>
        ) : <p>{card.annotations.explanation || reasonWords(card.annotations.description ?? "") || (card.service ? `An alert of ${card.service}.` : "An alert of a rule.")}</p>}
        {card.also.length > 0 && <p className="small">Of the same cause: {card.also.map((one) => `${one.title} (${one.kind})`).join(", ")}.</p>}
      </div>
      {withChart && standing && <BadRatio buckets={bad} grid={grid} onset={onset} deploy={marks[0] ?? null} kind={kind} label={card.title} />}
      <div className={styles.actions}>
        {standing ? <Go className={`btn ${withChart ? "primary" : ""}`} to={path("slos", standing.slo)} search={{ paused: "1" }}>Explain</Go>
          : card.fingerprint && <Go className={`btn ${withChart ? "primary" : ""}`} to={path("alerts", card.fingerprint)}>Open alert</Go>}
        {cause?.worst && <Go className="btn" to={path("traces", cause.worst.trace)} search={{ paused: "1" }}>Worst trace</Go>}
        {cause?.worst && withChart && <Go className="btn" to="/logs" search={logsIn(`trace_id:${cause.worst.trace}`, cause.worst.logs)}>Its logs</Go>}
        {card.fingerprint && <Go className="btn quiet" to="/alerts/silences" search={{ alert: card.fingerprint }}>Silence…</Go>}
      </div>
    </article>
  );
}

function titleOf({ standing }: Attention, over: Nanos | null, now: Parameters<typeof when>[1], zone: Parameters<typeof when>[2]): string {
  if (!standing) return "";
  if (over !== null && standing.left !== null && standing.left > 0) return `Burned its budget until ${when(over, now, zone)}, ${ratio(standing.left)} left`;
  const rate = standing.burn === null ? "Burns its budget" : `Burns ${burn(standing.burn)}${standing.burnWindow === null ? "" : ` over ${spanWords(standing.burnWindow)}`}`;
  if (standing.left !== null && standing.left <= 0) return `${rate}, budget spent`;
  return standing.goneAt === null ? `${rate}, ${standing.left === null ? "budget unknown" : `${ratio(standing.left)} left`}` : `${rate}, budget gone ${when(standing.goneAt, now, zone)}`;
}

function Held({ card }: { card: Attention }) {
  const { now } = useTime();
  const zone = useZone();
  const { standing } = card;
  const state = DATA_STATES[standing?.dataState ?? ""];
  const silent = standing?.dataState === "no_telemetry" || standing?.held === false;
  return (
    <article className={`panel ${styles.card}`} data-kind="held">
      <Top card={card}>
        <StateChip tone="hold">{standing?.held ? "Held" : "Silent"}{card.since === null ? "" : ` · ${roundAge(subtract(now, card.since))}`}</StateChip>
      </Top>
      <div>
        <h2>{silent ? `${card.service} sends no ${standing.held ? "telemetry" : "spans"}` : `${card.title}: ${state?.word ?? "unknown"}`}</h2>
        <p>
          {silent ? "" : `${state?.meaning ?? ""} `}
          {standing?.held && standing.lastHeard ? `Last heard ${when(standing.lastHeard, now, zone)}. ` : card.since ? `Its last came before ${when(card.since, now, zone)}. ` : ""}
          {standing?.held ? "Its alerts stay as they were; silence is not counted as success." : "Silence is not counted as success."}
        </p>
      </div>
      <div className={styles.actions}>
        <Go className="btn" to="/ingest" search={{ q: card.service }}>Open sender</Go>
        {standing && <Go className="btn quiet" to={path("slos", standing.slo)}>Policy…</Go>}
      </div>
    </article>
  );
}
