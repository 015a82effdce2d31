"""Starts the controller with the options of `portalctl run`. Imports what only the extra `controller` has."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, cast

from portalctl.cli.controller_api import listen_settings, serving
from portalctl.cli.database_option import database_url
from portalctl.cli.directories import directories_of
from portalctl.cli.notify_option import webhook_from_environment
from portalctl.cli.paths import manifest_paths
from portalctl.cli.run_options import RunOptions, parse_modes
from portalctl.cli.servers import Destination, Tls, addresses, servers, services
from portalctl.controller.database import open_database
from portalctl.controller.database_errors import extra_postgres
from portalctl.controller.logs import Log
from portalctl.controller.loop import Modes
from portalctl.controller.models import Mode
from portalctl.controller.schedule import Timing
from portalctl.controller.service import AcceptedCommits, Controller, ControllerSettings
from portalctl.controller.source import Folder, FollowedBranch, GitSource, Loaded, ManifestSource, load
from portalctl.controller.store import Store
from portalctl.controller.turns import Turns
from portalctl.environment import secret
from portalctl.errors import BadUsageError
from portalctl.events import Event, Warned
from portalctl.git.mirror import GitCredential, Mirror, check_url
from portalctl.http.throttle import Throttles
from portalctl.integrations.notifications import Notifier
from portalctl.run_context import Run
from portalctl.words import did_you_mean, quoted

GIT_TOKEN: Final = "PORTALCTL_GIT_TOKEN"  # noqa: S105 (a variable's name)


def start(options: RunOptions) -> int:
    """Run the controller until a signal stops it, and return the exit code.

    Raises BadUsageError and InputError for what is wrong with options, environment or a folder's manifest before
    anything starts, and PortalctlError for a database that cannot be used.
    """
    default, by_name = parse_modes(options.modes)
    check_source(options)
    settings = None if options.once else listen_settings(options)
    log = Log()
    with ExitStack() as stack:
        engine = open_database(database_url(options.database), state=options.state)
        stack.callback(engine.dispose)
        store = Store(engine)
        source = source_of(options, store, by_name)
        webhook = webhook_from_environment()
        notify = stack.enter_context(Notifier(webhook, lambda event: _warn(log, event)))
        controller = Controller(
            store,
            source,
            ControllerSettings(
                Modes(cast(Mode, default), cast("dict[str, Mode]", by_name)),
                Timing(options.poll, options.interval),
                once=options.once,
                public_url=options.public_url,
            ),
            run_factory(options.ca_file),
            log,
            serve=serving(settings, store, log) if settings is not None else None,
            send=notify if webhook is not None else None,
            turns=shared_turns(store, log),
        )
        return controller.run()


def shared_turns(store: Store, log: Log) -> Turns | None:
    """Return the schedules that replicas share; None for SQLite, which one process uses.

    Raises BadUsageError without the extra `postgres`.
    """
    if store.engine.dialect.name == "sqlite":
        return None
    with extra_postgres():
        from portalctl.controller.shared_turns import SharedTurns
    return SharedTurns(store, log)


def check_source(options: RunOptions) -> None:
    """Raises BadUsageError unless the manifest comes from one place."""
    if options.git is not None and options.paths:
        raise BadUsageError("-f and --git cannot be used together", "Name the folder in the repository with --path.")
    if options.git is None and (options.signers is not None or options.accept_rewritten is not None):
        raise BadUsageError("--allowed-signers and --accept-rewritten are for --git", "Name a repository with --git.")
    if options.git is not None:
        check_url(options.git)
        if Path(options.path).is_absolute() or ".." in Path(options.path).parts:
            text = f"--path {quoted(options.path)}: not a folder in the repository"
            raise BadUsageError(text, "Name a relative path.")


def source_of(options: RunOptions, store: Store, modes: Collection[str]) -> ManifestSource:
    """Return where the manifest comes from.

    Raises InputError for a folder with an invalid manifest, and BadUsageError where `modes` names a portal that the
    folder does not declare.
    """
    if options.git is None:
        paths = manifest_paths(options.paths)
        # An error at the start is the user's, who waits for it; later ones keep the last good manifest.
        _check_names(modes, load(paths).manifest.portals)
        return Folder(paths)
    mirror = Mirror.at(options.state / "git", options.git, options.branch)
    branch = FollowedBranch(
        mirror, options.path, options.state / "manifests", credential, options.signers, options.accept_rewritten
    )
    return GitSource(branch, AcceptedCommits(store, f"{options.git} {options.branch} {options.path}"))


def credential() -> GitCredential:
    """Return what opens the repository, from the environment as it is now. Raises BadUsageError."""
    token = secret(os.environ, GIT_TOKEN)
    key, known_hosts = (os.environ.get(f"PORTALCTL_GIT_{name}") for name in ("KEY_FILE", "KNOWN_HOSTS"))
    return GitCredential(
        token.value.strip() if token is not None else None,
        Path(key) if key else None,
        Path(known_hosts) if known_hosts else None,
    )


def run_factory(ca_file: Path | None) -> Callable[[Loaded, str, Callable[[Event], None]], Run]:
    """Return what makes the settings of a portal's run. Rate limits that were learned are kept from run to run."""
    tls, throttles = Tls(ca_file), Throttles()

    def make(loaded: Loaded, name: str, observer: Callable[[Event], None]) -> Run:
        portal = loaded.manifest.portals[name]
        destinations = [Destination.of_manifest(portal)]
        roots = (Destination.of_manifest(root) for root in loaded.manifest.roots)
        return Run(
            servers(destinations, os.environ, tls),
            observer=observer,
            services=services(destinations, os.environ, tls),
            throttles=Throttles(throttles),
            addresses=addresses(roots, os.environ),
            directories=directories_of([portal], (), os.environ),
        )

    return make


def _check_names(modes: Collection[str], names: Collection[str]) -> None:
    """Check that each portal with a mode of its own is declared. Raises BadUsageError."""
    for name in sorted(set(modes) - set(names)):
        raise BadUsageError(
            f"--mode {quoted(name)}=…: portal not declared in the manifest{did_you_mean(name, tuple(names))}",
            f"Portals of the manifest: {', '.join(names)}.",
        )


def _warn(log: Log, event: Any) -> None:  # noqa: ANN401 (any event)
    if isinstance(event, Warned):
        log.warning("notification", message=event.message)
