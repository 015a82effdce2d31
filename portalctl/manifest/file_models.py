"""What people write: one model per kind of file and entry, and nothing that is not in the file.

The descriptions are shown by editors (through the JSON Schema) to whoever hovers over a key. Only what one entry
can get wrong by itself is declared here; what takes a second look at the text (is this a domain?) is in
`file_rules`, and what takes two entries is in `consistency`. A null never gets this far, so None means: not written.

Annotations are values here, not text: pydantic would have to compile each of them again, at every start.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, cast

from pydantic import BaseModel, ConfigDict, Discriminator, Field, JsonValue, Tag

from portalctl.manifest.model import Limits, Membership, OnRevoke, Policy, Status
from portalctl.manifest.value_formats import (
    Address,
    ColumnName,
    CsvPath,
    Day,
    Description,
    DeveloperId,
    Domain,
    FilePath,
    Fingerprint,
    Handle,
    Many,
    Person,
    PersonName,
    PortalId,
    ProductName,
    Prose,
    RoleName,
    TeamName,
    Title,
    Version,
)
from portalctl.providers.definition import NAME, Provider
from portalctl.providers.registry import bundled

SHORT: Final = "<text>"  # the two forms of an entry, as they stand in pydantic's locations
LONG: Final = "<mapping>"


def _form(value: object) -> str:
    return LONG if isinstance(value, dict) else SHORT


_REASON: Final = "Why this is here, for whoever reviews the file or asks `portalctl explain`."
_EXPIRES: Final = (
    "The last day this holds (YYYY-MM-DD, UTC). After it the entry counts as not written, and what only it gave is "
    "withdrawn."
)
_SUBDOMAINS: Final = "Whether the rule covers every subdomain too, not only exactly this domain."


Invite = Annotated[
    bool,
    Field(
        description="Whether to make an account for this person if there is none. A member list alone approves "
        "nobody: the account then waits for approval."
    ),
]
FullName = Annotated[
    PersonName,
    Field(description="The name on the new account. Left out: the address. Only with `invite: true`."),
]
Mail = Annotated[bool, Field(description="Whether the portal tells the person by mail. Only with `invite: true`.")]


ProviderName = Annotated[str, Field(pattern=f"^{NAME.pattern}$", max_length=63)]


def _one_of(first: str, second: str) -> dict[str, JsonValue]:
    """For the JSON Schema: exactly one of two keys."""
    return {"oneOf": [{"required": [first]}, {"required": [second]}]}


def _portal_schema(schema: dict[str, JsonValue]) -> None:
    """Add the keys of bundled providers to the JSON Schema of a `portal:` block. Other providers may have any."""
    providers = bundled()
    properties = cast(dict[str, dict[str, Any]], schema["properties"])
    for key in dict.fromkeys(key for provider in providers for key in provider.keys):
        choices = {} if key.choices is None else {"enum": list(key.choices)}
        known = properties.get(key.name, {"type": "string"})
        properties[key.name] = {**known, "description": key.description, **choices}
    properties["provider"]["examples"] = [provider.name for provider in providers]
    schema["additionalProperties"] = {"type": "string"}
    schema["allOf"] = [_bundled_keys(provider, tuple(properties)) for provider in providers]
    schema.update(_one_of("id", "title"))


def _bundled_keys(provider: Provider, known: Sequence[str]) -> JsonValue:
    """Return the part of the schema that holds for one bundled provider: its keys, and the form of its ids."""
    own = {"name", "provider", "id", "title", *(key.name for key in provider.keys)}
    keys = [name for name in known if name in own]
    then: dict[str, JsonValue] = {"propertyNames": {"enum": list(keys)}}
    if provider.id_form is not None:
        then["properties"] = {"id": {"pattern": f"^{provider.id_form.pattern}$"}}
    return {"if": {"properties": {"provider": {"const": provider.name}}}, "then": then}


def _undescribed(schema: dict[str, JsonValue]) -> None:
    del schema["description"]


class Entry(BaseModel):
    """Strict: no key that is not known, no value of another type."""

    # defer_build: pydantic makes a validator for each kind of file that is read, not one for each model there is.
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)


class PortalEntry(Entry):
    """Which portal these files are for. Never where it is, and never a secret."""

    # Further keys are those of the provider, which `load` checks.
    model_config = ConfigDict(extra="allow", json_schema_extra=_portal_schema)
    __pydantic_extra__: dict[str, str] = Field(init=False)

    name: Handle = Field(
        description="The portal's short name, in flags, plans and the names of environment variables."
    )
    provider: ProviderName = Field(
        description="What runs the portal: a provider that comes with portalctl, or that of an installed plug-in."
    )
    region: str | None = Field(default=None, description="The region, where the provider has regions.")
    id: PortalId | None = Field(default=None, description="The portal's id on its provider. Write this or `title`.")
    title: Title | None = Field(
        default=None, description="The portal's own name on its provider, if no other has it. Write this or `id`."
    )

    @property
    def options(self) -> dict[str, str]:
        """The keys that only some providers have, as they are written."""
        region = {} if self.region is None else {"region": self.region}
        return {**region, **(self.model_extra or {})}


class UnmatchedEntry(Entry):
    """What becomes of people no rule speaks of."""

    pending: Literal["keep", "rejected"] = Field(
        default=Policy().unmatched_pending, description="Sign-ups that wait: leave them (`keep`) or reject them."
    )
    approved: Literal["keep", "revoked"] = Field(
        default=Policy().unmatched_approved, description="People who are in: leave them (`keep`) or revoke them."
    )


class LimitsEntry(Entry):
    """The brake: how many people may lose something in one run."""

    removals: int = Field(
        default=Limits().removals,
        ge=0,
        description=f"The most people who may lose something in one run ({Limits().removals} unless written).",
    )
    removals_percent: int = Field(
        default=Limits().removals_percent,
        ge=0,
        le=100,
        description=f"The same, as a percentage of the approved people ({Limits().removals_percent} unless written). "
        "By this limit, four people may always lose something.",
    )
    team_percent: int = Field(
        default=Limits().team_percent,
        ge=0,
        le=100,
        description="The most people that one team of four or more may lose, as a percentage "
        f"({Limits().team_percent} unless written).",
    )
    expires: Day | None = Field(
        default=None, description="The last day these limits hold (YYYY-MM-DD, UTC); then the defaults hold again."
    )


class PolicyEntry(Entry):
    """What holds for the whole portal."""

    unmatched: UnmatchedEntry = Field(
        default=UnmatchedEntry.model_construct(), description="What becomes of people no rule speaks of."
    )
    reinstate: bool = Field(
        default=Policy().reinstate,
        description="Whether rules may approve again who is revoked or rejected on the portal. `false` unless "
        "written: what an administrator took away is not given back.",
    )
    require_verified_email: bool = Field(
        default=Policy().require_verified_email,
        description="Whether trusted domains let in verified addresses only, where the portal tells (API7). `true` "
        "unless written.",
    )
    on_revoke: OnRevoke = Field(
        default=Policy().on_revoke,
        description="What their applications go on using once people are kept out: `report` shows it, "
        "`revoke_registrations` ends it.",
    )
    allow_delete: bool = Field(
        default=Policy().allow_delete,
        description="Whether developers may be deleted at all. A run needs `--allow-delete` as well.",
    )
    limits: LimitsEntry = Field(
        default=LimitsEntry.model_construct(), description="The brake: how many people may lose something in one run."
    )


class TrustedEntry(Entry):
    """A domain whose people are approved."""

    domain: Domain = Field(description="The domain after the `@`, as in example.com.")
    subdomains: bool = Field(default=False, description=_SUBDOMAINS)
    teams: Many[TeamName] = Field(
        default=(), description="Teams these people are put in. Each is declared under `teams`."
    )
    reason: Prose | None = Field(
        default=None, description=f"{_REASON} Required for domains where anyone gets an address."
    )
    review_by: Day | None = Field(
        default=None, description="A day (YYYY-MM-DD) after which a notice asks whether this is still right."
    )
    expires: Day | None = Field(default=None, description=_EXPIRES)


class DeniedEntry(Entry):
    """A domain whose people are kept out."""

    domain: Domain = Field(description="The domain after the `@`, as in example.com.")
    subdomains: bool = Field(default=False, description=_SUBDOMAINS)
    reason: Prose | None = Field(default=None, description=_REASON)
    expires: Day | None = Field(default=None, description=_EXPIRES)


class MemberEntry(Entry):
    """A person in a team."""

    developer: Address = Field(description="The person's e-mail address.")
    expires: Day | None = Field(default=None, description=_EXPIRES)
    reason: Prose | None = Field(default=None, description=_REASON)
    invite: Invite = False
    full_name: FullName | None = None
    send_invitation_email: Mail = False


Trusted = Annotated[
    Annotated[Domain, Tag(SHORT)] | Annotated[TrustedEntry, Tag(LONG)],
    Discriminator(_form),
]
Denied = Annotated[
    Annotated[Domain, Tag(SHORT)] | Annotated[DeniedEntry, Tag(LONG)],
    Discriminator(_form),
]
Member = Annotated[
    Annotated[Address, Tag(SHORT)] | Annotated[MemberEntry, Tag(LONG)],
    Discriminator(_form),
]


class ListEntry(Entry):
    """A list of members that is kept in a CSV file."""

    # Where a value's form has a description, editors show that in place of the key's, which tells more.
    model_config = ConfigDict(json_schema_extra=_undescribed)

    file: CsvPath = Field(description="The CSV file's path, relative to this file's folder.")
    column: ColumnName = Field(
        default="developer", description="The name of the column with the e-mail addresses, as the first line has it."
    )


MembersFrom = Annotated[
    Annotated[CsvPath, Tag(SHORT)] | Annotated[ListEntry, Tag(LONG)],
    Discriminator(_form),
]


class RoleEntry(Entry):
    """What a team may do with one API."""

    role: RoleName = Field(description="The role's name on the portal, such as `API Viewer` or `API Consumer`.")
    api: ProductName = Field(description="The API: its name, or its id (a UUID).")


class TeamEntry(Entry):
    """A team that rules may name. It is created when missing."""

    model_config = ConfigDict(
        json_schema_extra={
            "not": {
                "properties": {"membership": {"const": "idp"}},
                "required": ["membership"],
                "anyOf": [{"required": ["members"]}, {"required": ["members_from"]}],
            }
        }
    )

    name: TeamName = Field(description="The team's own name on the portal.")
    description: Description | None = Field(
        default=None, description="The team's description on the portal. Left out: not managed."
    )
    membership: Membership | None = Field(
        default=None,
        description="`additive` (the default): people are added, others stay. `exclusive`: others are taken out, "
        "once `members` or `members_from` is written or another rule names the team. "
        "`idp`: the identity provider owns the members, and they are never written.",
    )
    members: Many[Member] | None = Field(
        default=None,
        description="Who is in the team: addresses, or mappings with `developer`. Left out: members come from "
        "domains and overrides only. `[]`: none.",
    )
    members_from: MembersFrom | None = Field(
        default=None,
        description="A CSV file with further members, beside those in `members`: its path relative to this file's "
        "folder, or a mapping with `file` and `column`. Its first line names the columns: `developer`, and where "
        "wanted `expires`, `reason`, `invite` and the other keys of a member. Other columns are not looked at.",
    )
    synced: bool | None = Field(
        default=None,
        description="Whether the identity provider sets this team's members. `false` says that it does not, "
        "even though the portal maps groups to teams.",
    )
    roles: Many[RoleEntry] | None = Field(
        default=None,
        description="What the team may do with which APIs, complete. Left out: not managed. `[]`: nothing.",
    )

    @property
    def list_entry(self) -> ListEntry | None:
        """What `members_from` names, in the long form."""
        named = self.members_from
        return ListEntry(file=named) if isinstance(named, str) else named


class OverrideEntry(Entry):
    """What is said of one person. It goes before every other rule."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["status"]}, {"required": ["teams"]}]})

    developer: Person = Field(description="The person's e-mail address; on API7 also a developer_id.")
    status: Status | None = Field(
        default=None,
        description="What the person is to be, whatever the domains say. `approved` lets in, `pending` makes wait, "
        "`rejected` and `revoked` keep out. `absent` deletes the account, which `policy.allow_delete` and the run's "
        "`--allow-delete` have to allow.",
    )
    teams: Many[TeamName] | None = Field(
        default=None,
        description="The complete list of this person's managed teams. Left out: domains and member lists stand.",
    )
    reason: Prose = Field(description=_REASON)
    expires: Day | None = Field(default=None, description=_EXPIRES)
    id: DeveloperId | None = Field(
        default=None,
        description="The developer's id on the portal. The override then decides for this account alone, whatever "
        "other accounts have the same address.",
    )
    reinstate: bool | None = Field(
        default=None, description="Whether this person may be approved again when revoked or rejected on the portal."
    )
    on_revoke: OnRevoke | None = Field(
        default=None,
        description="What this person's applications go on using while the person is kept out: `report` shows it, "
        "`revoke_registrations` ends it. Left out: as the policy says.",
    )
    invite: Invite = False
    full_name: FullName | None = None
    send_invitation_email: Mail = False


class AccessEntry(Entry):
    """Requests for access to approve: of people whom the rules let in, and by nobody else."""

    model_config = ConfigDict(json_schema_extra=_one_of("domains", "teams"))

    products: Many[ProductName] = Field(min_length=1, description="The APIs or API products, by name or id.")
    domains: Many[Domain] = Field(
        default=(), min_length=1, description="Whose requests: of people at exactly these domains. Or write `teams`."
    )
    teams: Many[TeamName] = Field(
        default=(), min_length=1, description="Whose requests: of people whom rules put into one of these teams."
    )
    status: Literal["approved"] = Field(description="What becomes of such requests. Nothing is ever revoked by this.")
    reason: Prose | None = Field(default=None, description=_REASON)
    expires: Day | None = Field(default=None, description=_EXPIRES)


class GrantEntry(Entry):
    """What one further file may contain, or `roots: true` alone: it may be the root file of another portal."""

    model_config = ConfigDict(
        json_schema_extra={"if": {"required": ["roots"]}, "then": {"maxProperties": 1}},
    )

    teams: Many[TeamName] = Field(default=(), description="Teams the file may declare, and name in its rules.")
    domains: Many[Domain] = Field(
        default=(), description="Domains the file may trust: exactly these, without their subdomains."
    )
    overrides: bool = Field(default=False, description="Whether the file may write overrides.")
    all: bool = Field(
        default=False,
        description="Whether the file may write any team, trusted or denied domain, override and access request. "
        "Never granted: `portal`, `policy`, `protected`, `delegate`, team `roles`, `membership: idp`, `synced`, and "
        "`reinstate` in an override.",
    )
    roots: bool = Field(
        default=False,
        description="Whether the file may be the root file of another portal. No other key goes with it.",
    )


_VERSION: Final = "The version of the manifest's format: 1."
_IF_ALL: Final = "Only where the root file of the portal grants `all` to this file."


class RootFile(Entry):
    """The one file of a portal that says which portal it is, and what holds there."""

    version: Version = Field(description=_VERSION)
    portal: PortalEntry = Field(description="Which portal this is.")
    policy: PolicyEntry = Field(default=PolicyEntry.model_construct(), description="What holds for the whole portal.")
    trusted_domains: Many[Trusted] = Field(
        default=(), description="Domains whose people are approved: names, or mappings with `domain`."
    )
    denied_domains: Many[Denied] = Field(
        default=(), description="Domains whose people are kept out: names, or mappings with `domain`."
    )
    teams: Many[TeamEntry] = Field(default=(), description="Every team that rules may name, and who is in it.")
    overrides: Many[OverrideEntry] = Field(default=(), description="Exceptions: one entry for one person.")
    access_requests: Many[AccessEntry] = Field(
        default=(), description="Requests for access to APIs that are approved, of people whom the rules let in."
    )
    protected: Many[Person] = Field(
        default=(), description="People from whom nothing may be taken: a run that would do it is refused."
    )
    delegate: dict[FilePath, GrantEntry] | None = Field(
        default=None,
        json_schema_extra={"additionalProperties": False},
        description="What other files may contain, by their path relative to this file's folder. Once written, what "
        "is not granted here is an error, and so is a further root file in a subfolder without `roots: true`. Left "
        "out: other files may write `teams` only.",
    )


class FragmentFile(Entry):
    """A further file of one or several portals: `teams`, or what the root file of each portal grants to it."""

    model_config = ConfigDict(json_schema_extra=_one_of("portal", "portals"))

    version: Version = Field(description=_VERSION)
    portal: Handle | None = Field(default=None, description="The name of the portal this belongs to.")
    portals: Many[Handle] = Field(
        default=(), min_length=1, description="The names of the portals this belongs to, when there are several."
    )
    trusted_domains: Many[Trusted] = Field(
        default=(), description="Domains whose people are approved. Only where the portal's root file grants them."
    )
    denied_domains: Many[Denied] = Field(default=(), description=f"Domains whose people are kept out. {_IF_ALL}")
    teams: Many[TeamEntry] = Field(default=(), description="Teams that rules may name, and who is in them.")
    overrides: Many[OverrideEntry] = Field(
        default=(), description="Exceptions for single people. Only where the portal's root file grants them."
    )
    access_requests: Many[AccessEntry] = Field(
        default=(), description=f"Requests for access to APIs that are approved. {_IF_ALL}"
    )


class AcknowledgementEntry(Entry):
    """A finding of `portalctl drift` that somebody has looked at and lets stand."""

    finding: Fingerprint = Field(description="Its fingerprint, as `drift` shows it.")
    reason: Prose = Field(description="Why it may stand.")
    expires: Day | None = Field(
        default=None, description="The last day this holds (YYYY-MM-DD, UTC). After it the finding counts again."
    )


class AcknowledgementFile(Entry):
    """What `portalctl drift --acknowledge` reads."""

    version: Version = Field(description=_VERSION)
    acknowledgements: Many[AcknowledgementEntry] = Field(description="The findings that may stand.")


File = RootFile | FragmentFile

_INSIDE: Final[Mapping[tuple[str, ...], type[Entry]]] = {
    ("portal",): PortalEntry,
    ("policy",): PolicyEntry,
    ("policy", "unmatched"): UnmatchedEntry,
    ("policy", "limits"): LimitsEntry,
    ("trusted_domains",): TrustedEntry,
    ("denied_domains",): DeniedEntry,
    ("teams",): TeamEntry,
    ("teams", "members"): MemberEntry,
    ("teams", "members_from"): ListEntry,
    ("teams", "roles"): RoleEntry,
    ("overrides",): OverrideEntry,
    ("access_requests",): AccessEntry,
    ("acknowledgements",): AcknowledgementEntry,
}


def keys_at(kind: type[Entry], path: tuple[str | int, ...]) -> tuple[str, ...]:
    """The keys that a mapping at this path of a file may have."""
    names = tuple(step for step in path if isinstance(step, str))
    if names[:1] == ("delegate",):
        return tuple(GrantEntry.model_fields)
    return tuple((_INSIDE[names] if names else kind).model_fields)
