/** Which SLOs a panel shows: names or services, by words or by variables. */

import type { Choices } from "./variables";

/** `payments, checkout-availability`, `$service`, or nothing for all. */
export function choosesSlo(text: string, choices: Choices): (slo: { name: string; service: string }) => boolean {
  const words = text.split(",").map((word) => word.trim()).filter((word) => word !== "");
  if (words.length === 0) return () => true;
  const wanted = new Set<string>();
  for (const word of words) {
    const chosen = /^\$\{?(\w+)\}?$/.exec(word)?.[1];
    const values = chosen === undefined ? undefined : choices.get(chosen);
    if (values?.all) return () => true;
    if (values) values.values.forEach((value) => wanted.add(value));
    else wanted.add(word);
  }
  return (slo) => wanted.has(slo.name) || wanted.has(slo.service);
}
