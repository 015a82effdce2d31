"""Console blocks of the README and the guides: parse them, run them, and compare what they print.

A block shows commands after `$ ` and what each prints on both streams. `…` in an expected line stands for any text, a
line that is only `…` for any lines. A command must succeed unless `$ echo $?` follows it. The comment
`<!-- run: COMMAND -->` before a block runs a command that readers do not see; `admin ADDRESS STATUS` changes a
developer as an administrator would on the portal's own pages.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from portalctl.simulator.api7.server import Api7Simulator
from portalctl.simulator.server import Simulator

ROOT = Path(__file__).parents[2]
GUIDES = sorted((ROOT / "portalctl" / "docs").glob("*.md"))
BLOCK = re.compile(r"^<!-- run: (?P<hidden>.*?) -->$|^```console\n(?P<block>.*?)^```$", re.MULTILINE | re.DOTALL)
_END = "\x01"  # after each command's output comes this and the exit code


@dataclass(frozen=True)
class Command:
    """A command, the lines it is said to print, and whether readers see it."""

    line: str
    output: tuple[str, ...]
    hidden: bool = False


@dataclass(frozen=True)
class Result:
    """What a command printed on both streams, and its exit code."""

    output: str
    code: int


def commands(text: str) -> list[Command]:
    """Return the commands of a document in order."""
    found = []
    for match in BLOCK.finditer(text):
        if match["hidden"]:
            found.append(Command(match["hidden"], (), hidden=True))
            continue
        for part in re.split(r"^\$ ", match["block"], flags=re.MULTILINE)[1:]:
            line, *output = re.sub(r"\\\n\s*(> )?", "", part).splitlines()
            found.append(Command(line, tuple(output)))
    return found


@contextmanager
def world(folder: Path) -> Iterator[dict[str, str]]:
    """Fill a folder with the demo's manifest, start both simulators, and yield the environment for commands in it."""
    (folder / "portals").mkdir(parents=True)
    shutil.copy(ROOT / "examples" / "quickstart" / "partners.yaml", folder / "portals")
    with Simulator(seed="demo") as portal, Api7Simulator(seed="demo") as fans:
        yield {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "KONNECT_TOKEN": portal.token,
            "KONNECT_SERVER_URL": portal.url,
            "API7_TOKEN": fans.token,
            "API7_SERVER": fans.url,
            "GIT_AUTHOR_NAME": "Ann",
            "GIT_AUTHOR_EMAIL": "ann@example.com",
            "GIT_COMMITTER_NAME": "Ann",
            "GIT_COMMITTER_EMAIL": "ann@example.com",
            "EXPIRES": str(datetime.now(UTC).date() + timedelta(days=90)),
        }


def run(listed: list[Command], folder: Path, env: dict[str, str]) -> list[Result]:
    """Run the commands in one shell and return the result of each."""
    admin = f'admin() {{ PYTHONPATH="{ROOT}" "{sys.executable}" -m tests.docs.admin "$@"; }}\n'
    script = admin + "".join(
        # The exit code before is restored first, so that `echo $?` shows it.
        f"(exit ${{code:-0}}); {command.line}\ncode=$?; printf '{_END}%d\\n' $code\n"
        for command in listed
    )
    done = subprocess.run(
        ["bash"],
        input=script,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env=env,
        timeout=120,
        check=False,
    )
    parts = re.split(rf"{_END}(\d+)\n", done.stdout)
    return [Result(output, int(code)) for output, code in zip(parts[0::2], parts[1::2], strict=False)]


def steady(text: str) -> str:
    """Return an output without what differs from run to run."""
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8080", text)
    text = re.sub(r"sha256:[0-9a-f]{64}", "sha256:…", text)
    text = re.sub(r"--expires \d{4}-\d\d-\d\d", "--expires 2027-01-31", text)
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?( UTC|Z|\+00:00)", "2026-11-30 10:00 UTC", text)
    text = re.sub(r"oldest \d+ \w+, median \d+ \w+", "oldest 5 days, median 2 days", text)
    return re.sub(r"\b\d+\.\d s\b", "0.1 s", text)


def matches(expected: tuple[str, ...], output: str) -> bool:
    """Return whether an output is the expected one, where `…` stands for any text or lines."""
    lines = [
        r"(?:.*\n)*?" if line.strip() == "…" else ".*".join(map(re.escape, line.rstrip().split("…"))) + r"\s*?\n"
        for line in expected
    ]
    printed = "".join(f"{line.rstrip()}\n" for line in steady(output).splitlines())
    return re.fullmatch("".join(lines), printed) is not None
