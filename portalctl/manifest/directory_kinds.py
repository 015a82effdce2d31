"""What the kinds of directories allow in a manifest: passed in by the caller, so that `manifest` imports no kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol


class DirectoryKey(Protocol):
    """A key of a `directories` entry that only some kinds have. `form`: text, texts, flag or choice."""

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def form(self) -> str: ...
    @property
    def choices(self) -> tuple[str, ...]: ...
    @property
    def required(self) -> bool: ...


class DirectoryKind(Protocol):
    """What a kind of directory allows in a manifest."""

    @property
    def title(self) -> str: ...
    @property
    def keys(self) -> Sequence[DirectoryKey]: ...
    def group_fault(self, group: str, /) -> str | None: ...


Kinds = Mapping[str, DirectoryKind]
NO_KINDS: Final[Kinds] = {}
