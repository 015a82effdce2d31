"""A real slapd on this machine, with entries given as Python values (Debian packages slapd and ldap-utils)."""

from __future__ import annotations

import base64
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BASE = "dc=example,dc=com"
ADMIN, SECRET = f"cn=admin,{BASE}", "s3cret-of-slapd"
SLAPD = shutil.which("slapd") or next((path for path in ("/usr/sbin/slapd",) if Path(path).exists()), None)
Attributes = Mapping[str, str | bytes | Sequence[str]]

CONF = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload ppolicy
attributetype ( 1.3.6.1.4.1.99999.1 NAME 'proxyAddresses' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.99999.2 NAME 'userAccountControl' EQUALITY integerMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.99999.3 NAME 'accountExpires' EQUALITY integerMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.99999.4 NAME 'nsAccountLock' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.99999.10 NAME 'vendorAccount' SUP top AUXILIARY
  MAY ( proxyAddresses $ userAccountControl $ accountExpires $ nsAccountLock ) )
pidfile {folder}/pid
{tls}
{limits}
database mdb
maxsize 1073741824
suffix "{base}"
rootdn "{admin}"
rootpw {secret}
directory {folder}/db
index objectClass,cn,uid eq
{access}
overlay memberof
overlay ppolicy
"""


@dataclass(frozen=True)
class Slapd:
    url: str
    folder: Path
    ldaps: str = ""

    def add(self, *entries: tuple[str, Attributes]) -> None:
        """Add entries by `ldapadd`, as overlays need."""
        self._change("ldapadd", "\n".join(_ldif(dn, attributes) for dn, attributes in entries))

    def modify(self, ldif: str, *words: str) -> None:
        self._change("ldapmodify", ldif, *words)

    def _change(self, program: str, ldif: str, *words: str) -> None:
        login = ["-x", "-H", self.url, "-D", ADMIN, "-w", SECRET]
        subprocess.run([program, *login, *words], input=ldif, text=True, check=True, capture_output=True)


def _ldif(dn: str, attributes: Attributes) -> str:
    lines = [f"dn:: {base64.b64encode(dn.encode()).decode()}"]
    for name, value in attributes.items():
        for one in [value] if isinstance(value, str | bytes) else value:
            raw = one if isinstance(one, bytes) else one.encode()
            lines.append(f"{name}:: {base64.b64encode(raw).decode()}")
    return "\n".join(lines) + "\n"


def person(uid: str, *mails: str, **more: str | Sequence[str]) -> tuple[str, Attributes]:
    attributes: dict[str, str | Sequence[str]] = {
        "objectClass": ["inetOrgPerson", "vendorAccount"],
        "cn": uid,
        "sn": uid,
        "uid": uid,
        **more,
    }
    return dn_of(uid), {**attributes, **({"mail": list(mails)} if mails else {})}


def dn_of(uid: str) -> str:
    return f"uid={uid},ou=people,{BASE}"


def group_dn(cn: str) -> str:
    return f"cn={cn},ou=groups,{BASE}"


def group(cn: str, members: Iterable[str]) -> tuple[str, Attributes]:
    """`members` are DNs; the group itself is a placeholder where there are none."""
    return group_dn(cn), {"objectClass": "groupOfNames", "cn": cn, "member": list(members) or [group_dn(cn)]}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
        return port


@contextmanager
def serving(
    folder: Path,
    *,
    limits: str = "",
    access: str = "",
    tls: str = "",
    ldaps: bool = False,
    without_memberof: bool = False,
) -> Iterator[Slapd]:
    """`limits`, `access`, `tls`: lines of slapd.conf. It has the base, `ou=people` and `ou=groups`."""
    assert SLAPD is not None
    (folder / "db").mkdir(parents=True)
    conf = CONF.format(
        folder=folder.absolute(), base=BASE, admin=ADMIN, secret=SECRET, limits=limits, access=access, tls=tls
    )
    if without_memberof:
        conf = conf.replace("overlay memberof\n", "")
    (folder / "slapd.conf").write_text(conf)
    plain, port = _free_port(), _free_port()
    urls = f"ldap://127.0.0.1:{plain}" + (f" ldaps://127.0.0.1:{port}" if ldaps else "")
    words = [SLAPD, "-f", str(folder / "slapd.conf"), "-h", urls, "-d", "0"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=log) as process,
    ):
        try:
            _wait(plain, process, folder)
            server = Slapd(f"ldap://127.0.0.1:{plain}", folder, f"ldaps://127.0.0.1:{port}" if ldaps else "")
            server.add(
                (BASE, {"objectClass": ["dcObject", "organization"], "dc": "example", "o": "Example"}),
                (f"ou=people,{BASE}", {"objectClass": "organizationalUnit", "ou": "people"}),
                (f"ou=groups,{BASE}", {"objectClass": "organizationalUnit", "ou": "groups"}),
            )
            yield server
        finally:
            process.terminate()


def _wait(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        assert process.poll() is None, (folder / "log").read_text()
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("slapd did not start")
