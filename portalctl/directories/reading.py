"""A group as rules use it: its identities by address, without addresses that do not count. Pure.

A `GroupReading` is made from the directory's answer (`Group`). It has addresses in normal form, marks disabled
identities and addresses shared by two identities, and leaves out addresses at domains that do not count.
`portalctl.rules.groups` checks whether enough identities are left.
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
    """One identity of a group: its stable id, whether it is enabled, and the nested groups that contain it."""

    identity: str
    active: bool = True
    via: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    """The figures of a group.

    `active`: enabled identities. `usable`: enabled identities with an address that counts; `domains`: their number by
    domain. `ignored`: addresses at domains that do not count. `malformed`: values that are not addresses.
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
    """A complete group of a directory at the time `observed_at` (RFC 3339).

    `asked`: its name in the manifest. `members`: the identities by address in normal form. `shared`: the addresses
    that two enabled identities have; `members` also contains them.
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
        """The group's name in reasons: `directory/group`."""
        return f"{self.directory}/{self.asked}"

    def narrowed(self, addresses: Collection[str]) -> GroupReading:
        """Return the group with only the identities with one of these addresses; the figures stay."""
        kept = {address: member for address, member in self.members.items() if address in addresses}
        return replace(self, members=kept, shared=frozenset(self.shared & kept.keys()))


@dataclass(frozen=True, slots=True)
class Filter:
    """The settings of a `directories` entry that decide which addresses count."""

    domains: tuple[str, ...] = ()
    ignore_without_address: bool = False

    def counts(self, domain: str) -> bool:
        """Return whether addresses at a domain count."""
        return domain in self.domains if self.domains else not is_freemail(domain)


def reading_of(group: Group, directory: str, asked: str, keep: Filter) -> GroupReading:
    """Return a group as rules use it.

    Raises DirectoryError for an identity without any address, unless `without_address` of the directory is `ignore`.
    """
    sorting = _Sorting(keep)
    for identity in group.identities:
        sorting.add(identity)
    if sorting.bare and not keep.ignore_without_address:
        first = ", ".join(sorting.bare[:3])
        count = plural(len(sorting.bare), "identity")
        raise DirectoryError(
            f"directory {directory}: group {asked} has {count} without an address, such as {first}",
            "Add addresses in the directory, or check that the credential may read the attributes in `email`.",
            f"To ignore such identities, write `without_address: ignore` for the directory {directory}.",
        )
    counts = sorting.counts(group)
    return GroupReading(
        directory, asked, group.id, group.name, group.observed_at, counts, sorting.members, frozenset(sorting.shared)
    )


class _Sorting:
    """Sorts the identities of one group into members, shared addresses and identities without an address."""

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
        """Store an identity by address. An enabled one replaces a disabled one; two enabled ones share it."""
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
