"""The controller as the API sees it: the loop, and what has to be decided for one address."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from portalctl import flow
from portalctl.controller.directory_views import directory_views
from portalctl.controller.loop import Loop
from portalctl.controller.models import AccessDecision, DirectoryView, PortalView, Registered, SignUp, Trigger
from portalctl.controller.registrations import UNAVAILABLE, decision_of
from portalctl.controller.source import Loaded
from portalctl.controller.turn import Tools
from portalctl.errors import BadUsageError
from portalctl.identity import normal_address
from portalctl.insight.explain import PortalExplanation, subject_of
from portalctl.providers.registry import provider_named
from portalctl.words import quoted

REGISTRATION_SECONDS: Final = 60.0


class LoopHub:
    """Implements `Hub`. Reads of the portal happen in the caller's thread."""

    def __init__(self, loop: Loop, tools: Tools) -> None:
        self._loop = loop
        self._tools = tools

    def portals(self) -> tuple[PortalView, ...]:
        views = self._loop.views
        return tuple(views[name] for name in sorted(views))

    def portal(self, name: str) -> PortalView | None:
        return self._loop.views.get(name)

    def wake(self, name: str, trigger: Trigger) -> None:
        self._loop.wake(name, trigger)

    def push(self) -> None:
        self._loop.push()

    def register(self, name: str, sign_up: SignUp) -> Registered:
        """See `Hub.register`."""
        loaded = self._loaded_with(name)
        view = self._loop.views.get(name)
        if loaded is None or view is None:
            return UNAVAILABLE
        if "accounts" not in provider_named(view.provider).abilities:
            return Registered("unsupported")
        if view.suspension is not None or view.mode == "observe" or self.not_ready:
            return UNAVAILABLE
        address = normal_address(sign_up.email)
        if address is None:
            raise BadUsageError(f"{quoted(sign_up.email)}: not a valid e-mail address")
        return self._loop.register(name, replace(sign_up, email=address), REGISTRATION_SECONDS)

    def decision(self, name: str, address: str) -> AccessDecision | None:
        """See `Hub.decision`. One reading of the portal, in the caller's thread."""
        found = self.explain(name, address)
        return decision_of(found) if found is not None else None

    def explain(self, name: str, address: str) -> PortalExplanation | None:
        """See `Hub.explain`. One reading of the portal, in the caller's thread."""
        loaded = self._loaded_with(name)
        if loaded is None:
            return None
        manifest, run = loaded.of(name), self._tools.run_for(loaded, name)
        (found,) = flow.explain(manifest, run, subject_of(address, manifest.portals.values(), "developer"))
        return found

    def author(self, commit: str | None) -> str | None:
        """See `Hub.author`."""
        loaded = self._loop.loaded
        return loaded.author if loaded is not None and loaded.commit == commit else None

    def directories(self) -> tuple[DirectoryView, ...]:
        loaded = self._loop.loaded
        if loaded is None:
            return ()
        portals = loaded.manifest.portals
        outcomes = {name: found for name in portals if (found := self._loop.outcomes.get(name)) is not None}
        return directory_views(portals, outcomes)

    @property
    def loop_alive(self) -> datetime | None:
        return self._loop.alive_at

    @property
    def not_ready(self) -> tuple[str, ...]:
        reasons = [self._loop.store_problem]
        if self._loop.loaded is None:
            reasons.append(self._loop.problem or "the manifest was not read yet")
        return tuple(filter(None, reasons))

    def _loaded_with(self, name: str) -> Loaded | None:
        loaded = self._loop.loaded
        return loaded if loaded is not None and name in loaded.manifest.portals else None
