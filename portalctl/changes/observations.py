"""Observations of a comparison that lead to no change:

one frozen class for each kind, with everything about it. A class defines its notice and its refusal, what `drift`
reports, and the figure of a plan's summary that counts it. To add a kind, write its class here and add it to
`AnyObservation`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, TypeVar, cast

from portalctl.changes.blocked_accounts import Accounts, blocked_notice, withheld_notice
from portalctl.changes.operation import Removal
from portalctl.changes.plan import Notice, Refusal
from portalctl.directories.reading import GroupReading
from portalctl.manifest.model import OnRevoke, Role, TeamRule
from portalctl.portals.models import Developer, Registration, TeamMapping
from portalctl.reason import Reason
from portalctl.rules.groups import GroupFault
from portalctl.rules.resolve import Decision
from portalctl.words import plural

DisagreementKind = Literal["withheld", "unexpected_grant", "unruled_grant", "setting", "expired"]
Figure = Literal["unmanaged", "awaited"]  # figures of a plan's summary that count observations
DELETION = "override with status: absent"  # the manifest's side of drift where a portal can only delete accounts
MOST_GROUPS = 3  # groups of one team that a message names
FIGURES: tuple[Figure, ...] = ("unmanaged", "awaited")


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A disagreement of portal and manifest: what the portal has, what the rules want, and the rule, if any."""

    kind: DisagreementKind
    live: str
    wanted: str
    why: Reason | None = None
    developer: Developer | None = None
    team: str | None = None


class Observation:
    """The interface of all kinds; by default without results. A method that a kind does not define is not called."""

    __slots__ = ()
    figure: ClassVar[Figure | None] = None

    @classmethod
    def figure_count(cls, found: Sequence[AnyObservation]) -> int:
        """Return how much the observations of this kind add to their figure."""
        return len(found)

    @classmethod
    def notices(cls, found: Sequence[AnyObservation], accounts: Accounts) -> Iterator[Notice]:
        """Yield the notices for all observations of this kind: usually one for each."""
        if cls.notice is not Observation.notice:
            yield from (notice for item in found if (notice := item.notice(accounts)) is not None)

    def notice(self, accounts: Accounts) -> Notice | None:  # noqa: ARG002 (for the kinds that need it)
        """Return the notice of this observation. `accounts` finds the accounts that share an address."""
        return None

    def refusal(self) -> Refusal | None:
        """Return why nothing may be written because of this."""
        return None

    def disagreement(self) -> Disagreement | None:
        """Return what `drift` reports."""
        return None


@dataclass(frozen=True, slots=True)
class Withheld(Observation):
    """A revoked or rejected developer; the rules would approve them, but may not reinstate them."""

    developer: Developer
    decision: Decision

    def notice(self, accounts: Accounts) -> Notice:
        return withheld_notice(self.developer, self.decision, accounts)

    def disagreement(self) -> Disagreement:
        why = self.decision.why[0]
        return Disagreement("withheld", self.developer.status, self.decision.verdict, why, self.developer)


@dataclass(frozen=True, slots=True)
class Blocked(Observation):
    """A developer with blocked grants, whatever the rules yield."""

    developer: Developer
    decision: Decision

    def notice(self, accounts: Accounts) -> Notice:
        return blocked_notice(self.developer, self.decision, accounts)

    def disagreement(self) -> Disagreement | None:
        """An approved account beside the one that an override names is approved by no rule."""
        decision = self.decision
        if decision.blocked == "pin" and decision.verdict == "silent" and self.developer.status == "approved":
            return Disagreement("unruled_grant", "approved", "no rule", developer=self.developer)
        return None


@dataclass(frozen=True, slots=True)
class Unmatched(Observation):
    """An unmatched developer; the policy leaves them unchanged."""

    developer: Developer
    figure: ClassVar[Figure | None] = "unmanaged"

    def disagreement(self) -> Disagreement | None:
        if self.developer.status != "approved":
            return None
        return Disagreement("unruled_grant", "approved", "no rule", developer=self.developer)


@dataclass(frozen=True, slots=True)
class UnknownStatus(Observation):
    """A developer with a status that this version does not know."""

    developer: Developer

    def notice(self, accounts: Accounts) -> Notice:  # noqa: ARG002
        text = f"status {self.developer.status!r} is unknown to portalctl; unchanged"
        return Notice("unknown_status", "warning", text, self.developer.name)


@dataclass(frozen=True, slots=True)
class BeyondProvider(Observation):
    """A denied developer who is approved, on a portal that can only delete accounts."""

    developer: Developer
    decision: Decision

    def notice(self, accounts: Accounts) -> Notice:  # noqa: ARG002
        why = self.decision.why[0]
        text = "approved on the portal, but denied by the rules; this portal can only delete the account: write an "
        text += "override with `status: absent`"
        return Notice("cannot_keep_out", "warning", text, self.developer.name, why.file, why.line)

    def disagreement(self) -> Disagreement:
        lapsed = self.decision.lapsed
        kind: DisagreementKind = "expired" if lapsed else "unexpected_grant"
        why = (lapsed or self.decision.why)[0]
        return Disagreement(kind, "approved", DELETION, why, self.developer)


@dataclass(frozen=True, slots=True)
class ExtraMember(Observation):
    """A member without a rule, in a team that keeps such members."""

    developer: Developer
    team: str

    @classmethod
    def notices(cls, found: Sequence[AnyObservation], accounts: Accounts) -> Iterator[Notice]:  # noqa: ARG003
        """Yield one notice for each team, with the number of its extra members."""
        for team, count in sorted(Counter(item.team for item in found if isinstance(item, cls)).items()):
            text = f"team {team} keeps {plural(count, 'developer')} that no rule puts there (additive)"
            yield Notice("unruled_members", "info", text)

    def disagreement(self) -> Disagreement:
        return Disagreement("unruled_grant", "member", "no rule", developer=self.developer, team=self.team)


@dataclass(frozen=True, slots=True)
class Awaited(Observation):
    """An awaited developer: an address or id that a rule grants something to once it has an approved account."""

    name: str
    figure: ClassVar[Figure | None] = "awaited"

    @classmethod
    def figure_count(cls, found: Sequence[AnyObservation]) -> int:
        """Accounts that share an address count once."""
        return len({item.name for item in found if isinstance(item, cls)})


@dataclass(frozen=True, slots=True)
class AmbiguousTeam(Observation):
    """A declared team with the name of several live teams."""

    team: TeamRule

    def refusal(self) -> Refusal:
        text = f"the portal has more than one team named {self.team.name}"
        return Refusal("ambiguous_team", text, team=self.team.name)

    def disagreement(self) -> Disagreement:
        live = "more than one team of this name"
        return Disagreement("setting", live, "one", self.team.why, team=self.team.name)


@dataclass(frozen=True, slots=True)
class MissingIdpTeam(Observation):
    """A declared team of the identity provider that the portal does not have."""

    team: TeamRule

    def notice(self, accounts: Accounts) -> Notice:  # noqa: ARG002
        text = f"team {self.team.name} is not on the portal, and `membership: idp` is never written"
        return Notice("missing_idp_team", "warning", text)


@dataclass(frozen=True, slots=True)
class MappedTeam(Observation):
    """A team that an identity provider fills at each login, against the manifest.

    `team` None: the manifest does not declare it. `name` is its id where the portal has no such team.
    """

    name: str
    groups: tuple[TeamMapping, ...]
    team: TeamRule | None

    def notice(self, accounts: Accounts) -> Notice | None:  # noqa: ARG002
        if self.team is None or self.team.synced is not False:
            return None
        text = f"team {self.name} is declared `synced: false`, but is mapped to {mapped_words(self.groups)}: "
        text += "the identity provider may undo changes of its members at each login"
        return Notice("mapped_team", "warning", text, file=self.team.why.file, line=self.team.why.line)

    def disagreement(self) -> Disagreement:
        wanted = "members by rules" if self.team is not None else "not declared"
        why = self.team.why if self.team is not None else None
        return Disagreement("setting", f"mapped to {mapped_words(self.groups)}", wanted, why, team=self.name)


def mapped_words(mappings: Iterable[TeamMapping]) -> str:
    """Return the groups of mappings in words: `group Engineers (oidc)`."""
    providers = {mapping.group: mapping.provider for mapping in sorted(mappings, key=lambda item: item.provider)}
    names = [f"{group} ({provider})" if provider else group for group, provider in sorted(providers.items())]
    more = [f"{len(names) - MOST_GROUPS:,} more"] if len(names) > MOST_GROUPS else []
    return f"{'group' if len(names) == 1 else 'groups'} {', '.join([*names[:MOST_GROUPS], *more])}"


@dataclass(frozen=True, slots=True)
class UnclearApi(Observation):
    """A role for an API name that is not unique or not on the portal; `count` is the number of such APIs."""

    team: TeamRule
    role: Role
    count: int

    def refusal(self) -> Refusal:
        code, there = ("ambiguous_api", "more than one API is") if self.count else ("unknown_api", "no API is")
        text = f"{there} named {self.role.api} ({self.role.why.at}); write its id"
        return Refusal(code, text, team=self.team.name)


@dataclass(frozen=True, slots=True)
class KeptOut(Observation):
    """A developer who is denied or removed; what their applications can still use has to be read.

    `deleted`: the account goes, with everything that belongs to it.
    """

    developer: Developer
    op_class: Removal
    why: tuple[Reason, ...]
    on_revoke: OnRevoke
    deleted: bool


@dataclass(frozen=True, slots=True)
class Residual(Observation):
    """A live registration of a denied developer. `ends`: by this plan, alone or with the account."""

    kept_out: KeptOut
    registration: Registration
    ends: bool

    def notice(self, accounts: Accounts) -> Notice | None:  # noqa: ARG002
        """Return the notice: what stays usable, or is deleted with the account."""
        registration, name = self.registration, self.kept_out.developer.name
        what = f"application {registration.application_name}"
        use = f"access to {registration.api_name}" if registration.api_name else "its credentials"
        if registration.owned_by_team is not None:
            text = (
                f"{what} of team {registration.owned_by_team} keeps {use}: it belongs to the team and stays unchanged"
            )
            return Notice("team_application", "warning", text, name)
        if self.kept_out.deleted:
            return Notice("deleted_with_account", "warning", f"{what} and {use} are deleted too", name)
        if self.ends:
            return None
        return Notice("live_registration", "warning", f"{what} keeps {use} (on_revoke: report)", name)


@dataclass(frozen=True, slots=True)
class GroupRead(Observation):
    """A group that rules in force rest on, and when it was read."""

    reading: GroupReading
    why: Reason

    def notice(self, accounts: Accounts) -> Notice:  # noqa: ARG002
        reading, counts = self.reading, self.reading.counts
        disabled = f", {counts.disabled:,} disabled" if counts.disabled else ""
        identities = plural(counts.active, "identity")
        text = f"group {reading.value}: {identities}{disabled}, read {reading.observed_at}"
        return Notice("group_read", "info", text, file=self.why.file, line=self.why.line)


@dataclass(frozen=True, slots=True)
class UnsureGroup(Observation):
    """Something wrong with the group of a rule."""

    fault: GroupFault
    why: Reason

    def notice(self, accounts: Accounts) -> Notice | None:  # noqa: ARG002
        if self.fault.refuses:
            return None
        fault = self.fault
        return Notice(fault.code, fault.severity, fault.message, file=self.why.file, line=self.why.line)

    def refusal(self) -> Refusal | None:
        text = f"group {self.fault.message} ({self.why.file}:{self.why.line})"
        return Refusal(self.fault.code, text) if self.fault.refuses else None


@dataclass(frozen=True, slots=True)
class OneIdentity(Observation):
    """Several developers with addresses of one identity of a group: all of them are members."""

    group: str
    addresses: tuple[str, ...]

    def notice(self, accounts: Accounts) -> Notice:  # noqa: ARG002
        text = f"{' and '.join(self.addresses)} are one identity in {self.group}; both are members"
        return Notice("one_identity", "info", text)


AnyObservation: TypeAlias = (
    GroupRead
    | UnsureGroup
    | OneIdentity
    | Withheld
    | Blocked
    | Unmatched
    | UnknownStatus
    | BeyondProvider
    | ExtraMember
    | Awaited
    | AmbiguousTeam
    | MissingIdpTeam
    | MappedTeam
    | UnclearApi
    | KeptOut
    | Residual
)
K = TypeVar("K", bound=Observation)


class Observations:
    """The observations of one comparison, by kind."""

    __slots__ = ("_by_kind",)

    def __init__(self) -> None:
        self._by_kind: dict[type[AnyObservation], list[AnyObservation]] = {}

    def add(self, item: AnyObservation) -> None:
        kind = type(item)
        if kind in self._by_kind:
            self._by_kind[kind].append(item)
        else:
            self._by_kind[kind] = [item]

    def update(self, items: Iterable[AnyObservation]) -> None:
        for item in items:
            self.add(item)

    def with_more(self, items: Iterable[AnyObservation]) -> Observations:
        """Return these and further observations."""
        both = Observations()
        both._by_kind = {kind: list(found) for kind, found in self._by_kind.items()}
        both.update(items)
        return both

    def of(self, kind: type[K]) -> list[K]:
        """Return the observations of one kind, in the order in which they were added."""
        return cast("dict[type[K], list[K]]", self._by_kind).get(kind, [])

    def notices(self, accounts: Accounts) -> Iterator[Notice]:
        for kind, items in self._by_kind.items():
            yield from kind.notices(items, accounts)

    def refusals(self) -> Iterator[Refusal]:
        for kind, items in self._by_kind.items():
            if kind.refusal is not Observation.refusal:
                yield from (refusal for item in items if (refusal := item.refusal()) is not None)

    def disagreements(self) -> Iterator[Disagreement]:
        for kind, items in self._by_kind.items():
            if kind.disagreement is not Observation.disagreement:
                yield from (found for item in items if (found := item.disagreement()) is not None)

    def figures(self) -> dict[str, int]:
        """Return the figures of a plan's summary that count observations."""
        figures: dict[str, int] = dict.fromkeys(FIGURES, 0)
        for kind, items in self._by_kind.items():
            if kind.figure is not None:
                figures[kind.figure] += kind.figure_count(items)
        return figures
