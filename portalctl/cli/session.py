"""Opens the manifest or saved plan of a command, with the selected portals, their servers and the console."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import click

import portalctl
from portalctl.changes import saved_plan
from portalctl.changes.plan import Plan
from portalctl.changes.saved_groups import check_groups, directories_in
from portalctl.cli.console import Console
from portalctl.cli.directories import check_names, directories_of, prefix_of
from portalctl.cli.masking import mask_key
from portalctl.cli.options import Target
from portalctl.cli.output_option import check_distinct
from portalctl.cli.paths import manifest_paths
from portalctl.cli.servers import Destination, Tls, addresses, servers, services
from portalctl.comparing import check_portals
from portalctl.environment import has_secret
from portalctl.errors import MOST_FINDINGS, BadUsageError, Finding, InputError, Position
from portalctl.events import Warned
from portalctl.execution.confirm_wait import Patience
from portalctl.execution.journal import FOLDER
from portalctl.execution.journal_place import FilePlace
from portalctl.group_reading import Directories, definitions
from portalctl.input_file import MOST_BYTES, TooLargeError, read_input
from portalctl.manifest.model import Manifest
from portalctl.output_file import check_stdout
from portalctl.portals import snapshot_file
from portalctl.portals.snapshot_file import SavedSnapshot
from portalctl.rules.unsupported import check
from portalctl.run_context import Run, group_reader, utc_now
from portalctl.words import did_you_mean, quoted


@dataclass(frozen=True, slots=True)
class Session:
    """A checked manifest with the selected portals, and the run on them."""

    manifest: Manifest
    run: Run


@dataclass(frozen=True, slots=True)
class SavedSession:
    """A checked plan file, and the run on its portals."""

    plan: Plan
    run: Run


def open_session(
    target: Target,
    patience: Patience = Patience(),
    snapshot: Path | None = None,
    *,
    prints: bool = True,
    more_directories: Collection[str] = (),
) -> Session:
    """Load the manifest, and make all checks that need no portal. Raises InputError or BadUsageError.

    Args:
        snapshot: a snapshot file; with one, servers and tokens are not needed.
        prints: whether the command prints a result, which requires an open standard output.
        more_directories: the names of directories to read in addition to those that rules use.
    """
    if prints:
        check_stdout()
    console = Console()
    manifest = narrowed(_load(target, console), target.portal_name)
    check_distinct(manifest.files)
    check(manifest)
    portals = manifest.portals.values()
    if snapshot is not None:
        without = Directories(without=check_names(target.without, definitions(portals)))
        saved = read_snapshot(snapshot)
        return Session(manifest, Run({}, observer=console, patience=patience, snapshot=saved, directories=without))
    destinations = [Destination.of_manifest(portal) for portal in portals]
    run = _with_addresses(_run(destinations, target, console, patience), manifest)
    return Session(
        manifest, replace(run, directories=directories_of(portals, target.without, os.environ, more_directories))
    )


def open_offline(target: Target) -> Manifest:
    """Load and check the manifest, for a command without portals. Raises InputError or BadUsageError."""
    manifest = narrowed(_load(target, Console()), target.portal_name)
    check(manifest)
    return manifest


def open_saved(path: Path, target: Target, expected: str | None, patience: Patience) -> SavedSession:
    """Read a plan file, and make all checks that need no portal. `expected`: the required digest, possibly masked.

    Raises InputError for a file that is not a plan, RefusedError for a plan that must not be applied, BadUsageError.
    """
    check_stdout()
    console = Console()
    key = mask_key() if expected is not None else None
    plan = saved_plan.load(read_file(path, "plan"), str(path))
    saved_plan.check_live(plan)
    if expected is not None:
        saved_plan.check_expected(plan, expected, key)
    saved_plan.check_time(plan, utc_now())
    destinations = [Destination.of_plan(portal, str(path)) for portal in plan.portals]
    check_distinct()
    manifest = None
    if target.paths:
        manifest = saved_plan.manifest_of(plan, _load(target, console))
        saved_plan.check_guard(plan, manifest, utc_now().date())
        check_distinct(manifest.files)
        check(manifest)
        destinations = [Destination.of_manifest(portal) for portal in manifest.portals.values()]
    run = _run(destinations, target, console, patience)
    saved_plan.check_servers(plan, {name: server.url for name, server in run.servers.items()})
    if manifest is not None:
        check_portals(manifest, _with_addresses(run, manifest))
        _check_groups(plan, manifest, run)
    return SavedSession(plan, run)


def _check_groups(plan: Plan, manifest: Manifest, run: Run) -> None:
    """Read the groups of a saved plan again, if the variables of their directories are set.

    Raises RefusedError if a developer of the plan has joined or left one of them.
    """
    names = directories_in(plan)
    if not names or not all(has_secret(os.environ, f"{prefix_of(name)}_SECRET") for name in names):
        return
    portals = manifest.portals.values()
    without = definitions(portals).keys() - names
    directories = directories_of(portals, without, os.environ)
    check_groups(plan, group_reader(replace(run, directories=directories)).read(tuple(portals)).readings)


def _load(target: Target, console: Console) -> Manifest:
    manifest = portalctl.load(*manifest_paths(target.paths))
    for finding in manifest.warnings[:MOST_FINDINGS]:
        console(Warned(f"{finding.at}: {finding.message}"))
    if len(manifest.warnings) > MOST_FINDINGS:
        console(Warned(f"and {len(manifest.warnings) - MOST_FINDINGS:,} more warnings about the manifest"))
    return manifest


def _run(portals: Sequence[Destination], target: Target, console: Console, patience: Patience) -> Run:
    if target.insecure:
        console(
            Warned("certificates are not verified: attackers on the network can read the token and change responses")
        )
    tls = Tls(target.ca_file, verify=not target.insecure)
    return Run(
        servers(portals, os.environ, tls),
        observer=console,
        patience=patience,
        services=services(portals, os.environ, tls),
    )


def _with_addresses(run: Run, manifest: Manifest) -> Run:
    """Return the run with the server addresses of all root files, also of those not selected by `--portal`."""
    roots = (Destination.of_manifest(root) for root in manifest.roots)
    return replace(run, addresses=addresses(roots, os.environ))


def run_on(portal: Destination, target: Target) -> Run:
    """Return a run on a portal that no file declares. Raises BadUsageError if its server or token is not set."""
    return _run([portal], target, Console(), Patience())


def read_snapshot(path: Path) -> SavedSnapshot:
    """Return the snapshot in a file. Raises InputError."""
    return snapshot_file.parse(read_file(path, "snapshot"), str(path))


def _folder_words(kind: str) -> str:
    """Return the message for a folder where a file is expected."""
    advice = "pass a file that portalctl wrote" if kind == "document" else "pass a manifest with -f"
    return f"this is a folder, not a {kind} file; {advice}"


def read_file(path: Path, kind: str) -> bytes:
    """Return the content of a file that portalctl wrote. Raises InputError, naming the `kind` that was expected."""
    try:
        return read_input(path, MOST_BYTES)
    except IsADirectoryError:
        raise _unusable(path, _folder_words(kind)) from None
    except TooLargeError:
        raise _unusable(path, f"too large: a {kind} file has at most {MOST_BYTES // 1024**2} MiB") from None
    except OSError as error:
        raise _unusable(path, f"cannot read this file: {error.strerror}") from error


def _unusable(path: Path, message: str) -> InputError:
    return InputError((Finding(Position(str(path), 1, 1), message),))


def narrowed(manifest: Manifest, portal_name: str | None) -> Manifest:
    """Return the manifest with the portal of `--portal`, or with all of them."""
    if portal_name is None:
        return manifest
    if portal_name not in manifest.portals:
        known = tuple(manifest.portals)
        raise BadUsageError(
            f"{quoted(portal_name)}: portal not declared in the manifest{did_you_mean(portal_name, known)}",
            f"Portals of the manifest: {', '.join(known)}.",
        )
    return replace(manifest, portals={portal_name: manifest.portals[portal_name]})


def leave(code: int) -> NoReturn:
    """End the command with an exit code."""
    click.get_current_context().exit(code)


def own_traces(manifest: Manifest) -> frozenset[str]:
    """Return the vendor's ids of the writes that the journals of this folder have, of all portals of a manifest."""
    places = (FilePlace(FOLDER / f"{name}.jsonl") for name in manifest.portals)
    return frozenset(trace for place in places for trace in place.traces())
