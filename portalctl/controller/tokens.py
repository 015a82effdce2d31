"""The tokens of the controller's API: how one is made and checked, and the lines of the file that lists them.

A line of the file is `NAME ROLE HASH`, or `NAME ROLE proxy` for a user that a trusted proxy has authenticated. The
file has hashes only (scrypt, RFC 7914), so its readers cannot use the tokens. A token begins with the salt of its
line, so that a request costs one hash at most, however many lines there are, and a wrong token none.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, get_args

from portalctl.controller.models import Role
from portalctl.errors import BadUsageError, Finding, Position
from portalctl.words import did_you_mean, quoted

PREFIX: Final = "pctl_"
PROXY: Final = "proxy"  # instead of a hash
ROLES: Final[tuple[Role, ...]] = get_args(Role)
MAX_LINES: Final = 10_000
_SCHEME: Final = "scrypt"
_SALT_BYTES: Final = 16
_SECRET_BYTES: Final = 32
_HASH_BYTES: Final = 32
_SALT_LENGTH: Final = 22  # of 16 bytes in base64 without padding
_COST: Final = 2**14  # 16 MiB and some 50 ms a hash; the secret has 256 random bits, so more would not help
_TOKEN: Final = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{65}}")
_NAME: Final = re.compile(r"[!-~]{1,254}")


@dataclass(frozen=True, slots=True)
class TokenLine:
    """One line of the file. `salt` and `digest` are those of the token's hash; None in a line for a proxy's user."""

    name: str
    role: Role
    salt: str | None = None
    digest: bytes | None = field(default=None, repr=False)


def new_token(name: str, role: Role) -> tuple[str, str]:
    """Return a new token, and the line for the file. Raises BadUsageError for a name that a line cannot hold."""
    check_name(name)
    salt, secret = _text(secrets.token_bytes(_SALT_BYTES)), _text(secrets.token_bytes(_SECRET_BYTES))
    token = f"{PREFIX}{salt}{secret}"
    return token, f"{name} {role} {_SCHEME}:{salt}:{_text(_hash(token, salt))}"


def check_name(name: str) -> None:
    """Check the name of a token or of a proxy's user. Raises BadUsageError."""
    if not _NAME.fullmatch(name) or name.startswith("#"):
        raise BadUsageError(
            f"{quoted(name)} is not a valid name; expected 1 to 254 printable ASCII characters, without blanks and "
            "without # at the start",
            "Choose a name such as ann or registration-portal.",
        )


def salt_of(token: str) -> str | None:
    """Return the salt that a token begins with; None for a text that is not a token."""
    return token[len(PREFIX) :][:_SALT_LENGTH] if _TOKEN.fullmatch(token) else None


def is_token_of(line: TokenLine, token: str) -> bool:
    """Return whether a token is that of a line. Takes some 50 ms, and the same time for either result."""
    if line.salt is None or line.digest is None:
        return False
    return hmac.compare_digest(_hash(token, line.salt), line.digest)


def parse_lines(text: str, file: str) -> tuple[tuple[TokenLine, ...], tuple[Finding, ...]]:
    """Return the lines of a token file, and what is wrong with it. No finding shows a hash, or what may be a token.

    A name may have several tokens, for rotation, all with the same role.
    """
    lines: list[TokenLine] = []
    findings: list[Finding] = []
    roles: dict[str, Role] = {}
    for number, words in _entries(text):
        at = Position(file, number, 1)
        found = _line(words)
        if isinstance(found, str):
            findings.append(Finding(at, found))
        elif roles.setdefault(found.name, found.role) != found.role:
            findings.append(
                Finding(at, f"{quoted(found.name)} has the role {roles[found.name]} above, and {found.role} here")
            )
        else:
            lines.append(found)
    if not lines and not findings:
        findings.append(Finding(Position(file, 1, 1), "no tokens; add one with `portalctl run token NAME ROLE`"))
    if len(lines) > MAX_LINES:
        findings.append(Finding(Position(file, MAX_LINES + 1, 1), f"more than {MAX_LINES:,} lines"))
    return tuple(lines), tuple(findings)


def _entries(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield number and words of each line that is neither blank nor a comment."""
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if words and not words[0].startswith("#"):
            yield number, words


def _line(words: list[str]) -> TokenLine | str:
    """Return a line, or what is wrong with it."""
    if len(words) != 3:
        return f"has {len(words)} words; expected NAME ROLE HASH, or NAME ROLE {PROXY}"
    if any(word.startswith(PREFIX) for word in words):
        return "has a token; expected its hash. Remove the line and make a new token"
    name, word, mark = words
    role = next((role for role in ROLES if role == word), None)
    if not _NAME.fullmatch(name):
        return f"{quoted(name)} is not a valid name; expected printable ASCII characters"
    if role is None:
        return f"{quoted(word)} is not a valid role; expected {', '.join(ROLES)}{did_you_mean(word, ROLES)}"
    return TokenLine(name, role) if mark == PROXY else _hashed(name, role, mark)


def _hashed(name: str, role: Role, mark: str) -> TokenLine | str:
    """Return a line with a hash, or what is wrong with it."""
    scheme, _, rest = mark.partition(":")
    salt, _, digest = rest.partition(":")
    hashed = _bytes(digest)
    if scheme != _SCHEME or len(_bytes(salt)) != _SALT_BYTES or len(hashed) != _HASH_BYTES:
        return f"the third word is neither a hash of `portalctl run token` nor {PROXY}"
    return TokenLine(name, role, salt, hashed)


def _hash(token: str, salt: str) -> bytes:
    return hashlib.scrypt(token.encode(), salt=_bytes(salt), n=_COST, r=8, p=1, dklen=_HASH_BYTES)


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode("ascii").rstrip("=")


def _bytes(text: str) -> bytes:
    """Return the bytes of a text in base64 for URLs; none for anything else."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
