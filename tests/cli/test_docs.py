"""`portalctl docs`: the guides that are shipped."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pexpect
import pytest

import portalctl as package
from tests.conftest import portalctl

GUIDES = Path(package.__file__).parent / "docs"


def test_without_a_topic_the_guides_are_listed() -> None:
    done = portalctl("docs")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()] == sorted(path.stem for path in GUIDES.glob("*.md"))
    assert "proxies" in done.out


def test_a_guide_is_shown_as_markdown_in_a_pipe() -> None:
    done = portalctl("docs", "proxies")
    assert (done.code, done.out) == (0, (GUIDES / "proxies.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("topic", ["proxy", "../docs/proxies", "Proxies", ""])
def test_an_unknown_guide_is_an_error_that_lists_the_guides(topic: str) -> None:
    done = portalctl("docs", topic)
    assert done.code == 64
    assert f"'{topic}': no guide has this name" in done.err
    assert "proxies" in done.err


@pytest.mark.parametrize("anchor", ["PC006", "pc006"])
def test_a_section_is_shown_alone(anchor: str) -> None:
    done = portalctl("docs", f"findings#{anchor}")
    assert done.code == 0
    assert done.out.startswith("## PC006\n")
    assert "PC007" not in done.out


def test_a_section_has_the_sections_below_it_and_ends_before_the_next() -> None:
    done = portalctl("docs", "security#controls-and-their-tests")
    assert done.out.startswith("## Controls and their tests\n")
    assert "## Out of scope" not in done.out


def test_an_unknown_section_is_an_error_with_a_suggestion() -> None:
    done = portalctl("docs", "runbook#symptom")
    assert (done.code, done.out) == (64, "")
    assert "'symptom': the guide runbook has no such section; did you mean 'symptoms'?" in done.err


def test_comments_for_tests_are_not_shown() -> None:
    assert "<!--" not in portalctl("docs", "getting-started").out


@pytest.mark.slow
def test_on_a_terminal_a_guide_is_formatted() -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "portalctl", "docs", "runbook#exit-codes"],
        env={**os.environ, "PAGER": "cat", "TERM": "xterm-256color"},
        encoding="utf-8",
        dimensions=(50, 80),
    )
    text = child.read()
    assert "Exit codes" in text
    assert "| ---" not in text
    assert all(len(re.sub(r"\x1b\[[\d;]*m", "", line)) <= 80 for line in text.splitlines())


def test_the_guide_names_every_proxy_and_ca_variable() -> None:
    text = (GUIDES / "proxies.md").read_text(encoding="utf-8")
    source = "".join(path.read_text() for path in (GUIDES.parent / "http").glob("*.py"))
    named = {
        name.upper()
        for name in re.findall(r"\b(?:SSL[A-Z_]+FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|[a-z]+_proxy)\b", source)
    }
    assert named - {"PROXY_BYPASS"} <= set(re.findall(r"`([A-Z_]+)`", text))
