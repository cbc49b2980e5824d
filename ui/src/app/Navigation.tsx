import { useAlertNames } from "@/api/names";
import { useStatus } from "@/api/status";
import { Go } from "@/components/location/Go";
import { usePath } from "@/components/location/useSearch";
import { usePreferences } from "@/preferences/preferences";
import { Mark } from "./Mark";
import styles from "./Navigation.module.css";
import { entryOf, SECTIONS } from "./navigation";

export function Navigation() {
  const current = entryOf(usePath());
  const attention = useAlertNames().data?.filter((alert) => alert.status.state === "active").length ?? 0;
  return (
    <nav className={styles.nav} aria-label="Main">
      <Go className={styles.brand} to="/" aria-label="Binnacle, overview"><Mark /><span>Binnacle</span></Go>
      {SECTIONS.map(({ title, entries }) => (
        <div key={title} className={styles.section}>
          <h2>{title}</h2>
          {entries.map(({ to, label, Icon }) => (
            <Go key={to} to={to} title={label} className={styles.entry} aria-current={current?.to === to ? "page" : undefined}>
              <Icon className="ico" strokeWidth={1.75} aria-hidden />
              <span className={styles.label}>{label}</span>
              {to === "/alerts" && attention > 0 && <span className={styles.count} aria-label={`${attention} need attention`}>{attention}</span>}
            </Go>
          ))}
        </div>
      ))}
      <Footer />
    </nav>
  );
}

function Footer() {
  const status = useStatus();
  const { tenant } = usePreferences();
  if (status.error) return <footer className={styles.footer}><span className="bad">server does not answer</span></footer>;
  const { version, ingest } = status.data ?? {};
  return (
    <footer className={styles.footer}>
      {tenant} · {version ? `v${version}` : "…"}
      <br />
      {ingest?.state === "read_only" ? <span className="bad" title={ingest.reason ?? undefined}>ingest is read-only</span> : `ingest ${ingest?.state ?? "…"}`}
    </footer>
  );
}
