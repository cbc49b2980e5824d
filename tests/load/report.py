"""What the benchmarks' reports share: how numbers are shown and judged, and the sections of RESULTS.md."""

import os
import pathlib
import platform
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]

#: The headings of the sections, one per script, in their order.
INGEST = "# End-to-end benchmark"
SEARCH = "# Searches"
PROMETHEUS = "# Against Prometheus"
PATH = "# The request path"
SOAK = "# Soak"
SECTIONS = [INGEST, SEARCH, PROMETHEUS, PATH, SOAK]


def write_section(path, heading, text):
    """Writes one section; the others stay."""
    sections = parts(path) | {heading: text}
    path.write_text("\n".join(f"{sections[name].rstrip()}\n" for name in SECTIONS if name in sections))


def parts(path):
    """The sections of a report by their headings."""
    sections, heading = {}, None
    for line in path.read_text().splitlines() if path.exists() else []:
        if line in SECTIONS:
            heading = line
            sections[heading] = ""
        if heading:
            sections[heading] += f"{line}\n"
    return sections


def lookup(tree, key):
    for part in key.split("."):
        tree = tree[part]
    return tree


def judge(value, must, aim, better):
    reached = (lambda goal: value <= goal) if better == "less" else (lambda goal: value >= goal)
    return "aim reached" if reached(aim) else "must reached" if reached(must) else "falls short"


def show(value):
    if isinstance(value, int) or value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def machine():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.+)", text)
    memory = re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())
    name = model[1].strip() if model else platform.machine()
    return f"{os.cpu_count()} × {name}, {int(memory[1]) / 1e6:.0f} GB, Linux {platform.release()}"


def commit():
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True
    )
    return done.stdout.strip() or "unknown"
