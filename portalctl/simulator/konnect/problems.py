"""Konnect's error answers: problem+json; `invalid_parameters` as in the v3 document's schemas InvalidParameter…"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

TITLES = {
    400: "Invalid Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
DETAILS = {403: "You do not have permission to perform this action"}
PROBLEM_TYPE = "application/problem+json; charset=utf-8"

Invalid = dict[str, Any]


class ProblemError(Exception):
    """Raised by operations to answer with an error. `status` is the HTTP code."""

    def __init__(self, status: int, detail: str | None = None, invalid: Sequence[Invalid] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.invalid = list(invalid)


def problem_body(
    status: int, trace: str, detail: str | None = None, invalid: Sequence[Invalid] = ()
) -> dict[str, Any]:
    """The body of a problem answer. `trace` is the digits of `instance`."""
    title = TITLES.get(status, "Error")
    body: dict[str, Any] = {
        "status": status,
        "title": title,
        "instance": f"kong:trace:{trace}",
        "detail": detail or DETAILS.get(status, title),
    }
    if invalid:
        # The document wants them unique; one parameter can be wrong several times in the same way.
        body["invalid_parameters"] = [entry for index, entry in enumerate(invalid) if entry not in invalid[:index]]
    return body


def bad_request(*invalid: Invalid) -> ProblemError:
    return ProblemError(400, "Invalid Parameters", invalid)


def not_found() -> ProblemError:
    return ProblemError(404)


def standard(field: str, rule: str, reason: str, source: str = "body") -> Invalid:
    return {"field": field, "rule": rule, "reason": reason, "source": source}


def required(field: str) -> Invalid:
    return standard(field, "required", f'"{field}" is required')


def unknown(field: str, source: str = "body") -> Invalid:
    return standard(field, "unknown_property", f'"{field}" is not allowed', source)


def not_uuid(field: str, source: str = "body") -> Invalid:
    return standard(field, "is_uuid", f'value of "{field}" must be a UUID', source)


def choice(field: str, choices: Sequence[str], source: str = "body") -> Invalid:
    reason = f"must be one of [{', '.join(choices)}]"
    return {"field": field, "rule": "enum", "choices": list(choices), "reason": reason, "source": source}


def at_least(field: str, rule: str, minimum: int, reason: str, source: str = "body") -> Invalid:
    return {"field": field, "rule": rule, "minimum": minimum, "reason": reason, "source": source}


def at_most(field: str, rule: str, maximum: int, reason: str, source: str = "body") -> Invalid:
    return {"field": field, "rule": rule, "maximum": maximum, "reason": reason, "source": source}
