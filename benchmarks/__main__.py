"""`python -m benchmarks`: measure, print the table, say which bound is missed."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import best, table, write
from benchmarks.measure import FULL, SHORT, run_all


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="concurrency 32 and streams only (what the gate uses)")
    parser.add_argument("--passes", type=int, default=1, help="repeat all of it and keep the best of each figure")
    parser.add_argument("--json", action="store_true", help="also write benchmarks/results/TIME.json")
    parser.add_argument("--gate", action="store_true", help="exit with 1 if a bound is missed")
    args = parser.parse_args()
    figures = best([run_all(SHORT if args.short else FULL) for _ in range(args.passes)])
    print(table(figures))
    if args.json:
        file = Path(__file__).parent / "results" / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
        write(file, figures)
        print(f"written: {file}")
    return 1 if args.gate and any(figure.missed for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
