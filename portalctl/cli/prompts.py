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


def ask(option: str, question: str, read: Callable[[str], T], default: str | None = None) -> T:
    """Ask until `read` accepts the answer, and return its result.

    Args:
        option: the option that has the same effect, for the error without a terminal.
        read: raises click.BadParameter for an answer that is not valid.

    Raises BadUsageError without a terminal.
    """
    if not sys.stdin.isatty():
        raise BadUsageError(f"{option} is missing", f"Pass {option}. On a terminal, portalctl asks for it.")
    answer: T = click.prompt(question, default=default, show_default=bool(default), value_proc=read, err=True)
    return answer


def choose(option: str, question: str, words: Sequence[Word]) -> Word:
    """Ask for one of the words, and return it. Raises BadUsageError without a terminal."""

    def read(text: str) -> Word:
        for word in words:
            if word == text:
                return word
        raise click.BadParameter(f"expected one of {', '.join(words)}{did_you_mean(text, tuple(words))}")

    return ask(option, f"{question} ({', '.join(words)})", read)


def confirm(question: str) -> bool:
    """Ask a question, and return whether the answer is yes, the default."""
    return click.confirm(question, default=True, err=True)
