"""Measuring in processes of their own, so that nothing is warm, shared or counted that does not belong.

What is to be measured is a function of `tests.bench.work`: it runs in a fresh interpreter and gives its numbers.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

Numbers = Mapping[str, float]


def measured(work: str, **arguments: object) -> Numbers:
    """What `tests.bench.work.WORK(**arguments)` says of itself. `peak`: MiB of its whole process, imports included.

    Raises subprocess.CalledProcessError where it fails; its errors are on stderr.
    """
    words = [sys.executable, "-m", "tests.bench.work", work, json.dumps(arguments)]
    done = subprocess.run(words, stdout=subprocess.PIPE, check=True)
    numbers: Numbers = json.loads(done.stdout)
    return numbers


def least(runs: Sequence[Numbers]) -> Numbers:
    """The smallest of each number: what disturbs a run only ever adds to it."""
    return {key: min(run[key] for run in runs) for key in runs[0]}


def peak_mib() -> float:
    """The most memory this process has had, MiB. On Linux since it was started: elsewhere its parent's may count."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


@contextmanager
def timed(numbers: dict[str, float], name: str = "") -> Iterator[None]:
    """Adds `{name}wall` and `{name}cpu`, seconds, of what runs inside."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    numbers[f"{name}wall"] = time.perf_counter() - wall
    numbers[f"{name}cpu"] = time.process_time() - cpu


class Portal:
    """A simulated portal in a process of its own; see `tests.bench.portal`."""

    def __init__(self, developers: int, *, latency: float = 0.0, log_limit: int = 0) -> None:
        """`latency`: seconds that each answer takes; `log_limit`: how many requests it can tell of afterwards."""
        settings = json.dumps({"developers": developers, "latency": latency, "log_limit": log_limit})
        words = [sys.executable, "-m", "tests.bench.portal", settings]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = str(self._line())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()  # the end of its input ends it

    def ask(self, command: str) -> Any:
        """Let the portal do something, and what it says."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())
