"""`python -m tests.bench [NAME…] [--size small|full] [--json FILE]`: how fast and frugal it is, against what.

A report: a target that is missed does not fail it. Run it from the top of the repository.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.bench.cases import CASES, SIZES
from tests.bench.table import Row, table, to_json

INTRODUCTION = """\
Runs alternate on one machine, and the least of each number counts. Only ratios tell anything: the machine may be
busy. Memory is a process's peak, all imports included. Size: {size}{other}
"""
OTHER = {"small": ". Fixed costs weigh more than at full size, which is what the targets are for.", "full": "."}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of: {', '.join(CASES)}; all by default")
    parser.add_argument("--size", choices=SIZES, default="small", help="small: about a tenth (default)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same as JSON")
    wanted = parser.parse_args()
    unknown = [name for name in wanted.names if name not in CASES]
    if unknown:
        parser.error(f"no case {', '.join(unknown)}; there are {', '.join(CASES)}")
    rows: list[Row] = []
    for name in wanted.names or CASES:
        sys.stderr.write(f"{name} …\n")
        rows += CASES[name](SIZES[wanted.size])
    sys.stdout.write(f"{INTRODUCTION.format(size=wanted.size, other=OTHER[wanted.size])}\n{table(rows)}")
    if wanted.json is not None:
        wanted.json.write_text(to_json(rows, wanted.size), encoding="utf-8")


if __name__ == "__main__":
    main()
