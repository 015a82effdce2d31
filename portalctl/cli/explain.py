"""`portalctl explain`: why somebody is in or out."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from portalctl import flow
from portalctl.cli.completers import subjects
from portalctl.cli.console import show, style_for
from portalctl.cli.masking import mask_option, shown
from portalctl.cli.options import Target, did_you_mean, target_options
from portalctl.cli.session import leave, open_offline, open_session
from portalctl.errors import BadUsageError, RefusedError
from portalctl.manifest.model import Manifest
from portalctl.plan.explain import About, PortalExplanation, Subject, explain_offline, subjects_of
from portalctl.report.documents import explanations_json
from portalctl.report.text.explain import explanations_text


@click.command()
@click.argument("subject", metavar="EMAIL|DOMAIN|TEAM|ID", shell_complete=subjects)
@target_options
@click.option(
    "--as",
    "about",
    type=click.Choice(["developer", "domain", "team"]),
    help="What is meant, where the manifest knows several of this name.",
)
@click.option("--offline", is_flag=True, help="Ask no portal: say what the rules say, and what a sign-up would meet.")
@click.option(
    "--snapshot",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Look at what `portalctl snapshot` kept, in place of the portals.",
)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@mask_option
@click.option("--verbose", is_flag=True, help="Show every rule of a long list.")
def explain(
    *,
    subject: str,
    target: Target,
    about: About | None,
    offline: bool,
    snapshot: Path | None,
    output: str,
    verbose: bool,
) -> None:
    """Say which rules speak of a person, a domain or a team, which one decides and why, what is live, and what would
    change. Of someone who has not signed up it says what would become of them. Cannot write to a portal.

    A person may be named by their id on the portal too, and has to be where two share an address. Exits with 3 where
    what would change is refused.

    \b
    Examples:
      portalctl explain ann@example.com -f portals/
      portalctl explain example.com -f portals/ --offline -o json
    """
    if offline and snapshot is not None:
        raise BadUsageError("--offline asks nothing at all, so --snapshot has nothing to add; leave out one of them")
    word = _Word(subject, about)
    found = _offline(word, target) if offline else _asked(word, target, snapshot)
    style = style_for(sys.stdout, verbose=verbose)
    told = shown(found)
    show(
        explanations_json(told, generator=flow.GENERATOR) if output == "json" else explanations_text(told, style),
        style,
    )
    _check_clear(found)
    if any(portal.refusals for portal in found):
        leave(RefusedError.exit_code)


def _check_clear(found: Iterable[PortalExplanation]) -> None:
    """Raises BadUsageError where several people have the address that was given."""
    for portal in found:
        ids = portal.ambiguous
        if ids:
            raise BadUsageError(
                f"{portal.subject} is ambiguous: {len(ids)} registrations on {portal.name} have this address, and no "
                "rule can tell them apart",
                "an id tells which one is meant",
                *(f"  portalctl explain {shlex.quote(each)}" for each in ids),
            )


def _offline(word: _Word, target: Target) -> tuple[PortalExplanation, ...]:
    manifest = open_offline(target)
    meant = word.meant(manifest)
    today = flow.utc_now().date()
    return tuple(explain_offline(portal, meant, today) for portal in manifest.portals.values())


def _asked(word: _Word, target: Target, snapshot: Path | None) -> tuple[PortalExplanation, ...]:
    session = open_session(target, snapshot=snapshot)
    return flow.explain(session.manifest, session.run, word.meant(session.manifest))


@dataclass(frozen=True, slots=True)
class _Word:
    """What was given on the command line. `about`: what it is said to be."""

    text: str
    about: About | None

    def meant(self, manifest: Manifest) -> Subject:
        """Raises BadUsageError for what is nothing that could be known, and for what is several things."""
        fitting = subjects_of(self.text, manifest.portals.values(), self.about)
        if not fitting:
            raise self._unknown(manifest)
        if len(fitting) > 1:
            raise BadUsageError(
                f"{self.text!r} is {' and '.join(f'a {each.about}' for each in fitting)} of the manifest",
                "say which is meant",
                *(f"  portalctl explain {shlex.quote(self.text)} --as {each.about}" for each in fitting),
            )
        return fitting[0]

    def _unknown(self, manifest: Manifest) -> BadUsageError:
        if self.about in {"developer", "domain"}:
            names = "an address or an id" if self.about == "developer" else "a name such as example.com"
            return BadUsageError(f"{self.text!r} can't be a {self.about}: {names} is one")
        teams = tuple(sorted({team.name for portal in manifest.portals.values() for team in portal.teams}))
        what = "no team" if self.about else "no address, no domain and no team"
        return BadUsageError(
            f"{self.text!r} is {what} of the manifest{did_you_mean(self.text, teams)}",
            f"its teams: {', '.join(teams) or 'none'}",
        )
