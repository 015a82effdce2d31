"""`portalctl docs`: the guides that are shipped."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import portalctl as package
from tests.conftest import portalctl

GUIDES = Path(package.__file__).parent / "docs"


def test_without_a_topic_the_guides_are_listed() -> None:
    done = portalctl("docs")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()] == sorted(path.stem for path in GUIDES.glob("*.md"))
    assert "proxies" in done.out


def test_a_guide_is_shown_as_it_is() -> None:
    done = portalctl("docs", "proxies")
    assert (done.code, done.out) == (0, (GUIDES / "proxies.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("topic", ["proxy", "../docs/proxies", "Proxies", ""])
def test_an_unknown_guide_is_answered_with_those_there_are(topic: str) -> None:
    done = portalctl("docs", topic)
    assert done.code == 64
    assert f"no guide {topic!r}" in done.err
    assert "proxies" in done.err


def test_the_guide_names_every_proxy_and_ca_variable() -> None:
    text = (GUIDES / "proxies.md").read_text(encoding="utf-8")
    source = "".join(path.read_text() for path in (GUIDES.parent / "http").glob("*.py"))
    named = {
        name.upper()
        for name in re.findall(r"\b(?:SSL[A-Z_]+FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|[a-z]+_proxy)\b", source)
    }
    assert named - {"PROXY_BYPASS"} <= set(re.findall(r"`([A-Z_]+)`", text))
