"""How old a look at somebody may be when something is given to them, and how many are looked at together."""

from __future__ import annotations

from typing import cast

from portalctl.changes.operation import Subject
from portalctl.changes.operations import Change
from portalctl.execution.recheck import FRESH, LONGEST, PATIENT, RecentStatuses
from portalctl.portals.models import Developer, Sighting, Touched
from portalctl.portals.protocol import Reader
from tests.plan_json import change_of


class Portal:
    """Remembers who was looked at, time after time, and finds everybody approved. A look takes `takes` seconds."""

    developers_per_check = 100

    def __init__(self, takes: float = 0.0) -> None:
        self.looks: list[list[str]] = []
        self.now, self.takes = 0.0, takes

    def reread(self, touched: Touched) -> Sighting:
        self.now += self.takes
        self.looks.append([developer for developer, _ in touched.developers])
        developers = {key: Developer(key, f"{key}@x.com", "approved") for key in self.looks[-1]}
        return Sighting(developers=developers, teams={}, members={})


def approval(developer: str) -> Change:
    subject = Subject(f"{developer}@x.com", developer)
    before, after = {"status": "pending"}, {"status": "approved"}
    return change_of(f"approve:{developer}", "approve", "onboard", subject, None, before, after, ())


def looks_at(portal: Portal, developers: list[str]) -> RecentStatuses:
    pending = dict.fromkeys(developers, "pending").items()
    return RecentStatuses(cast(Reader, portal), map(approval, developers), pending, 0.0, lambda: portal.now)


def test_people_are_looked_at_again_once_the_look_is_old_and_a_batch_at_a_time() -> None:
    portal, developers = Portal(), [f"p{number:03}" for number in range(200)]
    looks = looks_at(portal, developers)
    portal.now = FRESH
    assert [looks.status(developer) for developer in developers] == ["pending"] * 200
    assert portal.looks == []
    portal.now = FRESH + 0.1
    assert [looks.status(developer) for developer in developers[1:]] == ["approved"] * 199
    assert portal.looks == [developers[1:101], developers[101:]]


def test_looks_that_take_long_are_good_for_longer() -> None:
    portal = Portal(takes=1.2)
    looks = looks_at(portal, ["ann"])
    for passed, number in ((FRESH + 0.1, 1), (PATIENT * 1.2, 1), (0.1, 2)):
        portal.now += passed
        looks.status("ann")
        assert len(portal.looks) == number


def test_however_long_a_look_had_to_wait_it_is_not_good_for_long() -> None:
    portal = Portal(takes=60.0)
    looks = looks_at(portal, ["ann"])
    for passed, number in ((FRESH + 0.1, 1), (LONGEST, 1), (0.1, 2)):
        portal.now += passed
        looks.status("ann")
        assert len(portal.looks) == number
