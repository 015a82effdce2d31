"""YAML text → plain data, and the place of every key and value.

The data follows YAML 1.2's core schema, without features that a file under review does not need: tags, merge keys,
several documents and keys that are not text are refused. A date stays text: models that need a date parse it.

The tree is built from the parser's events, not from composed nodes: that is faster, it keeps the place of an
alias, and it bounds the nesting (the C composer recurses without a limit, until the process dies).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, TypeGuard

from ruamel.yaml.cyaml import CParser  # type: ignore[attr-defined]
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from portalctl.errors import Finding, Position
from portalctl.manifest.file_text import decode
from portalctl.manifest.value_display import type_name
from portalctl.manifest.yaml_errors import explain
from portalctl.words import quoted

MOST_DEPTH: Final = 32
MOST_BY_ALIAS: Final = 100_000  # nodes that aliases stand for, in total; those written out don't count

NULL: Final = "null is not allowed here; leave the key out (not managed) or write [] (none)"
NULL_ENTRY: Final = "this list entry is empty; leave it out"

_Node: TypeAlias = ScalarEvent | MappingStartEvent | SequenceStartEvent
Data: TypeAlias = "dict[str, Data] | list[Data] | str | int | float | bool | None"


class Mark(Protocol):
    """A place in the text. Both count from 0, as the parser's own marks do."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class Spot(NamedTuple):
    """A place outside YAML, such as a line in a CSV file."""

    line: int
    column: int


@dataclass(slots=True)
class Branch:
    """The place of a mapping or list, of its keys, and of its values. Scalars have the parser's own marks."""

    line: int
    column: int
    keys: dict[str, Mark] = field(default_factory=dict)
    inside: dict[str | int, Mark] | list[Mark] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class YamlSource:
    """The data of one file. `mark` has the shape of `data`."""

    file: str
    data: Data
    mark: Mark

    def at(self, *path: str | int) -> Position:
        """Return the place of a value; where the path leads nowhere, of the nearest value around it."""
        return position(self.file, self._follow(path))

    def key_at(self, *path: str | int) -> Position:
        """Return the place of the key that a path ends in."""
        around = self._follow(path[:-1])
        key = path[-1]
        if isinstance(around, Branch) and key in around.keys:
            return position(self.file, around.keys[str(key)])
        return position(self.file, around)

    def keys(self, *path: str | int) -> frozenset[str]:
        """Return the keys written in a mapping, also wrong ones."""
        mark = self._follow(path)
        return frozenset(mark.keys) if isinstance(mark, Branch) else frozenset()

    def _follow(self, path: tuple[str | int, ...]) -> Mark:
        mark = self.mark
        for step in path:
            if not isinstance(mark, Branch):
                break
            try:
                mark = mark.inside[step]  # type: ignore[index]
            except (LookupError, TypeError):
                break
        return mark


def position(file: str, mark: Mark) -> Position:
    """Return a mark as a position: line and column count from 1."""
    return Position(file, mark.line + 1, mark.column + 1)


def read(file: str, content: bytes) -> tuple[YamlSource | None, list[Finding]]:
    """Return the data in one file, and its YAML errors.

    None where nothing could be read. A file with findings may have data (such as the first of two equal keys), so
    that further errors are reported at the same time. Do not use it for anything else."""
    text, findings = decode(file, content)
    if findings:
        return None, findings
    tree = _Tree(file)
    try:
        source = tree.read(text)
    except YAMLError as error:
        return None, [*tree.findings, explain(file, text, error)]
    except _UnreadableError:
        return None, tree.findings
    return source, tree.findings


class _UnreadableError(Exception):
    """The rest of the file cannot be parsed; the finding is with the tree."""


@dataclass(slots=True)
class _Anchor:
    value: Data
    mark: Mark
    nodes: int


class _Tree:
    """The parser of one text."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.findings: list[Finding] = []
        self._events: Iterator[Any] = iter(())
        self._anchors: dict[str, _Anchor | None] = {}  # None: still open
        self._nodes = 0
        self._by_alias = 0
        self._depth = 0

    def read(self, text: str) -> YamlSource | None:
        self._events = iter(CParser(text).get_event, None)
        found: YamlSource | None = None
        for event in self._events:
            if not isinstance(event, DocumentStartEvent):
                continue
            if found is not None:
                raise self._stop(event.start_mark, "one file holds one document; this begins another")
            value, mark = self._node(next(self._events))
            found = YamlSource(self.file, value, mark)
        if found is None or found.data is None:
            self.findings = [Finding(Position(self.file, 1, 1), "this file is empty; begin with `version: 1`")]
            return None
        return found

    def _node(self, event: _Node | AliasEvent) -> tuple[Data, Mark]:
        if isinstance(event, AliasEvent):
            return self._alias(event)
        self._nodes += 1
        anchor, before = event.anchor, self._nodes
        if event.ctag is not None:
            self._find(event.start_mark, "tags (`!…`) are not allowed; write the plain value")
        if anchor is None:
            return self._untagged(event)
        self._anchors[anchor] = None
        value, mark = self._untagged(event)
        self._anchors[anchor] = _Anchor(value, mark, self._nodes - before + 1)
        return value, mark

    def _untagged(self, event: _Node) -> tuple[Data, Mark]:
        if isinstance(event, ScalarEvent):
            return scalar(event), event.start_mark
        if self._depth == MOST_DEPTH:
            raise self._stop(event.start_mark, f"more than {MOST_DEPTH} levels of nesting")
        self._depth += 1
        inside = self._mapping(event) if isinstance(event, MappingStartEvent) else self._list(event)
        self._depth -= 1
        return inside

    def _list(self, start: SequenceStartEvent) -> tuple[Data, Mark]:
        values: list[Data] = []
        marks: list[Mark] = []
        for event in self._events:
            if isinstance(event, SequenceEndEvent):
                break
            value, mark = self._node(event)
            if value is None:
                self._find(mark, NULL_ENTRY)
            values.append(value)
            marks.append(mark)
        return values, Branch(start.start_mark.line, start.start_mark.column, {}, marks)

    def _mapping(self, start: MappingStartEvent) -> tuple[Data, Mark]:
        values: dict[str, Data] = {}
        keys: dict[str, Mark] = {}
        marks: dict[str | int, Mark] = {}
        for event in self._events:
            if isinstance(event, MappingEndEvent):
                break
            key, key_mark = self._node(event)
            value, mark = self._node(next(self._events))
            if not self._is_key(key, key_mark, keys):
                continue
            if value is None:
                self._find(key_mark, NULL)  # parsers report different places for an empty value
            values[key], keys[key], marks[key] = value, key_mark, mark
        return values, Branch(start.start_mark.line, start.start_mark.column, keys, marks)

    def _is_key(self, key: Data, mark: Mark, known: dict[str, Mark]) -> TypeGuard[str]:
        if not isinstance(key, str):
            self._find(mark, f"a key is text; found {type_name(key)}")
        elif key == "<<":
            self._find(mark, "`<<` (merge) is not supported; write the keys out")
        elif key in known:
            first = position(self.file, known[key])
            self._find(mark, f"the key {quoted(key)} repeats line {first.line}, column {first.column}")
            self._find(known[key], f"the key {quoted(key)} is repeated in line {mark.line + 1}")
        else:
            return True
        return False

    def _alias(self, event: AliasEvent) -> tuple[Data, Mark]:
        mark: Mark = event.start_mark
        if event.anchor not in self._anchors:
            raise self._stop(mark, "this alias (`*`) has no anchor (`&`) before it")
        anchor = self._anchors[event.anchor]
        if anchor is None:
            raise self._stop(mark, "this alias (`*`) is inside its own anchor")
        self._nodes += anchor.nodes
        self._by_alias += anchor.nodes
        if self._by_alias > MOST_BY_ALIAS:
            raise self._stop(mark, f"the aliases (`*`) of this file stand for more than {MOST_BY_ALIAS:,} values")
        if isinstance(anchor.mark, Branch):
            return anchor.value, replace(anchor.mark, line=mark.line, column=mark.column)
        return anchor.value, mark

    def _find(self, mark: Mark, message: str) -> None:
        self.findings.append(Finding(position(self.file, mark), message))

    def _stop(self, mark: Mark, message: str) -> _UnreadableError:
        self._find(mark, message)
        return _UnreadableError()


_NUMBER = re.compile(
    r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", re.ASCII
)
_WHOLE = re.compile(r"[-+]?\d{1,18}", re.ASCII)  # no limit has more digits
_WORDS: Final[dict[str, Data]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER_STARTS = frozenset("+-.0123456789")


def scalar(event: ScalarEvent) -> Data:
    """Return the value of a scalar by YAML 1.2's core schema (10.3.2): only plain ones can be other than text."""
    text: str = event.value
    if not event.implicit[0]:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS or not _NUMBER.fullmatch(text):
        return text
    return int(text) if _WHOLE.fullmatch(text) else math.nan  # a number outside every key's range
