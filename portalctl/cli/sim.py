"""`portalctl sim`: run a simulated portal on this machine."""

from __future__ import annotations

import signal
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from portalctl.simulator.engine import Engine

# A simulator, and the lines to print once it runs.
Started = tuple["Engine", Sequence[str]]


@click.group()
def sim() -> None:
    """Run a simulated portal for tests and trials.

    \b
    Examples:
      portalctl sim serve --port 8080 --seed demo
      portalctl sim serve --provider api7 --seed demo
    """


@dataclass(frozen=True, slots=True)
class _Options:
    """The options of the command line; None or False: not passed."""

    port: int
    portal_port: int | None
    db: Path | None
    seed: str | None
    faults: tuple[str, ...]
    behaviours: tuple[str, ...]
    latency: float
    tls: bool
    token: str | None
    portal_token: str | None


@sim.command()
@click.option(
    "--provider",
    type=click.Choice(["konnect", "api7"]),
    default="konnect",
    show_default=True,
    help="The provider to simulate: Kong Konnect or API7 Enterprise.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default="any free port", help="The port.")
@click.option("--portal-port", type=click.IntRange(0, 65535), help="api7: the port of the portal backend.")
@click.option(
    "--db", type=click.Path(dir_okay=False, path_type=Path), help="konnect: keep the state in this SQLite file."
)
@click.option("--seed", metavar="FILE|demo", help="Start with this state; ignored if --db already contains portals.")
@click.option(
    "--fault",
    "faults",
    metavar="SPEC",
    multiple=True,
    help="Make responses fail, for example status=429,method=POST,times=1,retry_after=5. Repeatable.",
)
@click.option(
    "--behaviour",
    "behaviours",
    metavar="NAME=VALUE",
    multiple=True,
    help="Set a behaviour that the vendor does not document, for example duplicate_team=409. Repeatable.",
)
@click.option("--latency", type=click.FloatRange(0), default=0.0, help="The minimum time of a response, in seconds.")
@click.option("--tls", is_flag=True, help="Serve https, with a self-signed certificate made at each start.")
@click.option(
    "--token", help="The token that is accepted; api7: by the Dashboard.", show_default="kpat_sim, a7ee-sim"
)
@click.option("--portal-token", help="api7: the token that the portal backend accepts.", show_default="a7prt-sim")
def serve(provider: str, **options: object) -> None:
    """Serve a simulated portal on 127.0.0.1 until Ctrl-C.

    \b
    Examples:
      portalctl sim serve --port 8080 --seed demo
      portalctl sim serve --provider api7 --seed demo --fault status=429,times=1,retry_after=5
    """
    from portalctl.simulator.tls import NoTlsError  # slow to import, and not needed for `--help`

    start: dict[str, Callable[[_Options], Started]] = {"konnect": _konnect, "api7": _api7}
    try:
        simulator, lines = start[provider](_Options(**options))  # type: ignore[arg-type]  # click made them so
    except ValueError as error:  # bad seed, fault or behaviour
        raise click.UsageError(str(error)) from error
    except NoTlsError as error:
        raise click.UsageError(f"--tls: {error}") from error
    except (OSError, sqlite3.Error) as error:
        raise click.UsageError(f"cannot start the simulator: {error}") from error
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with simulator:
        for line in lines:
            click.echo(line)
        if simulator.ca_file:
            click.echo(f"its certificate: --ca-file {simulator.ca_file}")
        stopped.wait()


def _konnect(options: _Options) -> Started:
    from portalctl.simulator.behaviour import parse_behaviour
    from portalctl.simulator.faults import parse_fault
    from portalctl.simulator.server import TOKEN, Simulator

    for name in ("portal_port", "portal_token"):
        if getattr(options, name) is not None:
            raise click.UsageError(f"--{name.replace('_', '-')} is for --provider api7")
    simulator = Simulator(
        options.seed,
        behaviour=parse_behaviour(options.behaviours),
        faults=[parse_fault(text) for text in options.faults],
        latency=options.latency,
        tls=options.tls,
        token=options.token or TOKEN,
        port=options.port,
        db=options.db or ":memory:",
        log_limit=0,
    )
    return simulator, (
        f"portal simulator at {simulator.url}  token {simulator.token}",
        f"export KONNECT_SERVER_URL={simulator.url} KONNECT_TOKEN={simulator.token}",
    )


def _api7(options: _Options) -> Started:
    from portalctl.simulator.api7.server import PORTAL_TOKEN, TOKEN, Api7Behaviour, Api7Simulator
    from portalctl.simulator.faults import parse_fault
    from portalctl.simulator.switches import parse_switches

    if options.db is not None:
        raise click.UsageError("--db is for --provider konnect")
    simulator = Api7Simulator(
        options.seed,
        behaviour=parse_switches(options.behaviours, Api7Behaviour()),
        faults=[parse_fault(text) for text in options.faults],
        latency=options.latency,
        tls=options.tls,
        token=options.token or TOKEN,
        portal_token=options.portal_token or PORTAL_TOKEN,
        port=options.port,
        portal_port=options.portal_port or 0,
        log_limit=0,
    )
    return simulator, (
        f"API7 Dashboard simulator at {simulator.url}  token {simulator.token}",
        f"API7 portal backend simulator at {simulator.portal_url}  token {simulator.portal_token}",
        f"export API7_SERVER={simulator.url} API7_TOKEN={simulator.token}",
        f"export API7_PORTAL_SERVER={simulator.portal_url} API7_PORTAL_TOKEN={simulator.portal_token}",
    )
