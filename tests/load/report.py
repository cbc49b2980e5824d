"""What the benchmarks' reports share: how numbers are shown and judged, and the sections of RESULTS.md."""

import os
import pathlib
import platform
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]

#: The heading of what `prometheus.py` writes; it stands last.
PROMETHEUS = "# Against Prometheus"


def write_main(path, text):
    """Writes everything but the last section, which stays."""
    _, last = parts(path)
    path.write_text(text + (f"\n{last}" if last else ""))


def write_last(path, text):
    first, _ = parts(path)
    path.write_text((f"{first.rstrip()}\n\n" if first else "") + text)


def parts(path):
    text = path.read_text() if path.exists() else ""
    at = text.find(f"{PROMETHEUS}\n")
    return (text, "") if at < 0 else (text[:at], text[at:])


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
