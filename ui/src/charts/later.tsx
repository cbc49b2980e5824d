/** Charts in chunks of their own. */

import { type ComponentType, createElement, lazy, type ReactElement, Suspense, useState } from "react";

export interface Later<P> {
  /** Brings the chunk before it is needed. */
  bring: () => void;
  Chart: (props: P & { fallback: ReactElement }) => ReactElement;
}

/** What was brought in time is drawn at once: what suspends, if only for a moment, React keeps from sight for 300 ms. */
function later<P extends object>(load: () => Promise<ComponentType<P>>): Later<P> {
  let brought: ComponentType<P> | null = null;
  const loaded = () => load().then((chart) => (brought = chart));
  const Suspending = lazy(() => loaded().then((chart) => ({ default: chart })));
  return {
    bring: () => void loaded().catch(() => undefined),
    Chart: ({ fallback, ...rest }) => {
      // The same for as long as it is mounted, or the chart would be made anew.
      const [chart] = useState(() => brought);
      const props = rest as unknown as P;
      return chart ? createElement(chart, props) : <Suspense fallback={fallback}>{createElement(Suspending as ComponentType<P>, props)}</Suspense>;
    },
  };
}

export const timeSeries = later(() => import("./TimeSeries").then((charts) => charts.TimeSeries));
export const heatMap = later(() => import("./HeatMap").then((charts) => charts.HeatMap));
