"""`portalctl demo`: the whole job on built-in portals of both vendors, with the real commands."""

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
# What is told before a command, the command, and the exit code it has to end with.
STORY: tuple[tuple[str, tuple[str, ...], int], ...] = (
    (
        "Two portals, two vendors. Clubs are trusted, one person has left. The files are checked offline:",
        ("validate",),
        0,
    ),
    ("What would change on the portal, and why:", ("plan",), 0),
    ("Make it so:", ("apply", "--yes"), 0),
    ("Nothing is left to do:", ("plan",), 0),
    ("Somebody approves Peter again by hand, and takes John out of the team reds. Who notices?", ("drift",), 2),
    ("The files say what is right:", ("apply", "--yes"), 0),
)
BY_HAND_BEFORE = 4  # index into STORY


@click.command()
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the manifest, the portal's data and the journal in this new or empty folder.",
)
def demo(*, keep: Path | None) -> None:
    """See the whole job done on built-in portals, in a few seconds. Needs no account and no network.

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
            for index, (told, arguments, expected) in enumerate(STORY):
                if index == BY_HAND_BEFORE:
                    _change_by_hand(partners)
                _step(told, arguments, expected)
    if keep is not None:
        again = f"portalctl sim serve --port 8080 --db {keep / 'partners.db'}"
        click.echo(f"\nKept in {keep}. The portal partners goes on with:\n  {again}")


def _step(told: str, arguments: tuple[str, ...], expected: int) -> None:
    """Run one command as the shell would, but for a process of its own."""
    click.echo(f"\n# {told}\n$ portalctl {' '.join(arguments)}")
    code = run(arguments)
    if code != expected:
        raise PortalctlError(f"the demo went wrong: that command ended with {code}, not {expected}")


@contextmanager
def _inside(folder: Path, partners: Simulator, fans: Api7Simulator) -> Iterator[None]:
    """In the demo's folder, with the environment that leads to its portals and to no other."""
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


def _change_by_hand(portal: Simulator) -> None:
    """What an admin may click in the portal's own pages."""
    people = {person["email"]: person["id"] for person in portal.store.developers(PORTAL_ID)}
    teams = {team["name"]: team["id"] for team in portal.store.teams(PORTAL_ID)}
    portal.store.set_status(people["peter@arsenal.com"], "approved")
    portal.store.remove_member(teams["reds"], people["john@liverpoolfc.com"])


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
