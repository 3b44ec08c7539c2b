"""Authenticated endpoints whose password is a secret: chosen, checked, changed, broken later."""

import json
from html import unescape

import pytest
from django.urls import reverse

from access.actor import Actor, PersonRole
from core.errors import Conflict, Invalid
from endpoints import services
from endpoints.models import IngressEndpoint
from endpoints.snapshot import read_document
from secrets_store.logic import uses
from secrets_store.logic.uses import Use
from secrets_store.password_hashes import verify_password
from secrets_store.services import keys, secrets
from tests.secrets_store.conftest import ACCOUNT, PASSWORD, REGION, key, make_secret, secret

__all__ = ["key", "make_secret", "secret"]  # fixtures of another room


OWNER = Actor(name="owner", role=PersonRole.ADMINISTRATOR, source="127.0.0.1")


@pytest.fixture
def prerequisites(policy, rule_set):
    return {"traffic_policy_id": policy.id, "rule_set_id": rule_set.id}


@pytest.fixture
def endpoint(make_endpoint, secret):
    return make_endpoint(type="AUTH", password=None, secret_arn=secret.arn)


def served(endpoint):
    """The endpoint's part of the snapshot, once it has an address."""
    IngressEndpoint.objects.filter(pk=endpoint.pk).update(status="ACTIVE", wished_status="ACTIVE")
    endpoint.addresses.update_or_create(address="127.0.0.9")
    return next(one for one in read_document()["endpoints"] if one["id"] == endpoint.id)


def test_endpoint_with_a_secret_accepts_its_current_and_former_password(actor, endpoint, secret):
    secrets.put_value(actor, secret.arn, json.dumps({"password": "second-Passw0rd"}))
    document = served(endpoint)
    hashes = [credential["hash"] for credential in document["credentials"]]
    assert verify_password(hashes[0], "second-Passw0rd")
    assert verify_password(hashes[1], PASSWORD)
    assert document["auth_problem"] == ""
    assert PASSWORD not in json.dumps(document)


def test_secret_in_use_is_not_deleted(actor, endpoint, secret):
    with pytest.raises(Conflict, match="in use by inbound"):
        secrets.schedule_deletion(actor, secret.arn)


BROKEN = {
    "wrong key name": (lambda a, s: secrets.put_value(a, s.arn, '{"Password": "x"}'), "exactly password"),
    "default key": (lambda a, s: secrets.update(a, s.arn, key_id=""), "default key"),
    "key disabled": (lambda a, s: keys.set_enabled(a, s.key_id, is_enabled=False), "disabled"),
    "key pending deletion": (lambda a, s: keys.schedule_deletion(a, s.key_id), "scheduled for deletion"),
    "no secret policy": (
        lambda a, s: secrets.set_policy(a, s.arn, None),
        "resource permissions do not allow",
    ),
    "wrong account": (
        lambda a, s: secrets.set_policy(
            a, s.arn, uses.secret_policy(Use.ENDPOINT, region=REGION, account="999999999999")
        ),
        "aws:SourceAccount is 999999999999",
    ),
    "no key statement": (
        lambda a, s: keys.set_policy(
            a, s.key_id, uses.key_policy(account=ACCOUNT, administrators=[], users=[])
        ),
        "encryption key does not allow ses.amazonaws.com kms:Decrypt",
    ),
    "secret being deleted": (lambda a, s: secrets.schedule_deletion(a, s.arn), "scheduled for deletion"),
    "secret deleted": (lambda a, s: secrets.schedule_deletion(a, s.arn, at_once=True), "does not exist"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_set_up_is_refused_with_its_own_message(actor, make_endpoint, secret, case):
    break_it, said = BROKEN[case]
    break_it(actor, secret)
    with pytest.raises(Invalid) as caught:
        make_endpoint(type="AUTH", password=None, secret_arn=secret.arn)
    (problem, *_) = caught.value.problems
    assert problem.path == "secret_arn"
    assert said in str(caught.value)
    assert not IngressEndpoint.objects.exists()


@pytest.mark.parametrize("case", BROKEN)
def test_page_says_each_flaw_beside_the_list_with_its_remedy(owner, prerequisites, secret, case):
    break_it, said = BROKEN[case]
    break_it(OWNER, secret)
    typed = {
        "name": "inbound",
        "type": "AUTH",
        "tls_policy": "DEFAULT",
        "way": "SECRET",
        "secret_arn": secret.arn,
        **prerequisites,
    }
    page = unescape(owner.post(reverse("endpoints:create"), typed).content.decode())
    assert said in page
    assert 'value="inbound"' in page
    assert not IngressEndpoint.objects.exists()


def test_summary_shows_what_broke_later_with_a_way_to_mend_it(owner, actor, endpoint, secret):
    keys.set_enabled(actor, secret.key_id, is_enabled=False)
    page = unescape(owner.get(reverse("endpoints:detail", args=[endpoint.id])).content.decode())
    assert "the endpoint may not read its secret" in page
    assert reverse("secrets_store:key", args=[secret.key_id]) in page


# A secret in use can't be deleted; everything else can be broken later.
@pytest.mark.parametrize("case", [case for case in BROKEN if "deleted" not in case])
def test_what_breaks_later_stops_auth_with_a_temporary_answer_until_it_is_mended(
    actor, endpoint, secret, case
):
    assert served(endpoint)["auth_problem"] == ""
    BROKEN[case][0](actor, secret)
    document = served(endpoint)
    assert document["auth_problem"]
    assert document["credentials"] == []


def test_secret_takes_the_place_of_a_password_and_back(actor, make_endpoint, secret):
    endpoint = make_endpoint(type="AUTH")
    IngressEndpoint.objects.update(status="ACTIVE")
    changed = services.update(actor, endpoint.id, secret_arn=secret.arn)
    assert (changed.secret_arn, changed.password_hash) == (secret.arn, "")
    IngressEndpoint.objects.update(status="ACTIVE")
    changed = services.update(actor, endpoint.id, password="typed-Passw0rd")
    assert changed.secret_arn == ""
    assert verify_password(changed.password_hash, "typed-Passw0rd")
    assert secrets.schedule_deletion(actor, secret.arn)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"type": "OPEN", "secret_arn": "SECRET"}, "secret_arn"),
        ({"type": "AUTH", "password": "pass-Word_1", "secret_arn": "SECRET"}, "secret_arn"),
        ({"type": "AUTH", "password": None}, "password"),
        ({"type": "AUTH", "password": None, "secret_arn": "arn:aws:secretsmanager:no"}, "secret_arn"),
        ({"type": "AUTH", "password": None, "secret_arn": ""}, "secret_arn"),
    ],
)
def test_wrong_combination_is_said_beside_its_field(make_endpoint, secret, fields, path):
    wish = {name: secret.arn if value == "SECRET" else value for name, value in fields.items()}
    with pytest.raises(Invalid) as caught:
        make_endpoint(**wish)
    assert caught.value.problems[0].path == path


def test_a_secret_is_chosen_in_the_form_and_shown_on_the_summary(owner, policy, rule_set, secret):
    wanted = {
        "name": "inbound",
        "type": "AUTH",
        "tls_policy": "DEFAULT",
        "way": "SECRET",
        "secret_arn": secret.arn,
        "traffic_policy_id": policy.id,
        "rule_set_id": rule_set.id,
    }
    html = owner.post(reverse("endpoints:create"), {**wanted, "_refresh": "secret_arn"}).content.decode()
    assert f'value="{secret.arn}" selected' in html
    assert "Create new" in html
    assert not IngressEndpoint.objects.exists()
    response = owner.post(reverse("endpoints:create"), wanted)
    endpoint = IngressEndpoint.objects.get()
    assert response["Location"] == reverse("endpoints:detail", args=[endpoint.id])
    assert (endpoint.secret_arn, endpoint.password_hash) == (secret.arn, "")
    html = owner.get(response["Location"]).content.decode()
    assert reverse("secrets_store:secret", args=[secret.pk]) in html
    assert "SecretArn=" in html


def test_a_secret_that_can_not_be_read_is_refused_beside_the_field(actor, owner, policy, rule_set, secret):
    secrets.set_policy(actor, secret.arn, None)
    wanted = {"name": "inbound", "type": "AUTH", "tls_policy": "DEFAULT", "way": "SECRET"}
    wanted |= {"secret_arn": secret.arn, "traffic_policy_id": policy.id, "rule_set_id": rule_set.id}
    html = owner.post(reverse("endpoints:create"), wanted).content.decode()
    errors = html[html.index("id_secret_arn-errors") :]
    assert "resource permissions do not allow" in errors[: errors.index("</ul>")]
    html = owner.post(reverse("endpoints:create"), {**wanted, "secret_arn": ""}).content.decode()
    assert "id_secret_arn-errors" in html
    assert not IngressEndpoint.objects.exists()


def test_a_secret_broken_later_is_said_on_the_summary_with_its_remedy(actor, owner, endpoint, secret):
    address = reverse("endpoints:detail", args=[endpoint.id])
    assert "authenticate: the endpoint may not read" not in owner.get(address).content.decode()
    secrets.set_policy(actor, secret.arn, None)
    html = owner.get(address).content.decode()
    assert "authenticate: the endpoint may not read" in html
    assert reverse("secrets_store:secret_policy", args=[secret.pk]) in html


def test_a_secret_takes_the_place_of_a_password_in_the_form(owner, make_endpoint, secret):
    endpoint = make_endpoint(type="AUTH")
    IngressEndpoint.objects.update(status="ACTIVE", wished_status="ACTIVE")
    sent = {"name": "inbound", "status": "ACTIVE", "tls_policy": "REQUIRED"}
    address = reverse("endpoints:edit", args=[endpoint.id])
    assert owner.post(address, {**sent, "way": "SECRET", "secret_arn": secret.arn}).status_code == 302
    assert services.get(endpoint.id).secret_arn == secret.arn
    assert f'value="{secret.arn}" selected' in owner.get(address).content.decode()
    assert owner.post(address, {**sent, "way": "KEEP", "secret_arn": secret.arn}).status_code == 302
    assert owner.post(address, {**sent, "way": "GENERATE"}).status_code == 302
    assert services.get(endpoint.id).secret_arn == ""
