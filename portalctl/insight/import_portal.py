"""Makes the contents of a manifest from a snapshot, so that its first plan is empty. Pure.

All developers keep what they have: approved ones match no rule and stay (`policy.unmatched: keep`), and revoked
or rejected ones get an override, so that no later rule approves them again. What a manifest cannot contain is listed
with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache

from pydantic import TypeAdapter, ValidationError

from portalctl.directories.reading import GroupReading
from portalctl.identity import domain_of, is_freemail, is_public_suffix, suspects
from portalctl.manifest import model as manifest
from portalctl.manifest.file_text import decode
from portalctl.manifest.fmt.layout import scalar_text
from portalctl.portals.models import OUT, Developer, FormField, Snapshot, Team

MALFORMED = "not a valid address; no rule can name it"
AMBIGUOUS = "several accounts have this address; write an override with `id` for each"
NAMELESS = "no address; a list of members cannot name this account"
SHARED = "a denial of this address would also deny a developer who is not revoked or rejected"


COVERS = 95  # percent of a team's members that a proposed group has


@dataclass(frozen=True, slots=True)
class GroupProposal:
    """A group that could supply the members of a team: it has `covered` of them, and `others` who have an account."""

    directory: str
    group: str
    covered: int
    others: int


@dataclass(frozen=True, slots=True)
class ImportedTeam:
    """A team.

    `description` None: no description that a manifest can contain. `members` None: the identity provider decides.
    `proposals`: groups with nearly all of its members, the best first.
    """

    name: str
    description: str | None
    members: tuple[str, ...] | None
    proposals: tuple[GroupProposal, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportedDenial:
    """A revoked or rejected developer, named by the normalised address."""

    address: str
    status: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A domain that could be trusted, with its numbers of approved and pending developers."""

    domain: str
    approved: int
    pending: int


@dataclass(frozen=True, slots=True)
class Omission:
    """A team or developer that a manifest cannot contain.

    `name` is an address, an id or a team's name; `state` is `team`, or the status of the developer.
    """

    name: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Imported:
    """The contents of a manifest, sorted. `approved` and `pending` are the numbers of developers by status.

    `form`: the fields of the sign-up form, as far as it could be read.
    """

    teams: tuple[ImportedTeam, ...]
    denials: tuple[ImportedDenial, ...]
    suggestions: tuple[Suggestion, ...]
    omissions: tuple[Omission, ...]
    approved: int
    pending: int
    form: tuple[FormField, ...] = ()


def imported(snapshot: Snapshot, suggest_from: int, groups: Iterable[GroupReading] = ()) -> Imported:
    """Return the contents of a manifest for a portal.

    Args:
        snapshot: with the members of every team.
        suggest_from: the number of approved developers from which on a domain is suggested.
        groups: groups to compare teams with.
    """
    names = _names(snapshot.developers)
    kept = _kept(snapshot.developers)
    teams, omitted_teams = _teams(snapshot, names)
    accounts, groups = frozenset(names.values()), tuple(groups)
    teams = tuple(replace(team, proposals=_proposals(team, groups, accounts)) for team in teams)
    denied = {
        names[developer.id]: developer.status
        for developer in snapshot.developers
        if developer.status in OUT and developer.id in names
    }
    count = Counter(developer.status for developer in snapshot.developers)
    return Imported(
        teams=teams,
        denials=tuple(ImportedDenial(address, denied[address]) for address in sorted(denied.keys() - kept)),
        suggestions=_suggestions(snapshot.developers, suggest_from),
        omissions=(*omitted_teams, *_omitted_developers(snapshot, names, kept)),
        approved=count["approved"],
        pending=count["pending"],
        form=snapshot.form.fields if snapshot.form is not None else (),
    )


def _proposals(
    team: ImportedTeam, groups: Iterable[GroupReading], accounts: frozenset[str]
) -> tuple[GroupProposal, ...]:
    """Return the groups that have nearly all members of a team. `accounts`: the addresses of all developers."""
    members = frozenset(team.members or ())
    found = []
    for group in groups:
        active = {address for address, member in group.members.items() if member.active} & accounts
        covered = len(members & active)
        if members and covered * 100 >= COVERS * len(members):
            found.append(GroupProposal(group.directory, group.asked, covered, len(active - members)))
    return tuple(sorted(found, key=lambda one: (-one.covered, one.others, one.directory, one.group)))


def _names(developers: Iterable[Developer]) -> dict[str, str]:
    """Return, by developer id, the address by which a rule can name this developer and no other."""
    addresses = {developer.id: developer.address for developer in developers}
    count = Counter(addresses.values())
    return {key: address for key, address in addresses.items() if address is not None and count[address] == 1}


def _kept(developers: Iterable[Developer]) -> frozenset[str]:
    """Return all addresses under which a denial would also match a pending or approved developer.

    A denial of `ann@x.com` also matches `ann+tag@x.com` and unusual spellings of the address.
    """
    return frozenset(
        name for developer in developers if developer.status not in OUT for name in suspects(developer.email or "")
    )


def _teams(snapshot: Snapshot, names: Mapping[str, str]) -> tuple[tuple[ImportedTeam, ...], list[Omission]]:
    """Return the teams and the omitted teams.

    Denied developers are not listed as members: their override denies them, and an additive team keeps them anyway.
    """
    listed = {
        developer.id: names[developer.id]
        for developer in snapshot.developers
        if developer.status not in OUT and developer.id in names
    }
    count = Counter(team.name for team in snapshot.teams)
    teams, omissions = [], []
    for team in sorted(snapshot.teams, key=lambda team: (team.name, team.id)):
        reason = _unusable(team, count)
        if reason is None:
            teams.append(_team(team, snapshot, listed))
        else:
            omissions.append(Omission(team.name, "team", reason))
    return tuple(teams), list(dict.fromkeys(omissions))


def _unusable(team: Team, count: Mapping[str, int]) -> str | None:
    """Return why a manifest cannot contain a team; None if it can. `count`: the number of teams by name."""
    if count[team.name] > 1:
        return "several teams have this name"
    return None if _can_be_written(name=team.name) else "a manifest cannot contain this name"


def _team(team: Team, snapshot: Snapshot, listed: Mapping[str, str]) -> ImportedTeam:
    described = team.description is not None and _can_be_written(name=team.name, description=team.description)
    members = sorted(listed[key] for key in snapshot.members.get(team.id, ()) if key in listed)
    return ImportedTeam(
        team.name,
        team.description if described else None,
        None if snapshot.settings.team_mapping else tuple(members),
    )


def _can_be_written(**keys: str) -> bool:
    """Return whether a file with these keys of a team can be read again."""
    try:
        _entry().validate_python(keys)
    except ValidationError:
        return False
    return not any(decode("", scalar_text(text).encode())[1] for text in keys.values())


@cache
def _entry() -> TypeAdapter[manifest.TeamRule]:
    return TypeAdapter(manifest.TeamRule)


def _suggestions(developers: Iterable[Developer], least: int) -> tuple[Suggestion, ...]:
    """Return the domains to suggest, sorted as `fmt` sorts them, without freemail domains and public suffixes.

    `least`: the number of approved developers from which on a domain is suggested.
    """
    approved: Counter[str] = Counter()
    pending: Counter[str] = Counter()
    for developer in developers:
        address = developer.address
        if address is not None and developer.status in {"approved", "pending"}:
            (approved if developer.status == "approved" else pending)[domain_of(address)] += 1
    domains = sorted(domain for domain, count in approved.items() if count >= least)
    return tuple(
        Suggestion(domain, approved[domain], pending[domain])
        for domain in domains
        if not is_freemail(domain) and not is_public_suffix(domain)
    )


def _omitted_developers(snapshot: Snapshot, names: Mapping[str, str], kept: frozenset[str]) -> Iterator[Omission]:
    """Yield the developers that a manifest cannot name, unless they have neither an address nor a team."""
    in_teams = frozenset(key for members in snapshot.members.values() for key in members)
    for developer in sorted(snapshot.developers, key=lambda developer: (developer.email or "", developer.id)):
        reason = _unnameable(developer, names, kept)
        if reason is not None and (developer.email is not None or developer.id in in_teams):
            yield Omission(developer.name, developer.status, reason)


def _unnameable(developer: Developer, names: Mapping[str, str], kept: frozenset[str]) -> str | None:
    """Return why a manifest cannot name a developer; None if it can."""
    if developer.id not in names:
        if developer.email is None:
            return NAMELESS
        return MALFORMED if developer.address is None else AMBIGUOUS
    return SHARED if developer.status in OUT and names[developer.id] in kept else None
