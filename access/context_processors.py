"""What the signed-in person may do, for templates: `{% if may.write %}`."""

from django.http import HttpRequest

from access.actor import PERMISSIONS, Permission
from access.models import User


def may(request: HttpRequest) -> dict[str, dict[str, bool]]:
    user = getattr(request, "user", None)
    allowed = PERMISSIONS[user.person_role] if isinstance(user, User) else frozenset()
    return {"may": {permission.value: permission in allowed for permission in Permission}}
