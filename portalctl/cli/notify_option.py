"""Notifications: a summary of each plan, drift and apply to the address in PORTALCTL_NOTIFY_URL."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Final

import click

import portalctl
from portalctl.changes.plan import Plan
from portalctl.cli.masking import run_mask
from portalctl.environment import secret
from portalctl.errors import BadUsageError
from portalctl.events import Observer
from portalctl.execution.report import PortalReport
from portalctl.http import Webhook
from portalctl.insight.drift import PortalDrift
from portalctl.integrations.ci_event import run_address
from portalctl.integrations.notification_text import drift_message, plan_message, report_message
from portalctl.integrations.notifications import TIMEOUT, Announcer, Message, Notifier
from portalctl.run_context import Run

_VARIABLE: Final = "PORTALCTL_NOTIFY_URL"


@dataclass(frozen=True, slots=True)
class Notify:
    """Sends messages to a webhook, if there is one. Failures are warnings to the observer."""

    webhook: Webhook | None

    def plan(self, plan: Plan, observer: Observer) -> None:
        self._send(plan_message(plan, run_mask().digest(plan.digest), run_address(os.environ)), observer)

    def drift(self, portals: Sequence[PortalDrift], observer: Observer) -> None:
        self._send(drift_message(portals, run_address(os.environ)), observer)

    def apply(self, plan: Plan, run: Run) -> tuple[PortalReport, ...]:
        """Apply a plan; send a message for each removal when it happens, and one with the results at the end."""
        removals = frozenset(change.id for portal in plan.portals for change in portal.changes if change.loses)
        with Notifier(self.webhook, run.observer) as notifier:
            announcer = Announcer(removals, notifier, run_mask(), run.observer)
            reports = portalctl.apply(plan, replace(run, observer=announcer))
            notifier(report_message(reports, run_address(os.environ)))
        return reports

    def _send(self, message: Message, observer: Observer) -> None:
        with Notifier(self.webhook, observer) as notifier:
            notifier(message)


def notify_option(command: Callable[..., None]) -> Callable[..., None]:
    """Pass `notify` to the command, for the address in PORTALCTL_NOTIFY_URL or the file of PORTALCTL_NOTIFY_URL_FILE.

    The address is a secret, and all users of the machine can see a command line: `--notify` is a usage error.
    """

    @click.option("--notify", "on_command_line", hidden=True)
    @wraps(command)
    def with_notify(*, on_command_line: str | None, **others: object) -> None:
        if on_command_line is not None:
            raise BadUsageError(
                "--notify would show the address to all users who can list processes",
                f"Set {_VARIABLE}, or {_VARIABLE}_FILE to the path of a file with the address.",
            )
        webhook = webhook_from_environment()
        if webhook is not None:
            run_mask()  # an unusable mask key is an error before anything is read
        command(notify=Notify(webhook), **others)

    return with_notify


def webhook_from_environment() -> Webhook | None:
    """Return the webhook; None if no address is set. Raises BadUsageError."""
    found = secret(os.environ, _VARIABLE)
    return Webhook(found.value.strip(), source=found.source, seconds=TIMEOUT) if found else None
