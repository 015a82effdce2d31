"""Which settings of the controller's address are safe, and who a request comes from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from portalctl.controller.access import Access, Caller
from portalctl.controller.listening import ListenSettings, check_listening, parse_listen, peer_address
from portalctl.controller.tokens import new_token
from portalctl.errors import BadUsageError

SECRET = "proxy-secret-0123456789"
ENV = {"PORTALCTL_PROXY_SECRET": SECRET}
TOKEN, LINE = new_token("ann", "operator")


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text(f"{LINE}\nbob approver proxy\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    cert = trustme.CA().issue_cert("portalctl.example")
    key, chain = tmp_path / "key.pem", tmp_path / "chain.pem"
    cert.private_key_pem.write_to_path(str(key))
    cert.cert_chain_pems[0].write_to_path(str(chain))
    return chain, key


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1:8350", ("127.0.0.1", 8350)), ("[::1]:0", ("::1", 0)), ("portalctl.example:443", None)],
)
def test_an_address_to_listen_on_has_host_and_port(text: str, expected: tuple[str, int] | None) -> None:
    assert parse_listen(text) == (expected or ("portalctl.example", 443))


@pytest.mark.parametrize(
    "text", ["", "8350", ":8350", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999", "a@b:1", "a:1/x"]
)
def test_anything_else_is_wrong_usage(text: str) -> None:
    with pytest.raises(BadUsageError, match=r"--listen .* is not a valid address"):
        parse_listen(text)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_this_machine_alone_needs_nothing(host: str) -> None:
    check_listening(ListenSettings(host), {})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "portalctl.example", "127.0.0.1.example"])
def test_another_address_needs_tokens_tls_or_a_proxy_and_its_public_address(
    host: str, tokens: Path, pair: tuple[Path, Path]
) -> None:
    bare = ListenSettings(host, public_url="https://portalctl.example")
    with pytest.raises(BadUsageError, match="which needs tokens"):
        check_listening(bare, ENV)
    with pytest.raises(BadUsageError, match="which needs TLS, or a proxy"):
        check_listening(replace(bare, tokens=tokens), ENV)
    with_tls = replace(bare, tokens=tokens, certificate=pair[0], key=pair[1])
    with pytest.raises(BadUsageError, match="which needs --public-url"):
        check_listening(replace(with_tls, public_url=None), ENV)
    check_listening(with_tls, {})
    check_listening(replace(bare, tokens=tokens, proxies=("192.0.2.9",)), ENV)


def test_a_proxy_needs_its_secret_and_tokens(tokens: Path) -> None:
    proxied = ListenSettings(tokens=tokens, proxies=("127.0.0.1",), user_header="X-User")
    check_listening(proxied, ENV)
    for env in ({}, {"PORTALCTL_PROXY_SECRET": "short"}):
        with pytest.raises(BadUsageError, match="PORTALCTL_PROXY_SECRET"):
            check_listening(proxied, env)
    with pytest.raises(BadUsageError, match="--trusted-proxy needs --tokens"):
        check_listening(replace(proxied, tokens=None), ENV)
    with pytest.raises(BadUsageError, match="--user-header needs --trusted-proxy"):
        check_listening(replace(proxied, proxies=()), ENV)
    with pytest.raises(BadUsageError, match="'proxy' is not a valid IP address"):
        check_listening(replace(proxied, proxies=("proxy",)), ENV)
    for name in ("Authorization", "X-Portalctl-Proxy", "a b", ""):
        with pytest.raises(BadUsageError, match="is not a valid header name"):
            check_listening(replace(proxied, user_header=name), ENV)


@pytest.mark.parametrize(
    "url", ["portalctl.example", "http://portalctl.example", "https://a@b", "https://a.example/x"]
)
def test_a_public_address_is_plain_https(url: str) -> None:
    with pytest.raises(BadUsageError, match="--public-url"):
        check_listening(ListenSettings(public_url=url), {})


def test_certificate_and_key_come_together_and_fit(pair: tuple[Path, Path], tmp_path: Path) -> None:
    chain, key = pair
    with pytest.raises(BadUsageError, match="--tls-certificate needs --tls-key"):
        check_listening(ListenSettings(certificate=chain), {})
    with pytest.raises(BadUsageError, match="--tls-key needs --tls-certificate"):
        check_listening(ListenSettings(key=key), {})
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for certificate, other in ((chain, chain), (empty, key), (tmp_path / "none", key), (chain, tmp_path)):
        with pytest.raises(BadUsageError, match="cannot be used"):
            check_listening(ListenSettings(certificate=certificate, key=other), {})


def headers(**values: str) -> dict[str, list[str]]:
    return {name.replace("_", "-"): [value] for name, value in values.items()}


def test_without_tokens_everyone_is_a_viewer_whatever_they_send() -> None:
    access = Access(ListenSettings(), {})
    for sent in ({}, headers(authorization=f"Bearer {TOKEN}"), headers(x_user="bob", x_portalctl_proxy=SECRET)):
        assert access.caller("127.0.0.1", sent) == Caller(None, "viewer")


@pytest.mark.parametrize(
    "given",
    [
        [],
        [""],
        ["Bearer"],
        ["Bearer "],
        [f"Basic {TOKEN}"],
        [TOKEN],
        [f"Bearer {TOKEN[:-1]}"],
        [f"Bearer {TOKEN}", f"Bearer {TOKEN}"],
        [f"Bearer {LINE.split()[2]}"],
        ["Bearer proxy"],
        ["Bearer \xff"],
    ],
)
def test_every_other_credential_is_nobody(given: list[str], tokens: Path) -> None:
    access = Access(ListenSettings(tokens=tokens), {})
    assert access.caller("127.0.0.1", {"authorization": given}) is None
    assert access.caller("127.0.0.1", headers(authorization=f"bearer {TOKEN}")) == Caller("ann", "operator")


def test_a_proxy_user_counts_only_from_the_proxy_with_its_secret(tokens: Path) -> None:
    settings = ListenSettings("0.0.0.0", tokens=tokens, proxies=("192.0.2.9",), user_header="X-User")
    access = Access(settings, ENV)
    sent = headers(x_user="bob", x_portalctl_proxy=SECRET)
    bob = Caller("bob", "approver", ambient=True)
    assert access.caller("192.0.2.9", sent) == bob
    assert access.caller("::ffff:192.0.2.9", sent) == bob
    assert access.caller("192.0.2.8", sent | headers(x_forwarded_for="192.0.2.9", forwarded="for=192.0.2.9")) is None
    assert access.caller(None, sent) is None
    for wrong in (
        headers(x_user="bob"),
        headers(x_user="bob", x_portalctl_proxy=""),
        headers(x_user="bob", x_portalctl_proxy=f"{SECRET}x"),
        headers(x_user="Bob", x_portalctl_proxy=SECRET),
        headers(x_user="ann", x_portalctl_proxy=SECRET),  # has a token, and no line for the proxy
        headers(x_portalctl_proxy=SECRET),
        {"x-user": ["bob", "eve"], "x-portalctl-proxy": [SECRET]},
        {"x-user": ["bob"], "x-portalctl-proxy": [SECRET, SECRET]},
        sent | headers(authorization="Bearer wrong"),  # a credential that is wrong is not forgiven
    ):
        assert access.caller("192.0.2.9", wrong) is None
    assert Access(replace(settings, user_header=None), ENV).caller("192.0.2.9", sent) is None
    assert Access(settings, {}).caller("192.0.2.9", headers(x_user="bob", x_portalctl_proxy="")) is None


def test_without_tls_only_the_proxy_and_this_machine_may_connect(tokens: Path, pair: tuple[Path, Path]) -> None:
    settings = ListenSettings("0.0.0.0", tokens=tokens, proxies=("192.0.2.9",))
    access = Access(settings, ENV)
    peers = ["192.0.2.9", "::ffff:192.0.2.9", "127.0.0.1", "192.0.2.8", None, "x"]
    assert [access.may_connect(peer) for peer in peers] == [True, True, True, False, False, False]
    with_tls = Access(replace(settings, certificate=pair[0], key=pair[1]), ENV)
    assert with_tls.may_connect("192.0.2.8")


def test_a_name_that_leads_here_is_not_ours(tokens: Path) -> None:
    access = Access(ListenSettings(public_url="https://portalctl.example"), {})
    ours = ["127.0.0.1:8350", "localhost", "[::1]:8350", "portalctl.example"]
    others = [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "",
        "[::1",
        "127.0.0.1@evil.example",
    ]
    assert all(access.may_be_named([host]) for host in ours)
    assert not any(access.may_be_named([host]) for host in others)
    assert not access.may_be_named([])
    assert not access.may_be_named(["127.0.0.1", "evil.example"])
    assert Access(ListenSettings(tokens=tokens), {}).may_be_named(["anything.example"])  # nothing without a token


def test_a_post_comes_from_our_own_page_or_from_no_page() -> None:
    browser, program = Caller("bob", "approver", ambient=True), Caller("ann", "operator")
    access = Access(ListenSettings(public_url="https://portalctl.example"), {})
    own, other = headers(origin="https://portalctl.example"), headers(origin="https://evil.example")
    assert access.same_origin(browser, own, ["x"])
    assert access.same_origin(program, {}, ["x"])
    assert not access.same_origin(browser, {}, ["x"])
    for wrong in (other, headers(origin="null"), headers(origin=""), {"origin": [*own["origin"], *other["origin"]]}):
        assert not access.same_origin(program, wrong, ["x"])
    local = Access(ListenSettings(), {})
    assert local.same_origin(program, headers(origin="http://127.0.0.1:8350"), ["127.0.0.1:8350"])
    assert not local.same_origin(program, headers(origin="https://127.0.0.1:8350"), ["127.0.0.1:8350"])


def test_an_address_is_compared_whatever_its_spelling() -> None:
    assert peer_address("::ffff:192.0.2.9") == peer_address("192.0.2.9")
    assert peer_address("example") is None
