import { expect, it } from "vitest";
import type { Operation } from "@/api/runs";
import { pairsOf } from "./sides";

const operation = (over: Partial<Operation>): Operation => ({ name: "buy", requests: 100, errors: 1, latency: { percentiles: [[50, 20], [99, 90]] }, ...over });
const seen = { service: "gateway", name: "POST /checkout", spans: 99, errors: 2, p50: 15, p99: 70 };

it("joins operations with the spans they name", () => {
  const [pair] = pairsOf({ operations: [operation({ service: "gateway", span_name: "POST /checkout" })] }, [seen]);
  expect(pair).toMatchObject({ operation: "buy", client: { requests: 100, p99: 90 }, server: { requests: 99, errors: 2, p99: 70 }, between: 20 });
});

it("keeps what only one side has", () => {
  const pairs = pairsOf({ operations: [operation({ name: "POST /checkout", service: "gateway", latency: null }), operation({ name: "GET /cart", service: "gateway" })] }, [seen, { ...seen, name: "GET /health" }]);
  expect(pairs.map((pair) => [pair.operation, pair.client?.requests ?? null, pair.server?.requests ?? null, pair.between])).toEqual([
    ["POST /checkout", 100, 99, null], ["GET /cart", 100, null, null], ["GET /health", null, 99, null],
  ]);
});
