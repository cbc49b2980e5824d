"""The command line of both benchmarks."""

import argparse
import pathlib
import tempfile

RESULTS = pathlib.Path(__file__).resolve().parent / "RESULTS.md"


def parse_arguments(description):
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--bin", required=True, help="the binnacle binary to measure")
    parser.add_argument("--tools", required=True, help="directory with the built corpus, samples and replay")
    parser.add_argument("--preset", default="medium", choices=["small", "medium", "large"])
    default = pathlib.Path(tempfile.gettempdir()) / "binnacle-bench"
    parser.add_argument("--dir", default=default, type=pathlib.Path, help="where corpus (kept) and data go")
    parser.add_argument("--results", default=str(RESULTS), help="file to write; '' for none")
    parser.add_argument("--keep", action="store_true", help="keep the data directories")
    arguments = parser.parse_args()
    arguments.results = pathlib.Path(arguments.results) if arguments.results else None
    return arguments
