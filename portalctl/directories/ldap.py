"""LDAP directories: OpenLDAP, 389 Directory Server, FreeIPA, Active Directory and Samba.

The members are those that the group's entry lists (`member`, `uniqueMember`, `memberUid`). `memberOf` is not
reliable: an overlay maintains it, and it was empty for a group of 2,500. Members are read in batches by their DNs, so
the number of requests depends on the size of the group, not of the directory.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Final, Self
from uuid import UUID

from portalctl.directories.connection import Connection
from portalctl.directories.kinds import BY_ID
from portalctl.directories.ldap_entries import GROUP_CLASSES, IDS, STATES, Entry, identity, stable_id
from portalctl.directories.ldap_library import escape_bytes
from portalctl.directories.ldap_names import DnKey, any_of, dn_key, equals, first_rdn, is_dn
from portalctl.directories.ldap_server import LdapServer
from portalctl.directories.protocol import DirectoryError, Facts, Group, Identity
from portalctl.directories.web import AGAIN, MOST_IDENTITIES, MOST_PAGES, ambiguous, deeper, not_found
from portalctl.ids import is_uuid
from portalctl.words import plural, quoted

BATCH: Final = 200  # members that one search requests
MANY: Final = 400  # members; for more, a search by `memberOf` is tried first
MOST_GROUPS: Final = 10_000
MOST_SINGLE: Final = 50  # members to read one by one, if a search did not find them
_MEMBERS: Final = ("member", "uniqueMember", "memberUid")
_GROUP: Final = ("objectClass", "cn", "memberURL", *IDS)
_ROOT: Final = ("objectClass", "vendorName", "vendorVersion", "supportedCapabilities")
_ACTIVE_DIRECTORY: Final = "1.2.840.113556.1.4.800"  # MS-ADTS 3.1.1.3.4.3
_GROUPS: Final = any_of([equals("objectClass", name) for name in sorted(GROUP_CLASSES)])
_RANGE: Final = re.compile(
    r"\w+;range=(?P<first>[0-9]{1,9})-(?P<last>[0-9]{1,9}|\*)", re.IGNORECASE
)  # MS-ADTS 3.1.1.3.1.3.3
_BIT_STRING: Final = re.compile(r"#'[01]*'B\Z")  # the optional identifier of uniqueMember (RFC 4517, 3.3.21)


def connect(connection: Connection) -> Ldap:
    """Return an LDAP directory to read. Raises BadUsageError for an invalid address."""
    return Ldap(connection)


@dataclass(frozen=True, slots=True)
class _Members:
    """The members in the entry of a group: DNs, and for posixGroup also user names."""

    dns: tuple[str, ...]
    uids: tuple[str, ...] = ()


class Ldap:
    """A directory that is read by LDAP, with one connection and one bind."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._base = connection.text("base")
        self._server = LdapServer(connection)
        self._root: Entry | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.__exit__(kind, error, trace)

    def begin(self) -> Facts:
        """Bind, and return the product of the server."""
        self._server.open()
        return Facts(self._product())

    def read(self, group: str) -> Group:
        """Return a group with the identities of its nested groups. Raises DirectoryError."""
        observed_at = self._connection.now()
        root = self._found(group)
        walk = _Walk(self, datetime.fromisoformat(observed_at))
        walk.add(root)
        return Group(stable_id(root), root.name, tuple(walk.identities.values()), observed_at, walk.missing)

    # --- the server ---

    def _root_entry(self) -> Entry:
        """Return the root DSE of the server (RFC 4512, 5.1), empty if the server hides it."""
        if self._root is None:
            self._root = self._server.base("", _ROOT) or Entry("", {})
        return self._root

    @property
    def is_active_directory(self) -> bool:
        """Whether this is Active Directory or Samba."""
        return _ACTIVE_DIRECTORY in self._root_entry().texts("supportedCapabilities")

    def _product(self) -> str:
        root = self._root_entry()
        if self.is_active_directory:
            return "Active Directory"
        if "openldaprootdse" in root.classes:
            return "OpenLDAP"
        return f"{root.first('vendorName')} {root.first('vendorVersion')}".strip()

    # --- groups ---

    def _found(self, group: str) -> Entry:
        """Return the entry of the group with an id, a DN, or a cn that is unique below `base`."""
        if group.startswith(BY_ID):
            found = self._by_id(group.removeprefix(BY_ID))
        elif is_dn(group):
            entry = self._server.base(group, _GROUP)
            found = [] if entry is None else [entry]
        else:
            found = list(self._server.search(self._base, f"(&{equals('cn', group)}{_GROUPS})", _GROUP))
        if len(found) > 1:
            raise ambiguous(self._connection, group, sorted(stable_id(entry) for entry in found))
        if not found:
            raise not_found(self._connection, group, f"Searched below {quoted(self._base)}.")
        if not found[0].is_group:
            raise self._server.wrong(f"{quoted(group)} is not a group", "Name a group in the manifest.")
        return found[0]

    def _by_id(self, value: str) -> list[Entry]:
        filters = [equals(name, value) for name in IDS[:3]]
        if is_uuid(value):
            filters.append(f"(objectGUID={escape_bytes(UUID(value).bytes_le)})")
        return list(self._server.search(self._base, any_of(filters), _GROUP))

    def members(self, group: Entry) -> _Members:
        """Return the members of a group, also if the server returns them in several ranges."""
        if "groupofurls" in group.classes or group.attributes.get("memberurl"):
            text = f"group {quoted(group.name)} is dynamic (memberURL), so its entry does not list its members"
            raise self._server.wrong(text, "Name a group with members.")
        values: dict[str, list[str]] = {name.lower(): [] for name in _MEMBERS}
        asked: list[str] = list(_MEMBERS)
        for _ in range(MOST_PAGES):
            entry = self._server.base(group.dn, asked)
            if entry is None:
                raise self._server.wrong(
                    f"group {quoted(group.name)} was deleted while it was read", "Run the command again."
                )
            asked = self._add_values(group, entry, values, asked)
            if not asked:
                break
        else:
            raise self._server.wrong(f"group {quoted(group.name)} has too many ranges of members", AGAIN)
        uids = values["memberuid"] if "posixgroup" in group.classes else []
        dns = [*values["member"], *(_BIT_STRING.sub("", dn) for dn in values["uniquemember"])]
        return _Members(tuple(dns), tuple(uids))

    def _add_values(
        self, group: Entry, entry: Entry, values: dict[str, list[str]], asked: Sequence[str]
    ) -> list[str]:
        """Add the values of one answer, and return the attributes to request next: the rest of a range.

        Raises DirectoryError for a range that does not follow the previous one, and for a missing rest.
        """
        further: list[str] = []
        rest = {name.partition(";")[0] for name in asked if ";" in name}
        for name, raw in entry.attributes.items():
            ranged = _RANGE.fullmatch(name)
            attribute, option, _ = name.partition(";")
            if attribute not in values:
                continue
            if option and not ranged:
                raise self._not_joined(group, attribute)
            texts = entry.texts(name)
            if len(texts) != len(raw):
                raise self._server.wrong(
                    f"group {quoted(group.name)} has members with names that are not UTF-8", _RENAME
                )
            if ranged:
                if int(ranged["first"]) != len(values[attribute]) or not texts:
                    raise self._not_joined(group, attribute)
                rest.discard(attribute)
                if ranged["last"] != "*":
                    further.append(f"{attribute};range={int(ranged['last']) + 1}-*")
            values[attribute] += texts
            if len(values[attribute]) > MOST_IDENTITIES:
                raise self._server.wrong(f"group {quoted(group.name)} has more than {MOST_IDENTITIES:,} members")
        if rest:
            raise self._not_joined(group, rest.pop())
        return further

    def _not_joined(self, group: Entry, attribute: str) -> DirectoryError:
        text = f"group {quoted(group.name)}: the ranges of `{attribute}` do not join up, so the list is not complete"
        return self._server.wrong(text, AGAIN)

    # --- members ---

    def entries(self, group: Entry, dns: Mapping[DnKey, str]) -> dict[DnKey, Entry]:
        """Return the entries of a group's members, read by a few searches, without those that cannot be read."""
        found = self._linked(group, dns) if len(dns) > MANY else {}
        keys = [key for key in dns if key not in found]
        for start in range(0, len(keys), BATCH):
            batch = keys[start : start + BATCH]
            text = any_of([self._filter(dns[key]) for key in batch])
            for entry in self._server.search(self._base, text, self._attributes):
                if (key := dn_key(entry.dn)) is not None and key in dns:
                    found[key] = entry
        lost = [key for key in keys if key not in found]
        for key in lost if len(lost) <= MOST_SINGLE else ():  # such as those outside `base`
            if (single := self._server.base(dns[key], self._attributes)) is not None:
                found[key] = single
        return found

    def _linked(self, group: Entry, dns: Mapping[DnKey, str]) -> dict[DnKey, Entry]:
        """Return the users among the members that a search by `memberOf` finds, in large pages.

        This only saves requests: the other members are read by name, and users that the group's entry does not list
        are left out.
        """
        linked = equals("memberOf", group.dn)
        nested = f"(&{linked}{_GROUPS})"
        try:
            groups = {dn_key(entry.dn) for entry in self._server.search(self._base, nested, ["cn"])}
        except DirectoryError:
            return {}  # a nested group that is missing here would count as a user
        found: dict[DnKey, Entry] = {}
        names = ["cn"] if self._connection.names else []
        attributes = [*IDS, *STATES, *names, *self._connection.email]  # without the object classes, which are large
        for entry in self._server.search(self._base, linked, attributes, complete=False):
            key = dn_key(entry.dn)
            if key is not None and key in dns and key not in groups:
                found[key] = entry
        return found

    def _filter(self, dn: str) -> str:
        """Return a filter for the entry of a DN, by an attribute that the type of server has an index for."""
        if self.is_active_directory:
            return equals("distinguishedName", dn)
        if "openldaprootdse" in self._root_entry().classes:
            return equals("entryDN", dn)
        rdn = [equals(attribute, value) for attribute, value in first_rdn(dn)]
        if not rdn:
            raise self._server.wrong(f"{quoted(dn)}: a member with a name that is not a DN", _RENAME)
        return rdn[0] if len(rdn) == 1 else f"(&{''.join(rdn)})"

    def users(self, uids: Sequence[str]) -> Iterator[tuple[str, list[Entry]]]:
        """Yield user names (`memberUid`), each with the entries that have it."""
        names = list(dict.fromkeys(uids))
        for start in range(0, len(names), BATCH):
            batch = names[start : start + BATCH]
            found: dict[str, list[Entry]] = {name: [] for name in batch}
            for entry in self._server.search(
                self._base, any_of([equals("uid", uid) for uid in batch]), self._attributes
            ):
                for uid in entry.texts("uid"):
                    if uid in found:
                        found[uid].append(entry)
            yield from found.items()

    @property
    def _attributes(self) -> list[str]:
        return ["objectClass", "cn", "uid", *IDS, *STATES, *self._connection.email]

    @property
    def connection(self) -> Connection:
        """The settings of the connection."""
        return self._connection

    def wrong(self, message: str, *advice: str) -> DirectoryError:
        """Return an error of this directory."""
        return self._server.wrong(message, *advice)


class _Walk:
    """Collects the identities of a group and of its nested groups, direct members first."""

    def __init__(self, directory: Ldap, now: datetime) -> None:
        self.identities: dict[str, Identity] = {}
        self.missing = 0
        self._directory = directory
        self._connection = directory.connection
        self._now = now
        self._seen: set[DnKey] = set()

    def add(self, root: Entry) -> None:
        """Add all identities of a group and of its nested groups."""
        self._seen.add(dn_key(root.dn) or "")
        waiting: deque[tuple[Entry, tuple[str, ...]]] = deque([(root, ())])
        groups = 0
        while waiting:
            group, via = waiting.popleft()
            groups += 1
            if groups > MOST_GROUPS or len(self.identities) > MOST_IDENTITIES:
                raise self._directory.wrong(f"group {quoted(root.name)} has too many nested groups or members")
            members = self._directory.members(group)
            inside = self._add_users_by_dn(group, members, via)
            waiting += [(entry, deeper(self._directory.wrong, via, entry.name)) for entry in inside]
            self._add_users_by_name(members.uids, via)

    def _add_users_by_dn(self, group: Entry, members: _Members, via: tuple[str, ...]) -> list[Entry]:
        """Add the users of a group, and return its nested groups."""
        dns: dict[DnKey, str] = {}
        for dn in members.dns:
            if not dn.strip():
                continue  # a placeholder: groupOfNames needs a member (RFC 4519, 3.5)
            key = dn_key(dn)
            if key is None:
                raise self._directory.wrong(
                    f"group {quoted(group.name)} has a member with a name that is not a DN", _RENAME
                )
            if key not in self._seen:
                self._seen.add(key)
                dns[key] = dn
        found = self._directory.entries(group, dns)
        self._check_missing(group, len(dns) - len(found))
        nested = [entry for entry in found.values() if entry.is_group]
        for entry in found.values():
            if not entry.is_group:
                self._put(entry, via)
        return nested if self._connection.nested else []

    def _add_users_by_name(self, uids: Sequence[str], via: tuple[str, ...]) -> None:
        for uid, entries in self._directory.users(uids):
            users = [entry for entry in entries if not entry.is_group]
            if len(users) > 1:
                raise self._directory.wrong(f"{len(users)} entries have the uid {quoted(uid)} (memberUid)", _UNIQUE)
            if not users:
                self._missing(1, f"user {quoted(uid)}")
            for entry in users:
                self._put(entry, via)

    def _put(self, entry: Entry, via: tuple[str, ...]) -> None:
        made = identity(entry, self._connection.email, self._now, via)
        self.identities.setdefault(made.id, made)

    def _check_missing(self, group: Entry, count: int) -> None:
        if count:
            self._missing(count, f"{plural(count, 'member')} of group {quoted(group.name)}")

    def _missing(self, count: int, what: str) -> None:
        self.missing += count
        if not self._connection.ignore_missing:
            raise self._directory.wrong(
                f"{what} cannot be read",
                f"Check that the user may read all members, and that they are below `base` "
                f"({self._connection.text('base')}).",
                f"To ignore such members, write `missing_members: ignore` for {self._connection.name}.",
            )


_RENAME: Final = "Ask the directory's operators to correct these names."
_UNIQUE: Final = "Set `base` to the part of the directory that contains the users."
