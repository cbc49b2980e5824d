"""Random PromQL over a small set of series: every function, aggregation, operator and modifier that a Prometheus of version
2.42 knows, too. Times are chosen so that no sample lies exactly where a range or look-back begins, which is the one thing
about selectors that version 3 changed."""

import math
import random

from remote_write import STALE, Series

#: Seconds; samples stand at half seconds, steps and ranges are whole ones, queries are asked at seven tenths.
BASE = 1_600_000_000
STEP = 15
COUNT = 100


def dataset(seed):
    """Counters with resets and gaps, gauges, a series that goes and comes back, special values, odd labels, classic
    histograms good and bad."""
    chance = random.Random(seed)
    times = [(BASE + 3) * 1000 + 500 + step * STEP * 1000 for step in range(COUNT)]
    series = []

    def add(name, values, **labels):
        samples = [(value, time) for value, time in zip(values, times) if value is not None]
        series.append(Series({"__name__": name} | labels, samples))

    def counter():
        value = chance.randrange(5000, 9000)
        for _ in range(COUNT):
            value = value * 0.9 if chance.random() < 0.02 else value
            value += chance.choice([0, 1, 2, 5, 7.5, 100])
            yield value

    for job in ("api", "web"):
        for instance in ("h1:80", "h2:80"):
            for code in ("200", "404"):
                gaps = [None if chance.random() < 0.05 else value for value in counter()]
                add("requests_total", gaps, job=job, instance=instance, code=code)
            temperatures = [round(chance.uniform(-50, 50), 3) for _ in range(COUNT)]
            add("temperature", temperatures, job=job, instance=instance)
            add("memory_bytes", list(counter()), job=job, instance=instance, zone="z" + instance[1])
        for bound, share in (("0.1", 2), ("1", 8), ("+Inf", 10)):
            counts = [5000 + step * share + chance.choice([0, 0, -3]) * (share == 8) for step in range(COUNT)]
            add("latency_bucket", counts, job=job, le=bound)
    add("up", [1] * COUNT, job="api", instance="h1:80")
    add("up", [1] * 30 + [STALE] + [None] * 29 + [1] * 40, job="web", instance="h1:80")
    special = [math.nan, math.inf, -math.inf, 0.0, 1e21, -2.5, 123456789.125, 1e6, 1e-7]
    add("special", [chance.choice(special) for _ in range(COUNT)], kind="mix")
    add("special", [math.nan] * COUNT, kind="nan")
    add("special", [step * 0.25 for step in range(COUNT)])
    for number, value in enumerate(["a", "B", "ä", "10", "9", "x y", 'q"uo', "back\\slash"]):
        add("odd", [number + 0.5] * COUNT, v=value, n=str(number))
    for bound, count in (("-5", 1), ("0", 5), ("2", 8), ("+Inf", 8)):
        add("negative_bucket", [count] * COUNT, le=bound)
    for bound, count in (("1", 3), ("abc", 5)):
        add("bad_bucket", [count] * COUNT, le=bound)
    return series


SELECTORS = """
requests_total
requests_total{job="api"}
requests_total{code=~"4..|5.."}
temperature
temperature{job!="api"}
memory_bytes{zone='z1'}
up
up{job=`web`,}
special
special{kind="mix"}
special{kind=""}
special{kind=~"|mix"}
odd
odd{v=~".*"}
odd{v!=""}
nothing
{__name__=~"temperature|up"}
{__name__="up"}
temperature{instance=~"h[12]:80",job=~"a.*|"}
""".split("\n")[1:-1]
RANGES = ["15s", "45s", "1m", "2m", "5m", "7m", "1m30s", "1h"]
DURATIONS = ["1m", "30s", "5m", "-1m", "2m10s", "-1h"]
RANGE_FUNCTIONS = """rate increase delta irate idelta changes resets deriv avg_over_time sum_over_time min_over_time
max_over_time count_over_time last_over_time present_over_time absent_over_time""".split()
VECTOR_FUNCTIONS = """abs ceil floor exp sqrt ln log2 log10 sgn sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh
deg rad absent sort sort_desc timestamp day_of_month day_of_week day_of_year days_in_month hour minute month year
round""".split()
AGGREGATIONS = "sum avg min max count group".split()
LABELS = "job instance code zone le kind v n nope __name__".split()
NUMBERS = "0 1 2 -1 0.5 1e3 0x1F Inf -Inf NaN 1e-3 3 .5 1. +2".split()
ARITHMETIC = "+ - * / % ^".split()
COMPARISONS = "== != > < >= <=".split()
SETS = "and or unless".split()


class Generator:
    def __init__(self, seed):
        self.chance = random.Random(seed)

    def one(self, options):
        return self.chance.choice(options)

    def often(self, share):
        return self.chance.random() < share

    def query(self):
        kind = self.chance.random()
        if kind < 0.05:
            return self.scalar(2)
        if kind < 0.1:
            return self.range(2)
        if kind < 0.12:
            return self.one(['"a\\n"', "'x\\'y'", "`raw\\n`", '"\\u00e9"'])
        return self.vector(self.one([1, 2, 2, 3]))

    def shift(self):
        offset = " offset " + self.one(DURATIONS) if self.often(0.15) else ""
        at = self.one(["start()", "end()", str(BASE + 600), f"{BASE + 1000}.25"])
        return offset + (f" @ {at}" if self.often(0.1) else "")

    def labels(self):
        return ",".join(self.chance.sample(LABELS, self.chance.randrange(0, 4)))

    def vector(self, depth):
        kind = self.chance.random()
        if depth <= 0 or kind < 0.2:
            return self.one(SELECTORS) + self.shift()
        if kind < 0.4:
            return self.over_time(depth)
        if kind < 0.55:
            return self.aggregation(depth)
        if kind < 0.67:
            return f"{self.one(VECTOR_FUNCTIONS)}({self.vector(depth - 1)})"
        if kind < 0.75:
            return self.other_function(depth)
        if kind < 0.8:
            return f"-({self.vector(depth - 1)})"
        return self.binary(depth)

    def other_function(self, depth):
        vector, number = self.vector(depth - 1), self.scalar(0)
        quantile = self.one(["0.5", "0.9", "0", "1", "-1", "2", "NaN"])
        bucket = self.one(["latency_bucket", "negative_bucket", "bad_bucket"])
        buckets = self.one([bucket, f"rate({bucket}[5m])", f"sum by (le) (increase({bucket}[5m]))"])
        source, target = self.one(LABELS), self.one(["job", "new", "__name__"])
        pattern = self.one(["(.*)", "(.*):.*", "h(.).*", "", "(?:x)?(.+)"])
        template = self.one(["$1", "x-$1", "$0", "${1}y", "", "lit", "$2"])
        return self.one(
            [
                f"clamp({vector}, {number}, {self.scalar(0)})",
                f"clamp_min({vector}, {number})",
                f"clamp_max({vector}, {number})",
                f"round({vector}, {number})",
                f"vector({self.scalar(depth - 1)})",
                f'label_replace({vector}, "{target}", "{template}", "{source}", "{pattern}")',
                f'label_join({vector}, "{target}", "-", "{source}", "job")',
                f"histogram_quantile({quantile}, {buckets})",
            ]
        )

    def over_time(self, depth):
        kind, span = self.chance.random(), self.range(depth)
        if kind < 0.12:
            return f"quantile_over_time({self.one(['0.5', '0', '1', '0.9', '-1', '2'])}, {span})"
        return f"{self.one(RANGE_FUNCTIONS)}({span})"

    def range(self, depth):
        if depth > 1 and self.often(0.3):
            step = self.one(["30s", "1m", "20s", "10s", "15s"])
            # Not a whole number of seconds, so that the steps of nested subqueries never meet.
            return f"({self.vector(depth - 1)})[{self.one(RANGES)}:{step}] offset 300ms"
        return f"{self.one(SELECTORS)}[{self.one(RANGES)}]{self.shift()}"

    def aggregation(self, depth):
        grouping = f"{self.one(['by', 'without'])} ({self.labels()})"
        vector, kind = self.vector(depth - 1), self.chance.random()
        if kind < 0.12:
            quantile = self.one(["0.5", "0", "1", "0.9", "-1", "2", "NaN"])
            operation, inside = "quantile", f"({quantile}, {vector})"
        elif kind < 0.22:
            operation, inside = "count_values", f'("{self.one(["val", "job"])}", {vector})'
        elif kind < 0.32:
            # More than there are series: which of equal ones are chosen is nobody's promise.
            operation, inside = self.one(["topk", "bottomk"]), f"(100, {vector})"
        else:
            operation, inside = self.one(AGGREGATIONS), f"({vector})"
        return self.one([f"{operation} {grouping} {inside}", f"{operation}{inside} {grouping}", operation + inside])

    def scalar(self, depth):
        if depth <= 0 or self.often(0.6):
            return self.one(NUMBERS)
        left, right = self.scalar(depth - 1), self.scalar(depth - 1)
        operators = ARITHMETIC + [f"{comparison} bool" for comparison in COMPARISONS]
        return self.one(
            [f"scalar({self.vector(depth - 1)})", "time()", "pi()", f"({left} {self.one(operators)} {right})"]
        )

    def binary(self, depth):
        operator = self.one(ARITHMETIC + COMPARISONS + SETS)
        left, right = f"({self.vector(depth - 1)})", f"({self.vector(depth - 1)})"
        if operator not in SETS and self.often(0.3):
            right = self.scalar(depth - 1)
            left, right = self.one([(left, right), (right, left)])
            matching = ""
        elif self.often(0.7):
            matching = f" {self.one(['on', 'ignoring'])} ({self.labels()})"
            if operator not in SETS and self.often(0.4):
                matching += f" {self.one(['group_left', 'group_right'])} ({self.labels()})"
        else:
            matching = ""
        modifier = " bool" if operator in COMPARISONS and self.often(0.4) else ""
        return f"{left} {operator}{modifier}{matching} {right}"
