import { toggle } from "../toggle";

/** The palette: opened by its button, by Ctrl-K, and from the phone's bar. */
export const palette = toggle();
