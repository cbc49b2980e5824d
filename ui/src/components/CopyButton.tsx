import { type ReactNode, useEffect, useState } from "react";
import { copy } from "./CopyAs";

/** A button that copies a text made at that moment, and says so. */
export function CopyButton({ icon, label, text, className = "btn" }: { icon?: ReactNode; label: string; text: () => string; className?: string }) {
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (said === "") return;
    const timer = setTimeout(() => setSaid(""), 2000);
    return () => clearTimeout(timer);
  }, [said]);
  const act = async () => setSaid((await copy(text())) ? "Copied" : "Not copied");
  return (
    <>
      <button type="button" className={className} aria-label={said ? `${label}: ${said}` : label} onClick={() => void act()}>{icon}<span aria-hidden>{said || label}</span></button>
      <span className="visually-hidden" role="status">{said && `${label}: ${said}`}</span>
    </>
  );
}
