"""A portal as it is → what a manifest has to say for its first plan to be empty. Pure.

Everybody keeps what they have: who is in stays by no rule (`policy.unmatched: keep`), and who is out gets an
override, so that no rule written later lets them in again. What a manifest cannot say is told, with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from pydantic import TypeAdapter, ValidationError

from portalctl.identity import domain_of, is_freemail, is_public_suffix, suspects
from portalctl.manifest import model as manifest
from portalctl.manifest.file_text import decode
from portalctl.manifest.fmt.layout import scalar_text
from portalctl.portals.models import OUT, Developer, Snapshot, Team

MALFORMED = "not a well-formed address; no rule can name it"
AMBIGUOUS = "more than one registration has this address; no rule can tell them apart"
NAMELESS = "no address; a list of members can't name it"
SHARED = "a denial of this address would also keep out somebody who is in"


@dataclass(frozen=True, slots=True)
class AdoptedTeam:
    """`description` None: there is none, or none that a manifest can say. `members` None: somebody else's to set."""

    name: str
    description: str | None
    members: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class AdoptedDenial:
    """Somebody who is out: a normal address, and `revoked` or `rejected` as on the portal."""

    address: str
    status: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A domain that could be trusted, with how many of its people are approved and how many wait."""

    domain: str
    approved: int
    pending: int


@dataclass(frozen=True, slots=True)
class Unsaid:
    """What a manifest cannot say. `who` is an address, an id or a team's name, as typed; `state` is what is live."""

    who: str
    state: str
    because: str


@dataclass(frozen=True, slots=True)
class Adopted:
    """All of it sorted. `approved` and `pending` count the people whom only the policy keeps as they are."""

    teams: tuple[AdoptedTeam, ...]
    denials: tuple[AdoptedDenial, ...]
    suggestions: tuple[Suggestion, ...]
    unsaid: tuple[Unsaid, ...]
    approved: int
    pending: int


def adopt(snapshot: Snapshot, suggest_from: int) -> Adopted:
    """`snapshot` has the members of every team. Domains are suggested from this many approved people on."""
    names = _names(snapshot.developers)
    held = _held(snapshot.developers)
    teams, unsaid_teams = _teams(snapshot, names)
    denied = {names[each.id]: each.status for each in snapshot.developers if each.status in OUT and each.id in names}
    status = Counter(each.status for each in snapshot.developers)
    return Adopted(
        teams=teams,
        denials=tuple(AdoptedDenial(who, denied[who]) for who in sorted(denied.keys() - held)),
        suggestions=_suggestions(snapshot.developers, suggest_from),
        unsaid=(*unsaid_teams, *_unsaid_people(snapshot, names, held)),
        approved=status["approved"],
        pending=status["pending"],
    )


def _names(people: Iterable[Developer]) -> dict[str, str]:
    """By id, the address under which a rule can speak of this person and of nobody else."""
    addresses = {each.id: each.address for each in people}
    count = Counter(addresses.values())
    return {key: address for key, address in addresses.items() if address is not None and count[address] == 1}


def _held(people: Iterable[Developer]) -> frozenset[str]:
    """Every name by which a denial would find somebody who is not out: tagged forms and unreadable spellings too."""
    return frozenset(name for each in people if each.status not in OUT for name in suspects(each.email or ""))


def _teams(snapshot: Snapshot, names: Mapping[str, str]) -> tuple[tuple[AdoptedTeam, ...], list[Unsaid]]:
    """Who is out is not listed: an additive team keeps them, and a list would contradict the override."""
    listed = {each.id: names[each.id] for each in snapshot.developers if each.status not in OUT and each.id in names}
    count = Counter(team.name for team in snapshot.teams)
    adopted, unsaid = [], []
    for team in sorted(snapshot.teams, key=lambda team: (team.name, team.id)):
        because = _unusable(team, count)
        if because is None:
            adopted.append(_team(team, snapshot, listed))
        else:
            unsaid.append(Unsaid(team.name, "team", because))
    return tuple(adopted), list(dict.fromkeys(unsaid))


def _unusable(team: Team, count: Mapping[str, int]) -> str | None:
    if count[team.name] > 1:
        return "more than one team has this name"
    return None if _can_say(name=team.name) else "a manifest can't hold this name"


def _team(team: Team, snapshot: Snapshot, listed: Mapping[str, str]) -> AdoptedTeam:
    described = team.description is not None and _can_say(name=team.name, description=team.description)
    members = sorted(listed[key] for key in snapshot.members.get(team.id, ()) if key in listed)
    return AdoptedTeam(
        team.name,
        team.description if described else None,
        None if snapshot.settings.team_mapping else tuple(members),
    )


def _can_say(**keys: str) -> bool:
    """Whether a file can hold these keys of a team, and be read again."""
    try:
        _entry().validate_python(keys)
    except ValidationError:
        return False
    return not any(decode("", scalar_text(text).encode())[1] for text in keys.values())


@cache
def _entry() -> TypeAdapter[manifest.Team]:
    return TypeAdapter(manifest.Team)


def _suggestions(people: Iterable[Developer], least: int) -> tuple[Suggestion, ...]:
    """Largest first. Never where anyone gets an address: freemail, and public suffixes, which can't be trusted."""
    approved: Counter[str] = Counter()
    pending: Counter[str] = Counter()
    for each in people:
        address = each.address
        if address is not None and each.status in {"approved", "pending"}:
            (approved if each.status == "approved" else pending)[domain_of(address)] += 1
    chosen = [domain for domain, count in approved.items() if count >= least]
    usable = [domain for domain in chosen if not is_freemail(domain) and not is_public_suffix(domain)]
    usable.sort(key=lambda domain: (-approved[domain], domain))
    return tuple(Suggestion(domain, approved[domain], pending[domain]) for domain in usable)


def _unsaid_people(snapshot: Snapshot, names: Mapping[str, str], held: frozenset[str]) -> Iterator[Unsaid]:
    """Those of whom something would have to be said: who is out, or in a team; and every address that is no name."""
    in_teams = frozenset(key for members in snapshot.members.values() for key in members)
    for each in sorted(snapshot.developers, key=lambda each: (each.email or "", each.id)):
        because = _unsayable(each, names, held)
        if because is not None and (each.email is not None or each.id in in_teams):
            yield Unsaid(each.name, each.status, because)


def _unsayable(person: Developer, names: Mapping[str, str], held: frozenset[str]) -> str | None:
    if person.id not in names:
        if person.email is None:
            return NAMELESS
        return MALFORMED if person.address is None else AMBIGUOUS
    return SHARED if person.status in OUT and names[person.id] in held else None
