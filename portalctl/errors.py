"""The error tree. Every error names what happened, where, and what to do; `exit_code` is what the shell gets.

PortalctlError                1   could not read or write
├── BadUsageError             64   wrong usage, or an unusable environment
├── InputError               65   findings in manifest or plan files, each with its place
├── PortalError               1   a portal could not be read, or not provably completely
│   ├── AmbiguousError        1   several objects have the name that is asked for
│   ├── AnswerError           1   the portal returned an error
│   └── NoAnswerError         1   no usable answer: unreachable, connection lost, TLS
│       └── BoundError        1   the answer is too large, or its encoding is not accepted
└── RefusedError              3   refused before any write
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Literal, NamedTuple

MOST_FINDINGS: Final = 100  # findings that one run prints, in any form; the rest is counted


class Position(NamedTuple):
    """A place in a file: `line` and `column` count from 1; `file` is the path that messages show."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing wrong at one place. `message` never quotes a value that may be secret; it names keys and types.

    `code` is the stable code of a lint finding; errors have none.
    """

    at: Position
    message: str
    code: str | None = None
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        kind = f"{self.severity} {self.code}: " if self.code else ""
        return f"{self.at}: {kind}{self.message}"


class PortalctlError(Exception):
    """What happened (`message`) and what to do about it (`advice`, one line each)."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *advice: str) -> None:
        super().__init__(message)
        for line in advice:
            self.add_note(line)  # shown below a traceback
        self.message = message
        self.advice = advice


class BadUsageError(PortalctlError):
    """The command line or the environment is wrong, whatever the files contain."""

    exit_code = 64


class InputError(PortalctlError):
    """Files that can't be accepted. Carries every finding at once, sorted by place."""

    exit_code = 65

    def __init__(self, findings: tuple[Finding, ...], message: str = "") -> None:
        count = len(findings)
        super().__init__(message or f"{count:,} error{'s' if count != 1 else ''}. No portal was contacted.")
        self.findings = tuple(sorted(findings))

    def __str__(self) -> str:
        lines = [str(finding) for finding in self.findings[:MOST_FINDINGS]]
        more = len(self.findings) - len(lines)
        return "\n".join([*lines, *([f"and {more:,} more"] if more else []), self.message])


class PortalError(PortalctlError):
    """A portal could not be read, or its answers were not provably complete."""


class AmbiguousError(PortalError):
    """Several objects on the portal have the name that is asked for. A plan made before that is stale."""


class AnswerError(PortalError):
    """The portal returned an error. `call` is "METHOD /path"; `trace` is the portal's own id of the request."""

    def __init__(
        self, call: str, status: int, detail: str, trace: str | None, *advice: str, peer: str = "the portal"
    ) -> None:
        text = f": {detail}" if detail else ""
        mark = f" ({trace})" if trace else ""
        super().__init__(f"{peer} returned {status} to {call}{text}{mark}", *advice)
        self.call = call
        self.status = status
        self.detail = detail
        self.trace = trace


#: The statuses for "the token may not see this" and "the portal does not have this".
UNTOLD: frozenset[int] = frozenset({403, 404, 405})


class NoAnswerError(PortalError):
    """No usable answer arrived. `sent`: whether the request may have reached the portal anyway."""

    def __init__(self, message: str, *advice: str, sent: bool) -> None:
        super().__init__(message, *advice)
        self.sent = sent


class BoundError(NoAnswerError):
    """An answer exceeds what is accepted: its size, its encoding, or the number of its values."""


class RefusedError(PortalctlError):
    """Refused before any write."""

    exit_code = 3
