"""A real Samba domain controller on this machine (Debian: samba-ad-dc samba-ad-provision samba-dsdb-modules winbind).

Its ports are fixed (389, 636), so there is one at a time, and only root can start it.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.directories.ldap_stand_in import SEARCH, ber, listening

BASE = "DC=example,DC=test"
READER, SECRET = r"EXAMPLE\reader", "s3cret-of-Samba"
TOOL, SAMBA = shutil.which("samba-tool"), shutil.which("samba") or shutil.which("samba", path="/usr/sbin")
URL, PLAIN = "ldaps://127.0.0.1", "ldap://127.0.0.1"
Entry = Mapping[str, str | Sequence[str]]

# Adding over LDAP takes several times as long. Debian's Python has Samba's own modules.
_LOAD = """
import json, sys
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

settings = LoadParm()
settings.load(sys.argv[1])
database = SamDB(sys.argv[2], session_info=system_session(), lp=settings)
database.transaction_start()
for entry in json.load(sys.stdin):
    database.add(entry)
database.newuser("reader", sys.argv[3])
database.transaction_commit()
"""


def fault() -> str | None:
    """Why no domain controller can be started here."""
    if TOOL is None or SAMBA is None or not Path("/usr/bin/python3").exists():
        return "samba is not installed"
    if os.geteuid() != 0:
        return "only root can start samba"
    for port in (389, 636):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return f"another server has port {port}"
    return None


def user_dn(name: str) -> str:
    return f"CN={name},OU=people,{BASE}"


def user(name: str, **more: str) -> Entry:
    own = {"objectClass": "user", "sAMAccountName": name, "mail": f"{name}@city.example", "userAccountControl": "512"}
    return {"dn": user_dn(name), **own, **more}


def contact(name: str) -> Entry:
    return {"dn": user_dn(name), "objectClass": "contact", "mail": f"{name}@city.example"}


def group(name: str, *members: str) -> Entry:
    return {"dn": user_dn(name), "objectClass": "group", "sAMAccountName": name, "member": [*map(user_dn, members)]}


@dataclass(frozen=True)
class Samba:
    ca: Path


@contextmanager
def serving(folder: Path, entries: Sequence[Entry]) -> Iterator[Samba]:
    """A domain with these entries below `OU=people`, and the user `reader` without special rights."""
    assert TOOL is not None
    assert SAMBA is not None
    with (Path(tempfile.gettempdir()) / "portalctl-test-samba.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        conf = folder / "dc/etc/smb.conf"
        words = ["--realm=EXAMPLE.TEST", "--domain=EXAMPLE", "--server-role=dc", "--dns-backend=NONE"]
        words += [f"--adminpass={SECRET}", f"--targetdir={folder / 'dc'}", "--host-ip=127.0.0.1", "--use-rfc2307"]
        words += ["--option=interfaces=lo", "--option=bind interfaces only=yes"]
        subprocess.run([TOOL, "domain", "provision", *words], check=True, capture_output=True, timeout=300)
        ca = _configure(conf, folder)
        people = {"dn": f"OU=people,{BASE}", "objectClass": "organizationalUnit"}
        load = ["/usr/bin/python3", "-I", "-c", _LOAD, str(conf), str(folder / "dc/private/sam.ldb"), SECRET]
        text = json.dumps([people, *entries])
        subprocess.run(load, input=text, text=True, check=True, capture_output=True, timeout=600)
        words = [SAMBA, "--interactive", "--model=single", f"--configfile={conf}"]
        with (folder / "log").open("wb") as log, subprocess.Popen(words, stdout=log, stderr=log) as process:
            try:
                _wait(process, folder / "log")
                yield Samba(ca)
            finally:
                process.terminate()


def _configure(conf: Path, folder: Path) -> Path:
    """Leave only LDAP to serve, with a certificate for 127.0.0.1; return the file of its authority."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    files = {name: folder / f"{name}.pem" for name in ("cafile", "certfile", "keyfile")}
    authority.cert_pem.write_to_path(files["cafile"])
    issued.cert_chain_pems[0].write_to_path(files["certfile"])
    issued.private_key_pem.write_to_path(files["keyfile"])
    files["keyfile"].chmod(0o600)
    own = {f"tls {name}": path for name, path in files.items()}
    own |= dict.fromkeys(("pid directory", "ncalrpc dir", "winbindd socket directory"), folder / "dc")
    lines = "".join(f"\t{name} = {value}\n" for name, value in {**own, "log file": folder / "log.%m"}.items())
    text = re.sub(r"server services = .*", "server services = ldap", conf.read_text())
    text = re.sub(r"\tlog file = .*\n", "", text)
    conf.write_text(text.replace("[global]\n", f"[global]\n{lines}"))
    return files["cafile"]


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", 636), 1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError("samba did not start")


# --- ranges ---


def _elements(content: bytes) -> Iterator[tuple[int, bytes]]:
    while content:
        size, start = content[1], 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(content[2:start], "big")
        yield content[0], content[start : start + size]
        content = content[start + size :]


def _ranged(name: bytes, most: int) -> bytes:
    found = re.fullmatch(rb"member(;range=(\d+)-\*)?", name)
    first = int(found[2] or 0) if found else 0
    return b"member;range=%d-%d" % (first, first + most - 1) if found else name


def _limited(message: bytes, most: int, asked: list[str]) -> bytes:
    """A request of which each attribute `member` is asked for in a range; `asked` gets the names as they were."""
    ((_, content),) = _elements(message)
    parts = []
    for tag, part in _elements(content):
        changed = part
        if tag == SEARCH:
            *others, (_, names) = _elements(part)
            asked += [name.decode() for _, name in _elements(names)]
            limited = b"".join(ber(4, _ranged(name, most)) for _, name in _elements(names))
            changed = b"".join(ber(*other) for other in others) + ber(0x30, limited)
        parts.append(ber(tag, changed))
    return ber(0x30, b"".join(parts))


def _messages(connection: socket.socket) -> Iterator[bytes]:
    data = b""
    while more := connection.recv(65536):
        data += more
        while len(data) > 6:
            head = 2 + (data[1] & 0x7F if data[1] & 0x80 else 0)
            size = head + (int.from_bytes(data[2:head], "big") if head > 2 else data[1])
            if len(data) < size:
                break
            yield data[:size]
            data = data[size:]


@contextmanager
def with_ranges(server: Samba, most: int) -> Iterator[tuple[str, list[str]]]:
    """Samba behind what Active Directory does by itself: no more than `most` values of an attribute at once.

    Yields the URL, and the attributes that were asked for.
    """
    asked: list[str] = []

    def talk(connection: socket.socket) -> None:
        context = ssl.create_default_context(cafile=server.ca)
        with context.wrap_socket(socket.create_connection(("127.0.0.1", 636)), server_hostname="127.0.0.1") as samba:

            def back() -> None:
                with suppress(OSError):
                    while data := samba.recv(65536):
                        connection.sendall(data)

            thread = threading.Thread(target=back, daemon=True)
            thread.start()
            for message in _messages(connection):
                samba.sendall(_limited(message, most, asked))
            with suppress(OSError):
                samba.shutdown(socket.SHUT_RDWR)
            thread.join(5)

    with listening(talk) as url:
        yield url, asked
