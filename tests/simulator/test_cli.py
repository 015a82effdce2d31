from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from portalctl.cli.sim import sim
from tests.simulator.client import BASE

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-c", "from portalctl.cli.sim import sim; sim()", "serve"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    options = [
        "--seed",
        "demo",
        "--db",
        str(tmp_path / "sim.db"),
        "--token",
        "kpat_mine",
        "--behaviour",
        "emails=folded",
    ]
    faults = ["--fault", "status=503,path=*/teams", "--latency", "0.01"]
    with subprocess.Popen(
        [*COMMAND, *options, *faults], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        first, second = process.stdout.readline().split(), process.stdout.readline().split()
        url = first[3]
        assert first == ["portal", "simulator", "at", url, "token", "kpat_mine"]
        assert second == ["export", f"KONNECT_SERVER_URL={url}", "KONNECT_TOKEN=kpat_mine"]
        assert url.startswith("http://127.0.0.1:")
        with httpx.Client(
            base_url=url, headers={"Authorization": "Bearer kpat_mine"}, verify=False, trust_env=False
        ) as client:
            assert client.get(f"{BASE}/developers").json()["meta"]["page"]["total"] == 8
            assert client.get(f"{BASE}/teams").status_code == 503
        process.send_signal(number)
        rest, errors = process.communicate(timeout=10)
        assert (process.returncode, rest, errors) == (0, "", "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fault", "explode"], "Error: unknown fault 'explode'; known:"),
        (["--behaviour", "emails=lost"], "Error: behaviour emails must be one of kept, folded, not 'lost'"),
        (["--seed", "/nowhere.json"], "Error: cannot read seed /nowhere.json"),
        (["--db", "/nowhere/sim.db"], "Error: cannot start the simulator: unable to open database file"),
        (["--port", "99999"], "Error: Invalid value for '--port'"),
    ],
)
def test_bad_options_are_usage_errors_in_one_line(options: list[str], message: str) -> None:
    result = CliRunner().invoke(sim, ["serve", *options])
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_the_command_line_does_not_load_the_simulator() -> None:
    code = "import sys, portalctl.cli.sim; sys.exit('portalctl.simulator.server' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
