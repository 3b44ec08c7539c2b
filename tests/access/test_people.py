"""People: made, promoted, locked out of nothing by mistake."""

import pytest

from access import services
from access.actor import PersonRole
from access.models import AuditEntry, User
from core.errors import Conflict, Forbidden, Invalid, NotFound

PASSWORD = "another good long secret"


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/access/people", "get"),
        ("/access/people/new", "get"),
        ("/access/people/1", "get"),
        ("/access/people/1/password", "post"),
        ("/access/people/1/active", "post"),
    ],
)
@pytest.mark.parametrize("person", ["operator", "colleague"])
def test_only_administrators_get_to_people(request, person, path, method):
    client = request.getfixturevalue(person)
    response = getattr(client, method)(path)
    assert response.status_code == 403
    assert "ask an administrator" in response.content.decode()
    assert b'href="/access/people"' not in response.content


def test_stranger_is_sent_to_sign_in(stranger, db):
    assert stranger.get("/access/people")["Location"].startswith("/access/sign-in")


def test_owner_adds_a_person_who_can_sign_in(owner, stranger):
    response = owner.post(
        "/access/people/new", {"name": "ann", "password": PASSWORD, "role": "operator"}, follow=True
    )
    assert "ann can sign in now." in response.content.decode()
    assert PASSWORD not in response.content.decode()
    stranger.post("/access/sign-in", {"username": "ann", "password": PASSWORD})
    assert stranger.get("/").status_code == 200
    entry = AuditEntry.objects.get(action="access.create_person")
    assert (entry.actor, entry.detail) == ("owner", {"name": "ann", "role": "operator"})


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"name": "owner"}, "is taken"),
        ({"name": "OWNER"}, "is taken"),
        ({"name": "a b"}, "valid username"),
        ({"name": ""}, "required"),
        ({"password": "short"}, "too short"),
        ({"role": "king"}, "king is not one of"),
    ],
)
def test_wrong_person_is_refused_beside_the_field(owner, typed, said):
    response = owner.post(
        "/access/people/new", {"name": "ann", "password": PASSWORD, "role": "viewer", **typed}
    )
    assert response.status_code == 200
    assert said in response.content.decode()
    assert User.objects.count() == 1


def test_role_changes_and_opens_or_closes_the_admin(owner, actor):
    person = services.create_person(actor, name="ann", password=PASSWORD, role=PersonRole.OPERATOR)
    assert not person.is_staff
    response = owner.post(f"/access/people/{person.pk}", {"role": "administrator"}, follow=True)
    assert "The role was changed." in response.content.decode()
    person.refresh_from_db()
    assert person.is_staff
    assert person.is_superuser
    services.change_role(actor, person.pk, "viewer")
    person.refresh_from_db()
    assert not person.is_staff
    assert not person.is_superuser


def test_last_administrator_keeps_the_role(owner):
    me = User.objects.get(username="owner")
    response = owner.post(f"/access/people/{me.pk}", {"role": "viewer"})
    assert "last administrator" in response.content.decode()
    me.refresh_from_db()
    assert me.role == "administrator"


def test_last_administrator_is_not_deactivated(owner):
    me = User.objects.get(username="owner")
    response = owner.post(f"/access/people/{me.pk}/active", {"active": "no"}, follow=True)
    assert "last administrator" in response.content.decode()
    me.refresh_from_db()
    assert me.is_active


def test_deactivated_administrators_do_not_count(actor, db):
    first = services.create_person(actor, name="ann", password=PASSWORD, role="administrator")
    second = services.create_person(actor, name="bob", password=PASSWORD, role="administrator")
    services.deactivate_person(actor, first.pk)
    with pytest.raises(Conflict):
        services.deactivate_person(actor, second.pk)


def test_deactivated_person_is_signed_out_and_can_come_back(owner, colleague):
    person = User.objects.get(username="colleague")
    owner.post(f"/access/people/{person.pk}/active", {"active": "no"})
    assert colleague.get("/").status_code == 302
    owner.post(f"/access/people/{person.pk}/active", {"active": "yes"})
    assert colleague.get("/").status_code == 200


def test_set_password_signs_the_persons_browsers_out(owner, colleague):
    person = User.objects.get(username="colleague")
    response = owner.post(f"/access/people/{person.pk}/password", {"password": PASSWORD}, follow=True)
    assert "The password was set." in response.content.decode()
    assert colleague.get("/").status_code == 302


def test_weak_password_is_refused_beside_the_field(owner, colleague):
    person = User.objects.get(username="colleague")
    response = owner.post(f"/access/people/{person.pk}/password", {"password": "password1234"})
    assert "too common" in response.content.decode()
    assert colleague.get("/").status_code == 200


def test_verbs_refuse_who_may_not(viewer, db):
    with pytest.raises(Forbidden):
        services.create_person(viewer, name="ann", password=PASSWORD, role="viewer")
    with pytest.raises(Forbidden):
        services.change_role(viewer, 1, "administrator")
    with pytest.raises(Forbidden):
        services.deactivate_person(viewer, 1)
    with pytest.raises(Forbidden):
        services.set_password(viewer, 1, PASSWORD)


def test_unknown_person_and_role_are_said(actor, db):
    with pytest.raises(NotFound):
        services.change_role(actor, 4711, "viewer")
    with pytest.raises(Invalid, match="role"):
        services.create_person(actor, name="ann", password=PASSWORD, role="king")
