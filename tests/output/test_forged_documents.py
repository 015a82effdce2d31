"""A document that somebody forged: whatever text is in it, `show` prints it inert or refuses it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from portalctl.output.forms import forms
from tests.conftest import Bench, portalctl
from tests.output.test_documents import HOW, club, printed

__all__ = ["club"]
HOSTILE = "\x1b]0;x\x07\u202e<img src=x>\n::error::x"


def texts(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every text in a document, of like things in a list the first only."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from texts(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value[:2]):
            yield from texts(item, (*path, index))
    elif isinstance(value, str) or value is None:
        yield path


def forged(document: Any, path: tuple[Any, ...]) -> Any:
    changed = copy.deepcopy(document)
    at = changed
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = HOSTILE
    return changed


@pytest.mark.slow
@pytest.mark.parametrize("kind", HOW)
def test_no_text_of_a_forged_document_acts(club: Bench, kind: str) -> None:
    document = json.loads(printed(club, kind, "json"))
    for path in texts(document):
        Path("forged.json").write_text(json.dumps(forged(document, path)))
        for form in forms(kind):
            done = portalctl("show", "forged.json", "-o", form)
            assert done.code in {0, 64, 65}, (path, form, done.err)
            for text in (done.out, done.err):
                assert not any(sign in text for sign in "\x1b\x07\u202e"), (path, form)
                assert "\n::error::x" not in text, (path, form)
            assert form != "html" or "<img" not in done.out, (path, form)
