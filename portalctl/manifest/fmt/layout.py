"""A tree → text in the canonical layout."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from portalctl.manifest.file_text import REFUSED
from portalctl.manifest.fmt.order import BLOCK_LISTS, BLOCK_MAPPINGS, Path, path_of, without_gap
from portalctl.manifest.fmt.tree import (
    Alias,
    Anchor,
    Collection,
    Comment,
    Document,
    Item,
    Node,
    Scalar,
    commented_entry,
)
from portalctl.manifest.yaml_source import Data

WIDTH: Final = 100  # columns; what is longer between braces or brackets goes on lines of its own
STEP: Final = 2


def render(document: Document) -> str:
    """The text of a file. Ends in one line break."""
    lines = [*_spaced(document.header), *_sections(document.root), *_spaced(document.footer)]
    return "\n".join(lines).strip("\n") + "\n"


def _sections(root: Collection) -> Iterator[str]:
    """The top of a file: a blank line between any two keys, but between the version and the portal."""
    before = ""
    for item in root.items:
        key = path_of(item, ())[-1]
        if before and (before != "version" or key not in ("portal", "portals") or any(item.above)):
            yield ""
        yield from _item(without_gap(item), 0, ())
        before = key


def _block(node: Collection, indent: int, path: Path) -> Iterator[str]:
    for item in node.items:
        yield from _item(item, indent, path)
    yield from _spaced(node.below, indent)


def _item(item: Item, indent: int, around: Path) -> Iterator[str]:
    lead = " " * indent + ("-" if item.key is None else _key(item.key))
    path = path_of(item, around)
    text = _on_one_line(item.value, path, len(lead) + 1)
    first, *others = [f"{lead} {text}"] if text is not None else _in_lines(item, lead, indent + STEP, path)
    beside = item.beside[-1:]
    if text is None and item.key is None and isinstance(item.value, Collection):
        beside = []  # that is the line of the entry's first key, which may have one
    above = (comment.text for comment in item.beside[: len(item.beside) - len(beside)])
    yield from _spaced((*item.above, *above), indent)
    yield _with_comment(first, beside)
    yield from others


def _in_lines(item: Item, lead: str, indent: int, path: Path) -> Iterator[str]:
    """An item that takes several lines: `lead`, and what is inside, which is indented."""
    value = item.value
    if isinstance(value, Scalar):
        header, *lines = value.block
        yield f"{lead} {_anchor(value.anchor)}{header}"
        yield from (_indented(line, indent) for line in lines)
    elif isinstance(value, Collection):
        lines = list(_block(value, indent, path))
        if item.key is None and value.anchor is None:
            lead = f"{lead} {lines.pop(0).lstrip(' ')}"
        yield f"{lead} {_anchor(value.anchor)}".rstrip()
        yield from lines


def _on_one_line(value: Node, path: Path, column: int) -> str | None:
    if not isinstance(value, Collection):
        return _flat(value, between=False)
    if value.items and path in (BLOCK_MAPPINGS if value.keyed else BLOCK_LISTS):
        return None
    flat = _flat(value, between=True)
    return flat if flat is not None and (not value.items or column + len(flat) <= WIDTH) else None


def _flat(node: Node, *, between: bool) -> str | None:
    """The node in one line; None if it has comments, blank lines or block texts in it.

    `between`: whether it stands between braces or brackets.
    """
    if isinstance(node, Alias):
        return f"*{node.to.name}"
    if isinstance(node, Scalar):
        return None if node.block else f"{_anchor(node.anchor)}{scalar_text(node.value, between=between)}"
    parts = [None if item.above or item.beside else _flat(item.value, between=True) for item in node.items]
    texts = [part for part in parts if part is not None]
    if len(texts) < len(parts) or node.below:
        return None
    if not node.keyed:
        return f"{_anchor(node.anchor)}[{', '.join(texts)}]"
    keys = (_key(item.key, between=True) for item in node.items if item.key is not None)
    pairs = (f"{key} {text}" for key, text in zip(keys, texts, strict=True))
    return f"{_anchor(node.anchor)}{{{', '.join(pairs)}}}"


def _key(key: Scalar | Alias, *, between: bool = False) -> str:
    if isinstance(key, Alias):
        return f"*{key.to.name} :"
    # The key `on` of an expectation stays as it is usually written, for example in GitHub's workflows.
    text = "on" if key.value == "on" else scalar_text(key.value, between=between)
    return f"{_anchor(key.anchor)}{text}:"


def _anchor(anchor: Anchor | None) -> str:
    return f"&{anchor.name} " if anchor else ""


def _with_comment(line: str, comments: Iterable[Comment]) -> str:
    """Comments in one column stay there, where the line is short enough."""
    for comment in comments:
        line = f"{line}  ".ljust(comment.column) + comment.text
    return line


def _spaced(lines: Iterable[str], indent: int = 0) -> Iterator[str]:
    """Comment lines, and never two blank lines together.

    Comments in which all lines are entries that are commented out stay in the first column, so that an entry is
    aligned once `# ` is removed.
    """
    before = None
    for is_blank, group in groupby(lines, key=lambda line: not line):
        block = list(group)
        if is_blank:
            block = [] if before == "" else block[:1]
        out = not is_blank and all(commented_entry(line) == indent for line in block)
        for line in block:
            yield line if out else _indented(line, indent)
            before = line


def _indented(line: str, indent: int) -> str:
    return " " * indent + line if line else ""


# Text that YAML 1.2 or 1.1 takes for something else when it stands without quotes. A date is none to portalctl.
_WORDS: Final = re.compile(r"|null|~|true|false|yes|no|on|off|y|n", re.IGNORECASE)
_NUMBER: Final = re.compile(
    r"[-+]?[0-9.][0-9_.:]*(e[-+]?[0-9]+)?|[-+]?0[box][0-9a-f_]+|[-+]?\.(inf|nan)", re.IGNORECASE
)
_SIGNS: Final = re.compile(r"[-?:,\[\]{}#&*!|>'\"%@`=<~\s]|.*(: | #|:$|\s$|\t)", re.DOTALL)
_SIGNS_BETWEEN: Final = re.compile(r"[,\[\]{}:?]")
_ESCAPED: Final = re.compile(rf"[\t\n\r]|{REFUSED.pattern}")


def scalar_text(value: Data, *, between: bool = False) -> str:
    """A value as it is written: in quotes only where it would else be read as something else.

    `between`: whether it stands between braces or brackets, where more signs have a meaning.
    """
    if not isinstance(value, str):
        return str(value).lower()
    if _ESCAPED.search(value):
        text = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{_ESCAPED.sub(_escape, text)}"'
    if _SIGNS.match(value) or _WORDS.fullmatch(value) or _NUMBER.fullmatch(value):
        return _quoted(value)
    return _quoted(value) if between and _SIGNS_BETWEEN.search(value) else value


def _quoted(text: str) -> str:
    if '"' in text or "\\" in text:
        return "'" + text.replace("'", "''") + "'"
    return f'"{text}"'


def _escape(found: re.Match[str]) -> str:
    short = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
    return short.get(found[0]) or f"\\u{ord(found[0]):04x}"
