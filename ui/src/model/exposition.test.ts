import { expect, it } from "vitest";
import { bucketQuantile, parseExposition, total, totalsBy } from "./exposition";

const TEXT = `# HELP requests Requests.
# TYPE requests counter
requests_total{signal="traces",outcome="ok"} 120
requests_total{signal="logs",outcome="ok"} 30 1795400429068
requests_total{outcome="too large, \\"whole\\"\\n",signal="logs",} 2
up 1
ratio{a="{}"} NaN
broken{a="1" 2
half
fsync_seconds_sum 0.5
fsync_seconds_count 100
fsync_seconds_bucket{le="0.001"} 0
fsync_seconds_bucket{le="0.002"} 50
fsync_seconds_bucket{le="0.004"} 90
fsync_seconds_bucket{le="+Inf"} 100
`;
const samples = parseExposition(TEXT);

it("reads samples with and without labels, and leaves out what is none", () => {
  expect(samples.map((one) => one.name)).not.toContain("broken");
  expect(samples.map((one) => one.name)).not.toContain("half");
  expect(samples.find((one) => one.name === "up")).toEqual({ name: "up", labels: {}, value: 1 });
  expect(samples[2]).toEqual({ name: "requests_total", labels: { outcome: 'too large, "whole"\n', signal: "logs" }, value: 2 });
  expect(samples.find((one) => one.name === "ratio")).toEqual({ name: "ratio", labels: { a: "{}" }, value: NaN });
});

it("adds up by labels; what is not there is not zero", () => {
  expect(total(samples, "requests_total")).toBe(152);
  expect(total(samples, "requests_total", { signal: "logs" })).toBe(32);
  expect(total(samples, "requests_total", { signal: "profiles" })).toBeNull();
  expect([...totalsBy(samples, "requests_total", "outcome").values()]).toEqual([150, 2]);
});

it("interpolates quantiles within their bucket", () => {
  expect(bucketQuantile(samples, "fsync_seconds", 0.25)).toBeCloseTo(0.0015, 9);
  expect(bucketQuantile(samples, "fsync_seconds", 0.5)).toBeCloseTo(0.002, 9);
  expect(bucketQuantile(samples, "fsync_seconds", 0.7)).toBeCloseTo(0.003, 9);
  // Above the last bound nothing is known but that.
  expect(bucketQuantile(samples, "fsync_seconds", 0.99)).toBe(0.004);
  expect(bucketQuantile(samples, "flush_seconds", 0.99)).toBeNull();
});
