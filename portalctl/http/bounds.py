"""Reads the body of an answer within bounds, whatever the server sends."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

MIB: Final = 1024 * 1024
LARGE: Final = MIB  # bytes; of larger bodies one at a time is read
GZIP: Final = 16 + zlib.MAX_WBITS  # zlib's number for the format of RFC 1952
ENCODINGS: Final = frozenset({"gzip", "x-gzip"})  # RFC 9110, 8.4.1.3


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """The limits of one request. `seconds` is the whole time of one try; `lost_seconds` see `health.Health`.

    `header_bytes` counts everything before the body, also 1xx answers; `body_bytes` after decoding; `error_bytes` is
    the part of an error's body that is read; `values` is the number of JSON values in a large body."""

    seconds: float = 30.0
    connect_seconds: float = 10.0
    lost_seconds: float = 50.0
    header_bytes: int = 320 * 1024
    body_bytes: int = 32 * MIB
    error_bytes: int = 64 * 1024
    values: int = 1_000_000


class BodyError(Exception):
    """A body that cannot be used. The text completes "the portal returned 200 to GET /x ..."."""


class BodyReader:
    """Reads bodies for all requests of a client, so that memory stays bounded also while many run at once."""

    def __init__(self, limits: RequestLimits) -> None:
        self._limits = limits
        self._large = threading.Lock()

    def read(self, status: int, encoding: str, chunks: Iterable[bytes], seconds_left: float) -> bytes:
        """Return the decoded body. `encoding` is the value of Content-Encoding.

        Of an error, the first bytes are enough, and an unknown encoding is ignored.

        Raises BodyError: too large, not decodable, or too many values.
        """
        if 200 <= status < 300:
            body = self._gathered(_decoded(encoding, chunks, self._limits.body_bytes), seconds_left)
            self._check_values(body)
            return body
        error = bytearray()
        with suppress(BodyError):
            for chunk in _decoded(encoding, chunks, self._limits.error_bytes):
                error += chunk
                if len(error) >= self._limits.error_bytes:
                    break
        return bytes(error[: self._limits.error_bytes])

    def _gathered(self, chunks: Iterator[bytes], seconds_left: float) -> bytes:
        body, locked = bytearray(), False
        try:
            for chunk in chunks:
                body += chunk
                if len(body) > self._limits.body_bytes:
                    raise BodyError(f"with more than {self._limits.body_bytes / MIB:g} MiB")
                if len(body) > LARGE and not locked:
                    locked = self._large.acquire(timeout=max(seconds_left, 0))
                    if not locked:
                        raise BodyError("slowly, while other large answers were read")
            return bytes(body)
        finally:
            if locked:
                self._large.release()

    def _check_values(self, body: bytes) -> None:
        """Refuse a body that would take many times its size in memory, such as `[[],[],[],…`."""
        if len(body) > LARGE and body.count(b",") > self._limits.values:
            raise BodyError(f"with more than {self._limits.values:,} values")


def _decoded(encoding: str, chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """Yield the decoded body in pieces, a little more than `limit` bytes at most."""
    names = [name for name in (part.strip().lower() for part in encoding.split(",")) if name not in {"", "identity"}]
    if not names:
        return iter(chunks)
    if len(names) > 1 or names[0] not in ENCODINGS:
        raise BodyError(f"with Content-Encoding {encoding[:60]!a}, and only one gzip is accepted")
    return _gunzipped(chunks, limit)


def _gunzipped(chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    inflate, size, started = zlib.decompressobj(GZIP), 0, False
    for chunk in chunks:
        started = True
        try:
            data = inflate.decompress(chunk, limit + 1 - size)
        except zlib.error:
            raise BodyError("with a body that is not valid gzip") from None
        size += len(data)
        yield data
        if size > limit:
            return
        if inflate.unused_data:
            raise BodyError("with a body that goes on after its gzip stream")
    if started and not inflate.eof:
        raise BodyError("with a gzip body that ends too early")
