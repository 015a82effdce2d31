"""A proxy that the environment names is used, except for loopback and what NO_PROXY names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from portalctl.errors import NoAnswerError
from portalctl.http import Client, Server
from portalctl.http.retry import RetryPolicy
from portalctl.simulator.server import Simulator
from tests.answering import answering, http

SERVER = "https://portal.invalid"  # nothing has this name: only a proxy can be asked for it


@contextmanager
def proxy() -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that refuses everybody; its address, and what it was sent."""
    asked: list[bytes] = []
    with answering(http("403 Forbidden"), asked=asked) as url:
        yield url.removeprefix("http://"), asked


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def ask(url: str) -> int:
    with Client(Server(url, "kpat_sim"), policy=RetryPolicy(first=0.0)) as client:
        return client.request("GET", "/v3/portals").status


@pytest.mark.wide(1)
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("scheme", ["http://", ""])
def test_the_proxy_is_asked_for_a_tunnel(monkeypatch: pytest.MonkeyPatch, name: str, scheme: str) -> None:
    with proxy() as (address, asked):
        monkeypatch.setenv(name, f"{scheme}{address}")
        with pytest.raises(NoAnswerError):
            ask(SERVER)
    assert {request.split(b"\r\n")[0] for request in asked} == {b"CONNECT portal.invalid:443 HTTP/1.1"}


@pytest.mark.wide(1)
@pytest.mark.parametrize("names", ["portal.invalid", ".invalid", "*"])
def test_no_proxy_goes_around_it(monkeypatch: pytest.MonkeyPatch, names: str) -> None:
    with proxy() as (address, asked):
        monkeypatch.setenv("HTTPS_PROXY", f"http://{address}")
        monkeypatch.setenv("NO_PROXY", names)
        with pytest.raises(NoAnswerError):
            ask(SERVER)
    assert asked == []


def test_loopback_is_never_asked_for_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with proxy() as (address, asked), Simulator() as simulator:
        monkeypatch.setenv("HTTP_PROXY", f"http://{address}")
        monkeypatch.setenv("ALL_PROXY", f"http://{address}")
        assert ask(simulator.url) == 200
    assert asked == []
