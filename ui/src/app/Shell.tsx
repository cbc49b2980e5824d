/** What stays while pages change: navigation, bar, trail, the page's time. */

import { Outlet } from "@tanstack/react-router";
import { Tooltip } from "@base-ui/react/tooltip";
import { RefreshContext } from "@/api/refresh";
import { REFRESH, TimeContext, useTimeFromUrl } from "@/components/location/time";
import { usePreferences } from "@/preferences/preferences";
import { Bar } from "./Bar";
import { BottomBar } from "./BottomBar";
import { GlobalKeys } from "./GlobalKeys";
import { Navigation } from "./Navigation";
import styles from "./Shell.module.css";
import { TrailBar } from "./TrailBar";
import { useClock } from "./useClock";

export function Shell() {
  const { now, refreshNow } = useClock();
  const time = useTimeFromUrl(now);
  const { navigation } = usePreferences();
  return (
    <TimeContext.Provider value={time}>
      <RefreshContext.Provider value={time.paused ? false : REFRESH[time.refresh]}>
        <Tooltip.Provider>
          <GlobalKeys refreshNow={refreshNow} />
          <a className={styles.skip} href="#main">Skip to the page</a>
          <div className={styles.app} data-navigation={navigation}>
            <Navigation />
            <Bar refreshNow={refreshNow} />
            <TrailBar />
            <Outlet />
            <BottomBar />
          </div>
        </Tooltip.Provider>
      </RefreshContext.Provider>
    </TimeContext.Provider>
  );
}
