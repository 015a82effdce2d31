"""Decisions about bodies, text and headers, with plain values."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portalctl.http.answer import explain_error, parse_json
from portalctl.http.bounds import BodyError, BodyReader, RequestLimits
from portalctl.http.health import Health
from portalctl.http.pace import remaining_requests, stated_rate
from portalctl.http.redaction import Redactor, inert
from portalctl.http.retry import asked_pause

LIMITS = RequestLimits(body_bytes=1000, error_bytes=100)
TOKEN = "kpat_a+b/c=d"
pieces = st.lists(st.binary(max_size=200), max_size=8)


@given(pieces)
def test_a_body_is_what_was_sent_or_an_error(chunks: list[bytes]) -> None:
    sent = b"".join(chunks)
    for encoding, data in (
        ("", chunks),
        ("gzip", [gzip.compress(sent)]),
        ("identity, x-gzip", [gzip.compress(sent)]),
    ):
        if len(sent) > LIMITS.body_bytes:
            with pytest.raises(BodyError):
                BodyReader(LIMITS).read(200, encoding, data, 1)
        else:
            assert BodyReader(LIMITS).read(200, encoding, data, 1) == sent


@given(pieces, st.sampled_from(["", "gzip", "gzip, gzip", "br"]))
def test_an_error_body_is_short_and_never_an_error(chunks: list[bytes], encoding: str) -> None:
    assert len(BodyReader(LIMITS).read(500, encoding, chunks, 1)) <= LIMITS.error_bytes


@given(st.binary(max_size=500))
def test_any_error_body_is_explained_in_one_printable_line(body: bytes) -> None:
    for text in explain_error(body, {}, Redactor([TOKEN])):
        assert text is None or (text.isprintable() and len(text) <= 900)


@pytest.mark.parametrize("body", [b"[" * 65536, b'{"a":' * 9999, b"9" * 65536, b"NaN", b'"\\ud800"', b"\xff"])
def test_what_json_cannot_be_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(body)


@pytest.mark.parametrize("form", [TOKEN, quote(TOKEN, safe=""), b64encode(TOKEN.encode()).decode()])
def test_a_token_is_redacted_before_text_is_cut(form: str) -> None:
    body = json.dumps({"detail": "x" * 495 + form, "instance": form}).encode()
    trace, detail = explain_error(body, {}, Redactor([TOKEN]))
    assert form[:5] not in detail
    assert form.rstrip("=") not in (trace or "")


def test_text_is_one_line_without_signs_that_act() -> None:
    assert inert("a\n\x1b[2J\u202e b") == r"a \x1b[2J\u202e b"


@given(st.text(max_size=30) | st.text("0123456789", min_size=1, max_size=5000))
def test_no_header_breaks_what_reads_it(value: str) -> None:
    names = (
        "retry-after",
        "retry-after-ms",
        "date",
        "ratelimit-remaining",
        "ratelimit-reset",
        "x-ratelimit-limit-minute",
    )
    headers = dict.fromkeys(names, value)
    asked = asked_pause(headers, 0)
    assert asked is None or asked >= 0
    remaining_requests(headers)
    stated_rate(headers)


def test_time_lost_at_the_same_time_is_lost_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    health = Health()
    now = 130.0
    for _ in range(16):
        health.lost(100.0)
    assert health.seconds_left(60) == pytest.approx(60 + 3 - 30)


def test_a_credential_is_refused_after_two_refusals_in_a_row() -> None:
    health = Health()
    for status in (401, 200, 401, 403, 404):
        health.answered("a", status)
    assert not health.is_refused("a")
    health.answered("a", 401)
    assert health.is_refused("a")
    assert not health.is_refused("b")
