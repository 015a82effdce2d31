"""The peer: octoDNS plans a zone from YAML to YAML. Run by the interpreter of an environment that has octoDNS.

`python octodns_plan.py RECORDS FOLDER`; one record in a hundred differs. Says what it cost as JSON.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

ZONE = "bench.example."


def write(folder: Path, records: int, wrong: int) -> None:
    """`wrong`: every so many-th record has another address; 0: none has."""
    folder.mkdir()
    lines = ["---\n"]
    for number in sorted(range(records), key=lambda item: f"host{item:07}"):
        last = 2 if wrong and number % wrong == 0 else 1
        lines.append(f"host{number:07}:\n  ttl: 300\n  type: A\n  value: 10.0.0.{last}\n")
    (folder / f"{ZONE}yaml").write_text("".join(lines), encoding="utf-8")


def main(records: int, folder: Path) -> None:
    from octodns.provider.yaml import YamlProvider  # type: ignore[import-not-found]  # noqa: PLC0415
    from octodns.zone import Zone  # type: ignore[import-not-found]  # noqa: PLC0415

    write(folder / "wanted", records, 0)
    write(folder / "live", records, 100)
    started = time.process_time()
    zone = Zone(ZONE, [])
    YamlProvider("wanted", str(folder / "wanted")).populate(zone)
    plan = YamlProvider("live", str(folder / "live")).plan(zone)
    cpu = time.process_time() - started
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    told = {"cpu": cpu, "changes": len(plan.changes), "peak": int(peak[1]) / 1024 if peak else 0.0}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
