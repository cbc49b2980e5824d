import { toggle } from "../toggle";

/** The list of keys: opened by `?` and from the palette. */
export const help = toggle();
