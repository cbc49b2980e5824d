import { expect, test } from "vitest";
import type { LogRecord } from "@/api/logs";
import { nanos } from "@/model/time";
import { fieldsOf } from "./fieldList";

const record = (attributes: Record<string, unknown>, resource: Record<string, unknown>): LogRecord => ({
  id: "1", time: nanos(1), severity: "", severity_number: 0, body: "", service: "s", resource: { attributes: resource }, scope: { name: "" }, attributes, ingested_at: nanos(1),
});

test("telling fields come first, those of one value or of a value per record last", () => {
  const records = Array.from({ length: 20 }, (_, i) => record({ "order.id": i, kind: i % 2 ? "a" : "b", "error.type": "x" }, { "service.name": "s", "service.version": i % 3, "cloud.region": "eu", kind: "hidden by the record's" }));
  expect(fieldsOf(records).map((field) => field.key)).toEqual(["service.version", "error.type", "kind", "cloud.region", "order.id", "service.name"]);
});

test("names that mean the record's own fields are written in full", () => {
  expect(fieldsOf([record({ service: "x" }, { severity: "y" })]).map((field) => field.key)).toEqual(["attributes.service", "resource.severity"]);
});
