"""Notifications: what is told and when, that nothing depends on them, and that their address stays a secret."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from portalctl.errors import BadUsageError
from portalctl.events import Sent
from portalctl.http import Webhook
from portalctl.integrations.notifications import removal
from portalctl.output.masks import Mask
from portalctl.simulator.faults import Fault
from tests.conftest import Bench, portalctl

pytestmark = [pytest.mark.usefixtures("quick"), pytest.mark.slow]  # many cases, each with a simulator of its own
SECRET = "T0000-secret"
RULES = """
trusted_domains: [club.example]
overrides:
  - {developer: leaver@club.example, status: revoked, reason: Left}
  - {developer: other@club.example, status: revoked, reason: Left}
"""


class Receiver:
    """Keeps what arrives, with the number of requests that the portal had seen by then."""

    def __init__(self, bench: Bench) -> None:
        self.got: list[dict[str, Any]] = []
        self.seen: list[int] = []
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.headers["Content-Type"] == "application/json"
                assert "Authorization" not in self.headers
                receiver.seen.append(len(bench.sim.log))
                receiver.got.append(json.loads(content))
                self.send_response(receiver.status)
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/{SECRET}?key=1"

    @property
    def texts(self) -> list[str]:
        return [str(each["text"]) for each in self.got]


@pytest.fixture
def receiver(bench: Bench) -> Iterator[Receiver]:
    receiver = Receiver(bench)
    thread = threading.Thread(target=lambda: receiver.server.serve_forever(poll_interval=0.01))
    thread.start()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()
    thread.join()


@pytest.fixture
def filled(bench: Bench) -> Bench:
    bench.people(pending=["a@club.example"], approved=["leaver@club.example", "other@club.example"])
    bench.manifest(RULES)
    return bench


def test_plan_drift_and_apply_are_summed_up_and_removals_told_one_by_one(filled: Bench, receiver: Receiver) -> None:
    run = {"GITHUB_SERVER_URL": "https://github.example", "GITHUB_REPOSITORY": "c/p", "GITHUB_RUN_ID": "42"}
    assert filled.run("plan", PORTALCTL_NOTIFY_URL=receiver.url, **run).code == 0
    address = "https://github.example/c/p/actions/runs/42"
    words = "1 developer gains access, 2 lose access, 3 e-mails"
    assert receiver.texts == [f"portalctl plan · partners: {words}\n{address}"]
    assert receiver.got[0]["run"] == address
    assert receiver.got[0]["portals"][0]["removals"] == 2

    assert filled.run("drift", PORTALCTL_NOTIFY_URL=receiver.url).code == 2
    assert receiver.texts[1:] == ["portalctl drift · partners: 2 differences (2 unexpected grants)"]

    done = filled.run("apply", "--yes", PORTALCTL_NOTIFY_URL=receiver.url)
    assert done.code == 0
    *removals, last = receiver.got[2:]
    assert last["text"] == "portalctl apply · partners: 3 confirmed of 3 changes"
    assert [each["kind"] for each in removals] == ["removal", "removal"]
    assert all(each["text"].endswith("@club.example revoked") for each in removals)
    assert not any(name in json.dumps(receiver.got) for name in ("leaver", "other@"))
    assert SECRET not in done.out + done.err


def test_a_removal_is_told_before_anyone_waits_for_it_to_show(filled: Bench, receiver: Receiver) -> None:
    """Whoever reads it has time to stop the rest."""
    filled.sim.inject(Fault("slow", method="GET", delay=0.1))
    assert filled.run("apply", "--yes", "--only", "offboard", PORTALCTL_NOTIFY_URL=receiver.url).code == 0
    assert [each["kind"] for each in receiver.got] == ["removal", "removal", "apply"]
    assert receiver.seen[0] < len(filled.sim.log)


@pytest.mark.wide(1)
@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_notification_that_fails_is_one_warning_and_changes_nothing(
    filled: Bench, receiver: Receiver, status: int
) -> None:
    receiver.status = status
    done = filled.run("apply", "--yes", PORTALCTL_NOTIFY_URL=receiver.url)
    assert done.code == 0
    assert filled.status("leaver@club.example") == "revoked"
    assert done.err.count(f"warning: a notification could not be sent: the receiver returned {status}") == 1
    assert len(receiver.got) == 3, "tried for each, followed nowhere"
    assert SECRET not in done.out + done.err


def test_nobody_there_is_a_warning_without_the_address(filled: Bench) -> None:
    done = filled.run("plan", PORTALCTL_NOTIFY_URL=f"http://127.0.0.1:9/{SECRET}")
    assert (done.code, "could not be sent: no answer (ConnectError)" in done.err) == (0, True), done.err
    assert SECRET not in done.out + done.err


@pytest.mark.parametrize(
    "url",
    [
        f"http://hooks.example/{SECRET}",
        f"ftp://127.0.0.1/{SECRET}",
        f"https:///{SECRET}",
        f"https://hooks.example:port/{SECRET}",
        f"https://[hooks/{SECRET}",
        f"https://hooks.example/ {SECRET}",
        SECRET,
    ],
)
def test_only_https_leaves_the_machine_and_errors_do_not_show_the_address(url: str) -> None:
    with pytest.raises(BadUsageError) as caught:
        Webhook(url, source="--notify", seconds=1)
    assert SECRET not in caught.value.message + "".join(caught.value.advice)
    assert SECRET not in repr(Webhook(f"https://hooks.example/{SECRET}", source="--notify", seconds=1))


def test_a_wrong_address_ends_the_command_before_anything_is_asked(bench: Bench) -> None:
    bench.manifest("")
    done = bench.run("apply", "--yes", PORTALCTL_NOTIFY_URL=f"http://hooks.example/{SECRET}")
    assert (done.code, bench.reads) == (64, [])
    assert SECRET not in done.err
    assert SECRET not in portalctl("apply", "--help", env={"PORTALCTL_NOTIFY_URL": SECRET}).out
    assert "PORTALCTL_NOTIFY_URL" in portalctl("--help").out


@pytest.mark.parametrize("command", ["plan", "apply", "drift"])
@pytest.mark.parametrize("words", [("--notify", f"https://hooks.example/{SECRET}"), (f"--notify={SECRET}",)])
def test_the_address_is_not_taken_from_the_command_line(bench: Bench, command: str, words: tuple[str, ...]) -> None:
    """Everybody on the machine can list its processes."""
    bench.manifest("")
    done = bench.run(command, *words)
    assert (done.code, bench.reads, SECRET in done.err) == (64, [], False)
    assert "PORTALCTL_NOTIFY_URL" in done.err
    assert "PORTALCTL_NOTIFY_URL_FILE" in done.err
    assert "--notify" not in portalctl(command, "--help").out


def test_the_address_may_be_in_a_file(filled: Bench, receiver: Receiver) -> None:
    Path("address").write_text(f"{receiver.url}\n")
    assert filled.run("plan", PORTALCTL_NOTIFY_URL_FILE="address").code == 0
    assert len(receiver.got) == 1
    done = filled.run("plan", PORTALCTL_NOTIFY_URL_FILE="address", PORTALCTL_NOTIFY_URL=receiver.url)
    assert (done.code, "are both set" in done.err, SECRET in done.err) == (64, True, False)
    Path("address").write_text(f"http://hooks.example/{SECRET}")
    done = filled.run("plan", PORTALCTL_NOTIFY_URL_FILE="address")
    assert (done.code, "not an https address" in done.err) == (64, True)
    assert SECRET not in done.err


def test_a_chat_makes_nothing_of_what_strangers_typed() -> None:
    told = removal(Sent("partners", "id", "<!channel>@x.org", "registration of <!here> & <http://x|y> revoked"), str)
    assert told["text"] == (
        "partners: &lt;!channel&gt;@x.org registration of &lt;!here&gt; &amp; &lt;http://x|y&gt; revoked"
    )
    masked = removal(Sent("partners", "id", "<!channel>@x.org", "revoked"), Mask(b"key"))
    assert "channel" not in json.dumps(masked)
