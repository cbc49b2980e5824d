import { describe, expect, it } from "vitest";
import { exclusionLine, withExclusion } from "./yaml";

const line = exclusionLine("2024-05-01T10:00:00Z", "2024-05-01T12:00:00Z", "an\noutage", "ann");

describe("an exclusion", () => {
  it("is one line", () => expect(line).toBe("2024-05-01T10:00:00Z/2024-05-01T12:00:00Z an outage (ann)"));
  it("makes annotations, joins them, or joins the exclusions", () => {
    const none = "kind: SLO\nmetadata:\n  name: a\nspec:\n  x: 1\n";
    const first = withExclusion(none, "L1");
    expect(first).toBe("kind: SLO\nmetadata:\n  annotations:\n    binnacle/exclusions: |\n      L1\n  name: a\nspec:\n  x: 1\n");
    expect(withExclusion(first ?? "", "L2")).toContain("    binnacle/exclusions: |\n      L2\n      L1\n");
    expect(withExclusion("kind: SLO\nmetadata:\n  name: a\n  annotations:\n    x/y: z\nspec:\n", "L")).toContain("  annotations:\n    binnacle/exclusions: |\n      L\n    x/y: z\n");
  });
  it("is refused where the text is of another make", () => {
    expect(withExclusion("metadata: {name: a}\n", "L")).toBeNull();
    expect(withExclusion("metadata:\n  annotations:\n    binnacle/exclusions: 'daily'\n", "L")).toBeNull();
  });
});
