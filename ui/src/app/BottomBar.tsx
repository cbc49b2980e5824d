import { Search } from "lucide-react";
import { Go } from "@/components/location/Go";
import { usePath } from "@/components/location/useSearch";
import styles from "./BottomBar.module.css";
import { entryOf, SECTIONS } from "./navigation";
import { palette } from "./palette/open";

const ENTRIES = ["/", "/alerts", "/slos"];

/** In place of the navigation on phones. */
export function BottomBar() {
  const current = entryOf(usePath());
  const entries = SECTIONS.flatMap((section) => section.entries);
  return (
    <nav className={styles.bar} aria-label="Main, on phones">
      {ENTRIES.flatMap((to) => entries.filter((entry) => entry.to === to)).map(({ to, label, Icon }) => (
        <Go key={to} to={to} className={styles.entry} aria-current={current?.to === to ? "page" : undefined}>
          <Icon size={20} strokeWidth={1.75} aria-hidden />{label}
        </Go>
      ))}
      <button type="button" className={styles.entry} onClick={() => palette.setOpen(true)}><Search size={20} strokeWidth={1.75} aria-hidden />Search</button>
    </nav>
  );
}
