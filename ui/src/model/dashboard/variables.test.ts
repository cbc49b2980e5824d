import { describe, expect, it } from "vitest";
import { readDashboard, type Variable } from "./document";
import { choicesOf, choose, type Chosen, defaultOf, type OwnValues, readChosen, substitute, writeChosen } from "./variables";

const own: OwnValues = { from: "TIMESTAMP 'a'", to: "TIMESTAMP 'b'", fromSeconds: 1000, toSeconds: 4600, stepSeconds: 30, windowSeconds: 120 };
const of = (...values: string[]): Chosen => ({ all: false, values });
const put = (text: string, language: Parameters<typeof substitute>[1], chosen: Chosen, name = "service") => {
  const found = substitute(text, language, new Map([[name, chosen]]), own);
  return found.ok ? found.text : `! ${found.problem}`;
};
const variable = (more: Partial<Variable>): Variable => {
  const read = readDashboard({ title: "t", panels: [], variables: [{ name: "service", kind: "list", ...more }] });
  if (!read.ok) throw new Error(read.problems.join());
  return read.dashboard.variables[0]!;
};

describe("choices in a link", () => {
  it.each([[of("a")], [of("a", "b,c", "d\\e")], [of("*")], [of("")], [{ all: true as const }]])("come back as they were: %j", (chosen) => expect(readChosen(writeChosen(chosen))).toEqual(chosen));
  it("are the defaults where it says nothing", () => {
    expect(defaultOf(variable({ all: true }))).toEqual({ all: true });
    expect(defaultOf(variable({ values: ["x", "y"] }))).toEqual(of("x"));
    expect(defaultOf(variable({ kind: "sql" }), ["first", "second"])).toEqual(of("first"));
    expect(defaultOf(variable({ kind: "text" }))).toEqual(of(""));
    expect(defaultOf(variable({ all: true, default: ["p"] }))).toEqual(of("p"));
  });
  it("are one where one may be chosen, and All only where it may", () => {
    expect(choicesOf([variable({ values: ["x"] })], { "var-service": "a,b" }).get("service")).toEqual(of("a"));
    expect(choicesOf([variable({ values: ["x"] })], { "var-service": "*" }).get("service")).toEqual(of("x"));
    expect(choicesOf([variable({ multi: true })], { "var-service": "a,b" }).get("service")).toEqual(of("a", "b"));
  });
  it("leave a link when they are the default again", () => {
    const one = variable({ all: true, kind: "attribute" });
    const search = choose({ tab: "x" }, one, of("pay,ments"));
    expect(search).toEqual({ tab: "x", "var-service": "pay\\,ments" });
    expect(choose(search, one, { all: true })).toEqual({ tab: "x" });
  });
});

describe("PromQL, LogQL and TraceQL", () => {
  it("escape a value in its quotes", () => {
    expect(put('up{job="$service"}', "promql", of('a"b\\c'))).toBe('up{job="a\\"b\\\\c"}');
    expect(put("up{job='$service'}", "promql", of("it's"))).toBe("up{job='it\\'s'}");
  });
  it("escape what regular expressions take for their own", () => expect(put('up{job=~"$service"}', "promql", of("a.b", "c|d"))).toBe('up{job=~"(a\\\\.b|c\\\\|d)"}'));
  it("take All for anything after =~, and refuse it after =", () => {
    expect(put('{ resource.service.name =~ "$service" }', "traceql", { all: true })).toBe('{ resource.service.name =~ ".*" }');
    expect(put('up{job="$service"}', "promql", { all: true })).toMatch(/^! .*=~/);
    expect(put('up{job!="$service"}', "promql", of("a", "b"))).toMatch(/^! /);
  });
  it("let no value out of its quotes", () => {
    expect(put('{ name = "$service" }', "traceql", of('x" } || { true'))).toBe('{ name = "x\\" } || { true" }');
    expect(put("{app=`$service`}", "logql", of("a`b"))).toMatch(/^! .*backtick/);
  });
  it("let only words and numbers stand without quotes", () => {
    expect(put("histogram_quantile($service, x)", "promql", of("0.99"))).toBe("histogram_quantile(0.99, x)");
    expect(put("rate(x[$service])", "promql", of("5m"))).toBe("rate(x[5m])");
    expect(put("$service + 1", "promql", of("up) or vector(1"))).toMatch(/^! /);
  });
  it("know the page's own names", () => expect(put("rate(x[$window]) $step ${range} $1 $other", "promql", of("a"))).toBe("rate(x[120s]) 30s 3600s $1 $other"));
  it("leave comments alone", () => expect(put("up # $service", "promql", of("a"))).toBe("up # $service"));
});

describe("SQL", () => {
  it("writes texts, doubling their quotes", () => expect(put("WHERE service = $service", "sql", of("o'brien"))).toBe("WHERE service = 'o''brien'"));
  it("lists several after IN", () => expect(put("service IN ($service)", "sql", of("a", "b"))).toBe("service IN ('a', 'b')"));
  it("makes TRUE of a condition on all values", () => {
    expect(put("WHERE a AND service IN ($service) AND b", "sql", { all: true })).toBe("WHERE a AND TRUE AND b");
    expect(put("attributes['http.route'] IN ($service)", "sql", { all: true })).toBe("TRUE");
    expect(put("service NOT IN ($service)", "sql", { all: true })).toBe("FALSE");
    expect(put("service = $service", "sql", { all: true })).toMatch(/^! /);
  });
  it("writes into a text without leaving it", () => expect(put("name LIKE '%$service%'", "sql", of("x' OR 1=1 --"))).toBe("name LIKE '%x'' OR 1=1 --%'"));
  it("is not led astray by doubled quotes and comments", () => expect(put("SELECT 'it''s' -- $service\n, $service", "sql", of("a"))).toBe("SELECT 'it''s' -- $service\n, 'a'"));
  it("takes numbers only where it says so", () => {
    expect(put("> ${service:number}", "sql", of("12.5"))).toBe("> 12.5");
    expect(put("> ${service:number}", "sql", of("1; DROP"))).toMatch(/^! /);
  });
  it("knows the page's time", () => expect(put("time >= $from AND date_bin($step, time)", "sql", of("a"))).toBe("time >= TIMESTAMP 'a' AND date_bin(INTERVAL '30 seconds', time)"));
});

describe("log search", () => {
  it("quotes values", () => expect(put("service:$service", "logs", of('a "b"'))).toBe('service:"a \\"b\\""'));
  it("takes any of several", () => expect(put("service:$service severity:error", "logs", of("a", "b"))).toBe('service:("a" OR "b") severity:error'));
  it("drops the condition for All", () => expect(put("service:$service severity:error", "logs", { all: true })).toBe("* severity:error"));
});

it("says what has no value yet", () => expect(put("$service", "sql", of())).toBe("! $service has no value yet"));
