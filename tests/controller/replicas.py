"""Several processes of `portalctl run` on one PostgreSQL, and a connection to it that a test can cut."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import Bench
from tests.controller.running import until
from tests.controller.test_process import free_port

PATIENCE = 120.0  # seconds: three processes start at once, perhaps on a busy machine


@dataclass
class Replica:
    """A process of `portalctl run` and what it logged."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def events(self, event: str) -> list[dict[str, Any]]:
        lines = [line for line in self.log.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
        return [found for found in map(json.loads, lines) if found["event"] == event]

    def get(self, path: str) -> Any:
        return httpx.get(f"{self.url}{path}", timeout=20).json()

    def status(self, path: str) -> int:
        """Return the HTTP status; 0 while nothing listens."""
        try:
            return httpx.get(f"{self.url}{path}", timeout=20).status_code
        except httpx.TransportError:
            return 0

    def portal(self, name: str = "partners") -> dict[str, Any]:
        return next(item for item in self.get("/v1/portals")["portals"] if item["name"] == name)

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self) -> int:
        """Drain the process, and return its exit code."""
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        return self.process.wait(PATIENCE)


@dataclass
class Replicas:
    """Starts processes on one database."""

    bench: Bench
    stack: ExitStack
    all: list[Replica] = field(default_factory=list)

    def start(self, database: str, *words: str, mode: str = "full", **env: str) -> Replica:
        """Start a process; return at once."""
        number, port = len(self.all), free_port()
        folder = self.bench.folder.parent
        command = [sys.executable, "-m", "portalctl", "run", "-f", "portals", "--mode", mode]
        command += ["--listen", f"127.0.0.1:{port}", "--state", f"state-{number}", *words]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PORTALCTL", "KONNECT"))}
        server = {"KONNECT_SERVER_URL": self.bench.sim.url, "KONNECT_TOKEN": self.bench.sim.token}
        log = folder / f"log-{number}"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command, env={**kept, **server, "PORTALCTL_DATABASE": database, **env}, stderr=stream, cwd=folder
            )
        replica = Replica(process, f"http://127.0.0.1:{port}", log)
        self.all.append(replica)
        self.stack.callback(_end, process)
        return replica

    def start_many(self, count: int, database: str, *words: str, **settings: Any) -> list[Replica]:
        """Start processes, and return once all are ready."""
        found = [self.start(database, *words, **settings) for _ in range(count)]
        for replica in found:
            wait_ready(replica)
        return found


def wait_ready(replica: Replica) -> None:
    until(lambda: replica.process.poll() is not None or replica.status("/readyz") == 200, PATIENCE)
    assert replica.process.poll() is None, replica.log.read_text(encoding="utf-8")


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    process.wait(PATIENCE)


class Cable:
    """A TCP forwarder to a port of this machine. `cut` closes all connections, and refuses new ones until `mend`."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._open = True
        self._pairs: list[socket.socket] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        with self._lock:
            self._open = False
            pairs, self._pairs = self._pairs, []
        for one in pairs:
            _hang_up(one)

    def mend(self) -> None:
        self._open = True

    def close(self) -> None:
        self.cut()
        _hang_up(self._listener)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if not self._open:
                    _hang_up(near)
                    continue
                far = socket.create_connection(("127.0.0.1", self._to))
                self._pairs += [near, far]
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=_copy, args=(source, target), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for one in (source, target):
        _hang_up(one)


def _hang_up(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextmanager
def cable(port: int) -> Iterator[Cable]:
    found = Cable(port)
    try:
        yield found
    finally:
        found.close()
