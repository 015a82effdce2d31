"""What the API asks of the loop. All methods can be called from any thread."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from portalctl.controller.models import AccessDecision, DirectoryView, PortalView, Registered, SignUp, Trigger
from portalctl.insight.explain import PortalExplanation


class Hub(Protocol):
    """The controller, as the API sees it."""

    def portals(self) -> tuple[PortalView, ...]:
        """Return the portals of the manifest, by name."""

    def portal(self, name: str) -> PortalView | None:
        """Return one portal; None where the manifest has none of this name."""

    def wake(self, name: str, trigger: Trigger) -> None:
        """Ask for a run of a portal soon. Requests while one waits are one; one during a run leads to another run."""

    def push(self) -> None:
        """Ask the manifest's source to look for a new commit now."""

    def register(self, name: str, sign_up: SignUp) -> Registered:
        """Create the account where the provider can, decide it by the rules, and wait for the result (at most 60 s).

        Never raises for what the portal or the rules answer; `unavailable` where nothing may be written now.
        """

    def decision(self, name: str, address: str) -> AccessDecision | None:
        """Return what the rules decide about an address, and its live status. None: no such portal.

        Raises PortalctlError where the portal cannot be read.
        """

    def explain(self, name: str, address: str) -> PortalExplanation | None:
        """Return the rules about a developer, given by address or id, and their accounts. None: no such portal.

        Raises BadUsageError for a text that is neither, and PortalctlError where the portal cannot be read.
        """

    def author(self, commit: str | None) -> str | None:
        """Return the author of a commit of the manifest; None: it is not the one in use, or a folder is."""

    def directories(self) -> tuple[DirectoryView, ...]:
        """Return the directories that rules take groups from, by name."""

    @property
    def loop_alive(self) -> datetime | None:
        """Return when the loop last went round; None: it did not start yet, or it has ended."""

    @property
    def not_ready(self) -> tuple[str, ...]:
        """Return why the controller is not ready (no manifest yet, database not writable); empty: ready."""
