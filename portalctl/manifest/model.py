"""The manifest after loading: frozen values, one per rule, each with its reason.

A rule is declared once, here: pydantic reads it from a file and describes it in the JSON Schema, `load.load` adds
where it is written (`why`), and the rest of portalctl uses it. `file_models` has the files around the rules. After
loading, addresses and domains are in the normal form of `portalctl.identity`.

The descriptions are shown by editors, through the JSON Schema. Checks that need more than the form (a valid domain)
are in `file_rules`, checks that need two rules in `consistency`. A null is an error before this; None: not written.

Annotations are values here, not text: pydantic would have to compile each of them again, at every start.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, GetPydanticSchema, Tag
from pydantic.json_schema import SkipJsonSchema

from portalctl.errors import Finding, Position
from portalctl.manifest.answer_rules import SelfService, TeamsBy, TeamsByAnswer
from portalctl.manifest.group_rules import GroupRule, MemberGroup, TrustedGroup
from portalctl.manifest.invitation import Invitable
from portalctl.manifest.rule_model import (
    LONG,
    NOT_PLACED,
    REASON,
    SHORT,
    DomainMaximum,
    Expires,
    Owner,
    ReasonText,
    RuleModel,
    or_short,
    undescribed,
    with_schema,
)
from portalctl.manifest.value_formats import (
    AccountName,
    Address,
    AddressOrId,
    ColumnName,
    CsvPath,
    Day,
    Description,
    DeveloperId,
    Domain,
    Many,
    ProductName,
    Prose,
    RoleName,
    TeamName,
)
from portalctl.reason import Reason

#: Codes of lint findings made while loading: a grant to a denied developer, a file that is not read.
DENIED_GRANT: Final = "PC010"
NOT_READ: Final = "PC012"

Status = Literal["approved", "pending", "rejected", "revoked", "absent"]
Membership = Literal["additive", "exclusive", "idp"]
OnRevoke = Literal["report", "revoke_registrations"]
RuleKind = Literal[
    "trusted_domains",
    "trusted_groups",
    "denied_domains",
    "members",
    "teams",
    "overrides",
    "access_requests",
    "policy",
    "undo",  # not of a manifest: the report of an apply that is undone
]

GROUP: Final = "<group>"  # a form of `members_from`, as it appears in pydantic's locations

_SUBDOMAINS: Final = "Whether the rule also covers every subdomain, not only exactly this domain."
# The reasons behind the defaults of the policy, which have no place in a file.
_UNMATCHED: Final = Reason("policy", "unmatched")
_ON_REVOKE: Final = Reason("policy", "on_revoke")

Invite = Annotated[
    bool,
    Field(
        description=(
            "Whether to create an account for this developer if there is none. A member list alone "
            "approves no developer: the account is then pending."
        )
    ),
]
FullName = Annotated[
    AccountName | None,
    Field(description="The name on the new account. Left out: the address. Only with `invite: true`."),
]
Mail = Annotated[
    bool, Field(description="Whether the portal sends an e-mail with an invitation. Only with `invite: true`.")
]


@dataclass(frozen=True, slots=True)
class TrustedDomain(RuleModel):
    """A domain with approved developers."""

    domain: Annotated[Domain, Field(description="The domain after the `@`, as in example.com.")]
    why: SkipJsonSchema[Reason] = NOT_PLACED
    subdomains: Annotated[bool, Field(description=_SUBDOMAINS)] = False
    teams: Annotated[
        Many[TeamName],
        Field(description="Teams that these developers are added to. Each is declared under `teams`."),
    ] = ()
    teams_by: TeamsByAnswer = None
    reason: Annotated[Prose | None, Field(description=f"{REASON} Required for domains with free addresses.")] = field(
        default=None, compare=False
    )
    review_by: Annotated[
        Day | None,
        Field(description="A day (YYYY-MM-DD) after which a notice asks for a review of this rule."),
    ] = None
    expires: Expires = None
    maximum: DomainMaximum = None
    owner: Owner | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class DeniedDomain(RuleModel):
    """A domain with denied developers."""

    domain: Annotated[Domain, Field(description="The domain after the `@`, as in example.com.")]
    why: SkipJsonSchema[Reason] = NOT_PLACED
    subdomains: Annotated[bool, Field(description=_SUBDOMAINS)] = False
    reason: ReasonText | None = field(default=None, compare=False)
    expires: Expires = None
    owner: Owner | None = field(default=None, compare=False)


TrustedDomainOrName = Annotated[TrustedDomain, or_short(TrustedDomain, Domain)]
DeniedDomainOrName = Annotated[DeniedDomain, or_short(DeniedDomain, Domain)]


@dataclass(frozen=True, slots=True)
class Member(Invitable):
    """A developer in a team's list."""

    developer: Annotated[Address, Field(description="The developer's e-mail address.")]
    why: SkipJsonSchema[Reason] = NOT_PLACED
    expires: Expires = None
    reason: ReasonText | None = field(default=None, compare=False)
    invite: Invite = False
    full_name: FullName = None
    send_invitation_email: Mail = False
    owner: Owner | None = field(default=None, compare=False)


MemberOrAddress = Annotated[Member, or_short(Member, Address)]


@dataclass(frozen=True, slots=True)
class MemberFile(RuleModel):
    """A CSV file with members of a team."""

    # If a type has a description, editors show it instead of the key's more specific one.
    __pydantic_config__: ClassVar[ConfigDict] = with_schema(undescribed)

    file: Annotated[CsvPath, Field(description="The CSV file's path, relative to this file's folder.")]
    column: Annotated[
        ColumnName,
        Field(description="The name of the column with the e-mail addresses, as the first line has it."),
    ] = "developer"


def _source_form(value: object) -> str:
    """Distinguish the three forms of `members_from` apart: a path, a mapping for a file, a mapping for a group."""
    if isinstance(value, dict):
        return GROUP if {"directory", "group"} & value.keys() else LONG
    return SHORT


def _member_source() -> GetPydanticSchema:
    forms: Any = Annotated[
        Annotated[CsvPath, AfterValidator(MemberFile), Tag(SHORT)]
        | Annotated[MemberFile, Tag(LONG)]
        | Annotated[MemberGroup, Tag(GROUP)],
        Discriminator(_source_form),
    ]
    return GetPydanticSchema(lambda _, handler: handler.generate_schema(forms))


@dataclass(frozen=True, slots=True)
class Role(RuleModel):
    """What a team may do with one API."""

    role: Annotated[
        RoleName, Field(description="The role's name on the portal, such as `API Viewer` or `API Consumer`.")
    ]
    api: Annotated[ProductName, Field(description="The API: its name, or its id (a UUID).")]
    why: SkipJsonSchema[Reason] = NOT_PLACED


@dataclass(frozen=True, slots=True)
class TeamRule(RuleModel):
    """A team that rules may name. It is created when missing."""

    __pydantic_config__: ClassVar[ConfigDict] = with_schema(
        {
            "not": {
                "properties": {"membership": {"const": "idp"}},
                "required": ["membership"],
                "anyOf": [{"required": ["members"]}, {"required": ["members_from"]}],
            }
        }
    )

    name: Annotated[TeamName, Field(description="The team's name on the portal.")]
    why: SkipJsonSchema[Reason] = NOT_PLACED
    description: Annotated[
        Description | None, Field(description="The team's description on the portal. Left out: not managed.")
    ] = None
    membership: Annotated[
        Membership,
        Field(
            description="`additive` (the default): developers are added, other members stay. `exclusive`: other "
            "members are removed, once `members` or `members_from` is written or another rule names the team. "
            "`idp`: the identity provider owns the members, and portalctl never changes them."
        ),
    ] = "additive"
    members: Annotated[
        Many[MemberOrAddress] | None,
        Field(
            description="The team's members: addresses, or mappings with `developer`. Left out: members come from "
            "domains and overrides only. `[]`: none."
        ),
    ] = None
    members_from: Annotated[
        Annotated[MemberFile | MemberGroup, _member_source()] | None,
        Field(
            description="A CSV file with further members, in addition to `members`: its path relative to this file's "
            "folder, or a mapping with `file` and `column`. Its first line names the columns: `developer`, and "
            "optionally `expires`, `reason`, `invite` and the other keys of a member. Other columns are ignored. Or "
            "a group of a directory: a mapping with `directory` and `group`."
        ),
    ] = None
    synced: Annotated[
        bool | None,
        Field(
            description="Whether the identity provider sets this team's members. `false` states that it does not, "
            "even though the portal maps groups to teams."
        ),
    ] = None
    self_service: SelfService = None
    roles: Annotated[
        Many[Role] | None,
        Field(description="What the team may do with which APIs, complete. Left out: not managed. `[]`: nothing."),
    ] = None


@dataclass(frozen=True, slots=True)
class Override(Invitable):
    """A decision about one developer. It has precedence over every other rule."""

    __pydantic_config__: ClassVar[ConfigDict] = with_schema(
        {"anyOf": [{"required": ["status"]}, {"required": ["teams"]}]}
    )

    developer: Annotated[
        AddressOrId, Field(description="The developer's e-mail address; on API7 also a developer_id.")
    ]
    why: SkipJsonSchema[Reason] = NOT_PLACED
    status: Annotated[
        Status | None,
        Field(
            description="The developer's status, whatever the domain rules yield: `approved`, `pending`, `rejected` "
            "or `revoked`. `absent` deletes the account, which `policy.allow_delete` and the run's `--allow-delete` "
            "have to allow."
        ),
    ] = None
    teams: Annotated[
        Many[TeamName] | None,
        Field(
            description="The complete list of this developer's managed teams. Left out: domains and member lists "
            "decide."
        ),
    ] = None
    reason: ReasonText = field(kw_only=True, compare=False)
    expires: Expires = None
    id: Annotated[
        DeveloperId | None,
        Field(
            description="The developer's id on the portal. The override then applies to this account alone, also if "
            "other accounts have the same address."
        ),
    ] = None
    reinstate: Annotated[
        bool | None,
        Field(description="Whether this developer may be approved again when revoked or rejected on the portal."),
    ] = None
    on_revoke: Annotated[
        OnRevoke | None,
        Field(
            description="What happens to the developer's application registrations when access is removed: `report` "
            "lists them, `revoke_registrations` revokes them. Left out: `policy.on_revoke`."
        ),
    ] = None
    invite: Invite = False
    full_name: FullName = None
    send_invitation_email: Mail = False
    owner: Owner | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class AccessRule(RuleModel):
    """Requests for access that are approved, if the rules approve the developer."""

    __pydantic_config__: ClassVar[ConfigDict] = with_schema(
        {"oneOf": [{"required": ["domains"]}, {"required": ["teams"]}]}
    )

    products: Annotated[
        Many[ProductName], Field(min_length=1, description="The APIs or API products, by name or id.")
    ]
    why: SkipJsonSchema[Reason] = NOT_PLACED
    domains: Annotated[
        Many[Domain],
        Field(
            min_length=1,
            description="Approve requests of developers with addresses at exactly these domains. Or write `teams`.",
        ),
    ] = ()
    teams: Annotated[
        Many[TeamName],
        Field(min_length=1, description="Approve requests of developers that rules add to one of these teams."),
    ] = ()
    status: Annotated[
        Literal["approved"],
        Field(description="The decision on such requests. Requests are never revoked by this."),
    ] = field(kw_only=True)
    reason: ReasonText | None = field(default=None, compare=False)
    expires: Expires = None
    owner: Owner | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class RemovalLimits(RuleModel):
    """The removal limits: how many developers may lose access in one run."""

    removals: Annotated[
        int, Field(ge=0, description="The most developers who may lose access in one run (10 unless written).")
    ] = 10
    removals_percent: Annotated[
        int,
        Field(
            ge=0,
            le=100,
            description="The same, as a percentage of the approved developers (10 unless written). This limit always "
            "allows four developers.",
        ),
    ] = 10
    team_percent: Annotated[
        int,
        Field(
            ge=0,
            le=100,
            description="The most members that one team of four or more may lose, as a percentage (50 unless "
            "written).",
        ),
    ] = 50
    expires: Annotated[
        Day | None,
        Field(description="The last day these limits hold (YYYY-MM-DD, UTC); then the defaults hold again."),
    ] = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds for the whole portal."""

    unmatched_pending: Literal["keep", "rejected"] = "keep"
    unmatched_approved: Literal["keep", "revoked"] = "keep"
    unmatched_why: Reason = _UNMATCHED
    reinstate: bool = False
    require_verified_email: bool = True
    on_revoke: OnRevoke = "report"
    on_revoke_why: Reason = _ON_REVOKE
    allow_delete: bool = False
    limits: RemovalLimits = RemovalLimits()


@dataclass(frozen=True, slots=True)
class Protected:
    """A protected developer: nothing may be removed. `developer` is as in Override."""

    developer: str
    why: Reason


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that a root file names. `root` is that file's absolute path, `shown` and `path` the named file's.

    It need not exist. `at` is the place of the name.
    """

    root: str
    shown: str
    path: str
    at: Position


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory that rules take groups from. `options` are the keys that only its kind has.

    `email` empty: the kind's own attributes. `domains` empty: every domain but those of freemail providers.
    """

    name: str
    kind: str
    why: Reason = field(compare=False)
    email: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    ignore_without_address: bool = False
    ignore_missing: bool = False
    options: Mapping[str, str | bool | tuple[str, ...]] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class ReportedSignUp:
    """A sign-up that another portal reports at run time; no file has it. `developer` is a normal address."""

    developer: str
    full_name: str
    email_verified: bool


@dataclass(frozen=True, slots=True)
class PortalManifest:
    """The rules and settings of one portal. Exactly one of `id` and `title` is set; `files` are as in Manifest.

    `options` are the keys of the `portal:` block that only this provider has, `region` too. `member_groups` are the
    groups that `members_from` names, each with its team.
    """

    name: str
    provider: str
    at: Position
    region: str | None = None
    id: str | None = None
    title: str | None = None
    policy: Policy = Policy()
    trusted_domains: tuple[TrustedDomain, ...] = ()
    denied_domains: tuple[DeniedDomain, ...] = ()
    teams: tuple[TeamRule, ...] = ()
    overrides: tuple[Override, ...] = ()
    access_requests: tuple[AccessRule, ...] = ()
    protected: tuple[Protected, ...] = ()
    directories: Mapping[str, Directory] = field(default_factory=dict)
    trusted_groups: tuple[TrustedGroup, ...] = ()
    member_groups: tuple[tuple[str, MemberGroup], ...] = ()
    files: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    acknowledgements: NamedFile | None = None
    sign_ups: tuple[ReportedSignUp, ...] = ()

    @property
    def mappings(self) -> tuple[TeamsBy, ...]:
        """The parts of rules that map answers to the sign-up form."""
        rules: tuple[TrustedDomain | TrustedGroup, ...] = (*self.trusted_domains, *self.trusted_groups)
        return tuple(rule.teams_by for rule in rules if rule.teams_by is not None)

    @property
    def group_rules(self) -> tuple[GroupRule, ...]:
        """The rules that rest on groups of directories."""
        return (*self.trusted_groups, *(rule for _, rule in self.member_groups))


@dataclass(frozen=True, slots=True)
class Manifest:
    """All loaded portals. `files` are shown paths, sorted; `digest` covers their bytes and relative names.

    `warnings` are lint findings that only loading can make: those with the codes DENIED_GRANT and NOT_READ.
    `portals` may be narrowed to those of one run. `roots` are all that the files declare: whether two of them are
    one portal is decided over all.
    """

    portals: Mapping[str, PortalManifest]
    files: tuple[str, ...]
    digest: str
    warnings: tuple[Finding, ...] = ()
    roots: tuple[PortalManifest, ...] = ()
