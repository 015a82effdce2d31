"""`portalctl erase`: replace a developer's address in what portalctl keeps by a mask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from portalctl.cli.database_option import DatabaseOptions, database_options, database_url, open_store
from portalctl.cli.masking import run_mask
from portalctl.controller.models import DATABASE_FILE
from portalctl.errors import BadUsageError
from portalctl.events import Event, Warned
from portalctl.identity import normal_address
from portalctl.output.escaping import terminal
from portalctl.words import quoted

if TYPE_CHECKING:
    from portalctl.controller.erasure import Replacement

ABSENT: Final = "does not have the address"
NOT_REACHED: Final = (
    "Git: the manifest's files and their history, here and in every clone",
    "the account on the portal",
    "reports, plans, snapshots, exports and logs elsewhere, also those of CI jobs",
    "comments, issues and notifications that were sent",
    "backups of the database, and the logs of PostgreSQL",
    "free text that names the developer in another way",
    "a controller that is running: it records the address again while a rule or an account has it",
)


@click.command()
@click.argument("address")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@database_options
def erase(*, address: str, files: tuple[Path, ...], place: DatabaseOptions) -> None:
    """Replace ADDRESS by a mask in the controller's database, in the journals beside it, and in FILEs.

    FILE is a snapshot, plan, report, journal or other JSON that portalctl wrote. A snapshot stays usable, a plan does
    not. PORTALCTL_MASK_KEY makes the mask the same as in other masked output. What was replaced is listed, and what
    cannot be reached.

    \b
    Examples:
      portalctl erase ann@example.com
      portalctl erase ann@example.com --state /var/lib/portalctl snapshot.json
    """
    from portalctl.controller.erasure import Replacement

    normal = _checked(address)
    replacement = Replacement(normal, run_mask()(normal), (address,))
    click.echo(f"{terminal(address)} becomes {replacement.mask}")
    for text in (*_in_database(place, replacement), *_in_files(place, files, replacement)):
        click.echo(f"  {text}")
    click.echo("\nNot reached:")
    for text in NOT_REACHED:
        click.echo(f"  {text}")


def _checked(address: str) -> str:
    """Return the normal form of the address, or itself where it has none. Raises BadUsageError."""
    if "@" not in address.strip("@") or any(not sign.isprintable() for sign in address):
        raise BadUsageError(f"{quoted(address)} is not an address", "Pass the address of one developer.")
    return normal_address(address) or address


def _in_database(place: DatabaseOptions, replacement: Replacement) -> Iterator[str]:
    if database_url(place.url) is None and not (place.state / DATABASE_FILE).exists():
        yield f"no database at {terminal(str(place.state / DATABASE_FILE))}"
        return
    with open_store(place, "erase") as store:
        counts = store.erase(replacement)
        yield f"database {terminal(store.place)}: {', '.join(counts) or ABSENT}"


def _in_files(place: DatabaseOptions, files: tuple[Path, ...], replacement: Replacement) -> Iterator[str]:
    from portalctl.cli.erased_files import erase_in_file

    journals = sorted(place.state.glob("*.jsonl"))
    for file in dict.fromkeys((*journals, *files)):
        found = erase_in_file(file, replacement, _wait_words)
        yield f"{terminal(str(file))}: {'rewritten' if found else ABSENT}"


def _wait_words(event: Event) -> None:
    """Print why the command waits."""
    if isinstance(event, Warned):
        click.echo(terminal(event.message), err=True)
