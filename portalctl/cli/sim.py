"""`portalctl sim`: a simulated portal on your own machine."""

from __future__ import annotations

import signal
import sqlite3
import threading
from pathlib import Path

import click


@click.group()
def sim() -> None:
    """Run a simulated portal to try things on."""


@sim.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default="any free port")
@click.option("--db", type=click.Path(dir_okay=False, path_type=Path), help="Keep the state in this SQLite file.")
@click.option("--seed", metavar="FILE|demo", help="Start with this state; skipped when --db holds portals already.")
@click.option(
    "--fault",
    "faults",
    metavar="SPEC",
    multiple=True,
    help="Let answers go wrong, such as status=429,method=POST,times=1,retry_after=5. Repeatable.",
)
@click.option(
    "--behaviour",
    "behaviours",
    metavar="NAME=VALUE",
    multiple=True,
    help="Choose how the vendor behaves where its documents are silent, such as duplicate_team=409. Repeatable.",
)
@click.option("--latency", type=click.FloatRange(0), default=0.0, help="Seconds each answer takes at least.")
@click.option("--token", default="kpat_sim", show_default=True, help="The token that is accepted.")
def serve(
    *,
    port: int,
    db: Path | None,
    seed: str | None,
    faults: tuple[str, ...],
    behaviours: tuple[str, ...],
    latency: float,
    token: str,
) -> None:
    """Serve a simulated Kong Konnect on 127.0.0.1 until Ctrl-C."""
    from portalctl.sim.behaviour import parse_behaviour  # `--help` must not wait for it
    from portalctl.sim.faults import parse_fault
    from portalctl.sim.server import Simulator

    try:
        simulator = Simulator(
            seed,
            behaviour=parse_behaviour(behaviours),
            faults=[parse_fault(text) for text in faults],
            latency=latency,
            token=token,
            port=port,
            db=db or ":memory:",
            log_limit=0,
        )
    except ValueError as error:  # bad seed, fault or behaviour
        raise click.UsageError(str(error)) from error
    except (OSError, sqlite3.Error) as error:
        raise click.UsageError(f"cannot start the simulator: {error}") from error
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with simulator:
        click.echo(f"portal simulator at {simulator.url}  token {token}")
        click.echo(f"export KONNECT_SERVER_URL={simulator.url} KONNECT_TOKEN={token}")
        stopped.wait()
