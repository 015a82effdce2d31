"""A real PostgreSQL on this machine, for one test process: a cluster of its own, on 127.0.0.1 only."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg

USER, PASSWORD = "portalctl", "s3cret-of-postgres"
_NUMBERS = count(1)
_SETTINGS = ("fsync=off", "full_page_writes=off", "max_connections=200", "shared_buffers=32MB", "timezone=UTC")


def program(name: str) -> str | None:
    """Return the path of a server program, which Debian keeps outside PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which(name) or next((str(path / name) for path in folders if (path / name).exists()), None)


MISSING = None if program("initdb") and program("postgres") else "needs PostgreSQL (Debian package postgresql)"


@dataclass(frozen=True)
class Postgres:
    """A running cluster."""

    port: int

    def url(self, database: str, user: str = USER, port: int | None = None) -> str:
        return f"postgresql://{user}:{PASSWORD}@127.0.0.1:{port or self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run a statement as the superuser, outside a transaction."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement.encode())

    @contextmanager
    def database(self) -> Iterator[str]:
        """Yield the URL of a new, empty database, which is removed at the end."""
        name = f"test_{next(_NUMBERS)}"
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def running() -> Iterator[Postgres]:
    """Yield a new cluster. It does not run as root: PostgreSQL refuses that."""
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory(prefix="pg") as name:  # short: paths of sockets are limited
        folder = Path(name)
        (folder / "password").write_text(PASSWORD, encoding="utf-8")
        if root:
            for path in (folder, folder / "password"):
                shutil.chown(path, "postgres")
        user = "postgres" if root else None
        login = ["-U", USER, "--auth=scram-sha-256", f"--pwfile={folder / 'password'}"]
        command = [program("initdb") or "", "-D", f"{folder / 'data'}", *login, "--encoding=UTF8", "--locale=C"]
        subprocess.run([*command, "--no-sync"], user=user, cwd=folder, check=True, capture_output=True)
        process, port = _started(folder, user)
        try:
            yield Postgres(port)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _started(folder: Path, user: str | None) -> tuple[subprocess.Popen[bytes], int]:
    """Start the server on a free port; another one if a different program takes it first."""
    for _ in range(5):
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = int(found.getsockname()[1])
        words = [program("postgres") or "", "-D", str(folder / "data"), "-k", str(folder), "-p", str(port)]
        words += [word for setting in ("listen_addresses=127.0.0.1", *_SETTINGS) for word in ("-c", setting)]
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(words, user=user, cwd=folder, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            try:
                psycopg.connect(Postgres(port).url("postgres")).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return process, port
        process.kill()
        process.wait()
    raise AssertionError((folder / "log").read_text(encoding="utf-8", errors="replace"))
