"""Text from servers and proxies, made safe to show: without our secrets, on one line, printable and short."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import quote

from portalctl.words import shortened

MAX_TEXT = 500  # characters of anything a server sends that are shown


class Redactor:
    """Replaces secrets in text, also where they are percent-encoded or in Base64."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._forms = sorted({form for secret in secrets if secret for form in _forms(secret)}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, "[token]")
        return text


def _forms(secret: str) -> tuple[str, ...]:
    return secret, quote(secret, safe=""), b64encode(secret.encode()).decode().rstrip("=")


def inert(text: str, limit: int = MAX_TEXT) -> str:
    """Return text as one printable line of about `limit` characters; anything else in it is escaped."""
    line = " ".join(shortened(text, 8 * limit).split())
    safe = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in line)
    return shortened(safe, limit)
