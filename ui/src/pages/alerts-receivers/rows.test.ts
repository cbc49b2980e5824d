import { expect, it } from "vitest";
import type { Delivery } from "@/api/deliveries";
import { nanos } from "@/model/time";
import { headline, receiversOf } from "./rows";

const delivery = (receiver: string, state: string, at: number, error: string | null = null): Delivery => ({
  id: String(at), receiver, integration: "webhook[0]", group_key: "", idempotency_key: "", status: "firing", reason: "", alerts: 1, body: "", created_at: nanos(BigInt(at)), state, attempt_count: 1, error, attempts: [],
});

it("those in trouble stand first, with why", () => {
  const rows = receiversOf(["quiet", "oncall"], [delivery("oncall", "delivered", 9), delivery("tickets", "given_up", 8, "refused"), delivery("tickets", "delivered", 7)]);
  expect(rows.map((one) => [one.name, one.delivered, one.failed, one.error])).toEqual([["tickets", 1, 1, "refused"], ["oncall", 1, 0, null], ["quiet", 0, 0, null]]);
  expect(headline(rows)).toBe("tickets misses messages");
  expect(headline(receiversOf(["a"], []))).toBe("Nothing was sent yet");
  expect(headline(receiversOf(["a"], [delivery("a", "delivered", 1)]))).toBe("Everything was delivered");
  expect(headline([])).toBe("Nobody is told");
});
