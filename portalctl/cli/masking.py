"""Masked runs: `--mask-emails`, the mask key, and the two streams that mask all output.

Documents are masked before they are rendered (`output.masked_documents`). Other output (errors, progress, prompts,
results line by line) has many sources, so it is masked by the streams: no message can bypass them.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

import click

from portalctl.environment import secret
from portalctl.errors import BadUsageError
from portalctl.words import plural

if TYPE_CHECKING:
    from portalctl.output.masks import Mask

D = TypeVar("D")

FLAG = "--mask-emails"
VARIABLE = "PORTALCTL_MASK_KEY"
ESCAPE = re.compile(r"(\x1b\[[0-9;]*[A-Za-z])")
SHORTEST_KEY = 16  # bytes
HIDDEN = frozenset({"buffer", "detach"})  # attributes that would bypass the mask


@dataclass(slots=True)
class _Run:
    """One command line: whether its output is masked, and its mask, made when first needed."""

    masked: bool
    mask: Mask | None = field(default=None)


_RUN: ContextVar[_Run | None] = ContextVar("run", default=None)


def is_masked(words: Sequence[str]) -> bool:
    """Return whether the output of a command line is masked. `ci` masks it unless --show-emails is passed."""
    before = list(words[: words.index("--")] if "--" in words else words)
    return FLAG in before or (before[:1] == ["ci"] and "--show-emails" not in before)


@contextmanager
def one_run(words: Sequence[str]) -> Iterator[None]:
    """Mask all output inside, if the command line has --mask-emails.

    Raises BadUsageError, before anything is read, for a mask key that is too short or cannot be read.
    """
    run = _Run(is_masked(words))
    token = _RUN.set(run)
    out, err = sys.stdout, sys.stderr
    try:
        if run.masked:
            mask = run_mask()
            sys.stdout, sys.stderr = (stream and _stream(stream, mask) for stream in (out, err))  # None: closed
        yield
    finally:
        sys.stdout, sys.stderr = out, err
        _RUN.reset(token)


def run_mask() -> Mask:
    """Return the mask of this run, also for notifications. Raises BadUsageError for an unusable key."""
    run = _RUN.get()
    if run is None:
        return _new_mask()
    if run.mask is None:
        run.mask = _new_mask()
    return run.mask


def shown_mask() -> Mask | None:
    """Return the mask of this run if its output is masked, else None."""
    run = _RUN.get()
    return run_mask() if run is not None and run.masked else None


def shown(document: D) -> D:
    """Return a document or an event, masked if the output of this run is."""
    mask = shown_mask()
    if mask is None:
        return document
    from portalctl.output.masked_documents import masked

    return masked(document, mask)


def mask_key() -> bytes | None:
    """Return the mask key; None if it is not set. Raises BadUsageError for a key that is too short."""
    found = secret(os.environ, VARIABLE)
    if found is None:
        return None
    key = os.fsencode(found.value)
    if len(key) < SHORTEST_KEY:
        raise BadUsageError(
            f"{found.source}: the mask key has {plural(len(key), 'byte')}; expected at least {SHORTEST_KEY}",
            "Create one, for example with: openssl rand -hex 32",
        )
    return key


def mask_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--mask-emails`. It acts on the whole run (`one_run`), so it is not passed to the command."""

    @click.option(
        FLAG,
        is_flag=True,
        help="Show masks instead of addresses and developer ids, in all output and in `apply --report`. With "
        f"{VARIABLE} (at least {SHORTEST_KEY} bytes), masks are the same in every run. Plans, journals and snapshots "
        "on disk are not masked, since apply and plan need the addresses.",
    )
    @wraps(command)
    def without_flag(*, mask_emails: bool, **others: object) -> None:  # noqa: ARG001 (see `is_masked`)
        command(**others)

    return without_flag


class _MaskedStream:
    """A text stream that masks what is written to it. portalctl's own terminal escapes pass through."""

    def __init__(self, stream: IO[str], mask: Mask) -> None:
        self._stream = stream
        self._mask = mask

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError("this stream accepts text")  # click tries whether a stream accepts bytes
        parts = enumerate(ESCAPE.split(text))
        self._stream.write("".join(part if number % 2 else self._mask.text(part) for number, part in parts))
        return len(text)

    def writelines(self, lines: Sequence[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (whatever the stream has)
        if name in HIDDEN:
            raise AttributeError(name)
        return getattr(self._stream, name)


def _stream(stream: IO[str], mask: Mask) -> Any:  # noqa: ANN401 (the two streams are of a class of their own)
    return cast(Any, _MaskedStream(stream, mask))


def _new_mask() -> Mask:
    from portalctl.output.masks import Mask

    key = mask_key()
    return Mask(key or secrets.token_bytes(32), lasting=key is not None)
