/** How often what is not bound to a time range is asked again; the shell sets it from the URL. */

import { createContext, useContext } from "react";

/** Milliseconds, or false when paused or off. */
export const RefreshContext = createContext<number | false>(false);
export const useRefreshInterval = (): number | false => useContext(RefreshContext);
