"""The account that an entry may invite the developer it names to."""

from dataclasses import dataclass

from portalctl.manifest.rule_model import RuleModel


@dataclass(frozen=True, slots=True)
class Invitation:
    """The account to create for an awaited developer. `full_name` None: the address. `mail`: with an e-mail."""

    full_name: str | None = None
    mail: bool = False


class Invitable(RuleModel):
    """An entry that may invite the developer it names."""

    __slots__ = ()
    invite: bool
    full_name: str | None
    send_invitation_email: bool

    @property
    def invitation(self) -> Invitation | None:
        """The account to create if there is none; None: do not create one."""
        return Invitation(self.full_name, self.send_invitation_email) if self.invite else None
