/** A text in the double quotes of TraceQL, LogQL and log search. */
export const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
