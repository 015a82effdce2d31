"""What plan, apply and drift have in common: the manifest, the portals meant, their servers, the console."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import click

from portalctl.apply.execute import Patience
from portalctl.cli.connection import Tls, servers
from portalctl.cli.console import Console
from portalctl.cli.options import Target, did_you_mean, manifest_paths
from portalctl.errors import BadUsageError
from portalctl.events import Warned
from portalctl.flow import Run
from portalctl.manifest.load import load
from portalctl.manifest.model import Manifest
from portalctl.plan.capability import check


@dataclass(frozen=True, slots=True)
class Session:
    manifest: Manifest
    run: Run


def open_session(target: Target, patience: Patience = Patience()) -> Session:
    """Load and check everything that needs no portal. Raises InputError or BadUsageError."""
    console = Console()
    manifest = narrowed(load(manifest_paths(target.paths)), target.portal_name)
    check(manifest)
    for at, message in manifest.warnings:
        console(Warned(f"{at}: {message}"))
    if target.insecure:
        console(Warned("certificates are not verified: anyone in between can read the token and change the answers"))
    found = servers(manifest.portals.values(), os.environ, Tls(target.ca_file, verify=not target.insecure))
    return Session(manifest, Run(found, observer=console, patience=patience))


def narrowed(manifest: Manifest, portal_name: str | None) -> Manifest:
    """The manifest with the portal that `--portal` names, or all of them."""
    if portal_name is None:
        return manifest
    if portal_name not in manifest.portals:
        known = tuple(manifest.portals)
        raise BadUsageError(
            f"no portal {portal_name!r} in the manifest{did_you_mean(portal_name, known)}",
            f"it has: {', '.join(known)}",
        )
    return replace(manifest, portals={portal_name: manifest.portals[portal_name]})


def leave(code: int) -> None:
    """End the command with an exit code."""
    click.get_current_context().exit(code)
