"""Reads the registrations of denied developers: their credentials work until these end."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from portalctl.portals.answer_ids import PathId, other_answer, same_id
from portalctl.portals.konnect.forms import Answers
from portalctl.portals.konnect.lists import Query, UnsettledError, Wire, batches, just_listed, segment
from portalctl.portals.models import (
    GONE,
    OUT,
    AccessRequest,
    Registration,
    RegistrationKey,
    Remark,
    SeenRegistration,
)


@dataclass(frozen=True, slots=True)
class _Named:
    id: PathId
    name: str


@dataclass(frozen=True, slots=True)
class _Developer:
    id: PathId


@dataclass(frozen=True, slots=True)
class _Owner:
    id: PathId
    type: str


@dataclass(frozen=True, slots=True)
class _Registration:
    """v3 registers for an `api`, v2 for a `product`; only v2 names the developer."""

    id: str
    status: str
    application: _Named
    api: _Named | None = None
    product: _Named | None = None
    developer: _Developer | None = None
    answers: Answers = ()

    @property
    def subject(self) -> str:
        subject = self.api or self.product
        return subject.name if subject else ""


@dataclass(frozen=True, slots=True)
class _Application:
    """v3 has an `owner`, which its document does not guarantee."""

    id: str
    name: str
    owner: _Owner | None = None
    registration_count: float | None = None


@dataclass(frozen=True, slots=True)
class _Team:
    """`can_own_applications` is newer than v3 itself; without it, no team can."""

    id: str
    name: str
    can_own_applications: bool = False


def read_registrations(
    wire: Wire, portal: str, developers: Collection[str], *, team_applications: bool
) -> tuple[Registration, ...]:
    """Return live registrations of developers (ids), and of the applications of their teams, sorted.

    `portal` is its path. One call for some forty developers without any; applications are listed only where there is
    a registration, and applications of teams only where teams can own any. Raises UnsettledError for objects deleted
    during the read."""
    found, _ = _own(wire, portal, sorted(developers))
    if team_applications:
        found += _of_teams(wire, portal, frozenset(developers))
    order = sorted(found, key=lambda item: (item.developer_id, item.application_name, item.api_name, item.id))
    return tuple(order)


def read_requests(wire: Wire, portal: str) -> tuple[tuple[AccessRequest, ...], tuple[Remark, ...]]:
    """Return pending registrations of applications that developers own themselves, sorted, and remarks on the others.

    v3 does not return the developer of a registration, and its document does not guarantee an application's owner:
    where the list does not have it, the request has no known developer. Raises UnsettledError for objects deleted
    during the read."""
    query = Query(f"{portal}/application-registrations", {"filter[status][eq]": "pending"})
    waiting = [row for row in wire.read_list("requests", query, _Registration) if row.status == "pending"]
    owners = {row.application.id: row.developer.id for row in waiting if row.developer is not None}
    if any(row.application.id not in owners for row in waiting):
        listed = wire.read_list("applications", Query(f"{portal}/applications"), _Application)
        listed_owners = {app.id: app.owner for app in listed if app.owner is not None}
        owners |= {app: owner.id for app, owner in listed_owners.items() if owner.type == "developer"}
        waiting = [row for row in waiting if row.application.id in owners or row.application.id not in listed_owners]
    unowned = [row for row in waiting if row.application.id not in owners]
    found = [_request(row, owners[row.application.id]) for row in waiting if row.application.id in owners]
    return tuple(sorted(found, key=lambda item: (item.developer_id, item.id))), tuple(map(_unowned, unowned))


def _request(row: _Registration, developer_id: str) -> AccessRequest:
    subject = row.api or row.product
    return AccessRequest(
        id=row.id,
        developer_id=developer_id,
        application_id=row.application.id,
        application_name=row.application.name,
        product=subject.name if subject else "",
        product_id=subject.id if subject else "",
        answers=row.answers,
    )


def _unowned(row: _Registration) -> Remark:
    text = (
        f"the portal does not report the owner of application {row.application.name}; its request for {row.subject} "
        "stays pending"
    )
    return Remark("unowned_request", text)


def seen_registrations(
    wire: Wire, portal: str, developers: Collection[str], planned: Mapping[str, str]
) -> dict[str, SeenRegistration]:
    """Return the registrations of developers by id: live ones of their own applications, and all that have ended.

    One call for some forty developers. Raises UnsettledError for objects deleted during the read. Args: planned: the
    developer of some registrations, by id; those of another developer now are left out."""
    live, ended = _own(wire, portal, sorted(developers))
    return ended | {
        found.id: SeenRegistration(found.status)
        for found in live
        if planned.get(found.id, found.developer_id) == found.developer_id
    }


def read_registration(wire: Wire, portal: str, key: RegistrationKey) -> SeenRegistration | None:
    """Return one registration that no list of the developer has; None:

    its application exists without it. A registration that is gone together with its application has ended: no list of
    applications has that one either. A live one may have a new owner, since applications can be moved to a team.
    Raises UnsettledError for reads that contradict each other."""
    folder = f"{portal}/applications/{segment(key.application_id)}/registrations"
    row = wire.get(folder, "registration", key.id, _Registration)
    application = wire.get(f"{portal}/applications", "application", key.application_id, _Application)
    if row is None and application is None:
        listed = wire.read_list("applications", Query(f"{portal}/applications"), _Application)
        if any(same_id(key.application_id, one.id) for one in listed):
            raise UnsettledError(f"the portal returned 404 for application {key.application_id}, but lists it")
        return SeenRegistration(GONE)
    if row is None:
        return None
    if not same_id(key.application_id, row.application.id):
        call = f"GET {folder}/{segment(key.id)}"
        raise other_answer(wire.client, call, "application", asked=key.application_id, answered=row.application.id)
    if row.status in OUT:
        return SeenRegistration(row.status)
    if application is None:
        raise UnsettledError(f"application {row.application.id} is missing, but it has a live registration")
    return SeenRegistration(row.status, _other_owner(wire, portal, key, row, application))


def _other_owner(
    wire: Wire, portal: str, key: RegistrationKey, row: _Registration, application: _Application
) -> str | None:
    """Return who owns an application, in words; None: the developer of the key."""
    if application.owner is not None:
        owner = application.owner
        is_theirs = owner.type == "developer" and same_id(key.developer_id, owner.id)
        return None if is_theirs else f"{owner.type} {owner.id}"
    if row.developer is not None:
        return None if same_id(key.developer_id, row.developer.id) else f"developer {row.developer.id}"
    owned = _applications(wire, portal, "developer", [key.developer_id])
    return None if any(same_id(app.id, application.id) for app, _ in owned) else "another developer or a team"


def _own(
    wire: Wire, portal: str, developers: Sequence[str]
) -> tuple[list[Registration], dict[str, SeenRegistration]]:
    """Return live registrations of applications that developers own themselves, and by id those that have ended."""
    groups = batches(developers)
    path = f"{portal}/application-registrations"
    queries = [Query(path, {"filter[developer_id][oeq]": ",".join(group)}) for group in groups]
    lists = wire.read_lists("registrations", queries, _Registration)
    found: list[Registration] = []
    ended = {row.id: SeenRegistration(row.status) for rows in lists for row in rows if row.status in OUT}
    for group, rows in zip(groups, lists, strict=True):
        live = [row for row in rows if row.status not in OUT]
        owners = {row.application.id: row.developer.id for row in live if row.developer is not None}
        if any(row.application.id not in owners for row in live):
            owners |= {app.id: owner for app, owner in _applications(wire, portal, "developer", group)}
        # Developers without an application in either list use one that a team owns, or that is gone by now.
        asked = frozenset(group)  # a portal that ignores the filter lists those of all developers
        found += [
            _registration(row, owner) for row in live if (owner := owners.get(row.application.id)) in asked and owner
        ]
    return found, ended


def _of_teams(wire: Wire, portal: str, developers: frozenset[str]) -> list[Registration]:
    teams = [team for team in wire.read_list("teams", Query(f"{portal}/teams"), _Team) if team.can_own_applications]
    queries = [Query(f"{portal}/teams/{segment(team.id)}/developers") for team in teams]
    with just_listed():
        members = wire.read_ids("members", queries)
    concerned = {
        team.id: (team.name, sorted(developers.intersection(ids)))
        for team, ids in zip(teams, members, strict=True)
        if not developers.isdisjoint(ids)
    }
    owned = [
        (app, team_id)
        for group in batches(sorted(concerned))
        for app, team_id in _applications(wire, portal, "team", group)
        if app.registration_count != 0
    ]
    queries = [Query(f"{portal}/applications/{segment(app.id)}/registrations") for app, _ in owned]
    with just_listed():
        lists = wire.read_lists("registrations", queries, _Registration)
    for (app, _), query, rows in zip(owned, queries, lists, strict=True):
        for row in rows:
            if not same_id(app.id, row.application.id):
                raise other_answer(
                    wire.client, f"GET {query.path}", "application", asked=app.id, answered=row.application.id
                )
    return [
        _registration(row, developer, concerned[team_id][0])
        for (_, team_id), rows in zip(owned, lists, strict=True)
        for row in rows
        if row.status not in OUT
        for developer in concerned[team_id][1]
    ]


def _applications(wire: Wire, portal: str, kind: str, owners: Sequence[str]) -> Iterable[tuple[_Application, str]]:
    """Applications of these developers or teams (`kind`), each with its owner's id.

    Where the portal does not return the owner, one owner at a time is requested.
    """
    query = Query(f"{portal}/applications", {f"filter[{kind}_id][oeq]": ",".join(owners)})
    rows = wire.read_list("applications", query, _Application)
    if len(owners) == 1:
        return [
            (row, owners[0])
            for row in rows
            if row.owner is None or (row.owner.type, row.owner.id) == (kind, owners[0])
        ]
    if any(row.owner is None for row in rows):
        return [pair for owner in owners for pair in _applications(wire, portal, kind, [owner])]
    asked = frozenset(owners)  # a portal that ignores the filter lists those of all developers
    return [(row, row.owner.id) for row in rows if row.owner and row.owner.type == kind and row.owner.id in asked]


def _registration(row: _Registration, developer_id: str, team: str | None = None) -> Registration:
    return Registration(
        id=row.id,
        developer_id=developer_id,
        application_id=row.application.id,
        application_name=row.application.name,
        api_name=row.subject,
        status=row.status,
        owned_by_team=team,
        answers=row.answers,
    )
