"""One address replaced by a mask, in text and in JSON; what else is in there stays as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from portalctl.identity import normal_address

NAMES: Final = frozenset({"full_name"})  # in the state of an account that the developer has or gets
ANSWERS: Final = "answers"  # to forms: what a developer typed may be a name, or anything else
FINGERPRINT: Final = "fingerprint"  # of a finding: without an account it is made of the address
_ADDRESS_KEYS: Final = ("email", "developer", "address")


@dataclass(frozen=True, slots=True)
class Replacement:
    """Replaces an address by a mask. `address` is in normal form; `spellings` are further ones that were found."""

    address: str
    mask: str
    spellings: tuple[str, ...] = ()
    _pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        forms = sorted(self.forms(), key=len, reverse=True)
        # Other addresses that end or begin like this one are not it.
        text = rf"(?<![\w.+-])(?:{'|'.join(map(re.escape, forms))})(?![\w-]|\.\w)"
        object.__setattr__(self, "_pattern", re.compile(text, re.IGNORECASE))

    def forms(self) -> Iterator[str]:
        """Yield the texts that stand for the address: as it is, in URLs, and in JSON."""
        for spelling in dict.fromkeys((self.address, *self.spellings)):
            yield spelling
            yield quote(spelling, safe="")
            escaped = json.dumps(spelling)[1:-1]
            if escaped != spelling:
                yield escaped

    def text(self, text: str) -> str:
        """Return a text with the address replaced."""
        address = normal_address(text)
        if address is not None:
            return self.mask if address == self.address else text
        return self._pattern.sub(lambda _: self.mask, text)

    def json(self, text: str) -> str:
        """Return a JSON text with the address replaced, also the full name in what is about this developer.

        Their answers to forms are removed.
        A text that is not JSON is treated as text.
        """
        try:
            value = json.loads(text)
        except ValueError:
            return self.text(text)
        if not isinstance(value, (dict, list)):
            return self.text(text)
        new = self.value(value)
        return text if new == value else json.dumps(new)

    def value(self, value: Any, *, own: bool = False) -> Any:  # noqa: ANN401 (JSON)
        """Return a JSON value with the address replaced. `own`: it is in something about this developer."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item, own=own) for item in value]
        if not isinstance(value, dict):
            return value
        own = own or self._is_about(value)
        names = NAMES | ({FINGERPRINT} if value.get("developer_id") is None else set())
        return {
            self.text(key): self.mask if own and key in names and item else self.value(item, own=own)
            for key, item in value.items()
            if not (own and key == ANSWERS and isinstance(item, list))
        } | ({ANSWERS: []} if own and isinstance(value.get(ANSWERS), list) else {})

    def _is_about(self, value: dict[str, Any]) -> bool:
        """Return whether an object is about the developer, or one of its members is."""
        named = [value.get(key) for key in _ADDRESS_KEYS]
        named += [item.get("email") for item in named if isinstance(item, dict)]
        return any(isinstance(name, str) and normal_address(name) == self.address for name in named)


def spellings_in(values: Iterable[Any], address: str) -> set[str]:
    """Return how JSON values spell an address, where a whole string is it."""
    found: set[str] = set()
    for value in values:
        if isinstance(value, str) and normal_address(value) == address:
            found.add(value)
        elif isinstance(value, (dict, list)):
            found |= spellings_in(value.values() if isinstance(value, dict) else value, address)
    return found
