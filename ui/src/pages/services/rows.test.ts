import { expect, it } from "vitest";
import { found, type Listed, sentence } from "./rows";

const row = (service: string, tone: Listed["tone"], version = "1.0"): Listed => ({ service, tone, versions: { current: { version } } });
const ROWS = [row("checkout", "bad"), row("payments", "warn", "2.14.1"), row("orders", "warn"), row("email-worker", "hold"), row("cart", "good"), row("cron", "none")];

it("says how many are how", () => {
  expect(sentence(ROWS)).toBe("6 services: 1 burns its budget, 2 have tickets, 1 is silent or held");
  expect(sentence([row("cart", "good")])).toBe("1 service, nothing fires");
});

it("finds by name and version, and who needs attention", () => {
  expect(found(ROWS, " Check", "all").map((r) => r.service)).toEqual(["checkout"]);
  expect(found(ROWS, "2.14", "all").map((r) => r.service)).toEqual(["payments"]);
  expect(found(ROWS, "", "attention")).toHaveLength(4);
});
