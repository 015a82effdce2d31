"""The text of a file of acknowledgements: a new one, or one with entries added and removed. Comments stay. Pure."""

from __future__ import annotations

from collections.abc import Collection as Several
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from portalctl.errors import InputError, PortalctlError
from portalctl.manifest.acknowledgements_file import acknowledgements
from portalctl.manifest.file_models import AcknowledgementEntry, DriftKind
from portalctl.manifest.file_text import decode
from portalctl.manifest.files import File
from portalctl.manifest.fmt.format import format_files
from portalctl.manifest.fmt.layout import render, scalar_text
from portalctl.manifest.fmt.tree import Collection, Document, Item, Scalar, read_tree
from portalctl.manifest.value_formats import Subject

HEADER: Final = (
    "# Accepted findings of `portalctl drift`, which reads this file. After `expires` a finding counts again.\n"
    "# `portalctl acknowledge` adds entries, and with --prune removes those that are no longer needed.\n"
)


def entry(
    *,
    finding: str,
    kind: DriftKind,
    developer: str | None,
    team: str | None,
    reason: str,
    expires: date | None = None,
) -> AcknowledgementEntry:
    """Return an entry of the file. A developer or team with a name that no file can hold is left out.

    Raises pydantic.ValidationError for a reason that is not a line of text.
    """
    about = {"developer": developer, "team": team}
    names = {key: name for key, name in about.items() if name is not None and _can_be_written(name)}
    day = {} if expires is None else {"expires": expires.isoformat()}
    return AcknowledgementEntry.model_validate({"finding": finding, "kind": kind, **names, "reason": reason, **day})


def _can_be_written(name: str) -> bool:
    try:
        TypeAdapter(Subject).validate_python(name)
    except ValidationError:
        return False
    return not decode("", scalar_text(name).encode(errors="replace"))[1] and name.isprintable()


def new_text(entries: Iterable[AcknowledgementEntry]) -> str:
    """Return the text of a new file."""
    items = tuple(_item(entry) for entry in entries)
    return _canonical(File("", "", "", f"{HEADER}version: 1\nacknowledgements: []\n".encode()), items)


def edited_text(file: File, add: Sequence[AcknowledgementEntry], remove: Several[str]) -> str:
    """Return the text of a file with entries added, or replaced where the finding has one, and others removed.

    A comment stays where it is, except that one directly above a removed entry, or beside it, is removed with it.
    The text has the line ends of the file. Raises InputError for a file with errors, PortalctlError for one in which
    aliases rest on what is removed.
    """
    before = acknowledgements(file)
    added = {entry.finding: entry for entry in add}
    document, items = _entries(file)
    kept: list[Item] = []
    loose: tuple[str, ...] = ()  # comments above a removed entry that are not directly above it
    for item, old in zip(items, before, strict=True):
        new = added.pop(old.finding, None)
        if new is None and old.finding in remove:
            loose += _loose(item.above)
            continue
        value = item.value if new is None else _item(new).value
        kept.append(replace(item, above=(*loose, *item.above), value=value))
        loose = ()
    kept += [_item(entry) for entry in added.values()]
    text = _canonical(file, tuple(kept), loose, document)
    _check(file, text, {old.finding for old in before} - set(remove) | {new.finding for new in add})
    return text


def _loose(above: tuple[str, ...]) -> tuple[str, ...]:
    """Return the comments above an entry up to the last blank line."""
    blanks = [index for index, line in enumerate(above) if not line]
    return above[: blanks[-1] + 1] if blanks else ()


def _entries(file: File) -> tuple[Document, tuple[Item, ...]]:
    text, _ = decode(file.shown, file.content)
    document = read_tree("\n".join(text.splitlines()) + "\n")
    value = next((item.value for item in document.root.items if _is_list(item)), None)
    return document, value.items if isinstance(value, Collection) else ()


def _is_list(item: Item) -> bool:
    return isinstance(item.key, Scalar) and item.key.value == "acknowledgements"


def _item(entry: AcknowledgementEntry) -> Item:
    values: dict[str, Any] = entry.model_dump(mode="json", exclude_none=True)
    return Item(None, Collection(True, tuple(Item(Scalar(key), Scalar(value)) for key, value in values.items())))


def _canonical(
    file: File, items: tuple[Item, ...], below: tuple[str, ...] = (), document: Document | None = None
) -> str:
    """Return the text of the file with these entries, as `fmt` writes it."""
    document = document or _entries(file)[0]
    root = document.root
    changed = tuple(_with(item, items, below) if _is_list(item) else item for item in root.items)
    text = render(replace(document, root=replace(root, items=changed)))
    mark = "\ufeff" if file.content.startswith(b"\xef\xbb\xbf") else ""
    end = "\r\n" if b"\r\n" in file.content else "\n"
    try:
        (formatted,) = format_files([replace(file, content=(mark + text.replace("\n", end)).encode())])
    except InputError as error:
        raise _not_editable(file) from error
    return formatted.written


def _with(item: Item, items: tuple[Item, ...], below: tuple[str, ...]) -> Item:
    value = item.value
    old = value.below if isinstance(value, Collection) else ()
    return replace(item, value=Collection(False, items, (*below, *old)))


def _check(file: File, text: str, findings: set[str]) -> None:
    """Make sure that the new text has exactly these findings. Raises PortalctlError."""
    after = {entry.finding for entry in acknowledgements(replace(file, content=text.encode()))}
    if after != findings:
        raise _not_editable(file)


def _not_editable(file: File) -> PortalctlError:
    return PortalctlError(
        f"{file.shown} cannot be edited by portalctl, perhaps because of YAML anchors; nothing was written",
        "Write the values instead of aliases, then run the command again.",
    )
