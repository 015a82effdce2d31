"""Manifest files in their canonical form, each by itself: what it means, and every comment, stays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from portalctl.errors import Finding, InputError, PortalctlError
from portalctl.manifest.file_models import RootFile
from portalctl.manifest.file_text import decode
from portalctl.manifest.files import File, named_file
from portalctl.manifest.fmt.layout import render
from portalctl.manifest.fmt.order import NAMED_BY, in_order, settled
from portalctl.manifest.fmt.tree import Document, anchors_hold, comments, read_tree
from portalctl.manifest.model import NamedFile
from portalctl.manifest.validation import AnyShaped, read_entries
from portalctl.manifest.yaml_source import Data

_MARK = "\ufeff"  # the byte order mark
MOST_PASSES = 8  # two have always been enough


@dataclass(frozen=True, slots=True)
class Formatted:
    """A file and its canonical text, with lines that end in LF. `end` is the line end on disk."""

    file: File
    text: str
    end: str

    @property
    def written(self) -> str:
        """The text as it is written: with the file's own line ends, and a byte order mark if it had one."""
        mark = _MARK if self.file.content.startswith(_MARK.encode()) else ""
        return mark + self.text.replace("\n", self.end)

    @property
    def changed(self) -> bool:
        return self.written.encode() != self.file.content


def _line_end(text: str) -> str:
    """CRLF where most lines end so, else LF: in a file that has both, the canonical form has one."""
    crlf = text.count("\r\n")
    return "\r\n" if crlf > text.count("\n") - crlf else "\n"


ReadNamed = Callable[[NamedFile], File | str | None]


def _nothing(_: NamedFile) -> None:
    return None


def format_files(
    files: Sequence[File], findings: Sequence[Finding] = (), read_named: ReadNamed = _nothing
) -> tuple[Formatted, ...]:
    """Return the canonical form of every file. `findings`: what is known to be wrong already.

    `read_named` returns the acknowledgements file that a root file names, to format it too. Does no other I/O.

    Only the form of each file counts, so that a single fragment can be formatted without the others.

    Raises InputError with what is wrong with the form of any file; PortalctlError if a file would not mean the same.
    """
    found = list(findings)
    shapes = []
    waiting, paths = list(files), {file.path for file in files}
    for file in waiting:
        entries = read_entries(file.shown, file.content)
        found += entries.findings
        if entries.shaped is None:
            continue
        shapes.append((file, entries.shaped))
        further = _named(file, entries.shaped, read_named)
        if isinstance(further, Finding):
            found.append(further)
        elif further is not None and further.path not in paths:
            waiting.append(further)
            paths.add(further.path)
    if found:
        raise InputError(tuple(found))
    return tuple(_formatted(file, shaped) for file, shaped in shapes)


def _named(file: File, shaped: AnyShaped, read_named: ReadNamed) -> File | Finding | None:
    """Return the acknowledgements file that a file names, if there is one."""
    if not isinstance(shaped.entry, RootFile) or shaped.entry.acknowledgements is None:
        return None
    at = shaped.source.at("acknowledgements")
    found = read_named(named_file(file, shaped.entry.acknowledgements, at))
    return Finding(at, found) if isinstance(found, str) else found


def _formatted(file: File, shaped: AnyShaped) -> Formatted:
    before, _ = decode(file.shown, file.content)
    document = read_tree("\n".join(before.splitlines()) + "\n" * before.endswith(("\n", "\r")))
    text = _canonical(document, shaped)
    # A comment that moves to the line above can let an order hold that did not before.
    for _ in range(MOST_PASSES):
        again, text = text, _canonical(read_tree(text), shaped)
        if again == text:
            break
    after = read_entries(file.shown, text.encode(), type(shaped.entry)).shaped
    same = after is not None and _meaning(after.source.data) == _meaning(shaped.source.data)
    if not same or comments(read_tree(text)) != comments(document):
        raise PortalctlError(
            f"{file.shown}: formatting would change the meaning of this file; nothing was written",
            "this is a bug in portalctl; please report it with the file",
        )
    return Formatted(file, text, _line_end(before))


def _canonical(document: Document, shaped: AnyShaped) -> str:
    root = settled(document.root)
    ordered = in_order(root, type(shaped.entry))
    # Where another order would part an alias from its anchor, the file keeps its own.
    return render(replace(document, root=ordered if anchors_hold(ordered) else root))


def _meaning(data: Data, path: tuple[str, ...] = ()) -> object:
    """What is written, whichever form its entries have, and whichever order where that means nothing."""
    if isinstance(data, dict):
        return {key: _meaning(inner, (*path, key)) for key, inner in data.items()}
    if not isinstance(data, list):
        return data
    name = NAMED_BY.get(path)
    if name is None:
        return [_meaning(entry, path) for entry in data]
    entries: list[Data] = [{name: entry} if isinstance(entry, str) else entry for entry in data]
    return sorted((_meaning(entry, path) for entry in entries), key=_by_content)


def _by_content(entry: object) -> str:
    return repr(sorted(entry.items()) if isinstance(entry, dict) else entry)
