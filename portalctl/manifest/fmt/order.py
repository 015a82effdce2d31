"""A tree in canonical order: keys as the models have them, short entries, sorted lists of domains and developers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import dropwhile
from typing import Final

from portalctl.manifest.file_models import FileKind, keys_at
from portalctl.manifest.fmt.tree import Collection, Item, Node, Scalar

Path = tuple[str, ...]

#: Lists with a meaningless order, and the sort key of their entries. An entry may also be that key's value alone.
NAMED_BY: Final[Mapping[Path, str]] = {
    ("trusted_domains",): "domain",
    ("denied_domains",): "domain",
    ("teams", "members"): "developer",
    ("protected",): "developer",
}

# What always has lines of its own; everything else goes on one line, between braces or brackets, where it fits.
_ENTRIES: Final[frozenset[Path]] = frozenset(
    (key,)
    for key in (
        *("acknowledgements", "trusted_domains", "directories", "trusted_groups", "denied_domains", "teams"),
        "overrides",
    )
)
BLOCK_LISTS: Final = _ENTRIES | {("teams", "members"), ("expectations",)}
BLOCK_MAPPINGS: Final = _ENTRIES | {(), ("portal",), ("policy",), ("delegate",), ("groups",)}


def settled(node: Collection) -> Collection:
    """The collection, with every comment and blank line where it can be written."""
    items = tuple(
        _settled(replace(item, value=settled(item.value)) if isinstance(item.value, Collection) else item)
        for item in node.items
    )
    return replace(node, items=_without_first_gap(items))


def in_order(node: Collection, kind: FileKind, path: Path = ()) -> Collection:
    """A settled collection, at `path` of a file of this kind, in canonical order with all that is in it."""
    items = tuple(replace(item, value=_inside(item, kind, path)) for item in node.items)
    if node.keyed:
        items = _keys_in_order(items, kind, path)
    elif path in NAMED_BY:
        items = _sorted(tuple(_shortened(item, NAMED_BY[path]) for item in items), path)
    return replace(node, items=_without_first_gap(tuple(_lifted(item) for item in items)))


def path_of(item: Item, around: Path) -> Path:
    """The path of an item's value. Entries of a list have the path of the list."""
    return (*around, str(item.key.value)) if isinstance(item.key, Scalar) else around


def _inside(item: Item, kind: FileKind, around: Path) -> Node:
    return in_order(item.value, kind, path_of(item, around)) if isinstance(item.value, Collection) else item.value


def _keys_in_order(items: tuple[Item, ...], kind: FileKind, path: Path) -> tuple[Item, ...]:
    named = {("delegate",), ("groups",), ("expectations", "answers")}
    if path in named or path[1:] == ("teams_by", "map"):  # their keys are names of files, groups, fields and options
        return items
    rank = {key: index for index, key in enumerate(keys_at(kind, path))}
    ranked = tuple(sorted(items, key=lambda item: rank.get(_text(item.key), len(rank))))
    return tuple(map(without_gap, ranked)) if path else ranked  # a blank line divides what its author put together


def _shortened(item: Item, name: str) -> Item:
    """The entry as its one value, where it has only that."""
    entry = item.value
    if not isinstance(entry, Collection) or len(entry.items) != 1 or entry.anchor or entry.below:
        return item
    only = entry.items[0]
    if _text(only.key) != name or isinstance(only.value, Collection):
        return item
    return _settled(Item(None, only.value, (*item.above, *only.above), [*only.beside, *item.beside]))


def _settled(item: Item) -> Item:
    """With no more than one comment beside it, and none within an empty list: the others go above."""
    value, above = item.value, list(item.above)
    if isinstance(value, Collection) and not value.items:
        above += value.below
        value = replace(value, below=())
    above += [comment.text for comment in item.beside[:-1]]
    return replace(item, value=value, above=tuple(above), beside=item.beside[-1:])


def without_gap(item: Item) -> Item:
    """Without the blank lines before it."""
    return replace(item, above=tuple(dropwhile(lambda line: not line, item.above)))


def _without_first_gap(items: tuple[Item, ...]) -> tuple[Item, ...]:
    return tuple(item if index else without_gap(item) for index, item in enumerate(items))


def _lifted(item: Item) -> Item:
    """With the comments above the first key of an entry above the entry: between `- ` and a key there is no line."""
    entry = item.value
    if item.key is not None or not isinstance(entry, Collection) or not entry.items:
        return item
    first, *others = entry.items
    value = replace(entry, items=(replace(first, above=()), *others))
    return replace(item, above=(*item.above, *first.above), value=value)


def _sorted(items: tuple[Item, ...], path: Path) -> tuple[Item, ...]:
    """Sorted within blocks, which blank lines divide."""
    blocks: list[list[Item]] = []
    for item in items:
        if "" in item.above or not blocks:
            blocks.append([])
        blocks[-1].append(item)
    return tuple(
        item for block in blocks for item in (block if _arranged(block, path) else _sorted_block(block, path))
    )


def _arranged(block: list[Item], path: Path) -> bool:
    """Return whether the order may matter to a reader.

    A comment line may be about one entry or about all below it, and entries of several lines are not used as an
    index. An alias's name stands elsewhere.
    """
    return any(
        any(item.above)
        or (isinstance(item.value, Collection) and path in BLOCK_MAPPINGS)
        or not _name(item.value, NAMED_BY[path])
        for item in block
    )


def _sorted_block(block: list[Item], path: Path) -> list[Item]:
    gap = block[0].above
    first, *others = sorted(block, key=lambda item: _name(item.value, NAMED_BY[path]))
    return [replace(first, above=gap), *(replace(item, above=()) for item in others)]


def _name(entry: Node, name: str) -> str:
    """What an entry goes by, in lower case; nothing where that stands elsewhere (an alias)."""
    if isinstance(entry, Collection):
        return next((_text(item.value).lower() for item in entry.items if _text(item.key) == name), "")
    return _text(entry).lower()


def _text(node: Node | None) -> str:
    return str(node.value) if isinstance(node, Scalar) else ""
