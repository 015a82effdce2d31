from __future__ import annotations

import signal
import ssl
import subprocess
import sys

import httpx
import pytest
from click.testing import CliRunner

from portalctl.cli.sim import sim

COMMAND = [sys.executable, "-c", "from portalctl.cli.sim import sim; sim()", "serve", "--provider", "api7"]


@pytest.mark.slow
def test_it_serves_both_services_over_tls_until_it_is_told_to_stop() -> None:
    options = ["--seed", "demo", "--tls", "--token", "a7ee-mine", "--portal-token", "a7prt-mine"]
    options += ["--behaviour", "envelope=bare", "--fault", "status=503,path=*/approvals"]
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines = [process.stdout.readline().split() for _ in range(5)]
        url, portal_url = lines[0][4], lines[1][5]
        assert lines[0] == ["API7", "Dashboard", "simulator", "at", url, "token", "a7ee-mine"]
        assert lines[1][6:] == ["token", "a7prt-mine"]
        assert lines[2] == ["export", f"API7_SERVER={url}", "API7_TOKEN=a7ee-mine"]
        assert lines[3] == ["export", f"API7_PORTAL_SERVER={portal_url}", "API7_PORTAL_TOKEN=a7prt-mine"]
        trusting = ssl.create_default_context(cafile=lines[4][-1])
        with httpx.Client(verify=trusting, trust_env=False) as client:
            dashboard = {"X-API-KEY": "a7ee-mine"}
            portal = client.get(f"{url}/api/portals", headers=dashboard).json()["list"][0]
            assert client.get(f"{url}/api/portals/{portal['id']}", headers=dashboard).json() == portal
            assert client.get(f"{url}/api/approvals", headers=dashboard).status_code == 503
            backend = {"Authorization": "Bearer a7prt-mine"}
            assert client.get(f"{portal_url}/api/developers", headers=backend).json()["total"] == 6
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=10)
        assert (process.returncode, rest, errors) == (0, "", "")


def test_tls_without_a_library_for_certificates_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    result = CliRunner().invoke(sim, ["serve", "--provider", "api7", "--tls"])
    assert result.exit_code == 2
    assert "--tls: TLS needs the package cryptography; install it: pip install cryptography" in result.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--provider", "api7", "--db", "x.db"], "Error: --db is for --provider konnect"),
        (["--portal-token", "x"], "Error: --portal-token is for --provider api7"),
        (["--portal-port", "1"], "Error: --portal-port is for --provider api7"),
        (
            ["--provider", "api7", "--behaviour", "emails=kept"],
            "Error: behaviour emails must be one of present, absent",
        ),
        (
            ["--provider", "api7", "--behaviour", "duplicate_team=409"],
            "Error: unknown behaviour 'duplicate_team=409'",
        ),
        (["--provider", "api7", "--fault", "status=500,body=xml"], "Error: body in a fault must be error or html or"),
        (["--provider", "api7", "--seed", "/nowhere.json"], "Error: cannot read seed /nowhere.json"),
        (["--provider", "gravitee"], "Error: Invalid value for '--provider'"),
    ],
)
def test_bad_options_are_usage_errors_in_one_line(options: list[str], message: str) -> None:
    result = CliRunner().invoke(sim, ["serve", *options])
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output
