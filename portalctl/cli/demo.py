"""`portalctl demo`: run the real commands on simulated portals of both vendors."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

import click

from portalctl.cli.examples import examples
from portalctl.cli.main import run
from portalctl.errors import BadUsageError, PortalctlError
from portalctl.simulator.api7.server import Api7Simulator
from portalctl.simulator.server import Simulator

MANIFESTS = ("quickstart/partners.yaml", "api7/fans.yaml")
PORTAL_ID = "3f51fa25-310a-421d-bd1a-007f859021a3"
# The sentence before each command, the command, and its exit code.
STORY: tuple[tuple[str, tuple[str, ...], int], ...] = (
    (
        "Two portals of two vendors. Their manifests trust the domains of clubs. Check the files offline:",
        ("validate",),
        0,
    ),
    ("Show what would change on the portals, and why:", ("plan",), 0),
    ("Apply the changes:", ("apply", "--yes"), 0),
    ("Plan again; no changes are left:", ("plan",), 0),
    (
        "An administrator approves Peter again on the portal, and removes John from team reds. Drift reports both:",
        ("drift",),
        2,
    ),
    ("Make the portals match the manifests again:", ("apply", "--yes"), 0),
)
MANUAL_CHANGE_BEFORE = 4  # index into STORY


@click.command()
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the manifest, the portal's data and the journal in this new or empty folder.",
)
def demo(*, keep: Path | None) -> None:
    """Show plan, apply and drift on simulated portals, in a few seconds. Needs no account and no network.

    \b
    Examples:
      portalctl demo
      portalctl demo --keep ./portal-demo
    """
    with _folder(keep) as folder:
        (folder / "portals").mkdir()
        for manifest in MANIFESTS:
            shutil.copy(examples() / manifest, folder / "portals")
        with (
            Simulator(seed="demo", db=folder / "partners.db") as partners,
            Api7Simulator(seed="demo") as fans,
            _inside(folder, partners, fans),
        ):
            for index, (sentence, arguments, expected) in enumerate(STORY):
                if index == MANUAL_CHANGE_BEFORE:
                    _change_manually(partners)
                _step(sentence, arguments, expected)
    if keep is not None:
        again = f"portalctl sim serve --port 8080 --db {keep / 'partners.db'}"
        click.echo(f"\nKept in {keep}. To start the portal partners again:\n  {again}")


def _step(sentence: str, arguments: tuple[str, ...], expected: int) -> None:
    """Run one command as a shell would, in this process. Raises PortalctlError for another exit code."""
    click.echo(f"\n# {sentence}\n$ portalctl {' '.join(arguments)}")
    code = run(arguments)
    if code != expected:
        raise PortalctlError(f"the demo failed: this command ended with exit code {code} instead of {expected}")


@contextmanager
def _inside(folder: Path, partners: Simulator, fans: Api7Simulator) -> Iterator[None]:
    """Enter the demo's folder, with servers and tokens of no other portals in the environment."""
    kept = dict(os.environ)
    for name in [name for name in kept if name.startswith(("KONNECT_", "API7_", "PORTALCTL_", "GITHUB_", "CI_"))]:
        del os.environ[name]
    os.environ |= {"KONNECT_SERVER_URL": partners.url, "KONNECT_TOKEN": partners.token}
    os.environ |= {"API7_SERVER": fans.url, "API7_TOKEN": fans.token}
    try:
        with chdir(folder):
            yield
    finally:
        os.environ.clear()
        os.environ |= kept


def _change_manually(portal: Simulator) -> None:
    """Change the portal as an administrator could on its pages."""
    developers = {developer["email"]: developer["id"] for developer in portal.store.developers(PORTAL_ID)}
    teams = {team["name"]: team["id"] for team in portal.store.teams(PORTAL_ID)}
    portal.store.set_status(developers["peter@arsenal.com"], "approved")
    portal.store.remove_member(teams["reds"], developers["john@liverpoolfc.com"])


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="portalctl-demo-") as name:
            yield Path(name)
        return
    if keep.exists() and any(keep.iterdir()):
        raise BadUsageError(f"--keep {keep}: the folder is not empty")
    keep.mkdir(parents=True, exist_ok=True)
    yield keep.resolve()
