"""The words of the private dialect: each pattern with its rule, the better wording, and an example of both."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.project.prose import Passage

SOFTWARE = "software reports, lists, shows; a rule matches; a document lists"
NOUN = "use the noun of the field, not a relative clause without a head"
ONE_WORD = "one word per concept (glossary)"
METAPHOR = "no metaphors"
CONNECTIVE = "today's connectives"
SPELLING = "one spelling"
NAME = "a name says what a thing is"


@dataclass(frozen=True, slots=True)
class Denied:
    """A pattern that no passage may contain, in any letter case. `bad` and `good` are an example of both."""

    pattern: re.Pattern[str]
    rule: str
    better: str
    bad: str
    good: str

    def found(self, passage: Passage) -> str | None:
        """Return the words of a passage that break the rule."""
        found = self.pattern.search(passage.text if passage.name else passage.prose)
        return found[0] if found else None


def _denied(pattern: str, rule: str, better: str, bad: str, good: str) -> Denied:
    return Denied(re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE), rule, better, bad, good)


IN_TEXTS = (
    _denied(
        r"tells?|told|telling",
        SOFTWARE,
        "reports, returns, distinguishes",
        "the portal does not tell its release",
        "the portal does not report its release",
    ),
    _denied(
        r"says?|said|saying",
        SOFTWARE,
        "states, returns; the text is",
        "as the policy says",
        "as in the policy",
    ),
    _denied(
        r"speaks?( of)?|spoke|speaking",
        SOFTWARE,
        "matches, names, is about",
        "no rule speaks of 258",
        "258 developers match no rule",
    ),
    _denied(
        r"knows|knew|known of|knowing",
        SOFTWARE,
        "has, lists, supports",
        "a word that it knows",
        "a word that it has",
    ),
    _denied(
        r"(is|are|was|were|be|been) taken(?! (from|away))",
        SOFTWARE,
        "accepted, used, read",
        "the token is taken",
        "the token is accepted",
    ),
    _denied(
        r"whom|whose|whoever|whomever",
        NOUN,
        "developers named by; with; that has",
        "whom rules name without an account",
        "developers named by a rule who have no account",
    ),
    _denied(
        r"nobody|somebody|someone|anybody|anyone|everybody|everyone",
        NOUN,
        "no developer, another user, all developers",
        "nobody is there to ask",
        "no terminal to confirm on",
    ),
    _denied(
        r"people|persons?",
        ONE_WORD,
        "developers; users, authors, readers",
        "2 people lose access",
        "2 developers lose access",
    ),
    _denied(r"verdicts?", ONE_WORD, "decision", "the verdict of the rules", "the decision of the rules"),
    _denied(r"brakes?", ONE_WORD, "removal limits", "the brake holds", "the removal limits refuse the plan"),
    _denied(r"unruled", ONE_WORD, "unmatched", "an unruled developer", "an unmatched developer"),
    _denied(
        r"the reading|a reading|readings|saved reading",
        ONE_WORD,
        "snapshot; a read",
        "the reading is complete",
        "the snapshot is complete",
    ),
    _denied(
        r"(its|their|portal's) own files?",
        ONE_WORD,
        "root file",
        "the portal's own file",
        "the root file",
    ),
    _denied(
        r"(lets?|letting|kept|keeps?|turn(s|ed)?) (them |him |her |it |people |developers )?(in|out|away)"
        r"(?= (again|by itself|or|and|as|of the portal|anyway)|[.,;:)]|$)",
        ONE_WORD,
        "approve, deny, reject, revoke",
        "waiting to be let in or turned away",
        "waiting to be approved or rejected",
    ),
    _denied(
        r"(takes?|took|taking|taken) away|turned away|let in",
        ONE_WORD,
        "removes, removal; rejected; approved",
        "nothing is taken away",
        "nothing is removed",
    ),
    _denied(
        r"(?<!there )(?<!whether )(is|are|was|were) no(?! (longer|more|such|later|earlier|different))",
        "a thing is not a valid X",
        "is not a valid X; is not an X",
        "this is no plan",
        "this is not a plan; there is no plan",
    ),
    _denied(r"all the same", CONNECTIVE, "anyway", "sent all the same", "sent anyway"),
    _denied(
        r"in (the )?place of|in its place|in their place",
        CONNECTIVE,
        "instead of",
        "in the place of a file",
        "instead of a file",
    ),
    _denied(r"besides", CONNECTIVE, "also", "and besides, a team", "and also a team"),
    _denied(
        r"as long as (?!\d)(?!decoding|the fixed)",
        CONNECTIVE,
        "while",
        "as long as a rule matches",
        "while a rule matches",
    ),
    _denied(r"meanwhile", CONNECTIVE, "since then", "changed meanwhile", "changed since then"),
    _denied(
        r"houses?|in the room|no room|floors?|breaths?|way through|two ways on|by hand|own hand",
        METAPHOR,
        "module, package; manually",
        "in the same breath",
        "at the same time",
    ),
    _denied(
        r"(?<!on the )(a|other) hand|hands? (it|them|over|out|in)|handed",
        METAPHOR,
        "pass, passed",
        "it is handed to a worker",
        "it is passed to a worker",
    ),
    _denied(
        r"for those who",
        "advice is an imperative",
        "To …, run …",
        "for those who mean it",
        "to confirm, pass --yes",
    ),
    _denied(
        r"(right|there|network|address), and the \w+\?|is the \w+ right",
        "advice is an imperative",
        "Check the …",
        "is the address right, and the network?",
        "Check the address and your network.",
    ),
    _denied(
        r"(?-i:(?<!-)e?mails|(?<!-)e?mailed|emailing|a mail|by mail|no mail)(?!:)",
        SPELLING,
        "e-mail, e-mails",
        "11 mails are sent",
        "11 e-mails are sent",
    ),
    _denied(r"signups?|sign ups", SPELLING, "sign-up, sign-ups", "a new signup", "a new sign-up"),
    _denied(r"(?-i:PRs?|MRs?)", SPELLING, "pull request, merge request", "in a PR", "in a pull request"),
    _denied(r"log-in", SPELLING, "login", "the log-in page", "the login page"),
    _denied(
        r"exit status|return code|(?<!--detailed-)exitcode|exits with (exit )?code",
        SPELLING,
        "exit code; exit 4",
        "the return code is 4",
        "the exit code is 4",
    ),
)
IN_NAMES = (
    _denied(
        r"each|told|given|still|whom|whose|whoever|people|persons?|said|says|speaks|knows|nobody|somebody|brakes?",
        NAME,
        "the noun of the field",
        "each",
        "developer",
    ),
    _denied(r"^(since|who|taken|voice)$", NAME, "the noun of the field", "since", "not before"),
)

#: Names that are published spellings, everywhere or in one file, with their place.
PUBLISHED = {
    "says": "key of `explain -o json`",
    "since": "key of `report access -o json`",
    "told": "setting of the fault `rate` of `sim serve`",
    "portalctl/output/apply_report.py:who": "key of `apply --report`",
}

#: Words that the glossary replaces and no rule denies, with the reason.
GLOSSARY_DENIES = {
    "files": "also files on disk",
    "what is wanted": "a phrase of the glossary itself",
    "group": "a directory's",
    "source": "also source code",
    "keep out": "only in its inflected forms",
    "turn away": "only in its inflected forms",
    "gives": "also returns",
    "loses": "the figures of a plan: 6 lose access",
    "waiting": "also waiting for an answer",
    "effect": "also the effect of a rule",
    "why": "the published key of reasons",
    "until": "also a conjunction",
    "review_by stays for domains": "not a word",
    "remark": "the published key of access reviews and snapshots",
    "own file": "only of a portal",
    "kind of portal": "also a figure of speech",
    "claim": "also a claim of an address",
}
