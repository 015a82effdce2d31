"""Questions on a terminal. A question is repeated until its answer is valid."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import click

from portalctl.errors import BadUsageError
from portalctl.words import did_you_mean

T = TypeVar("T")
Word = TypeVar("Word", bound=str)


def asked(option: str, question: str, read: Callable[[str], T], default: str | None = None) -> T:
    """Return what `read` makes of the answer; it raises click.BadParameter for an answer that is not valid.

    Raises BadUsageError, naming the option that has the value, where there is no terminal.
    """
    if not sys.stdin.isatty():
        raise BadUsageError(f"{option} is missing", f"Give {option}. On a terminal portalctl asks for it.")
    answer: T = click.prompt(question, default=default, show_default=bool(default), value_proc=read, err=True)
    return answer


def chosen(option: str, question: str, words: Sequence[Word]) -> Word:
    """Return the word that is chosen. Raises as `asked` does."""

    def read(text: str) -> Word:
        for word in words:
            if word == text:
                return word
        raise click.BadParameter(f"write one of {', '.join(words)}{did_you_mean(text, tuple(words))}")

    return asked(option, f"{question} ({', '.join(words)})", read)


def confirmed(question: str) -> bool:
    """Return the answer to a question, yes by default."""
    return click.confirm(question, default=True, err=True)
