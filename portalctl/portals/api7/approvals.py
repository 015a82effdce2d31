"""Which request for approval is whose. Pure.

No document says how an approval names its developer, and a wrong answer would let a stranger in, or delete somebody.
So an approval is tied to a registration only where nothing speaks for another one: of this portal, by an id that is
one person's only, or else by a name that is one waiting person's only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from portalctl.ids import is_id
from portalctl.portals.api7.records import Approval, DeveloperRecord


@dataclass(frozen=True, slots=True)
class Place:
    """A portal as approvals name it. `unique`: no other portal here has its name."""

    id: str
    name: str
    unique: bool


@dataclass(frozen=True, slots=True)
class Untied:
    """An approval that may be of this portal and is nobody's for certain."""

    approval: Approval
    because: str


@dataclass(frozen=True, slots=True)
class Ties:
    """Approvals by the internal id of their person: never one approval for two people, nor two for one."""

    approvals: Mapping[str, Approval]
    untied: tuple[Untied, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """One approval, and the internal ids of the people it can mean. `by_id`: an id says so, and not just a name."""

    approval: Approval
    developers: frozenset[str]
    by_id: bool


def tie(place: Place, developers: Collection[DeveloperRecord], approvals: Iterable[Approval]) -> Ties:
    """Tie approvals to the waiting people of one portal. `people` are all of its developers, waiting or not."""
    registrations = [approval for approval in approvals if approval.awaits_registration]
    here = [approval for approval in registrations if is_here(approval, place)]
    claims = claims_of(here, developers)
    waiting = {developer.id for developer in developers if developer.pending}
    fits = Counter(developer for claim in claims for developer in claim.developers)
    id_fits = Counter(developer for claim in claims if claim.by_id for developer in claim.developers)
    found: dict[str, Approval] = {}
    untied = [
        Untied(registration, "it does not say of which portal it is")
        for registration in registrations
        if is_vague(registration, place)
    ]
    for claim in claims:
        because = _doubt(claim, waiting, id_fits if claim.by_id else fits)
        if because is None:
            found |= dict.fromkeys(claim.developers, claim.approval)
        else:
            untied.append(Untied(claim.approval, because))
    return Ties(found, tuple(untied))


def is_here(approval: Approval, place: Place) -> bool:
    """Whether an approval is of this portal for certain."""
    if approval.portal_id:
        return approval.portal_id == place.id
    return place.unique and bool(place.name) and approval.portal_name == place.name


def is_vague(approval: Approval, place: Place) -> bool:
    """Whether it might be of this portal, and of another one as well."""
    if approval.portal_id or is_here(approval, place):
        return False
    return not approval.portal_name or approval.portal_name == place.name


def claims_of(approvals: Collection[Approval], developers: Collection[DeveloperRecord]) -> tuple[Claim, ...]:
    """Ids count before names, and of both those of all people: who does not wait may be the one who is meant.

    Where ids do tell people apart, one that is nobody's is that of someone we don't see: then a name that fits is
    a namesake's.
    """
    ids = _index((developer.id, (developer.id, developer.developer_id)) for developer in developers)
    names = _index(
        (developer.id, (developer.developer_id, developer.username, developer.email, developer.name))
        for developer in developers
    )
    identified = [(item, _meant(ids, item.ids)) for item in approvals]
    ids_tell = any(found for _, found in identified)
    claims = []
    for approval, found in identified:
        stranger = ids_tell and any(approval.ids)
        named = frozenset() if stranger else _meant(names, approval.names)
        claims.append(Claim(approval, found or named, by_id=bool(found)))
    return tuple(claims)


def _index(known_as: Iterable[tuple[str, Iterable[str | None]]]) -> Mapping[str, set[str]]:
    """Internal ids by everything that people are known as."""
    index: dict[str, set[str]] = {}
    for developer, texts in known_as:
        for text in texts:
            if text:
                index.setdefault(text, set()).add(developer)
    return index


def _meant(index: Mapping[str, set[str]], texts: Iterable[str | None]) -> frozenset[str]:
    return frozenset().union(*(index.get(text or "", ()) for text in texts))


def _doubt(claim: Claim, waiting: Collection[str], fits: Mapping[str, int]) -> str | None:
    """Why this approval is nobody's for certain; None: it is that of the one person it can mean."""
    if not is_id(claim.approval.id):
        return "it has an id that API7 can't be asked by"
    if len(claim.developers) != 1:
        return "it fits more than one person" if claim.developers else "it fits nobody who waits"
    (developer,) = claim.developers
    if developer not in waiting:
        return "it fits somebody who does not wait"
    return None if fits[developer] == 1 else "another one fits the same person"
