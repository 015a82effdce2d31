"""LDAP entries as identities: stable ids, addresses, and whether an account is disabled, by type of server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from portalctl.directories.ldap_names import dn_key
from portalctl.directories.protocol import Identity

#: Attributes with an entry's stable id: OpenLDAP (RFC 4530), 389 Directory Server, FreeIPA, Active Directory.
IDS: Final = ("entryUUID", "nsUniqueId", "ipaUniqueID", "objectGUID")
#: Attributes that show whether an account is disabled.
STATES: Final = ("userAccountControl", "accountExpires", "nsAccountLock", "pwdAccountLockedTime")
#: Classes of groups, in lower case.
GROUP_CLASSES: Final = frozenset(
    {"groupofnames", "groupofmembers", "groupofuniquenames", "posixgroup", "group", "groupofentries", "groupofurls"}
)
_DISABLED: Final = 2  # ACCOUNTDISABLE of userAccountControl (MS-ADTS 2.2.16)
_NEVER: Final = frozenset({0, 0x7FFFFFFFFFFFFFFF})  # of accountExpires (MS-ADA1 2.3)
_EPOCH: Final = datetime(1601, 1, 1, tzinfo=UTC)
# An administrator locked the account permanently (slapo-ppolicy). Other times follow from failed passwords, which an
# attacker could use to revoke a developer's access.
_LOCKED: Final = "000001010000Z"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry. `attributes` have lower-case names."""

    dn: str
    attributes: dict[str, list[bytes]]

    def texts(self, name: str) -> list[str]:
        """Return the values of an attribute that are UTF-8."""
        return [text for value in self.attributes.get(name.lower(), ()) if (text := _text(value)) is not None]

    def first(self, name: str) -> str:
        """Return the first value of an attribute, empty if there is none."""
        return next(iter(self.texts(name)), "")

    @property
    def classes(self) -> frozenset[str]:
        """The object classes, in lower case."""
        return frozenset(name.lower() for name in self.texts("objectClass"))

    @property
    def is_group(self) -> bool:
        """Whether the entry is a group, not a user."""
        return not self.classes.isdisjoint(GROUP_CLASSES)

    @property
    def name(self) -> str:
        """What to call it."""
        return self.first("cn") or self.first("uid") or self.dn


def _text(value: bytes) -> str | None:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return None


def stable_id(entry: Entry) -> str:
    """Return an id that survives renaming and moving the entry, or one derived from the DN if the server has none."""
    guid = entry.attributes.get("objectguid")
    if guid and len(guid[0]) == 16:
        return str(UUID(bytes_le=guid[0]))
    for name in IDS[:3]:
        if value := entry.first(name):
            return value
    return f"dn-{hashlib.sha256((dn_key(entry.dn) or entry.dn).encode()).hexdigest()[:32]}"


def identity(entry: Entry, email: tuple[str, ...], now: datetime, via: tuple[str, ...]) -> Identity:
    """Return the entry of a user as an identity. `now`: the time for the check whether the account has expired."""
    addresses = dict.fromkeys(_addresses(entry, email))
    return Identity(stable_id(entry), tuple(addresses), not is_disabled(entry, now), via, name=entry.first("cn"))


def _addresses(entry: Entry, email: tuple[str, ...]) -> Iterator[str]:
    for attribute in email:
        for text in entry.texts(attribute):
            prefix, colon, rest = text.partition(":")
            if attribute.lower() != "proxyaddresses":
                yield text.strip()
            elif colon and prefix.lower() == "smtp":  # others are X.500 names, SIP and so on (MS-ADA2)
                yield rest.strip()


def is_disabled(entry: Entry, now: datetime) -> bool:
    """Return whether an account is disabled, or has expired. An account locked by failed passwords is neither."""
    if _number(entry.first("userAccountControl")) & _DISABLED:
        return True
    expires = _number(entry.first("accountExpires"))
    if expires > 0 and expires not in _NEVER and _moment(expires) <= now:
        return True
    return entry.first("nsAccountLock").lower() == "true" or entry.first("pwdAccountLockedTime") == _LOCKED


def _moment(filetime: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=filetime // 10)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 0
