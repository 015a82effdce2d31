"""A document without its people's addresses, for readers who may know how many and from where, but not who.

Whatever form it then takes, no address is left to be found in it: what is masked is the plan, not its forms.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

from portalctl.events import Sent, Settled
from portalctl.identity import normal_address, normal_domain
from portalctl.plan.drift import DriftFinding
from portalctl.plan.model import Change, Notice, Refusal, Subject
from portalctl.report.audit import Outcome

D = TypeVar("D")  # a plan, a report, where a portal and the files disagree, or an event

NAMES = frozenset({"full_name"})  # in the state of an account that is to be made
Mask = Callable[[str], str]

# What could be an address in a sentence: what stands around an `@` up to a blank or to what encloses addresses there.
_AROUND = r"""\s@"(),:;<>\[\]`"""
_ADDRESS = re.compile(rf"(?<![^{_AROUND}'])[^{_AROUND}'][^{_AROUND}]*@[^{_AROUND}]*[^{_AROUND}'.!?]")


def mask_with(key: bytes) -> Mask:
    """A function from an address to `person-` and eight hexadecimal digits, then the domain where it has one.

    The same person gets the same mask under the same key, in any spelling; without the key nobody can tell whether a
    mask is that of an address they know (HMAC-SHA256).
    """

    def mask(address: str) -> str:
        known = normal_address(address) or address
        digest = hmac.new(key, known.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()
        domain = normal_domain(address.rpartition("@")[2])
        return f"person-{digest[:8]}" + (f"@{domain}" if domain else "")

    return mask


def masked(document: D, mask: Mask) -> D:
    """A plan with every address masked, wherever one stands: people, ids, rules, messages, reasons, descriptions.

    So is the name of a person to be invited. The ids that the portal gave stay, and so does the digest: it tells
    which plan this was, and since it is not the digest of these contents, they cannot be applied. The same goes for
    a report, for where portal and files disagree, and for what an observer is told.
    """
    result = _Masking(mask).value(document)
    assert isinstance(result, type(document))  # noqa: S101 (each value becomes one of its own type)
    return result


@dataclass(frozen=True, slots=True)
class _Masking:
    """One walk for all that a plan is made of, so that no field can be forgotten, whatever fields there will be."""

    mask: Mask

    def value(self, value: Any) -> Any:  # noqa: ANN401 (a field of any model)
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, tuple):
            return tuple(map(self.value, value))
        if isinstance(value, Mapping):
            return {key: self.mask(each) if key in NAMES else self.value(each) for key, each in value.items()}
        return self.model(value) if is_dataclass(value) else value

    def model(self, value: Any) -> Any:  # noqa: ANN401 (any model)
        """What knows a person masks the whole address, though it may not look like one."""
        plain = self.fields(value)
        match value:
            case Subject(email=str() as email):
                return replace(plain, email=self.mask(email))
            case Change(developer=Subject(email=str() as email)) | Outcome(developer=Subject(email=str() as email)):
                return replace(plain, id=self.change_id(value.id, email))
            case DriftFinding(developer=str() as person):
                return replace(plain, developer=self.mask(person))
            case Refusal(developer=str() as person) | Notice(developer=str() as person):
                return replace(plain, developer=self.mask(person), message=self.sentence(value.message, person))
            case Sent(subject=who) | Settled(subject=who) if "@" in who and not who.startswith("team "):
                return replace(plain, subject=self.mask(who))
        return plain

    def fields(self, value: Any) -> Any:  # noqa: ANN401 (any model)
        return replace(value, **{each.name: self.value(getattr(value, each.name)) for each in fields(value)})

    def text(self, text: str) -> str:
        return _ADDRESS.sub(lambda found: self.mask(found[0]), text) if "@" in text else text

    def sentence(self, text: str, person: str) -> str:
        """What is said of a person, whose address may look like none."""
        parts = re.split(rf"(?<!\w){re.escape(person)}(?!\w)", text) if person else [text]
        return self.mask(person).join(map(self.text, parts))

    def change_id(self, text: str, person: str) -> str:
        """An id has the op first, then the person."""
        op, _, rest = text.partition(":")
        return f"{op}:{self.mask(person)}{self.text(rest.removeprefix(person))}"
