"""Links to further pages: the credential goes to the directory's own server only, whatever an answer says."""

from __future__ import annotations

from typing import Any

import pytest

from portalctl.directories.protocol import DirectoryError, Group
from portalctl.directories.web import Web, fixed_credential
from portalctl.errors import NoAnswerError
from portalctl.http import Client, Server
from tests.directories.stand_in import Reply, Request, StandIn, serving
from tests.directories.test_vendors import SECRET, connection, opened

OPTIONS = {"list": "rows", "next": "next"}
ROW = {"mail": "ann@city.example"}


def followed(link: str, *, header: bool = False) -> tuple[Group, StandIn]:
    """Return the group of a list with its second page at `link`; `{origin}` stands for the server's own."""

    def answer(_: Request) -> Reply:
        first = len(server.log) == 1
        following = link.format(origin=server.url, upper=server.url.upper()) if first else None
        row = {"mail": f"p{len(server.log)}@city.example"}
        headers = {"Link": f'<{following}>; rel="next"'} if header and following else {}
        return Reply({"rows": [row], "next": None if header else following}, 200, headers)

    with serving(answer) as server, opened("http", server.url, options=OPTIONS, email=("mail",)) as directory:
        return directory.read("lists/people"), server


@pytest.mark.parametrize(
    ("link", "path"),
    [
        ("/lists/people?page=2", "/lists/people"),
        ("{origin}/more?page=2", "/more"),
        ("{upper}/more?page=2", "/more"),
        ("{upper}?page=2", "/"),
        ("?page=2", "/lists/people"),
    ],
)
@pytest.mark.parametrize("header", [False, True])
def test_a_link_to_the_same_server_is_followed(link: str, path: str, header: bool) -> None:
    group, server = followed(link, header=header)
    assert [one.addresses[0] for one in group.identities] == ["p1@city.example", "p2@city.example"]
    assert (server.log[1].path, server.log[1].query) == (path, {"page": "2"})
    assert all(request.headers["authorization"] == f"Bearer {SECRET}" for request in server.log)


ELSEWHERE = [
    "//evil.example/",
    "{origin}.evil.example/",
    "{origin}@evil.example/",
    "{origin}1/x",
    "{origin}//x",
    "{upper}\\evil.example/",
    "https{origin}/x",
    "http://[",
    "people?page=2",
    "javascript:x",
]
NO_ADDRESS = ["/a\r\nX-Evil: 1", "/\x7f", "/\x00", "/\u2028x", "/" + "x" * 200_000]


@pytest.mark.parametrize("link", [*ELSEWHERE, *NO_ADDRESS])
def test_any_other_link_is_an_error_and_nothing_is_sent(link: str) -> None:
    with pytest.raises(DirectoryError) as caught:
        followed(link)
    message = caught.value.message
    assert message.startswith("directory corp: GET /lists/people names a next page ")
    assert ("another server" if link in ELSEWHERE else "not an address") in message
    assert len(message) < 250
    assert message.isprintable()
    assert caught.value.advice


@pytest.mark.parametrize(
    "url", ["https://dir.example.com", "https://dir.example.com/api", "https://dir.example.com:8"]
)
def test_an_origin_in_other_letters_is_this_server(url: str) -> None:
    made = connection("http", url)
    with Web(made, lambda: fixed_credential(made)) as web:
        origin = url.removesuffix("/api")
        assert web.same_origin(f"{origin.upper()}/X?Y", "GET /g") == f"{origin}/X?Y"
        for link in (f"{origin}s/x", f"{origin}x", f"{origin}:1/x", origin, "HTTPS://dir.example.org/x"):
            with pytest.raises(DirectoryError, match="another server"):
                web.same_origin(link, "GET /g")


def test_a_secret_in_a_link_is_not_shown() -> None:
    with pytest.raises(DirectoryError) as caught:
        followed(f"https://evil.example/{SECRET}")
    assert SECRET not in caught.value.message

    def echo(request: Request) -> Reply:
        if request.query:
            return Reply({"detail": "no"}, 403)
        return Reply({"rows": [ROW], "next": f"/people?key={SECRET}&pad={'x' * 5_000}"})

    with (
        serving(echo) as server,
        opened("http", server.url, options=OPTIONS, email=("mail",)) as directory,
        pytest.raises(DirectoryError) as failed,
    ):
        directory.read("people")
    assert "403" in failed.value.message
    assert SECRET not in failed.value.message
    assert len(failed.value.message) < 1_000


@pytest.mark.parametrize("path", ["HTTPS://dir.example.com/x", ".evil.example/", "@evil.example/", ":1/", "x"])
def test_the_client_sends_its_credential_to_its_own_server_only(path: str) -> None:
    with Client(Server("https://dir.example.com", "t0ken")) as client:
        with pytest.raises(NoAnswerError, match="another server") as caught:
            client.request("GET", path)
        assert not caught.value.sent
        assert client.calls == 0


@pytest.mark.parametrize("path", ["/\x7f", "/\n", "/" + "x" * 100_000, "/\ud800", "["])
def test_a_path_that_is_no_address_is_an_error(path: str) -> None:
    with Client(Server("https://dir.example.com", "t0ken")) as client:
        with pytest.raises(NoAnswerError) as caught:
            client.request("GET", path)
        assert client.calls == 0
    assert len(caught.value.message) < 900


@pytest.mark.parametrize(
    "url", ["https://EU.example.com", "https://münchen.example", "http://127.0.0.1:80", "http://[::1]:1"]
)
def test_a_server_is_its_own_host_however_it_is_spelt(url: str) -> None:
    """What follows the host in an address is the path; no request is sent here."""
    client: Any = Client(Server(url, "t0ken"))
    assert client._url("GET /x", "/x", {"a": "b"}).path == "/x"
