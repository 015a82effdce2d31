"""A group as rules use it: its identities by address, and what keeps them from counting. Pure.

A directory's answer (`Group`) becomes a `GroupReading` here: addresses in normal form, disabled identities apart,
addresses that two identities share, addresses at domains that do not count. Whether what is left is enough is for
`portalctl.rules.groups` to decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from portalctl.directories.protocol import DirectoryError, Group, Identity
from portalctl.identity import domain_of, is_freemail, normal_address
from portalctl.words import plural


@dataclass(frozen=True, slots=True)
class Member:
    """One identity of a group: its stable id, whether it is enabled, and the nested groups that lead to it."""

    identity: str
    active: bool = True
    via: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    """The figures of a group.

    `active` are its enabled identities, `usable` those of them with an address that counts, `domains` the same for
    each domain. `ignored` counts addresses at domains that do not count, `malformed` those that are not addresses.
    """

    active: int = 0
    usable: int = 0
    disabled: int = 0
    without_address: int = 0
    missing: int = 0
    ignored: int = 0
    malformed: int = 0
    unverified: int = 0
    domains: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GroupReading:
    """A group of a directory, complete, as it was at `observed_at` (RFC 3339).

    `asked` is how the manifest names it. `members` has the identities by address in normal form; `shared` are the
    addresses that two enabled identities have, which are in `members` too.
    """

    directory: str
    asked: str
    id: str
    name: str
    observed_at: str
    counts: Counts
    members: Mapping[str, Member]
    shared: frozenset[str] = frozenset()

    @property
    def value(self) -> str:
        """How reasons name the group."""
        return f"{self.directory}/{self.asked}"

    def narrowed(self, addresses: Collection[str]) -> GroupReading:
        """Return the reading without the identities that have none of these addresses; its figures stay."""
        kept = {address: member for address, member in self.members.items() if address in addresses}
        return replace(self, members=kept, shared=frozenset(self.shared & kept.keys()))


@dataclass(frozen=True, slots=True)
class Filter:
    """Which of a directory's addresses count, as its entry in the manifest says."""

    domains: tuple[str, ...] = ()
    ignore_without_address: bool = False

    def counts(self, domain: str) -> bool:
        """Return whether addresses at a domain count."""
        return domain in self.domains if self.domains else not is_freemail(domain)


def reading_of(group: Group, directory: str, asked: str, keep: Filter) -> GroupReading:
    """Return a group as rules use it.

    Raises DirectoryError for an identity without any address, unless the directory's entry says to ignore those.
    """
    sorting = _Sorting(keep)
    for identity in group.identities:
        sorting.add(identity)
    if sorting.bare and not keep.ignore_without_address:
        first = ", ".join(sorting.bare[:3])
        count = plural(len(sorting.bare), "identity")
        raise DirectoryError(
            f"directory {directory}: group {asked} has {count} without an address, such as {first}",
            "Give them an address, or check that the credential may read the attributes that `email` lists.",
            f"To leave them out, write `without_address: ignore` for the directory {directory}.",
        )
    counts = sorting.counts(group)
    return GroupReading(
        directory, asked, group.id, group.name, group.observed_at, counts, sorting.members, frozenset(sorting.shared)
    )


class _Sorting:
    """The identities of one group, sorted by what becomes of them."""

    def __init__(self, keep: Filter) -> None:
        self.members: dict[str, Member] = {}
        self.shared: set[str] = set()
        self.bare: list[str] = []
        self._keep = keep
        self._count: Counter[str] = Counter()
        self._domains: Counter[str] = Counter()

    def add(self, identity: Identity) -> None:
        self._count["active" if identity.active else "disabled"] += 1
        self._count["unverified"] += identity.unverified
        if not identity.addresses:
            if identity.active and not identity.unverified:
                self.bare.append(identity.id)
            return
        found = list(dict.fromkeys(self._usable(identity.addresses)))
        if found and identity.active:
            self._count["usable"] += 1
            self._domains.update({domain_of(address) for address in found})
        member = Member(identity.id, identity.active, identity.via)
        for address in found:
            self._put(address, member)

    def _usable(self, addresses: Iterable[str]) -> Iterator[str]:
        for text in addresses:
            address = normal_address(text)
            if address is None:
                self._count["malformed"] += 1
            elif self._keep.counts(domain_of(address)):
                yield address
            else:
                self._count["ignored"] += 1

    def _put(self, address: str, member: Member) -> None:
        """Keep an identity under an address. Of two, an enabled one counts; two enabled ones share it."""
        other = self.members.get(address)
        if other is None or (member.active and not other.active):
            self.members[address] = member
        elif member.active and other.identity != member.identity:
            self.shared.add(address)

    def counts(self, group: Group) -> Counts:
        return Counts(
            active=self._count["active"],
            usable=self._count["usable"],
            disabled=self._count["disabled"],
            without_address=len(self.bare),
            missing=group.missing,
            ignored=self._count["ignored"],
            malformed=self._count["malformed"],
            unverified=self._count["unverified"],
            domains=dict(sorted(self._domains.items())),
        )
