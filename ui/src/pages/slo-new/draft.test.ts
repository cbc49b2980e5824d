import { describe, expect, it } from "vitest";
import { BLANK, leastPerHour, nameOf, openSlo, problemOf } from "./draft";

const draft = { ...BLANK, service: "check's out", operation: "POST /pay" };

describe("a draft", () => {
  it("is OpenSLO whose texts are quoted", () => {
    const text = openSlo({ ...draft, good: "latency", owner: "ann" });
    expect(text).toContain("  name: check-s-out-post-pay-under-300ms\n");
    expect(text).toContain("displayName: 'check''s out POST /pay under 300 ms'");
    expect(text).toContain(`query: '{ resource.service.name = "check''s out" && (kind = server || kind = consumer) && name = "POST /pay" }'`);
    expect(text).toContain("good: {metricSource: {type: spans, spec: {query: '{ status != error && duration <= 300ms }'}}}");
    expect(text).toContain("objectives: [{target: 0.999}]");
    expect(text).toContain("labels: {owner: 'ann'}");
  });
  it("of logs counts records", () => expect(openSlo({ ...draft, good: "logs" })).toContain("type: logs"));
  it("has a name that fits", () => expect(nameOf({ ...draft, operation: "x".repeat(90) }).length).toBeLessThanOrEqual(63));
  it("says what is missing", () => {
    expect(problemOf(BLANK)).toBe("Choose a service.");
    expect(problemOf({ ...draft, target: 100 })).toContain("objective");
    expect(problemOf({ ...draft, good: "latency", milliseconds: Number.NaN })).toContain("milliseconds");
    expect(problemOf({ ...draft, days: 0 })).toContain("window");
    expect(problemOf(draft)).toBeNull();
  });
  it("knows with how little traffic its fast tier means nothing", () => {
    expect(leastPerHour(99.9)).toBe(834);
    expect(leastPerHour(90)).toBe(12);
  });
});
