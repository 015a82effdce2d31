"""YAML text → a tree that keeps what data loses: comments, blank lines, anchors and the shape of block texts.

The tree is built from the parser's events, as `manifest.yaml_source` does it; comments are found in the text between
them, where nothing but signs of the syntax can stand. So every comment is found, and belongs to one item:

above   the lines before it, up to the item before
beside  what stands at the end of its line
below   what follows a collection's last item and is indented deeper than what is around the collection
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any, Final, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from portalctl.manifest.yaml_source import Data, Mark, scalar


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment with its `#`. `column` counts from 0; beside an item it is 0 unless it is set apart."""

    text: str
    column: int


@dataclass(frozen=True, slots=True)
class Anchor:
    """An anchor; `number` differs between anchors of one name."""

    name: str
    number: int


@dataclass(frozen=True, slots=True)
class Alias:
    to: Anchor


@dataclass(frozen=True, slots=True)
class Scalar:
    """`block`: the lines of a block text as they are to be written, header first; empty for all other scalars."""

    value: Data
    anchor: Anchor | None = None
    block: tuple[str, ...] = ()


@dataclass(slots=True)
class Item:
    """An entry of a list (`key` None), or a key with its value. An empty line `above` is a blank line."""

    key: Scalar | Alias | None
    value: Node
    above: tuple[str, ...] = ()
    beside: list[Comment] = field(default_factory=list)  # filled while reading


@dataclass(frozen=True, slots=True)
class Collection:
    """A mapping (`keyed`) or a list."""

    keyed: bool
    items: tuple[Item, ...]
    below: tuple[str, ...] = ()
    anchor: Anchor | None = None


Node: TypeAlias = Scalar | Alias | Collection


@dataclass(frozen=True, slots=True)
class Document:
    """`header`: the lines before the first key, which are about the whole file."""

    header: tuple[str, ...]
    root: Collection
    footer: tuple[str, ...] = ()


def commented_entry(comment: str) -> int | None:
    """Return the column of an entry that `# ` in the first column comments out; None for other comments."""
    found = _ENTRY.match(comment)
    return len(found[1]) if found else None


def read_tree(text: str) -> Document:
    """Return the tree of valid text with a mapping at its root. Lines end in LF."""
    return _Reader(text).document()


def anchors_hold(root: Collection) -> bool:
    """Whether every alias comes after its own anchor, and no other of that name between them."""
    seen: dict[str, Anchor] = {}
    for node in _nodes(root):
        if isinstance(node, Alias):
            if seen.get(node.to.name) != node.to:
                return False
        elif node.anchor is not None:
            seen[node.anchor.name] = node.anchor
    return True


def comments(document: Document) -> list[str]:
    """Every comment of a file, sorted."""
    texts = [*document.header, *document.footer]
    for node in _nodes(document.root):
        if isinstance(node, Collection):
            texts += node.below
            for item in node.items:
                texts += (*item.above, *(comment.text for comment in item.beside))
    return sorted(filter(None, texts))


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node, Collection):
        for item in node.items:
            if item.key is not None:
                yield item.key
            yield from _nodes(item.value)


_ENTRY: Final = re.compile(r"# ( *)- ")
_NOTHING: Final = Scalar(None)
_TRIVIA: Final = re.compile(r"&\S+|(?P<comment>#[^\n]*)|\n(?:[ \t]*\n)+")
_SPACE: Final = re.compile(r"(?:[ \t\n]+|#[^\n]*)*")
_OPENERS: Final = ("-", "?", ".")  # a comment behind one of these (or `---`, `...`) is about what comes next
_APART: Final = 3  # spaces before a comment that is aligned in a column
_BLANK: Final = Comment("", 0)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = text.split("\n")
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self._events: Iterator[Any] = YAML(typ="safe").parse(text)
        self._cursor = 0
        self._waiting: list[Comment] = []  # own lines, until their item is known
        self._current: Item | None = None  # what a comment at the end of a line is about
        self._anchors: dict[str, Anchor] = {}
        self._flow = 0

    def document(self) -> Document:
        while not isinstance(next(self._events), DocumentStartEvent):
            pass
        event = next(self._events)
        self._begin(event)
        header = self._take_comments(len(self._waiting))
        root = self._node(event, -1)
        self._scan(len(self._text))
        assert isinstance(root, Collection)  # noqa: S101 (the caller has seen to it)
        return Document(header, replace(root, below=()), (*root.below, *self._take_comments(len(self._waiting))))

    def _begin(self, event: NodeEvent) -> None:
        """Go on to where the content of a node begins, behind its anchor."""
        start = self._offset(event.start_mark)
        if event.anchor is not None and not isinstance(event, AliasEvent):
            found = _SPACE.match(self._text, start + 1 + len(event.anchor))
            start = found.end() if found else start
        self._scan(start)

    def _node(self, event: NodeEvent, around: int) -> Node:
        """The node that begins here. `around`: the column of the collection that it is in."""
        if isinstance(event, AliasEvent):
            self._cursor = self._offset(event.end_mark)
            return Alias(self._anchors[event.anchor])
        anchor = None
        if event.anchor is not None:
            anchor = self._anchors[event.anchor] = Anchor(event.anchor, self._cursor)
        if isinstance(event, CollectionStartEvent):
            return self._collection(event, anchor, around)
        assert isinstance(event, ScalarEvent)  # noqa: S101 (there is no fourth kind)
        if event.style in ("|", ">"):
            return Scalar(event.value, anchor, self._block(event.value))
        self._cursor = self._offset(event.end_mark)
        return Scalar(scalar(event), anchor)

    def _collection(self, event: CollectionStartEvent, anchor: Anchor | None, around: int) -> Collection:
        flow, column = bool(event.flow_style), self._column(self._cursor)
        if flow:
            self._cursor = max(self._cursor, self._offset(event.end_mark))
        self._flow += flow
        items: list[Item] = []
        keyed = isinstance(event, MappingStartEvent)
        while not isinstance(inner := next(self._events), MappingEndEvent | SequenceEndEvent):
            items.append(self._item(inner, keyed, column))
        self._scan(self._offset(inner.start_mark))
        if flow:
            self._cursor = max(self._cursor, self._offset(inner.end_mark))
        self._flow -= flow
        return Collection(keyed, tuple(items), self._take_comments(self._ours(around)), anchor)

    def _item(self, event: NodeEvent, keyed: bool, column: int) -> Item:
        self._begin(event)
        item = self._current = Item(None, _NOTHING, self._take_comments(len(self._waiting)))
        if keyed:
            key = self._node(event, column)
            assert isinstance(key, Scalar | Alias)  # noqa: S101 (a key is text)
            item.key, event = key, next(self._events)
            self._begin(event)
        is_block = isinstance(event, CollectionStartEvent) and not event.flow_style
        if not is_block:
            item.above += self._take_comments(len(self._waiting))
        item.value = self._node(event, column)
        if not is_block:
            self._current = item
        return item

    def _block(self, value: str) -> tuple[str, ...]:
        """The lines of the block text that begins here; none where its form can't be kept, and `value` is to do.

        Where it ends is worked out from the indentation: the parser counts the blank lines that follow as its own.
        """
        number = self._line(self._cursor)
        first = self._lines[number][self._column(self._cursor) :]
        header = first.partition("#")[0].strip()
        filled = next((line for line in self._lines_from(number + 1) if line.strip(" ")), "")
        indent = _indentation(filled) if value.strip("\n") else sys.maxsize
        body = list(
            takewhile(lambda line: not line.strip(" ") or _indentation(line) >= indent, self._lines_from(number + 1))
        )
        while body and not body[-1][indent:]:
            body.pop()
        end = self._cursor + len("\n".join([first, *body]))
        self._scan(self._cursor + len(first))  # a comment in the header
        self._cursor = end
        if not body or header[1:] not in ("", "-"):
            return ()
        if not value.endswith("\n"):  # also where the file ends without a line break
            header = f"{header[0]}-"
        return (header, *(line[indent:] for line in body))

    def _scan(self, end: int) -> None:
        """Take in the comments and blank lines from here to `end`."""
        begin, self._cursor = self._cursor, max(self._cursor, end)
        for found in _TRIVIA.finditer(self._text, begin, end):
            text = found["comment"]
            if text is not None:
                self._comment(Comment(text.rstrip(), self._column(found.start())), begin, found.start())
            elif found[0].startswith("\n") and not self._flow:
                self._waiting.append(_BLANK)

    def _comment(self, comment: Comment, begin: int, start: int) -> None:
        line = start - comment.column
        before = self._text[max(begin, line) : start].strip()
        shares_line = not before.startswith(_OPENERS) if before else begin > line
        if shares_line and self._current is not None:
            apart = self._text[line:start].endswith(" " * _APART)
            self._current.beside.append(comment if apart else replace(comment, column=0))
        else:
            self._waiting.append(comment)

    def _ours(self, around: int) -> int:
        """How many of the waiting comments belong to the collection that ends here: those indented deeper than
        what is around it."""
        if self._flow:
            return len(self._waiting)
        ours = 0
        for index, comment in enumerate(self._waiting):
            column = comment.column or commented_entry(comment.text) or 0
            if comment is not _BLANK and column <= around:
                break
            ours = ours if comment is _BLANK else index + 1
        return ours

    def _take_comments(self, count: int) -> tuple[str, ...]:
        text, self._waiting = self._waiting[:count], self._waiting[count:]
        return tuple(comment.text for comment in text)

    def _offset(self, mark: Mark) -> int:
        return min(self._starts[min(mark.line, len(self._starts) - 1)] + int(mark.column), len(self._text))

    def _line(self, offset: int) -> int:
        return bisect_right(self._starts, offset) - 1

    def _column(self, offset: int) -> int:
        return offset - self._starts[self._line(offset)]

    def _lines_from(self, number: int) -> Iterator[str]:
        return (self._lines[index] for index in range(number, len(self._lines)))


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
