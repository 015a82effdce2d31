"""Broken manifests (`broken/NAME.yaml`, or the folder `NAME`) and every line said of them (`NAME.expected`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from portalctl.directories.kinds import KINDS
from portalctl.errors import InputError
from portalctl.manifest.load import load
from tests.manifest.examples import BROKEN

CASES = sorted(path.name for path in BROKEN.iterdir() if path.suffix != ".expected")


@pytest.mark.parametrize("case", CASES)
def test_every_error_is_told_at_its_place(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BROKEN)
    with pytest.raises(InputError) as caught:
        load([Path(case)], KINDS)
    told = [str(finding) for finding in caught.value.findings]
    assert told == Path(case).with_suffix(".expected").read_text().splitlines()
    assert caught.value.exit_code == 65


def test_a_value_that_may_be_a_secret_is_never_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """`hunter2` stands for a secret; it is also a key once, which may be shown."""
    monkeypatch.chdir(BROKEN)
    with pytest.raises(InputError) as caught:
        load([Path("choices.yaml"), Path("root-text.yaml")])
    assert not [finding for finding in caught.value.findings if "hunter2" in finding.message]


def test_the_errors_of_all_files_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BROKEN)
    with pytest.raises(InputError) as caught:
        load([Path("yaml-tab.yaml"), Path("identity.yaml"), Path("nowhere.yaml")])
    assert {finding.at.file for finding in caught.value.findings} == {
        "yaml-tab.yaml",
        "identity.yaml",
        "nowhere.yaml",
    }
    assert list(caught.value.findings) == sorted(caught.value.findings)
