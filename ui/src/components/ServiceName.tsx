import { serviceColour } from "@/model/service";
import { Go } from "./location/Go";
import { path } from "./location/path";

/** A service: its colour's square and its name, a door to its page unless `plain`. */
export function ServiceName({ name, plain = false }: { name: string; plain?: boolean }) {
  return (
    <span className="row" style={{ display: "inline-flex" }}>
      <span className="dot" style={{ "--c": serviceColour(name) } as React.CSSProperties} aria-hidden />
      {plain ? <span className="clip">{name}</span> : <Go className="clip" style={{ color: "var(--text)" }} to={path("services", name)}>{name}</Go>}
    </span>
  );
}
