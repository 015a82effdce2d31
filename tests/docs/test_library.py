"""portalctl as a library: the lines that are documented run, and mean what they say."""

from __future__ import annotations

import inspect
import pkgutil
import re
import subprocess
import sys
import textwrap
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

import portalctl
from portalctl import Run, Server, plan
from portalctl.errors import BadUsageError, InputError, RefusedError
from tests.conftest import Bench

LINES = re.search(r"\n\n((?:    .*\n|\n)+)", str(portalctl.__doc__))
GUIDE = (Path(portalctl.__file__).parent / "docs" / "library.md").read_text(encoding="utf-8")
RULES = "trusted_domains:\n  - {domain: arsenal.com, teams: [gunners]}\nteams:\n  - name: gunners\n"


@pytest.fixture
def run(bench: Bench) -> Run:
    bench.people(pending=["ann@arsenal.com"])
    bench.manifest(RULES)
    return Run({"partners": Server(bench.sim.url, bench.sim.token)})


def test_the_documented_lines_do_the_job(
    bench: Bench, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert LINES is not None
    lines = textwrap.dedent(LINES[1]).strip() + "\n"
    assert all(block == lines for block in re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL))
    monkeypatch.setenv("KONNECT_TOKEN", bench.sim.token)
    names: dict[str, object] = {}
    exec(lines.replace("https://eu.api.konghq.com", bench.sim.url), names)
    assert bench.status("ann@arsenal.com") == "approved"
    assert bench.members("gunners") == {"ann@arsenal.com"}
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "create_team",
        "add_member",
        "approve",
    ]
    assert portalctl.plan(portalctl.load("portals/"), run).changes == 0


def test_a_reading_can_be_planned_from_without_the_portal(bench: Bench, run: Run) -> None:
    manifest = portalctl.load("portals/partners.yaml")
    saved = portalctl.snapshot(manifest, run)
    asked = len(bench.reads)
    made = portalctl.plan(manifest, replace(run, snapshot=saved))
    assert (made.changes, len(bench.reads), bench.writes) == (3, asked, [])
    with pytest.raises(RefusedError):
        portalctl.apply(made, run)


def test_what_is_not_there_is_no_attribute() -> None:
    assert not hasattr(portalctl, "Runn")


def test_errors_are_raised_and_nothing_is_printed(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.manifest("trusted_domain: []\n")
    with pytest.raises(InputError) as raised:
        portalctl.load("portals/")
    assert len(raised.value.findings) == 1
    assert capsys.readouterr() == ("", "")


def test_no_module_can_be_called() -> None:
    names = {name for _, name, _ in pkgutil.walk_packages(portalctl.__path__, "portalctl.")} - {
        "portalctl.__main__",
        "portalctl.testing.plugin",
    }
    assert not [name for name in sorted(names) if callable(import_module(name))]


def test_functions_show_their_signature() -> None:
    assert list(inspect.signature(plan).parameters) == ["manifest", "run", "selection", "base"]
    assert "GET" in str(inspect.getdoc(plan))


def test_importing_it_imports_nothing_heavy() -> None:
    code = "import sys, portalctl\nassert callable(portalctl.plan)\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"httpx", "pydantic", "ruamel", "click", "portalctl.flow"} & set(done.stdout.split())


def test_drift_and_explain_return_what_the_commands_show(run: Run) -> None:
    manifest = portalctl.load("portals/")
    (found,) = portalctl.drift(manifest, run)
    assert [finding.kind for finding in found.findings] == ["setting", "backlog", "backlog"]
    (explained,) = portalctl.explain(manifest, run, "ann@arsenal.com")
    assert explained.subject == "ann@arsenal.com"
    with pytest.raises(BadUsageError):
        portalctl.explain(manifest, run, "gunner")
