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


def main(developers: int, latency: float, log_limit: int) -> None:
    seed = {"portals": [{"id": population.PORTAL_ID, "name": "partners"}]}
    with Simulator(seed, latency=latency, log_limit=log_limit) as simulator:
        _plant(simulator, developers)
        _say(simulator.url)
        commands: dict[str, Callable[[], object]] = {
            "cpu": time.process_time,
            "log": lambda: [
                [request.method, request.status, request.started, request.ended] for request in simulator.log
            ],
            # 3,000 a minute, without a hoard for the first minute to live on.
            "limit": lambda: simulator.inject(Fault("rate", requests=50, seconds=1.0)),
        }
        for line in sys.stdin:
            _say(commands[line.strip()]())


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
