"""A simulated portal with the people of `population`, in a process of its own: `python -m tests.bench.portal JSON`.

Says its address, then does what each line of its input says, and answers each with one line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

from portalctl.simulator.server import Fault, Simulator
from tests.bench import population

TROUBLES = (  # no 429: its pauses take their own time, also where hours are made short
    Fault("status", status=503, times=2),
    Fault("status", status=500, times=3),
    Fault("drop-before", times=1),
    Fault("drop-after", times=1),
    Fault("truncate", times=1),
    Fault("html", times=1),
    Fault("empty", times=1),
    Fault("lose-row", times=1),
    Fault("slow", delay=0.2, times=1),
    Fault("status", status=401, times=1),
)


def main(developers: int, latency: float, log_limit: int) -> None:
    seed = {"portals": [{"id": population.PORTAL_ID, "name": "partners"}]}
    with Simulator(seed, latency=latency, log_limit=log_limit) as simulator:
        _plant(simulator, developers)
        _say(simulator.url)
        commands: dict[str, Callable[..., object]] = {
            "cpu": time.process_time,
            "log": lambda: [
                [request.method, request.status, request.started, request.ended] for request in simulator.log
            ],
            # 3,000 a minute, without a hoard for the first minute to live on.
            "limit": lambda: simulator.inject(Fault("rate", requests=50, seconds=1.0)),
            "sign_up": lambda number: _sign_up(simulator, developers + int(number)),
            "trouble": lambda number: simulator.inject(TROUBLES[int(number)]),
            "calm": simulator.clear_faults,
        }
        for line in sys.stdin:
            name, *arguments = line.split()
            _say(commands[name](*arguments))


def _sign_up(simulator: Simulator, number: int) -> str:
    row = {**population.developer(number, 1), "email": f"new.{number}@club0.com", "status": "pending"}
    simulator.store.add_developers(population.PORTAL_ID, [row])
    return population.developer_id(number)


def _plant(simulator: Simulator, developers: int) -> None:
    store = simulator.store
    store.add_developers(population.PORTAL_ID, (population.developer(n, developers) for n in range(developers)))
    for team in range(population.teams(developers)):
        store.add_team(population.PORTAL_ID, f"team{team}", id=population.team_id(team))
        people = map(population.developer_id, population.members(team, developers))
        store.add_members(population.team_id(team), people)


def _say(value: object) -> None:
    sys.stdout.write(f"{json.dumps(value)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
