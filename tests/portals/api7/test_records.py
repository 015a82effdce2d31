"""What API7 tells, in our words."""

from __future__ import annotations

import pytest

from portalctl.ids import is_id
from portalctl.portals.api7.records import DeveloperRecord, moment


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05.6+02:00", "2026-01-02T03:04:05.6+02:00"),
        (1767323045, "2026-01-02T03:04:05Z"),
        (1767323045.7, "2026-01-02T03:04:05Z"),
        (1767323045000, "2026-01-02T03:04:05Z"),
        (0, None),
        (-1, None),
        (10**300, None),
        (float("nan"), None),
        (True, None),
        ("", None),
        ("yesterday", None),
        ("2026-01-02T03:04:05", None),
        (None, None),
        ({}, None),
    ],
)
def test_times_are_told_in_two_ways(told: object, meant: str | None) -> None:
    assert moment(told) == meant


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("Pending", "pending"),
        ("Active", "approved"),
        ("ACTIVE", "approved"),
        ("Suspended", "Suspended"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_only_documented_states_are_translated(state: str | None, status: str) -> None:
    assert DeveloperRecord("i", "d", state=state).status == status


def test_a_person_without_address_or_name_is_a_developer_all_the_same() -> None:
    found = DeveloperRecord("i", "org_1", username="u", email="", provider="").developer(approvable=False)
    assert (found.id, found.email, found.full_name, found.provider, found.email_verified) == (
        "org_1",
        None,
        "u",
        None,
        None,
    )


@pytest.mark.parametrize("text", ["", ".", "..", "a/b", "a b", "a%2e", "ä", "a\n", "a" * 257, "ann@x.com", "١"])
def test_what_would_not_stand_in_a_path_is_no_id(text: str) -> None:
    assert not is_id(text)


@pytest.mark.parametrize("text", ["a", "org_abc123", "A-b.c_9", "...", "a" * 256])
def test_a_documented_id_is_one(text: str) -> None:
    assert is_id(text)
