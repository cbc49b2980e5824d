import { expect, it } from "vitest";
import type { ListedDashboard } from "@/api/dashboards";
import { foundIn, headline, tagsOf } from "./rows";

const one = (id: string, more: Partial<ListedDashboard> = {}): ListedDashboard => ({ id, title: id, description: "", tags: [], source: "stored", version: 1, updated_at: null, panels: 3, ...more });
const all = [one("Services", { source: "built-in", tags: ["services", "red"] }), one("checkout", { tags: ["red"], description: "of the shop" }), one("Adverts")];

it("lists one's own first, each by title", () => expect(foundIn(all, "", "").map((row) => row.id)).toEqual(["Adverts", "checkout", "Services"]));
it("finds words anywhere, in any case", () => expect(foundIn(all, "SHOP check", "").map((row) => row.id)).toEqual(["checkout"]));
it("finds what has the tag", () => expect(foundIn(all, "", "red").map((row) => row.id)).toEqual(["checkout", "Services"]));
it("counts tags, the most frequent first", () => expect(tagsOf(all)).toEqual([{ tag: "red", count: 2 }, { tag: "services", count: 1 }]));
it("says how many there are", () => expect([headline(all), headline([one("a")]), headline([])]).toEqual(["2 dashboards of your own, 1 built in", "1 dashboard of your own, 0 built in", "No dashboards"]));
