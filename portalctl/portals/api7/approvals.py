"""Matches approval requests with developers.

Pure. No document defines how an approval names its developer, and a wrong match would approve a stranger, or delete
an account. So an approval is tied to a registration only where it fits no other: on this portal, by an id that only
one developer has, or else by a name that only one pending developer has."""

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
    """An approval that may belong to this portal, without a certain developer."""

    approval: Approval
    because: str


@dataclass(frozen=True, slots=True)
class Ties:
    """Approvals by the internal id of their developer: never one approval for two developers, nor two for one."""

    approvals: Mapping[str, Approval]
    untied: tuple[Untied, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """One approval, and the internal ids of the developers it may belong to.

    `by_id`: by an id, not only by a name.
    """

    approval: Approval
    developers: frozenset[str]
    by_id: bool


def tie(place: Place, developers: Collection[DeveloperRecord], approvals: Iterable[Approval]) -> Ties:
    """Tie approvals to the pending developers of one portal.

    `developers` are all of its developers, pending or not.
    """
    registrations = [approval for approval in approvals if approval.awaits_registration]
    here = [approval for approval in registrations if is_here(approval, place)]
    claims = claims_of(here, developers)
    waiting = {developer.id for developer in developers if developer.pending}
    fits = Counter(developer for claim in claims for developer in claim.developers)
    id_fits = Counter(developer for claim in claims if claim.by_id for developer in claim.developers)
    found: dict[str, Approval] = {}
    untied = [
        Untied(registration, "it does not name its portal")
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
    """Return whether an approval certainly belongs to this portal."""
    if approval.portal_id:
        return approval.portal_id == place.id
    return place.unique and bool(place.name) and approval.portal_name == place.name


def is_vague(approval: Approval, place: Place) -> bool:
    """Return whether an approval may belong to this portal or another one."""
    if approval.portal_id or is_here(approval, place):
        return False
    return not approval.portal_name or approval.portal_name == place.name


def claims_of(approvals: Collection[Approval], developers: Collection[DeveloperRecord]) -> tuple[Claim, ...]:
    """Return each approval with its possible developers.

    Ids count before names, and both are compared with all developers: an approved one may be the match. Where ids are
    unique, an unknown id belongs to a developer that is not visible: then a matching name is a namesake's."""
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
    """Return internal ids by every name of a developer."""
    index: dict[str, set[str]] = {}
    for developer, texts in known_as:
        for text in texts:
            if text:
                index.setdefault(text, set()).add(developer)
    return index


def _meant(index: Mapping[str, set[str]], texts: Iterable[str | None]) -> frozenset[str]:
    return frozenset().union(*(index.get(text or "", ()) for text in texts))


def _doubt(claim: Claim, waiting: Collection[str], fits: Mapping[str, int]) -> str | None:
    """Return why this approval has no certain developer; None: it belongs to its only possible developer."""
    if not is_id(claim.approval.id):
        return "it has an id that is not valid in a request"
    if len(claim.developers) != 1:
        return "it fits more than one developer" if claim.developers else "it fits no pending developer"
    (developer,) = claim.developers
    if developer not in waiting:
        return "it fits a developer who is not pending"
    return None if fits[developer] == 1 else "another one fits the same developer"
