import { useNavigate } from "@tanstack/react-router";
import { Bell, Box, ChartNoAxesGantt, Gauge, Lightbulb, ListTree, type LucideIcon, NotebookText, Pin, X } from "lucide-react";
import { CopyButton } from "@/components/CopyButton";
import { notesOf } from "@/components/trail/notes";
import { trail, useTrail } from "@/components/trail/trail";
import styles from "./TrailBar.module.css";

/** By the step's kind; what has none is a pin. */
const ICONS: Record<string, LucideIcon> = { alert: Bell, slo: Gauge, explain: Lightbulb, trace: ChartNoAxesGantt, logs: ListTree, service: Box };

/** The way from alert to cause; a click on a step shows exactly that view again. */
export function TrailBar() {
  const { steps, current } = useTrail();
  const navigate = useNavigate();
  if (steps.length === 0) return null;
  const open = (href: string, index: number) => {
    trail.show(index);
    void navigate({ href });
  };
  return (
    <nav className={styles.trail} aria-label="Trail">
      <strong>Trail</strong>
      <ol>
        {steps.map((step, index) => (
          <li key={step.kind + step.href} data-later={index > current || undefined}>
            <a
              href={step.href} aria-current={index === current ? "step" : undefined}
              onClick={(event) => {
                if (event.ctrlKey || event.metaKey || event.shiftKey) return;
                event.preventDefault();
                open(step.href, index);
              }}
            >
              <StepIcon kind={step.kind} />
              <span className="clip">{step.title}</span>
            </a>
            <button type="button" className={styles.remove} aria-label={`Take ${step.title} off the trail`} onClick={() => trail.remove(index)}><X size={12} aria-hidden /></button>
          </li>
        ))}
      </ol>
      <span className={styles.tools}>
        <Notes />
        <button type="button" className="btn quiet icon" aria-label="Close the trail" onClick={trail.clear}><X className="ico" aria-hidden /></button>
      </span>
    </nav>
  );
}

function StepIcon({ kind }: { kind: string }) {
  const Icon = ICONS[kind.toLowerCase()] ?? Pin;
  return <Icon className="ico" strokeWidth={1.75} aria-hidden />;
}

const Notes = () => (
  <CopyButton className="btn quiet" label="Copy as notes" text={() => notesOf(trail.get(), window.location.origin)} icon={<NotebookText className="ico" aria-hidden />} />
);
