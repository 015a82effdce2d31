"""One answer of a server, and the text of its error body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from portalctl.errors import AnswerError
from portalctl.http.redaction import Redactor, inert

# The fields with error texts, best first. Konnect: `detail`, `title`; its gateway: `message`; API7: `error_msg`,
# `message` or only `warning_msg`. Directories: `error_description` (OAuth2), `errorSummary` (Okta), `errorMessage`
# (Keycloak); Graph and Google have an object `error` with a `message`.
_TEXTS: Final = (
    *("error_msg", "detail", "message", "title", "warning_msg"),
    *("error_description", "errorSummary", "errorMessage"),
)
_MAX_FIELDS: Final = 10  # invalid parameters that are shown


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, whatever its status. `trace` is the server's id of the request, if there is one.

    `detail` and `trace` are safe to show. `date` is the server's time as it wrote it (RFC 9110, 6.6.1).
    `headers` have lower-case names. `peer` is what messages call the server.
    """

    call: str
    status: int
    body: bytes
    trace: str | None
    detail: str
    date: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    peer: str = "the portal"

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_page(self) -> bool:
        """Return whether it is an HTML page. No portal API returns one, but proxies and login pages do."""
        return self.body[:1024].lstrip()[:1] == b"<"

    def error(self, *advice: str) -> AnswerError:
        """Return this answer as an error."""
        return AnswerError(self.call, self.status, self.detail, self.trace, *advice, peer=self.peer)


def parse_json(body: bytes) -> object:
    """Return the value of a JSON text from a server. Raises ValueError, also for deep nesting or huge numbers.

    pydantic's parser limits nesting to 200 levels; Python's own raises RecursionError, which no caller catches.
    """
    from pydantic_core import from_json  # noqa: PLC0415 (only for answers that are parsed here)

    value: object = from_json(body, allow_inf_nan=False)
    return value


def explain_error(body: bytes, headers: Mapping[str, str], redact: Redactor) -> tuple[str | None, str]:
    """Return trace id and text of an error body: problem+json, a JSON object with a message, or plain text.

    Both are redacted, printable and short. `headers` have lower-case names. `peer` is what messages call the server.
    """
    try:
        problem = parse_json(body)
    except ValueError:
        text = body.decode("utf-8", "replace").strip()
        problem = {"detail": "" if text.startswith("<") else text}  # an HTML page is useless here
    members = problem if isinstance(problem, dict) else {}
    instance = members.get("instance")
    trace = instance if isinstance(instance, str) else headers.get("x-kong-trace-id")
    return inert(redact(trace), 128) if trace else None, inert(redact(_text(members)))


def _text(members: Mapping[str, object]) -> str:
    texts = (members.get(key) for key in _TEXTS)
    text = next((text for text in texts if isinstance(text, str) and text), "")
    error = members.get("error")
    if not text and isinstance(error, str | dict):
        text = error if isinstance(error, str) else _word(error.get("message"))
    parameters = members.get("invalid_parameters")
    if isinstance(parameters, list):
        invalid = [entry for entry in parameters[:_MAX_FIELDS] if isinstance(entry, dict)]
        text = "; ".join([text, *(f"{_word(entry.get('field'))}: {_word(entry.get('reason'))}" for entry in invalid)])
    return text


def _word(value: object) -> str:
    return value if isinstance(value, str) else "…"
