"""Fixtures for the whole suite: the command line, run in this process, and a portal for it to work on."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from pytest_socket import socket_allow_hosts

from portalctl.cli.main import run as run_command_line
from portalctl.http.retry import RetryPolicy
from portalctl.integrations.pull_request_jobs import SYSTEMS
from portalctl.simulator.server import Exchange, Simulator
from tests import vendor

# A developer's run tries a few examples of each property; .ci/run tries many (HYPOTHESIS_PROFILE=thorough).
settings.register_profile("brisk", max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("brisk"), max_examples=200)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "brisk"))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what it runs in the background so, and the commands that tests start would ignore SIGINT, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)

PORTAL_ID = "3f51fa25-310a-421d-bd1a-007f859021a3"
HEAD = f"""version: 1
portal:
  name: partners
  provider: konnect
  id: {PORTAL_ID}
"""
TESTS = Path(__file__).parent
_SLOW_MODULE = re.compile(r"^pytestmark = (?:\[[^\]]*)?pytest\.mark\.(?:slow|peer)\b", re.MULTILINE)
WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})
# Beginnings of variables that a run looks at.
OURS = (
    *("KONNECT_", "PORTALCTL_", "FORCE_COLOR", "GITHUB_", "CI_"),
    *(name for system in SYSTEMS for name in system.signs),
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a wide test, the cases beyond the first few are slow."""
    seen: Counter[str] = Counter()
    for item in items:
        marker = item.get_closest_marker("wide")
        if marker is not None:
            name = item.nodeid.partition("[")[0]
            seen[name] += 1
            if seen[name] > marker.args[0]:
                item.add_marker(pytest.mark.slow)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out modules that are slow, or for peers, as a whole where the default run was asked for: importing them
    takes as long as many tests."""
    if config.option.markexpr != "not peer and not slow" or not collection_path.match("test_*.py"):
        return None
    return _SLOW_MODULE.search(collection_path.read_text(encoding="utf-8")) is not None or None


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Let one of two workers import the tests from behind: pytest rewrites each assertion once and keeps the result,
    so that they share this work and meet in the middle."""
    worker = getattr(session.config, "workerinput", {}).get("workerid", "gw0")
    if session.config.args_source is pytest.Config.ArgsSource.TESTPATHS and int(worker.removeprefix("gw")) % 2:
        for module in sorted(TESTS.rglob("test_*.py"), reverse=True):
            if not pytest_ignore_collect(module, session.config):
                import_module(".".join(module.relative_to(TESTS.parent).with_suffix("").parts))


def named_schema(manifest: Path) -> Path | None:
    """The file that a manifest's first line names to editors."""
    line, _, _ = manifest.read_text(encoding="utf-8").partition("\n")
    _, named, place = line.partition("# yaml-language-server: $schema=")
    return (manifest.parent / place).resolve() if named else None


def pytest_configure() -> None:
    """No test reaches beyond this machine."""
    socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def told(self) -> str:
        """What stdout says, with two spaces between columns however wide they are."""
        return re.sub("(?<=[^ ])  +", "  ", self.out)


def portalctl(*words: str, env: dict[str, str] | None = None) -> Done:
    """Run the command line as `main` does, without a terminal, and with nothing of our own environment."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(OURS)]:
            patch.delenv(name)
        for name, value in (env or {}).items():
            patch.setenv(name, value)
        patch.setenv("PORTALCTL_TRACEBACK", "1")  # a mistake of ours fails the test where it happens
        patch.setattr("sys.stdin", io.StringIO())
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run_command_line(words)
    return Done(code, out.getvalue(), err.getvalue())


@dataclass(slots=True)
class Bench:
    """One simulated portal named `partners`, and a folder with the manifest for it. `classic`: of API v2."""

    sim: Simulator
    folder: Path
    classic: bool = False
    emails: dict[str, str] = field(default_factory=dict)
    teams: dict[str, str] = field(default_factory=dict)

    def people(self, **status: list[str]) -> None:
        """`people(approved=["ann@x.com"], pending=[…])`: registrations, in this order."""
        for state, addresses in status.items():
            for address in addresses:
                self.emails[address] = self.sim.store.add_developer(PORTAL_ID, address, status=state)

    def team(self, name: str, *members: str, description: str | None = None) -> None:
        self.teams[name] = self.sim.store.add_team(PORTAL_ID, name, description=description)
        for address in members:
            self.sim.store.add_member(self.teams[name], self.emails[address])

    def manifest(self, rules: str, name: str = "partners.yaml") -> None:
        head = HEAD.replace("provider: konnect\n", "provider: konnect-v2\n") if self.classic else HEAD
        (self.folder / name).write_text(head + rules, encoding="utf-8")

    def run(self, command: str, *words: str, **env: str) -> Done:
        """`portalctl COMMAND -f portals WORDS…` against this portal."""
        given = {"KONNECT_SERVER_URL": self.sim.url, "KONNECT_TOKEN": self.sim.token} | env
        return portalctl(command, "-f", "portals", *words, env=given)

    def status(self, address: str) -> str:
        people = self.sim.store.developers(PORTAL_ID)
        return next(str(person["status"]) for person in people if person["email"] == address)

    def members(self, team: str) -> set[str]:
        ids = [item["id"] for item in self.sim.store.teams(PORTAL_ID) if item["name"] == team]
        assert len(ids) == 1, f"{len(ids)} teams named {team}"
        return {member["email"] for member in self.sim.store.members(ids[0])}

    @property
    def writes(self) -> list[str]:
        """What was sent that is no GET: "METHOD last-path-segments"."""
        return [_short(exchange) for exchange in self.sim.log if exchange.method in WRITES]

    @property
    def reads(self) -> list[str]:
        return [_short(exchange) for exchange in self.sim.log if exchange.method not in WRITES]


def _short(exchange: Exchange) -> str:
    return f"{exchange.method} {exchange.path.removeprefix(f'/v3/portals/{PORTAL_ID}')}"


@pytest.fixture
def make_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Bench]]:
    """A portal with the given simulator settings. At the end, every request ever sent is held against the vendor's
    own document, where PORTALCTL_SPECS says where that is."""
    folder = tmp_path / "portals"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    with contextlib.ExitStack() as stack:
        benches: list[Bench] = []

        def make(*, classic: bool = False, **settings: Any) -> Bench:
            portal = {"classic": True} if classic else {"display_name": "Partners"}
            seed = {"portals": [{"id": PORTAL_ID, "name": "partners", **portal}]}
            bench = Bench(stack.enter_context(Simulator(seed=seed, **settings)), folder, classic=classic)
            benches.append(bench)
            return bench

        yield make
        if os.environ.get("PORTALCTL_SPECS"):
            for exchange in [exchange for bench in benches for exchange in bench.sim.log]:
                vendor.check_request(exchange)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket can be made at all."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("this must work offline")

    monkeypatch.setattr("socket.socket", refuse)


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between repeats that nobody asked for take no time. What a server asks for is waited."""
    monkeypatch.setattr("portalctl.http.client.DEFAULT_POLICY", RetryPolicy(first=0.0))
    monkeypatch.setattr("portalctl.execution.sender.RESENDS", (0.0, 0.0))
    monkeypatch.setattr("portalctl.execution.confirm_wait.PAUSES", (0.05,))
    monkeypatch.setattr("portalctl.execution.sender.LAG", 0.2)
    monkeypatch.setattr("portalctl.execution.interrupted_run.MAX_WAIT", 0.3)
    monkeypatch.setattr("portalctl.portals.konnect.lists.SETTLE_PAUSES", (0.0, 0.0))
