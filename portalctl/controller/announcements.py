"""Messages to the address in PORTALCTL_NOTIFY_URL: each change of a portal's state, and each held plan, once.

A message has counts and states, no names and addresses. A portal that keeps failing is announced once, after three
equal failures, and once more when it has recovered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from portalctl.controller.models import PortalState, PortalView
from portalctl.controller.turn import RunOutcome
from portalctl.output.escaping import chat

FAILURES: Final = 3  # in a row, before a failing portal is announced
_ANNOUNCED: Final = frozenset({"failing", "held", "suspended"})
_WORDS: Final[Mapping[PortalState, str]] = {
    "in_sync": "in sync",
    "pending": "in sync; sign-ups are pending",
    "drifted": "drifted",
    "held": "changes wait for approval",
    "failing": "failing",
    "suspended": "suspended",
}


class Announcements:
    """Decides which views are announced. One thread uses it. `send` must not block.

    Args:
        public_url: where approvers find the page; None: the digest is named for `portalctl approve`.
    """

    def __init__(self, send: Callable[[Mapping[str, object]], None], public_url: str | None = None) -> None:
        self._send = send
        self._public_url = public_url
        self._announced_state: dict[str, PortalState] = {}
        self._failures: dict[str, int] = {}

    def view(self, view: PortalView, outcome: RunOutcome | None) -> None:
        """Announce a view where its state differs from the one that was announced last."""
        if outcome is not None:
            failing = self._failures.get(view.name, 0) + 1 if view.state == "failing" else 0
            self._failures[view.name] = failing
        if outcome is not None and outcome.new_hold and outcome.held is not None:
            self._announced_state[view.name] = "held"
            self._post(view, f"{_WORDS['held']}: {self._how(outcome.held.digest)}")
            return
        announced = self._announced_state.get(view.name)
        if view.state == "failing" and self._failures.get(view.name, 0) < FAILURES and not _is_lasting(view):
            return
        if view.state == announced or (view.state not in _ANNOUNCED and announced not in _ANNOUNCED):
            return
        self._announced_state[view.name] = view.state
        recovered = announced == "failing" and view.state != "failing"
        self._post(view, f"recovered: {_WORDS[view.state]}" if recovered else _WORDS[view.state])

    def _how(self, digest: str) -> str:
        if self._public_url is not None:
            return f"{self._public_url}/plans/{digest}"
        return f"portalctl approve {digest}"

    def _post(self, view: PortalView, text: str) -> None:
        message = {
            "version": 1,
            "kind": "controller",
            "text": f"portalctl · {chat(view.name)}: {chat(text)}",
            "portal": view.name,
            "state": view.state,
            "held": view.held.digest if view.held is not None else None,
        }
        self._send(message)


def _is_lasting(view: PortalView) -> bool:
    """Return whether a failure does not end by itself: a user has to decide."""
    return any("portalctl resume" in problem or problem.startswith("refused") for problem in view.problems)
