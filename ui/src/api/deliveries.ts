/** What was said to whom about alerts, attempt by attempt. */

import * as v from "valibot";
import { type Result, useApi } from "./query";
import { nanos } from "./scalar";

const attempt = v.object({ number: v.number(), at: nanos, duration: nanos, status: v.nullish(v.number()), error: v.nullish(v.string()) });
export type Attempt = v.InferOutput<typeof attempt>;
const delivery = v.object({
  id: v.string(), receiver: v.string(), integration: v.string(), group_key: v.string(), idempotency_key: v.string(), status: v.string(), reason: v.string(),
  alerts: v.number(), body: v.string(), created_at: nanos, state: v.string(), attempt_count: v.number(), next_attempt_at: v.nullish(nanos), finished_at: v.nullish(nanos),
  error: v.nullish(v.string()), attempts: v.array(attempt),
});
export type Delivery = v.InferOutput<typeof delivery>;

export const useDeliveries = (ask: { receiver?: string; state?: string; limit?: number } = {}): Result<{ deliveries: Delivery[]; cursor?: string | null | undefined }> =>
  useApi(
    { doing: "read deliveries", path: "/api/v1/deliveries", params: { limit: 500, ...ask }, schema: v.object({ deliveries: v.array(delivery), cursor: v.nullish(v.string()) }) },
    { poll: true },
  );

/** Whether a delivery tells of an alert: its fingerprint stands in the message, whatever the receiver's format. */
export const tellsOf = (delivery: Pick<Delivery, "body">, fingerprint: string): boolean => delivery.body.includes(fingerprint);
