"""Who asks a service for something."""

from dataclasses import dataclass
from enum import StrEnum


class Permission(StrEnum):
    READ = "read"  # look at configuration and trace
    WRITE = "write"  # change mail configuration
    ADMINISTER = "administer"  # people, and what protects secrets


class PersonRole(StrEnum):
    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"
    VIEWER = "viewer"


PERMISSIONS: dict[PersonRole, frozenset[Permission]] = {
    PersonRole.ADMINISTRATOR: frozenset(Permission),
    PersonRole.OPERATOR: frozenset({Permission.READ, Permission.WRITE}),
    PersonRole.VIEWER: frozenset({Permission.READ}),
}


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, or the system itself, as the audit log names it.

    `source`: the IP address that the wish came from, or the name of the command or task.
    """

    name: str
    role: PersonRole
    source: str
    is_system: bool = False

    def may(self, permission: Permission) -> bool:
        return permission in PERMISSIONS[self.role]


def system(source: str) -> Actor:
    """The system on its own account: a command on the machine, a Celery task."""
    return Actor(name="system", role=PersonRole.ADMINISTRATOR, source=source, is_system=True)
