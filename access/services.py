"""Who may do what, and the record that it was done."""

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from access.actor import Actor, Permission
from access.models import AuditEntry, User
from core.errors import Forbidden


def actor_of(request: HttpRequest) -> Actor:
    """The signed-in person behind a console request. Views that call it require a sign-in first."""
    user = request.user
    assert isinstance(user, User), "a view without login_required"
    return Actor(name=user.get_username(), role=user.person_role, source=request.META.get("REMOTE_ADDR", ""))


def require(actor: Actor, permission: Permission) -> None:
    """Forbidden, unless the actor's role allows it. The first line of every verb."""
    if not actor.may(permission):
        raise Forbidden(
            _("%(name)s is a %(role)s and may not do this; ask an administrator.")
            % {"name": actor.name, "role": actor.role.value}
        )


def audit(actor: Actor, action: str, resource_arn: str = "", **detail: Any) -> None:
    """Write the audit entry, in the transaction of the change itself. `detail`: names, never secrets."""
    AuditEntry.objects.create(
        actor=actor.name, source=actor.source, action=action, resource_arn=resource_arn, detail=detail
    )
