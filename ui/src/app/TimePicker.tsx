import { Clock } from "lucide-react";
import { useState } from "react";
import { Popover } from "@/components/layers";
import { useTime, useTimeActions } from "@/components/location/time";
import { Choice } from "@/components/Tabs";
import { AGAINST, AGAINST_LABELS } from "@/model/against";
import { describeRange, parseRange, PRESETS, type RangeText } from "@/model/range";
import { exact, zoneName } from "@/model/time";
import { setPreferences, usePreferences } from "@/preferences/preferences";
import { Calendar } from "./Calendar";
import styles from "./TimePicker.module.css";

const RECENT_MAX = 6;

export function TimePicker() {
  const time = useTime();
  const { zone, recentRanges } = usePreferences();
  const { set } = useTimeActions();
  const [open, setOpen] = useState(false);
  const choose = (range: RangeText) => {
    set({ ...range, paused: false });
    const others = recentRanges.filter((one) => one.from !== range.from || one.to !== range.to);
    setPreferences({ recentRanges: [range, ...others].slice(0, RECENT_MAX) });
    setOpen(false);
  };
  const label = describeRange(time.text, time.now, zone);
  const title = `${exact(time.range.from, zone).slice(0, 19)} – ${exact(time.range.to, zone).slice(0, 19)} ${zoneName(zone)}`;
  return (
    <Popover
      open={open} onOpenChange={setOpen} label="Time range" align="end"
      trigger={<button type="button" className="btn" title={title}><Clock className="ico" aria-hidden />{label} · {zoneName(zone)}{time.against !== "off" && ` · with the ${AGAINST_LABELS[time.against].toLowerCase()}`}</button>}
    >
      <Typed onChoose={choose} />
      <div className={styles.columns}>
        <List title="Presets" ranges={PRESETS.map((preset) => preset.text)} onChoose={choose} chosen={time.text} />
        <div>
          {recentRanges.length > 0 && <List title="Recent" ranges={recentRanges} onChoose={choose} chosen={time.text} />}
          <h3 className={styles.title}>Compare with</h3>
          <ul>
            {AGAINST.map((against) => (
              <li key={against}><button type="button" className={styles.item} aria-current={against === time.against || undefined} onClick={() => {
                set({ against });
                setOpen(false);
              }}>{AGAINST_LABELS[against]}</button></li>
            ))}
          </ul>
          <h3 className={styles.title}>Zone</h3>
          <Choice label="Zone" value={zone} options={[{ id: "UTC", label: "UTC" }, { id: "local", label: "Local" }]} onChange={(next) => setPreferences({ zone: next })} />
        </div>
        <div>
          <h3 className={styles.title}>Days</h3>
          <Calendar key={zone} range={time.range} now={time.now} zone={zone} onChoose={choose} />
        </div>
      </div>
    </Popover>
  );
}

function List({ title, ranges, onChoose, chosen }: { title: string; ranges: RangeText[]; onChoose: (range: RangeText) => void; chosen: RangeText }) {
  const { now } = useTime();
  const { zone } = usePreferences();
  return (
    <div>
      <h3 className={styles.title}>{title}</h3>
      <ul>
        {ranges.map((range) => (
          <li key={range.from + range.to}>
            <button type="button" className={styles.item} aria-current={range.from === chosen.from && range.to === chosen.to || undefined} onClick={() => onChoose(range)}>
              {describeRange(range, now, zone)}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Typed({ onChoose }: { onChoose: (range: RangeText) => void }) {
  const time = useTime();
  const { zone } = usePreferences();
  const [typed, setTyped] = useState("");
  const range = typed.trim() === "" ? null : parseRange(typed, time.now, zone);
  return (
    <form
      className={styles.typed}
      onSubmit={(event) => {
        event.preventDefault();
        if (range) onChoose(range);
      }}
    >
      <label className="field">
        Type or paste a time
        <input className="input" value={typed} onChange={(event) => setTyped(event.target.value)} placeholder="90m · yesterday 14:00 to 15:30 · 2026-11-22T02:31Z" autoFocus />
      </label>
      <p className="small dim" role="status">
        {typed.trim() === "" ? "Or drag on any chart." : range ? `${describeRange(range, time.now, zone)} ${zoneName(zone)}, Enter to use it` : "That is no time; try 90m, or 14:00 to 15:30."}
      </p>
    </form>
  );
}
