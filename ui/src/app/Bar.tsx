import { Link2, Minus, Moon, Pause, Play, Plus, RotateCw, Search, Sun } from "lucide-react";
import { CopyButton } from "@/components/CopyButton";
import { Menu } from "@/components/layers";
import { fragmentOf } from "@/components/trail/notes";
import { trail } from "@/components/trail/trail";
import { type Refresh, timeCodec, useTime, useTimeActions } from "@/components/location/time";
import { absolute, zoom } from "@/model/range";
import { encode, parseSearch, stringifySearch } from "@/model/url";
import { setPreferences, usePreferences } from "@/preferences/preferences";
import { THIN } from "@/model/units";
import styles from "./Bar.module.css";
import { palette } from "./palette/open";
import { Tenant } from "./Tenant";
import { TimePicker } from "./TimePicker";

const REFRESHES: { id: Refresh; label: string }[] = [
  { id: "off", label: "Off" }, { id: "5s", label: `5${THIN}s` }, { id: "10s", label: `10${THIN}s` }, { id: "1m", label: `1${THIN}min` },
];

export function Bar({ refreshNow }: { refreshNow: () => void }) {
  return (
    <header className={styles.bar}>
      <button type="button" className={styles.search} onClick={() => palette.setOpen(true)}>
        <Search className="ico" aria-hidden /><span className="clip">Go to, search, paste a trace id</span><kbd>Ctrl K</kbd>
      </button>
      <span className="grow" />
      <TimeControls />
      <RefreshControls refreshNow={refreshNow} />
      <Share />
      <Tenant />
      <Theme />
    </header>
  );
}

function TimeControls() {
  const time = useTime();
  const { setRange } = useTimeActions();
  return (
    <span className="group" role="group" aria-label="Time range">
      <TimePicker />
      <button type="button" className={`btn ${styles.zoom}`} aria-label="Zoom out of the time" title="Zoom out (−)" onClick={() => setRange(zoom(time.range, 2, time.now))}><Minus size={12} aria-hidden /></button>
      <button type="button" className={`btn ${styles.zoom}`} aria-label="Zoom in on the time" title="Zoom in (+)" onClick={() => setRange(zoom(time.range, 0.5, time.now))}><Plus size={12} aria-hidden /></button>
    </span>
  );
}

function RefreshControls({ refreshNow }: { refreshNow: () => void }) {
  const { refresh, paused, live } = useTime();
  const { set } = useTimeActions();
  const label = REFRESHES.find((one) => one.id === refresh)?.label;
  const items = REFRESHES.map((one) => ({ label: `Every ${one.label}`.replace("Every Off", "Off"), onSelect: () => set({ refresh: one.id, paused: false }) }));
  return (
    <span className={`group ${styles.refresh}`} role="group" aria-label="Refresh">
      <button type="button" className="btn icon" aria-label="Refresh now" title="Refresh now (r)" onClick={refreshNow}><RotateCw className="ico" aria-hidden /></button>
      <Menu trigger={<button type="button" className="btn" aria-label={`Refresh interval, now ${label ?? ""}`}>{label}</button>} items={items} />
      <button type="button" className="btn" aria-pressed={live} title="Live or paused (.)" onClick={() => set(live || !paused ? { paused: !paused } : { paused: false })}>
        {paused ? <Pause className="ico" aria-hidden /> : <Play className="ico" aria-hidden />}{paused ? "Paused" : "Live"}
      </button>
    </span>
  );
}

/** Copies the link with its times made absolute, so that it shows the same to whoever opens it; the trail goes along. */
function Share() {
  const time = useTime();
  const link = () => {
    const search = encode(timeCodec, { ...absolute(time.range), refresh: time.refresh, paused: true, against: time.against }, parseSearch(window.location.search));
    const steps = trail.get();
    const fragment = steps.steps.length > 0 ? `#${fragmentOf(steps)}` : window.location.hash;
    return window.location.origin + window.location.pathname + stringifySearch(search) + fragment;
  };
  return <CopyButton className={`btn ${styles.share}`} label="Share" text={link} icon={<Link2 className="ico" aria-hidden />} />;
}

function Theme() {
  const { theme } = usePreferences();
  const dark = theme === "dark" || (theme === "system" && window.matchMedia("(prefers-color-scheme: dark)").matches);
  const Icon = dark ? Moon : Sun;
  return (
    <button type="button" className="btn quiet icon" aria-label={dark ? "Use the light theme" : "Use the dark theme"} title="Light or dark" onClick={() => setPreferences({ theme: dark ? "light" : "dark" })}>
      <Icon className="ico" aria-hidden />
    </button>
  );
}
