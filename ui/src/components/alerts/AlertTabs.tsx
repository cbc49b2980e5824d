import { Go } from "@/components/location/Go";
import styles from "./AlertTabs.module.css";

const PAGES = [
  { to: "/alerts", label: "Alerts" },
  { to: "/alerts/silences", label: "Silences" },
  { to: "/alerts/rules", label: "Rules" },
  { to: "/alerts/receivers", label: "Receivers" },
] as const;

/** From one page about alerts to the others. */
export function AlertTabs() {
  return (
    <nav aria-label="About alerts" className={styles.tabs}>
      {PAGES.map((page) => <Go key={page.to} to={page.to} className={`btn ${styles.tab}`} exact>{page.label}</Go>)}
    </nav>
  );
}
