"""portalctl as a library: the lines that are documented run, and mean what they say."""

from __future__ import annotations

import inspect
import pkgutil
import pydoc
import re
import subprocess
import sys
import textwrap
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import cast

import pytest

import portalctl
from portalctl import Run, Server, plan
from portalctl.errors import BadUsageError, InputError, RefusedError
from portalctl.library import EXPORTED, VALUES
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
    assert str(raised.value) == (
        "portals/partners.yaml:6:1: unknown key 'trusted_domain'; did you mean 'trusted_domains'?\n"
        "1 error. No portal was contacted."
    )
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


def test_a_missing_server_is_a_usage_error_that_names_the_variables(bench: Bench) -> None:
    bench.manifest(RULES)
    manifest = portalctl.load("portals/")
    with pytest.raises(BadUsageError) as raised:
        portalctl.plan(manifest, Run({}))
    assert "portal partners: the run has no server for it" in str(raised.value)
    assert "PORTALCTL_PARTNERS_SERVER and PORTALCTL_PARTNERS_TOKEN" in raised.value.advice[0]
    assert raised.value.__notes__ == list(raised.value.advice)


def test_help_describes_functions_types_and_errors() -> None:
    page = pydoc.render_doc(portalctl, renderer=cast(pydoc.Doc, vars(pydoc)["plaintext"]))
    for name in EXPORTED:
        assert inspect.getdoc(getattr(portalctl, name)), name
    for part in ("plan(manifest", "Raises BadUsageError", "class Run(", "class InputError(", "portalctl.apply(plan"):
        assert part in page
    assert set(EXPORTED) <= set(dir(portalctl))
    assert vars(portalctl)["__all__"] == EXPORTED
    assert set(VALUES) < set(EXPORTED)


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
def test_whatever_a_function_returns_can_be_rendered(bench: Bench, run: Run, form: str) -> None:
    manifest = portalctl.load("portals/")
    plan = portalctl.plan(manifest, run)
    assert "ann@arsenal.com" in portalctl.render(plan, form)
    assert "gunners" in portalctl.render(portalctl.drift(manifest, run), form)
    assert "ann@arsenal.com" in portalctl.render(portalctl.explain(manifest, run, "ann@arsenal.com"), form)
    assert "partners" in portalctl.render(portalctl.snapshot(manifest, run), form)
    report = portalctl.report(plan, portalctl.apply(plan, run), actor="ann")
    assert "ann@arsenal.com" in portalctl.render(report, form)
    assert bench.status("ann@arsenal.com") == "approved"


@pytest.mark.slow
def test_the_documented_lines_pass_mypy_strict(tmp_path: Path) -> None:
    assert LINES is not None
    more = """
text: str = portalctl.render(portalctl.report(plan, reports), "markdown")
found: tuple[portalctl.PortalDrift, ...] = portalctl.drift(manifest, run)
try:
    portalctl.load("portals/")
except portalctl.InputError as error:
    findings: tuple[portalctl.Finding, ...] = error.findings
"""
    example = tmp_path / "example.py"
    example.write_text(textwrap.dedent(LINES[1]).strip() + "\n" + more, encoding="utf-8")
    words = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(example)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_drift_and_explain_return_what_the_commands_show(run: Run) -> None:
    manifest = portalctl.load("portals/")
    (found,) = portalctl.drift(manifest, run)
    assert [finding.kind for finding in found.findings] == ["setting", "backlog", "backlog"]
    (explained,) = portalctl.explain(manifest, run, "ann@arsenal.com")
    assert explained.subject == "ann@arsenal.com"
    with pytest.raises(BadUsageError):
        portalctl.explain(manifest, run, "gunner")


def test_drift_separates_the_findings_that_a_file_accepts(run: Run, tmp_path: Path) -> None:
    manifest = portalctl.load("portals/")
    (before,) = portalctl.drift(manifest, run)
    setting, *others = before.findings
    file = tmp_path / "accepted.yaml"
    entry = f"{{finding: {setting.fingerprint}, kind: {setting.kind}, reason: Agreed}}"
    file.write_text(f"version: 1\nacknowledgements:\n  - {entry}\n")
    (after,) = portalctl.drift(manifest, run, acknowledgements=file)
    assert list(after.findings) == others
    assert [item.finding for item in after.acknowledged] == [setting]
    file.write_text("version: 1\nacknowledgements: [{finding: none}]\n")
    with pytest.raises(portalctl.InputError):
        portalctl.drift(manifest, run, acknowledgements=file)
