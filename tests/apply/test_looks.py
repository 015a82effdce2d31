"""How old a look at somebody may be when something is given to them, and how many are looked at together."""

from __future__ import annotations

from typing import cast

from portalctl.apply.looks import BATCH, FRESH, Looks
from portalctl.plan.model import Change, Subject
from portalctl.portal.models import Sighting, Touched
from portalctl.portal.provider import Reader


class Portal:
    """Remembers who was looked at, time after time, and finds everybody approved."""

    def __init__(self) -> None:
        self.looks: list[list[str]] = []

    def reread(self, touched: Touched) -> Sighting:
        self.looks.append([person for person, _ in touched.people])
        return Sighting(status=dict.fromkeys(self.looks[-1], "approved"), teams={}, members={})


def approval(person: str) -> Change:
    subject = Subject(f"{person}@x.com", person)
    before, after = {"status": "pending"}, {"status": "approved"}
    return Change(f"approve:{person}", "approve", "onboard", subject, None, before, after, ())


def test_people_are_looked_at_again_once_the_look_is_old_and_a_batch_at_a_time() -> None:
    portal, now = Portal(), [0.0]
    people = [f"p{number:03}" for number in range(2 * BATCH)]
    changes = [approval(person) for person in people]
    pending = dict.fromkeys(people, "pending").items()
    looks = Looks(cast(Reader, portal), changes, pending, 0.0, lambda: now[0])

    now[0] = FRESH
    assert [looks.status(person) for person in people] == ["pending"] * len(people)
    assert portal.looks == []

    now[0] = FRESH + 0.1
    assert [looks.status(person) for person in people[1:]] == ["approved"] * (len(people) - 1)
    assert portal.looks == [people[1 : BATCH + 1], people[BATCH + 1 :]]
