import { describe, expect, it } from "vitest";
import { documentsOf, ownDocument, exclusionLine, withExclusion } from "./yaml";

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

describe("the SLO's own document", () => {
  const one = (name: string) => `apiVersion: openslo/v1\nkind: SLO\nmetadata:\n  displayName: 'x'\n  name: ${name}\nspec:\n  indicator:\n    metadata: {name: other}\n`;
  const file = `# what we promise\n---\n${one("cart")}---\n${one("'checkout'")}\n--- # ours\napiVersion: openslo/v1\nkind: Service\nmetadata: {name: checkout}\n`;
  it("is found by its name, among others of the file", () => {
    expect(documentsOf(file)).toHaveLength(3);
    expect(ownDocument(file, "checkout")).toBe(one("'checkout'"));
    expect(ownDocument(file, "cart")).toBe(one("cart"));
    expect(ownDocument(`kind: SLO\nmetadata: {labels: x, name: flow}\n`, "flow")).toContain("flow");
  });
  it("is not guessed", () => {
    expect(ownDocument(file, "other")).toBeNull();
    expect(ownDocument(one("cart") + "---\n" + one("cart"), "cart")).toBeNull();
    expect(ownDocument("", "cart")).toBeNull();
  });
});
