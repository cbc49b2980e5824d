import { expect, test } from "vitest";
import { conjuncts, has, marked, narrow, patternTerm, remove, servicesIn, split, term, togglePattern, traceOf, wordsOf } from "./query";

test("a pipe stands by itself, outside of quotes", () => {
  expect(split("timeout | count by service")).toEqual({ search: "timeout", pipes: "count by service" });
  expect(split('"a | b" c')).toEqual({ search: '"a | b" c', pipes: "" });
  expect(split("a|b")).toEqual({ search: "a|b", pipes: "" });
  expect(split("| top 5 by url.path")).toEqual({ search: "", pipes: "top 5 by url.path" });
});

test("values are quoted where they would read as something else", () => {
  expect(term("service", "payments-db")).toBe("service:payments-db");
  expect(term("http.route", "/cart")).toBe("http.route:/cart");
  expect(term("user.name", 'Ann "A" Lee')).toBe('user.name:"Ann \\"A\\" Lee"');
  expect(term("code", 500)).toBe("code:500");
  expect(term("code", "500")).toBe('code:"500"');
  expect(term("version", "1..2")).toBe('version:"1..2"');
  expect(term("word", "AND")).toBe('word:"AND"');
  expect(term("my key", true)).toBe('"my key":true');
  expect(term("user.id", null)).toBe("NOT user.id:*");
});

test("a click adds a condition, a second one takes it out again", () => {
  expect(narrow("", "service:a")).toBe("service:a");
  expect(narrow("refused", "service:a")).toBe("refused AND service:a");
  expect(narrow("refused AND service:a", "service:a")).toBe("refused");
  expect(narrow("a OR b", "service:c")).toBe("(a OR b) AND service:c");
  expect(narrow('"x OR y"', "service:c")).toBe('"x OR y" AND service:c');
  expect(narrow("", "service:a", true)).toBe("NOT service:a");
  expect(narrow("", "NOT user.id:*", true)).toBe("user.id:*");
  expect(narrow("refused | count", "service:a")).toBe("refused AND service:a");
  expect(remove("a AND b AND c", "b")).toBe("a AND c");
  expect(remove("a OR b", "b")).toBeNull();
});

test("parts of an AND, but not those inside of parentheses", () => {
  expect(conjuncts('a AND (b AND c) AND "d AND e"')).toEqual(["a", "(b AND c)", '"d AND e"']);
  expect(conjuncts('service:payments "pool exhausted"  code:[200 TO 299] NOT -x NOT (a b) y AND severity:>= warn')).toEqual([
    "service:payments", '"pool exhausted"', "code:[200 TO 299]", "NOT -x", "NOT (a b)", "y", "severity:>= warn",
  ]);
  expect(conjuncts('user.name:"Ann \\" Lee" NOT')).toEqual(['user.name:"Ann \\" Lee"', "NOT"]);
  expect(conjuncts("a OR b c")).toEqual(["a OR b c"]);
  expect(has("a AND b", "b")).toBe(true);
  expect(has("a OR b", "b")).toBe(false);
});

test("words to mark are those a body is searched for", () => {
  expect(wordsOf('timeout "pool exhausted" service:a NOT "health check" conn*')).toEqual(["timeout", "pool exhausted", "conn"]);
  expect(wordsOf("a AND body:b OR -c")).toEqual(["a", "b"]);
  expect(wordsOf("")).toEqual([]);
  expect(marked("Timed out (timed)", ["timed"])).toEqual(["", "Timed", " out (", "timed", ")"]);
  expect(marked("a+b", ["a+b"])).toEqual(["", "a+b", ""]);
  expect(marked("plain", [])).toEqual(["plain"]);
});

test("a pattern becomes the phrases between what varies", () => {
  expect(patternTerm("timed out after <_> ms")).toBe('"timed out after" AND "ms"');
  expect(patternTerm("circuit open for db-<_>.eu-<_>")).toBe('"circuit open for db-" AND ".eu-"');
  expect(patternTerm("order<_>x placed")).toBe('"placed"');
  expect(patternTerm("<_>")).toBeNull();
});

test("a pattern is picked and put back", () => {
  const picked = togglePattern("service:a", "pool <_> busy");
  expect(picked).toBe('service:a AND "pool" AND "busy"');
  expect(togglePattern(picked, "pool <_> busy")).toBe("service:a");
  expect(togglePattern("", "pool <_> busy", true)).toBe('NOT ("pool" AND "busy")');
  expect(togglePattern("", "pool", true)).toBe('NOT "pool"');
});

test("the trace a search is bound to", () => {
  expect(traceOf("trace_id:0123456789abcdef0123456789abcdef AND x")).toBe("0123456789abcdef0123456789abcdef");
  expect(traceOf("trace_id:012")).toBeNull();
});

test("the services a search is bound to", () => {
  expect(servicesIn("service:cart AND timeout | count")).toEqual(["cart"]);
  expect(servicesIn('service:"a b" timeout')).toEqual(["a b"]);
  expect(servicesIn("service:a OR service:b")).toEqual([]);
  expect(servicesIn("NOT service:a AND service:pay*")).toEqual([]);
});
