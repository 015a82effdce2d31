"""The models of manifest files:

one per kind of file and entry, with nothing that is not in the file. Editors show the descriptions through the JSON
Schema. Checks of one entry's form are declared here; checks of the text itself (a valid domain) are in `file_rules`,
and checks of two entries in `consistency`. A null is an error before this, so None means: not written. Annotations
are values here, not text: pydantic would have to compile each of them again, at every start."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from portalctl.ids import HANDLE
from portalctl.manifest.answer_rules import TeamsBy
from portalctl.manifest.group_rules import GroupGrant, GroupGrantOrName, MemberGroup, TrustedGroup
from portalctl.manifest.model import (
    AccessRule,
    DeniedDomain,
    DeniedDomainOrName,
    Member,
    MemberFile,
    OnRevoke,
    Override,
    Policy,
    RemovalLimits,
    Role,
    TeamRule,
    TrustedDomain,
    TrustedDomainOrName,
)
from portalctl.manifest.rule_model import RuleModel
from portalctl.manifest.value_formats import (
    Address,
    AddressOrId,
    AttributeNames,
    Day,
    Domain,
    FieldName,
    FilePath,
    Fingerprint,
    GrantedGroup,
    Handle,
    Many,
    OptionValues,
    PortalId,
    Prose,
    Subject,
    TeamName,
    Title,
    Version,
)
from portalctl.providers.definition import Provider
from portalctl.providers.registry import bundled

#: The kinds of findings, in the order in which `portalctl drift` shows them.
DriftKind = Literal["unexpected_grant", "unruled_grant", "expired", "missing_grant", "withheld", "setting", "backlog"]
ProviderName = Annotated[str, Field(pattern=f"^{HANDLE.pattern}$", max_length=63)]


def _one_of(first: str, second: str) -> dict[str, JsonValue]:
    """For the JSON Schema: exactly one of two keys."""
    return {"oneOf": [{"required": [first]}, {"required": [second]}]}


def _portal_schema(schema: dict[str, JsonValue]) -> None:
    """Add the keys of bundled providers to the JSON Schema of a `portal:` block.

    Other providers may have any keys.
    """
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


class Entry(BaseModel):
    """The base of file models: unknown keys and values of another type are errors."""

    # defer_build: pydantic makes a validator for each kind of file that is read, not one for each model there is.
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)


class PortalEntry(Entry):
    """The portal that these files describe. It never holds a host or a secret."""

    # Further keys are those of the provider, which `load` checks.
    model_config = ConfigDict(extra="allow", json_schema_extra=_portal_schema)
    __pydantic_extra__: dict[str, str] = Field(init=False)

    name: Handle = Field(
        description="The portal's short name, in flags, plans and the names of environment variables."
    )
    provider: ProviderName = Field(
        description="The provider of the portal: one that comes with portalctl, or an installed plug-in's."
    )
    region: str | None = Field(default=None, description="The region, where the provider has regions.")
    id: PortalId | None = Field(default=None, description="The portal's id on its provider. Write this or `title`.")
    title: Title | None = Field(
        default=None, description="The portal's name on its provider, if it is unique there. Write this or `id`."
    )

    @property
    def options(self) -> dict[str, str]:
        """Return the keys that only some providers have, as written."""
        region = {} if self.region is None else {"region": self.region}
        return {**region, **(self.model_extra or {})}


class UnmatchedEntry(Entry):
    """What happens to developers that match no rule."""

    pending: Literal["keep", "rejected"] = Field(
        default=Policy().unmatched_pending,
        description="Pending sign-ups: leave them unchanged (`keep`) or reject them.",
    )
    approved: Literal["keep", "revoked"] = Field(
        default=Policy().unmatched_approved,
        description="Approved developers: leave them unchanged (`keep`) or revoke them.",
    )


class PolicyEntry(Entry):
    """The policy of the whole portal."""

    unmatched: UnmatchedEntry = Field(
        default=UnmatchedEntry.model_construct(), description="What happens to developers that match no rule."
    )
    reinstate: bool = Field(
        default=Policy().reinstate,
        description=(
            "Whether rules may approve developers again who are revoked or rejected on the portal. "
            "`false` unless written: access that an administrator removed is not restored."
        ),
    )
    require_verified_email: bool = Field(
        default=Policy().require_verified_email,
        description=(
            "Whether trusted domains approve verified addresses only, where the portal reports that "
            "(API7). `true` unless written."
        ),
    )
    on_revoke: OnRevoke = Field(
        default=Policy().on_revoke,
        description=(
            "What happens to the application registrations of denied developers: `report` lists them, "
            "`revoke_registrations` revokes them."
        ),
    )
    allow_delete: bool = Field(
        default=Policy().allow_delete,
        description="Whether developers may be deleted at all. A run needs `--allow-delete` as well.",
    )
    limits: RemovalLimits = Field(
        default=RemovalLimits(), description="The removal limits: how many developers may lose access in one run."
    )


class DirectoryEntry(Entry):
    """A directory that rules may take groups from. Never where it is, and never a secret."""

    # Further keys are those of the kind, which `directory_rules` checks.
    model_config = ConfigDict(extra="allow")

    name: Handle = Field(
        description="The directory's short name, in rules, plans and the names of environment variables."
    )
    kind: Annotated[str, Field(pattern=f"^{HANDLE.pattern}$", max_length=63)] = Field(
        description="What kind of directory this is."
    )
    email: AttributeNames = Field(
        default=(), description="The attributes with e-mail addresses. Left out: the usual ones of the kind."
    )
    domains: Many[Domain] = Field(
        default=(),
        description="Only addresses at exactly these domains count. Left out: all but those of freemail providers.",
    )
    without_address: Literal["fail", "ignore"] = Field(
        default="fail",
        description="What an identity without any address means: the group cannot be read (`fail`), or a notice.",
    )
    missing_members: Literal["fail", "ignore"] = Field(
        default="fail",
        description="What a member that cannot be read means: the group cannot be read (`fail`), or a notice.",
    )


class GrantEntry(Entry):
    """What one fragment may contain, or `roots: true` alone: it may be the root file of another portal."""

    model_config = ConfigDict(
        json_schema_extra={"if": {"required": ["roots"]}, "then": {"maxProperties": 1}},
    )

    teams: Many[TeamName] = Field(default=(), description="Teams that the file may declare, and name in its rules.")
    domains: Many[Domain] = Field(
        default=(), description="Domains that the file may trust: exactly these, without their subdomains."
    )
    groups: Many[GroupGrantOrName] = Field(
        default=(),
        description="Groups the file may trust, and take team members from: `directory/group`, spelled as the file "
        "spells it, or a mapping with `group`, `minimum` and `maximum`.",
    )
    overrides: bool = Field(default=False, description="Whether the file may write overrides.")
    all: bool = Field(
        default=False,
        description="Whether the file may write any team, trusted or denied domain, trusted group, override and "
        "access request. Never granted: `portal`, `policy`, `directories`, `protected`, `delegate`, team `roles`, "
        "`membership: idp`, `synced`, `self_service`, `reinstate` in an override, and `allow_empty` and "
        "`authoritative_for` of a group.",
    )
    roots: bool = Field(
        default=False,
        description="Whether the file may be the root file of another portal. No other key goes with it.",
    )


_VERSION: Final = "The version of the manifest's format: 1."
_IF_ALL: Final = "Only where the root file of the portal grants `all` to this file."


class RootFile(Entry):
    """The root file of a portal: it identifies the portal and has its policy."""

    version: Version = Field(description=_VERSION)
    portal: PortalEntry = Field(description="The portal that this manifest describes.")
    policy: PolicyEntry = Field(default=PolicyEntry.model_construct(), description="The policy of the whole portal.")
    acknowledgements: FilePath | None = Field(
        default=None,
        description="The file of accepted findings that `portalctl drift` reads, by its path relative to this file's "
        "folder. `portalctl acknowledge` writes it.",
    )
    trusted_domains: Many[TrustedDomainOrName] = Field(
        default=(), description="Domains with approved developers: names, or mappings with `domain`."
    )
    directories: Many[DirectoryEntry] = Field(
        default=(), description="Directories that rules take groups from (LDAP, SCIM, Entra ID and others)."
    )
    trusted_groups: Many[TrustedGroup] = Field(
        default=(), description="Groups of directories with approved identities."
    )
    denied_domains: Many[DeniedDomainOrName] = Field(
        default=(), description="Domains with denied developers: names, or mappings with `domain`."
    )
    teams: Many[TeamRule] = Field(default=(), description="Every team that rules may name, and its members.")
    overrides: Many[Override] = Field(default=(), description="Exceptions: one entry for each developer.")
    access_requests: Many[AccessRule] = Field(
        default=(),
        description="Requests for access to APIs that are approved, made by developers that the rules approve.",
    )
    protected: Many[AddressOrId] = Field(
        default=(), description="Protected developers: a run that would remove anything from them is refused."
    )
    delegate: dict[FilePath, GrantEntry] | None = Field(
        default=None,
        json_schema_extra={"additionalProperties": False},
        description="What other files may contain, by their path relative to this file's folder. With this key, "
        "everything that is not granted here is an error, and so is a further root file in a subfolder without "
        "`roots: true`. "
        "Left out: other files may write `teams` only.",
    )


class FragmentFile(Entry):
    """A fragment: a further file of one or several portals, with what their root files grant to it."""

    model_config = ConfigDict(json_schema_extra=_one_of("portal", "portals"))

    version: Version = Field(description=_VERSION)
    portal: Handle | None = Field(default=None, description="The name of the portal this belongs to.")
    portals: Many[Handle] = Field(
        default=(), min_length=1, description="The names of the portals this belongs to, when there are several."
    )
    trusted_domains: Many[TrustedDomainOrName] = Field(
        default=(), description="Domains with approved developers. Only where the portal's root file grants them."
    )
    trusted_groups: Many[TrustedGroup] = Field(
        default=(),
        description="Groups of directories with approved identities. Only where the portal's root file grants them.",
    )
    denied_domains: Many[DeniedDomainOrName] = Field(
        default=(), description=f"Domains with denied developers. {_IF_ALL}"
    )
    teams: Many[TeamRule] = Field(default=(), description="Teams that rules may name, and their members.")
    overrides: Many[Override] = Field(
        default=(), description="Exceptions for single developers. Only where the portal's root file grants them."
    )
    access_requests: Many[AccessRule] = Field(
        default=(), description=f"Requests for access to APIs that are approved. {_IF_ALL}"
    )


class AcknowledgementEntry(Entry):
    """A finding of `portalctl drift` that was reviewed and accepted."""

    finding: Fingerprint = Field(description="The fingerprint of the finding, as `portalctl drift` shows it.")
    kind: DriftKind | None = Field(default=None, description="The kind of the finding. Where written, it must match.")
    developer: Subject | None = Field(
        default=None, description="The developer that the finding is about. Where written, it must match."
    )
    team: Subject | None = Field(
        default=None, description="The team that the finding is about. Where written, it must match."
    )
    reason: Prose = Field(description="Why the finding is accepted.")
    expires: Day | None = Field(
        default=None, description="The last day this holds (YYYY-MM-DD, UTC). After it the finding counts again."
    )


class AcknowledgementFile(Entry):
    """The accepted findings of `portalctl drift`; a root file names this file."""

    version: Version = Field(description=_VERSION)
    acknowledgements: Many[AcknowledgementEntry] = Field(description="The accepted findings.")


#: What an expectation may write as `is`: what the rules yield for a developer.
ExpectedStatus = Literal[
    "approved", "denied", "pending", "revoked", "rejected", "absent", "listed", "blocked", "unmatched"
]


def _expectation_schema(schema: dict[str, JsonValue]) -> None:
    """Describe in the JSON Schema which keys go together."""
    schema.update(_one_of("developer", "domain"))
    schema["anyOf"] = [{"required": [key]} for key in ("is", "teams", "not_teams")]


class ExpectationEntry(Entry):
    """What the rules have to yield for one developer, or for a sign-up at one domain."""

    model_config = ConfigDict(json_schema_extra=_expectation_schema)

    developer: AddressOrId | None = Field(
        default=None, description="The developer: an address, or the portal's id where rules may name it."
    )
    domain: Domain | None = Field(
        default=None,
        description="The domain of a sign-up by a developer that no rule names. Write this or `developer`.",
    )
    portal: Handle | None = Field(
        default=None, description="The name of the portal. Required where the manifest has several."
    )
    status: ExpectedStatus | None = Field(
        default=None,
        alias="is",
        description="What the rules yield: `approved`, `pending`, `revoked`, `rejected` or `absent` as the rule sets "
        "it; `denied`: denied in any way; `listed`: a rule names the developer, and none decides the status; "
        "`blocked`: a rule matches, and may grant this account nothing; `unmatched`: no rule matches.",
    )
    teams: Many[TeamName] | None = Field(
        default=None,
        description="Teams that the rules add this developer to: at least these. `[]`: no team at all.",
    )
    not_teams: Many[TeamName] = Field(default=(), description="Teams that the rules do not add this developer to.")
    on: Day | None = Field(
        default=None, description="The day on which this holds (YYYY-MM-DD, UTC). Left out: today."
    )
    live: Literal["pending", "approved", "revoked", "rejected"] = Field(
        default="pending",
        description="The status of the account on the portal. `pending` unless written: the developer signs up.",
    )
    email_verified: bool = Field(
        default=True, description="Whether the portal has verified the address. `true` unless written."
    )
    groups: Many[GrantedGroup] = Field(
        default=(), description="The groups of directories that have this developer, as `directory/group`."
    )
    answers: dict[FieldName, OptionValues] = Field(
        default={},
        description="What the developer chose in the sign-up form, for `teams_by`: an option, or a list of options, "
        "by the name of the field.",
    )
    reason: Prose | None = Field(default=None, description="Why this is expected, for reviewers of the file.")


class ExpectationFile(Entry):
    """Expectations of what the rules of the manifest yield, for `portalctl test`."""

    version: Version = Field(description=_VERSION)
    groups: dict[GrantedGroup, Many[Address]] = Field(
        default={},
        description="The members of groups of directories, by `directory/group`. All other groups have no members "
        "here: no directory is read.",
    )
    expectations: Many[ExpectationEntry] = Field(
        description="The expectations: at least one.", json_schema_extra={"minItems": 1}
    )


#: The kinds of files that are written as a manifest, or beside it.
FileKind = type[RootFile] | type[FragmentFile] | type[AcknowledgementFile] | type[ExpectationFile]

_INSIDE: Final[Mapping[tuple[str, ...], type[Entry | RuleModel]]] = {
    ("portal",): PortalEntry,
    ("policy",): PolicyEntry,
    ("policy", "unmatched"): UnmatchedEntry,
    ("policy", "limits"): RemovalLimits,
    ("trusted_domains",): TrustedDomain,
    ("trusted_domains", "teams_by"): TeamsBy,
    ("directories",): DirectoryEntry,
    ("trusted_groups",): TrustedGroup,
    ("trusted_groups", "teams_by"): TeamsBy,
    ("denied_domains",): DeniedDomain,
    ("teams",): TeamRule,
    ("teams", "members"): Member,
    ("teams", "roles"): Role,
    ("overrides",): Override,
    ("access_requests",): AccessRule,
    ("acknowledgements",): AcknowledgementEntry,
    ("expectations",): ExpectationEntry,
}


def keys_at(kind: type[Entry | RuleModel], path: tuple[str | int, ...]) -> tuple[str, ...]:
    """Return the keys that a mapping at this path of a file may have."""
    names = tuple(step for step in path if isinstance(step, str))
    if names[:1] == ("delegate",):
        return tuple(GrantEntry.model_fields) if names[2:] != ("groups",) else GroupGrant.keys()
    if names == ("teams", "members_from"):
        return (*MemberFile.keys(), *MemberGroup.keys())
    if names[1:] in {("teams_by", "map"), ("answers",)}:  # their keys are those of a form
        return ()
    inside = _INSIDE[names] if names else kind
    if issubclass(inside, RuleModel):
        return inside.keys()
    return tuple(key.alias or name for name, key in inside.model_fields.items())
