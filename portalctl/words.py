"""Counts in words."""

from __future__ import annotations


def people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def plural(count: int, thing: str) -> str:
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"
