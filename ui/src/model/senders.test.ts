import { expect, it } from "vitest";
import { heardOf, reportingWords } from "./senders";
import { nanos } from "./time";
import { gridOf } from "./traffic";

const minute = (n: number) => nanos(1_800_000_000_000_000_000n + BigInt(n) * 60_000_000_000n);
const grid = gridOf({ from: minute(0), to: minute(60) });
const said = (service: string, minutes: number[]) => minutes.map((n) => ({ service, at: minute(n), last: nanos(minute(n) + 5_000_000_000n) }));
const every = Array.from({ length: 60 }, (_, n) => n);

it("tells who is silent by his own rhythm, of all signals together", () => {
  const heard = heardOf([...said("cart", every), ...said("email", every.slice(0, 40)), ...said("batch", [0, 20, 40]), ...said("once", [3]), ...said("", every)], grid);
  expect(heard.map((one) => [one.name, one.silentSince])).toEqual([["cart", null], ["email", nanos(minute(39) + 5_000_000_000n)], ["batch", null], ["once", null], ["", null]]);
  expect(reportingWords(heard)).toBe("4 of 5 senders reporting");
  // Metrics go on, though spans do not: it reports.
  expect(heardOf([...said("email", every.slice(0, 40)), ...said("email", every)], grid)[0]?.silentSince).toBeNull();
});

it("counts who speaks in the interval that still runs, and nobody says nothing", () => {
  expect(heardOf([...said("email", [...every.slice(0, 40), 60])], grid)[0]?.silentSince).toBeNull();
  expect(reportingWords([])).toBe("");
  expect(reportingWords(heardOf(said("cart", every), grid))).toBe("1 of 1 sender reporting");
});
