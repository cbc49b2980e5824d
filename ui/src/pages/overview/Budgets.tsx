import { BudgetBar } from "@/components/BudgetBar";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { Panel } from "@/components/Panel";
import { budgetShort } from "@/components/services/budgetShort";
import { StateIcon } from "@/components/StateIcon";
import { byBudget, type Standing } from "@/model/standing";
import { NO_DATA } from "@/model/units";
import styles from "./overview.module.css";

const MAX = 10;

/** SLOs by what is left of their budgets. */
export function Budgets({ standings }: { standings: Standing[] }) {
  if (standings.length === 0) return null;
  const rows = byBudget(standings);
  return (
    <Panel title="Error budgets" tools={<span className="small faint">lowest first</span>} flush>
      <ul className={styles.budgets}>
        {rows.slice(0, MAX).map((one) => (
          <li key={`${one.slo} ${one.objective}`}>
            <StateIcon tone={one.tone} label={one.firing ? `${one.firing} firing` : one.held ? "held" : one.tone === "bad" ? "budget spent" : "within budget"} />
            <Go className="clip" to={path("slos", one.slo)} title={`${one.title} · ${one.target}`}>{one.title}</Go>
            <BudgetBar left={one.left} firing={one.firing} held={one.held} figure={false} />
            <b className={one.held ? "hold" : one.tone === "bad" ? "bad" : undefined}>{one.held ? "held" : one.left === null ? NO_DATA : budgetShort(one.left)}</b>
          </li>
        ))}
        {rows.length > MAX && <li><span /><Go to="/slos">{rows.length - MAX} more</Go></li>}
      </ul>
    </Panel>
  );
}
