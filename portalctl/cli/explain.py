"""`portalctl explain`: show what the rules yield for a developer, domain or team, and why."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from portalctl import flow
from portalctl.cli.completers import subjects
from portalctl.cli.console import show, style_for
from portalctl.cli.form_option import form_option
from portalctl.cli.masking import mask_option, shown
from portalctl.cli.options import Target, target_options_only
from portalctl.cli.session import leave, open_offline, open_session, own_traces
from portalctl.cli.unmasking import unmasked
from portalctl.errors import BadUsageError, RefusedError
from portalctl.insight.explain import About, PortalExplanation, explain_offline, subject_of
from portalctl.output.documents import Explanation, render
from portalctl.run_context import utc_now
from portalctl.words import quoted


@click.command()
@click.argument("subject", metavar="EMAIL|DOMAIN|TEAM|ID", shell_complete=subjects)
@target_options_only
@click.option(
    "--as",
    "about",
    type=click.Choice(["developer", "domain", "team"]),
    help="What the argument names, if several things have this name.",
)
@click.option("--offline", is_flag=True, help="Contact no portal: show only the rules, and the result of a sign-up.")
@click.option(
    "--snapshot",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Use a saved snapshot (`portalctl snapshot`) instead of the portals.",
)
@form_option("explanation")
@mask_option
def explain(
    *,
    subject: str,
    target: Target,
    about: About | None,
    offline: bool,
    snapshot: Path | None,
    output: str,
) -> None:
    """Show the rules that match a developer, a domain or a team, which one decides and why, the state on the portal,
    and the changes of a plan. For an address without an account, show the result of a sign-up. Never writes to a
    portal.

    A developer can also be named by the portal's id, which is required if two accounts share an address. Exits with 3
    if the changes are refused.

    \b
    Examples:
      portalctl explain ann@example.com -f portals/
      portalctl explain example.com -f portals/ --offline -o json
    """
    if offline and snapshot is not None:
        raise BadUsageError("--offline and --snapshot exclude each other; pass one of them")
    found = _offline(subject, about, target) if offline else _on_portals(subject, about, target, snapshot)
    style = style_for(sys.stdout)
    show(render(shown(Explanation(portals=found)), output, style), style)
    _check_clear(found)
    if any(portal.refusals for portal in found):
        leave(RefusedError.exit_code)


def _check_clear(found: Iterable[PortalExplanation]) -> None:
    """Check that no two accounts have the address. Raises BadUsageError."""
    for portal in found:
        ids = portal.ambiguous
        if ids:
            raise BadUsageError(
                f"{quoted(portal.subject)} is ambiguous: {len(ids)} accounts on {portal.name} have this address",
                "Name one of them by its id:",
                *(f"  portalctl explain {shlex.quote(account)}" for account in ids),
            )


def _offline(subject: str, about: About | None, target: Target) -> tuple[PortalExplanation, ...]:
    manifest = open_offline(target)
    topic = subject_of(unmasked(subject, manifest), manifest.portals.values(), about)
    today = utc_now().date()
    return tuple(explain_offline(portal, topic, today) for portal in manifest.portals.values())


def _on_portals(
    subject: str, about: About | None, target: Target, snapshot: Path | None
) -> tuple[PortalExplanation, ...]:
    session = open_session(target, snapshot=snapshot)
    name = unmasked(subject, session.manifest, session.run)
    topic = subject_of(name, session.manifest.portals.values(), about)
    return flow.explain(session.manifest, session.run, topic, own_traces(session.manifest))
