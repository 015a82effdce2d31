"""Which domains a reader could take for a trusted one, and which not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portalctl.identity import normal_domain
from portalctl.lookalike import Lookalikes, skeleton

TRUSTED = Lookalikes(["example.com", "arsenal.com", "manchestercity.com", "bp.com", "uni.ac.uk"])


@pytest.mark.parametrize(
    ("domain", "trusted"),
    [
        ("examp1e.com", "example.com"),
        ("exarnple.com", "example.com"),
        ("еxample.com", "example.com"),  # Cyrillic е
        ("exämple.com", "example.com"),
        ("exampıe.com", "example.com"),  # dotless i
        ("exmaple.com", "example.com"),
        ("exampel.com", "example.com"),
        ("exampl.com", "example.com"),
        ("exxample.com", "example.com"),
        ("example.co", "example.com"),
        ("example.co.uk", "example.com"),
        ("mail.example.org", "example.com"),
        ("example.com.evil.org", "example.com"),
        ("example-com.evil.org", "example.com"),
        ("evil-example.com", "example.com"),
        ("myarsenal.com", "arsenal.com"),
        ("arsena1.com", "arsenal.com"),
        ("manchester-city.com", "manchestercity.com"),
    ],
)
def test_what_can_be_mistaken(domain: str, trusted: str) -> None:
    normal = normal_domain(domain)
    assert normal is not None
    assert TRUSTED.of(normal) == trusted


@pytest.mark.parametrize(
    "domain",
    [
        "example.com",
        "sub.example.com",
        "sample.com",
        "exam.com",
        "liverpoolfc.com",
        "bp.org",
        "bq.com",
        "ac.uk",
        "other.ac.uk",
        "exampleexample.org",
        "manchesterunited.com",
    ],
)
def test_what_is_not_mistaken(domain: str) -> None:
    assert TRUSTED.of(domain) is None


def test_a_slip_that_makes_a_pair_is_seen() -> None:
    assert Lookalikes(["aaarana.com"]).of("aaarna.com") == "aaarana.com"


@given(st.from_regex(r"[a-z]{6,12}\.(com|org|de)", fullmatch=True), st.data())
def test_one_slip_is_always_seen(domain: str, data: st.DataObject) -> None:
    name, _, suffix = domain.partition(".")
    place = data.draw(st.integers(0, len(name) - 1))
    slipped = f"{name[:place]}{name[place + 1 :]}.{suffix}"
    if skeleton(slipped) != skeleton(domain) and len(skeleton(slipped.partition(".")[0])) >= 5:
        assert Lookalikes([domain]).of(slipped) == domain


@given(st.text(max_size=30))
def test_no_domain_breaks_it(text: str) -> None:
    domain = normal_domain(f"{text}.com")
    if domain is not None:
        TRUSTED.of(domain)
