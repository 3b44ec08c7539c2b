"""Who may do what, and the record that it was done."""

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from access.actor import Actor, Permission, PersonRole
from access.models import AuditEntry, User
from core.errors import Conflict, Forbidden, Invalid, NotFound, Problem


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


# --- people ---------------------------------------------------------------------------------------


def create_person(actor: Actor, *, name: str, password: str, role: PersonRole | str) -> User:
    """A new person who may sign in. Invalid at `name`, `password` or `role`; Conflict for a taken name."""
    require(actor, Permission.ADMINISTER)
    person = User(username=User.normalize_username(name.strip()))
    _set_role(person, role)
    problems = [Problem("name", message) for message in _name_problems(person.username)]
    problems += [Problem("password", message) for message in _password_problems(password, person)]
    if problems:
        raise Invalid(problems)
    if User.objects.filter(username__iexact=person.username).exists():
        raise Conflict(_("The name “%(name)s” is taken.") % {"name": person.username}, path="name")
    person.set_password(password)
    with transaction.atomic():
        person.save()
        audit(actor, "access.create_person", name=person.username, role=person.role)
    return person


def change_role(actor: Actor, person_id: int, role: PersonRole | str) -> User:
    """Conflict where the last administrator would lose the role."""
    require(actor, Permission.ADMINISTER)
    with transaction.atomic():
        person = _locked_person(person_id)
        former = person.role
        _set_role(person, role)
        if former == PersonRole.ADMINISTRATOR and person.role != PersonRole.ADMINISTRATOR:
            _keep_an_administrator(person, path="role")
        person.save(update_fields=["role"])
        audit(actor, "access.change_role", name=person.username, former=former, role=person.role)
    return person


def deactivate_person(actor: Actor, person_id: int) -> User:
    """The person can't sign in any more, and is signed out. Conflict for the last administrator."""
    require(actor, Permission.ADMINISTER)
    with transaction.atomic():
        person = _locked_person(person_id)
        _keep_an_administrator(person)
        person.is_active = False
        person.save(update_fields=["is_active"])
        audit(actor, "access.deactivate_person", name=person.username)
    return person


def activate_person(actor: Actor, person_id: int) -> User:
    require(actor, Permission.ADMINISTER)
    with transaction.atomic():
        person = _locked_person(person_id)
        person.is_active = True
        person.save(update_fields=["is_active"])
        audit(actor, "access.activate_person", name=person.username)
    return person


def set_password(actor: Actor, person_id: int, password: str) -> User:
    """A new password for somebody who lost theirs; their browsers are signed out."""
    require(actor, Permission.ADMINISTER)
    with transaction.atomic():
        person = _locked_person(person_id)
        _save_password(person, password)
        audit(actor, "access.set_password", name=person.username)
    return person


def change_own_password(actor: Actor, password: str) -> User:
    """The actor's own password. Whoever calls has checked the present one."""
    require(actor, Permission.READ)
    with transaction.atomic():
        person = User.objects.select_for_update().get(username=actor.name)
        _save_password(person, password)
        audit(actor, "access.change_password", name=person.username)
    return person


def _locked_person(person_id: int) -> User:
    person = User.objects.select_for_update().filter(pk=person_id).first()
    if person is None:
        raise NotFound(_("There is no such person."))
    return person


def _keep_an_administrator(person: User, path: str = "") -> None:
    # Rows of all administrators are locked: two people who demote each other at once can't both.
    others = (
        User.objects.select_for_update()
        .filter(role=PersonRole.ADMINISTRATOR, is_active=True)
        .exclude(pk=person.pk)
        .values_list("pk", flat=True)
    )
    if not list(others):
        raise Conflict(_("Somebody must stay who may administer: this is the last administrator."), path=path)


def _set_role(person: User, role: PersonRole | str) -> None:
    try:
        person.role = PersonRole(role).value
    except ValueError as error:
        raise Invalid.at("role", _("Choose one of the roles.")) from error


def _save_password(person: User, password: str) -> None:
    if messages := _password_problems(password, person):
        raise Invalid([Problem("password", message) for message in messages])
    person.set_password(password)
    person.save(update_fields=["password"])


def _name_problems(name: str) -> list[str]:
    try:
        User._meta.get_field("username").clean(name, None)
    except ValidationError as error:
        return list(error.messages)
    return []


def _password_problems(password: str, person: User) -> list[str]:
    try:
        validate_password(password, person)
    except ValidationError as error:
        return list(error.messages)
    return []
