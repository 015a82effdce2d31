"""The option `--notify`, and what is told there of a plan, of drift and of an apply."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps

import click

import portalctl
from portalctl.apply.model import PortalReport
from portalctl.ci.event import run_address
from portalctl.ci.messages import drift_message, plan_message, report_message
from portalctl.ci.notify import Announcer, Message, Notifier, Webhook
from portalctl.cli.masking import run_mask
from portalctl.events import Observer
from portalctl.flow import Run
from portalctl.plan.drift import PortalDrift
from portalctl.plan.model import Plan


@dataclass(frozen=True, slots=True)
class Notify:
    """Sends messages where the user wants them; nowhere without `--notify`. Failures are warnings to the observer."""

    webhook: Webhook | None

    def plan(self, plan: Plan, observer: Observer) -> None:
        self._tell(plan_message(plan, run_mask().digest(plan.digest), run_address(os.environ)), observer)

    def drift(self, portals: Sequence[PortalDrift], observer: Observer) -> None:
        self._tell(drift_message(portals, run_address(os.environ)), observer)

    def apply(self, plan: Plan, run: Run) -> tuple[PortalReport, ...]:
        """`portalctl.apply`, with each removal announced as it happens, and the sum at the end."""
        removals = frozenset(change.id for portal in plan.portals for change in portal.changes if change.loses)
        with Notifier(self.webhook, run.observer) as notifier:
            announcer = Announcer(removals, notifier, run_mask(), run.observer)
            reports = portalctl.apply(plan, replace(run, observer=announcer))
            notifier(report_message(reports, run_address(os.environ)))
        return reports

    def _tell(self, message: Message, observer: Observer) -> None:
        with Notifier(self.webhook, observer) as notifier:
            notifier(message)


def notify_option(command: Callable[..., None]) -> Callable[..., None]:
    """`--notify`, given to the command as one `notify`."""

    @click.option(
        "--notify",
        "address",
        envvar="PORTALCTL_NOTIFY_URL",
        metavar="URL",
        help="POST a summary there as JSON, with a `text` as Slack reads it; apply announces each removal as it "
        "happens. Better in PORTALCTL_NOTIFY_URL: the address is a secret.",
    )
    @wraps(command)
    def with_notify(*, address: str | None, **others: object) -> None:
        if address:
            run_mask()  # an unusable mask key is an error before anything is read
        command(notify=Notify(Webhook(address) if address else None), **others)

    return with_notify
