"""Proxies, authorities and the key log: a fault in the environment is exit 64, naming the variable, not its value."""

from __future__ import annotations

import os
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import trustme

from tests.answering import answering, http
from tests.conftest import Bench, Done, portalctl

SECRET = "hunter2"
FAR = "https://portal.invalid"
RULES = "trusted_domains: [club.example]\n"
PROXY_VARIABLES = tuple(
    spelling for name in ("HTTPS_PROXY", "ALL_PROXY", "HTTP_PROXY", "NO_PROXY") for spelling in (name, name.lower())
)
CA_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "SSLKEYLOGFILE")


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, bench: Bench, quick: None) -> None:  # noqa: ARG001 (a fixture)
    for name in (*PROXY_VARIABLES, *CA_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    bench.manifest(RULES)


def plan(bench: Bench, url: str = FAR, *words: str, **env: str) -> Done:
    return bench.run("plan", *words, KONNECT_SERVER_URL=url, **env)


def faults(tmp_path: Path) -> dict[str, Path]:
    """Paths that are no file of certificates."""
    (tmp_path / "empty").touch()
    (tmp_path / f"text-{SECRET}").write_text("no certificate")
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    (tmp_path / "half").write_text("-----BEGIN CERTIFICATE-----\nMIIB")
    (tmp_path / "void").mkdir()
    large = tmp_path / "large"
    large.touch()
    os.truncate(large, 1 << 30)
    os.mkfifo(tmp_path / "pipe")
    names = ("empty", f"text-{SECRET}", "binary", "half", "large", "pipe", f"missing-{SECRET}")
    return {name: tmp_path / name for name in names} | {"device": Path("/dev/zero"), "long": Path("x" * 9999)}


@pytest.mark.wide(1)
@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_file_of_authorities_that_is_none(bench: Bench, tmp_path: Path, name: str) -> None:
    cases = faults(tmp_path) | ({"folder": tmp_path} if name == "SSL_CERT_FILE" else {"no folder": tmp_path / "void"})
    for case, path in cases.items():
        done = plan(bench, **{name: str(path)})
        assert done.code == 64, f"{case}: {done.err}"
        assert done.err.startswith(f"error: {name}: "), case
        assert str(path) not in done.err
        assert "Traceback" not in done.err


def test_an_option_for_authorities_that_is_none(bench: Bench, tmp_path: Path) -> None:
    for case, path in faults(tmp_path).items():
        done = plan(bench, FAR, "--ca-file", str(path))
        assert done.code == 64, f"{case}: {done.err}"
        assert "--ca-file" in done.err


def test_a_folder_of_authorities_that_is_none(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in ("missing", "file", "void", f"{tmp_path}{os.pathsep}missing", "x" * 9999):
        (tmp_path / "void").mkdir(exist_ok=True)
        done = plan(bench, SSL_CERT_DIR=path if path.startswith("/") else str(tmp_path / path))
        assert done.code == 64, f"{path}: {done.err}"
        assert done.err.startswith("error: SSL_CERT_DIR: ")


def test_a_key_log_that_cannot_be_written(bench: Bench, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "missing" / "log", tmp_path / "pipe"):
        for words in ((), ("--insecure-skip-tls-verify",)):
            done = plan(bench, FAR, *words, SSLKEYLOGFILE=str(path))
            assert done.code == 64, done.err
            assert "error: SSLKEYLOGFILE: " in done.err


def test_plain_http_to_this_machine_needs_none_of_it(bench: Bench) -> None:
    env = dict.fromkeys(CA_VARIABLES, "/missing") | dict.fromkeys(PROXY_VARIABLES[:6], "not a proxy")
    assert bench.run("plan", **env).code == 0


BAD_PROXIES = [
    f"ftp://{SECRET}:1",
    f"socks4://{SECRET}:1",
    f"http://{SECRET}:99999",
    f"http://{SECRET}:port",
    "http://",
    "http://[::1",
    f"http://us er:{SECRET}@proxy:1",
    f"http://user:{SECRET}/x@proxy:1",
    f"http://pro\nxy{SECRET}:1",
    f"http://proxy\\@{SECRET}",
    f"://{SECRET}",
    f"http://.{SECRET}",
    f"http://a..{SECRET}",
    f" {SECRET}",
]


@pytest.mark.wide(1)
@pytest.mark.parametrize(
    "name", ["HTTPS_PROXY", "https_proxy", "Https_Proxy", "ALL_PROXY", "all_proxy", "http_proxy"]
)
def test_a_proxy_that_is_none(bench: Bench, name: str) -> None:
    for value in BAD_PROXIES:
        done = plan(bench, **{name: value})
        assert done.code == 64, f"{value}: {done.err}"
        assert done.err.startswith(f"error: {name} is not the address of a proxy\n")
        assert SECRET not in done.err


def test_socks_without_its_extra(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    done = plan(bench, ALL_PROXY=f"socks5://user:{SECRET}@proxy:1")
    assert done.code == 64
    assert "ALL_PROXY names a SOCKS proxy, which needs the package socksio" in done.err
    assert SECRET not in done.err


@pytest.mark.wide(1)
@pytest.mark.parametrize("scheme", ["http", "https", "socks5", "socks5h"])
def test_a_refused_proxy_is_the_proxys_fault(bench: Bench, scheme: str) -> None:
    done = plan(bench, HTTPS_PROXY=f"{scheme}://user:{SECRET}@127.0.0.1:9")
    assert done.code == 1
    assert "error: can't reach the proxy 127.0.0.1:9 (from HTTPS_PROXY): " in done.err
    assert "Check HTTPS_PROXY, or name portal.invalid in NO_PROXY." in done.err
    assert SECRET not in done.err


@pytest.mark.parametrize("status", [b"407 Proxy Authentication Required hunter2", b"403 Forbidden", b"502 \x1b[2J"])
def test_a_proxy_that_refuses_is_named(bench: Bench, status: bytes) -> None:
    asked: list[bytes] = []
    with answering(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n", asked=asked) as proxy:
        done = plan(bench, HTTPS_PROXY=proxy.replace("//", f"//user:{SECRET}@"))
    assert done.code == 1
    address = proxy.removeprefix("http://")
    number = status[:3].decode()
    assert f"the proxy {address} (from HTTPS_PROXY) refused a connection to portal.invalid: {number}" in done.err
    assert "Check the user and password in HTTPS_PROXY." in done.err or number != "407"
    assert SECRET not in done.err
    assert "\x1b" not in done.err
    assert all(b"Proxy-Authorization: Basic" in request for request in asked)
    assert len(asked) == (1 if number == "407" else 3)  # a refused password is not tried again


@pytest.mark.wide(1)
@pytest.mark.parametrize("answer", [b"SSH-2.0\r\n", b"", b"\x05\x00\x01garbage"])
@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_proxy_that_is_something_else(bench: Bench, scheme: str, answer: bytes) -> None:
    with answering(answer) as server:
        done = plan(bench, ALL_PROXY=server.replace("http:", f"{scheme}:"))
    assert done.code == 1, done.err
    assert "(from ALL_PROXY)" in done.err
    assert "the proxy 127.0.0.1:" in done.err
    assert "Traceback" not in done.err
    assert "internal error" not in done.err


def authority(tmp_path: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """A file with one authority, and what a server at 127.0.0.1 needs with a certificate of that authority."""
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    path = tmp_path / f"{name}.pem"
    ca.cert_pem.write_to_path(str(path))
    return path, context


def test_which_authorities_are_trusted(bench: Bench, tmp_path: Path) -> None:
    """SSL_CERT_FILE comes before REQUESTS_CA_BUNDLE, which comes before the system's store; --ca-file adds."""
    first, tls = authority(tmp_path, "first")
    second, _ = authority(tmp_path, "second")
    with answering(http("401 Unauthorized"), tls=tls) as url:

        def trusted(*words: str, **env: str) -> bool:
            done = plan(bench, url, *words, **env)
            assert done.code == 1
            assert ("returned 401" in done.err) != ("can't be trusted" in done.err), done.err
            return "returned 401" in done.err

        assert not trusted()
        assert trusted(SSL_CERT_FILE=str(first))
        assert trusted(REQUESTS_CA_BUNDLE=str(first))
        assert not trusted(SSL_CERT_FILE=str(second), REQUESTS_CA_BUNDLE=str(first))
        assert trusted("--ca-file", str(first), SSL_CERT_FILE=str(second))
        assert trusted("--ca-file", str(second), SSL_CERT_FILE=str(first))
        assert trusted("--ca-file", str(first))
        assert trusted("--insecure-skip-tls-verify", SSL_CERT_FILE=str(second))


@pytest.mark.slow
def test_without_a_store_those_of_mozilla_are_used_with_one_notice(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = ssl.DefaultVerifyPaths("", "", "", str(tmp_path / "no"), "", str(tmp_path / "no"))
    monkeypatch.setattr("ssl.get_default_verify_paths", lambda: paths)
    monkeypatch.setattr("portalctl.http.trust.STORES", ())
    _, tls = authority(tmp_path, "any")
    with answering(http("401 Unauthorized"), tls=tls) as url:
        done = plan(bench, url)
    assert done.err.count("warning: this system has no store of trusted authorities") == 1
    assert "can't be trusted" in done.err


def test_the_key_log_is_written(bench: Bench, tmp_path: Path) -> None:
    ca, tls = authority(tmp_path, "any")
    with answering(http("401 Unauthorized"), tls=tls) as url:
        plan(bench, url, SSL_CERT_FILE=str(ca), SSLKEYLOGFILE=str(tmp_path / "keys"))
    assert "CLIENT_" in (tmp_path / "keys").read_text()


def test_a_notification_is_checked_before_the_run(bench: Bench, tmp_path: Path) -> None:
    for name, value in (("SSL_CERT_FILE", str(tmp_path)), ("HTTPS_PROXY", f"ftp://{SECRET}")):
        done = bench.run("plan", PORTALCTL_NOTIFY_URL=f"https://hooks.example/{SECRET}", **{name: value})
        assert done.code == 64
        assert name in done.err
        assert SECRET not in done.err
        assert not bench.sim.log


def test_a_notification_through_a_refused_proxy_is_a_warning(bench: Bench) -> None:
    env = {"PORTALCTL_NOTIFY_URL": f"https://hooks.example/{SECRET}", "HTTPS_PROXY": f"http://u:{SECRET}@127.0.0.1:9"}
    done = bench.run("plan", **env)
    assert done.code == 0
    assert "could not be sent: no answer (through the proxy 127.0.0.1:9 (from HTTPS_PROXY): ConnectError)" in done.err
    assert SECRET not in done.err


def test_github_is_reached_by_the_same_checks(bench: Bench) -> None:
    assert bench.run("plan", "--out", "plan.json").code == 0
    env = {
        "GITHUB_TOKEN": "ghs_x",
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_API_URL": "https://api.invalid",
        "HTTPS_PROXY": f"ftp://{SECRET}",
    }
    words = ("ci", "github", "plan.json", "--comment", "always", "--pull-request", "1")
    done = portalctl(*words, env=env)
    assert done.code == 64, done.err
    assert "HTTPS_PROXY is not the address of a proxy" in done.err


@contextmanager
def socks(target: Callable[[bytes], bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """A SOCKS 5 proxy that answers by itself; what was asked for, with the host by its name."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(99)
                        connection.sendall(b"\x05\x00")
                        asked.append(connection.recv(99))
                        connection.sendall(target(asked[-1]))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"socks5h://127.0.0.1:{server.getsockname()[1]}", asked
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_socks_proxy_is_used_and_resolves_the_name(bench: Bench) -> None:
    with socks(lambda _: b"\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00") as (proxy, asked):
        done = plan(bench, ALL_PROXY=proxy)
    assert done.code == 1
    assert b"portal.invalid" in asked[0]
    assert "refused a connection to portal.invalid" in done.err


@pytest.mark.wide(4)
@pytest.mark.parametrize(
    "url",
    [
        "http://localhost.evil.example",
        "http://127.0.0.1@evil.example",
        "http://127.0.0.1:1@evil.example",
        "http://127.0.0.1\\@evil.example",
        "http://evil.example#@127.0.0.1",
        "http://evil.example?@127.0.0.1",
        "http://127.1",
        "http://2130706433",
        "http://0x7f000001",
        "http://0177.0.0.1",
        "http://0.0.0.0",
        "http://localhost.",
        "http://[::]",
        "http://[::ffff:10.0.0.1]",
        "http://[fe80::1%25lo]",
        "http://ⓛocalhost",
        "http://127。0。0。1",
        "http://local\thost",
        "http://128.0.0.1",
        "http://10.0.0.1",
    ],
)
def test_plain_http_goes_to_this_machine_only(bench: Bench, url: str) -> None:
    done = plan(bench, url)
    assert done.code == 64, done.err
    assert "plain http" in done.err or "not a valid address" in done.err


@pytest.mark.wide(1)
@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "[::1]"])
def test_plain_http_to_this_machine_is_allowed(bench: Bench, host: str) -> None:
    done = plan(bench, f"http://{host}:9")
    assert done.code == 1
    assert "can't reach" in done.err


@pytest.mark.wide(2)
@pytest.mark.parametrize(
    "url",
    [
        "https://a..b",
        "https://-a",
        "https://a b",
        "https://",
        "https://a\\b",
        f"https://{'a' * 300}",
        "https://\u202ea",
    ],
)
def test_an_address_with_an_odd_host_is_refused(bench: Bench, url: str) -> None:
    done = plan(bench, url)
    assert done.code == 64, done.err
    assert "KONNECT_SERVER_URL is not a valid address" in done.err


def test_a_token_refused_twice_is_not_tried_again(bench: Bench) -> None:
    """Ten portals with one token: it is sent twice, and no more."""
    for number in range(10):
        head = f"version: 1\nportal: {{name: p{number}, provider: konnect, title: P{number}}}\n"
        (bench.folder / f"p{number}.yaml").write_text(head)
    asked: list[bytes] = []
    with answering(http("401 Unauthorized"), asked=asked) as url:
        done = portalctl("ping", "-f", "portals", env={"KONNECT_SERVER_URL": url, "KONNECT_TOKEN": "kpat_old"})
    assert done.code == 1
    assert len(asked) == 2
    assert "the portal refused the token from KONNECT_TOKEN twice (401)" in done.out
    assert "kpat_old" not in done.out + done.err
