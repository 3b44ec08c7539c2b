"""The pages of secrets and keys: who may, what each says, and the walk's steps 7 to 11 without JavaScript."""

import json
import re
from html import unescape

import pytest
from django.urls import reverse

from access.models import AuditEntry
from secrets_store.models import EncryptionKey, Secret
from secrets_store.services import keys, readers, secrets
from tests.secrets_store.conftest import PASSWORD

STORE = reverse("secrets_store:store")
CREATE = reverse("secrets_store:create_key")


def text_of(response):
    assert response.status_code == 200, response.status_code
    return unescape(re.sub(r"\s+", " ", response.content.decode()))


def at(name, thing):
    return reverse(f"secrets_store:{name}", args=[thing.pk])


SECRET_PAGES = [
    "secret", "secret_value", "secret_policy", "secret_key", "secret_description", "secret_rotation", "delete_secret"
]  # fmt: skip
KEY_PAGES = ["key", "key_policy", "key_description", "key_rotation", "add_alias", "delete_key"]


@pytest.mark.parametrize("name", SECRET_PAGES)
def test_secret_pages_open_for_who_may(owner, colleague, stranger, secret, name):
    assert owner.get(at(name, secret)).status_code == 200
    assert colleague.get(at(name, secret)).status_code == (200 if name == "secret" else 403)
    assert stranger.get(at(name, secret)).status_code == 302


@pytest.mark.parametrize("name", KEY_PAGES)
def test_key_pages_open_for_who_may(owner, operator, stranger, key, name):
    assert owner.get(at(name, key)).status_code == 200
    assert operator.get(at(name, key)).status_code == (200 if name == "key" else 403)
    assert stranger.get(at(name, key)).status_code == 302


def test_lists_say_how_to_begin(owner):
    assert "Store a new secret" in text_of(owner.get(reverse("secrets_store:secrets")))
    assert "No customer managed keys" in text_of(owner.get(reverse("secrets_store:keys")))


def test_lists_cost_a_constant_number_of_queries(owner, make_secret, django_assert_max_num_queries):
    for number in range(12):
        make_secret(name=f"smtp-{number}")
    for name in ("secrets", "keys"):
        with django_assert_max_num_queries(12):
            assert owner.get(reverse(f"secrets_store:{name}")).status_code == 200


def test_value_is_shown_after_retrieving_only_and_that_is_audited(owner, operator, secret):
    assert PASSWORD not in text_of(owner.get(at("secret", secret)))
    assert operator.post(at("retrieve", secret)).status_code == 403
    response = owner.post(at("retrieve", secret))
    assert PASSWORD in text_of(response)
    assert "no-store" in response["Cache-Control"]
    assert AuditEntry.objects.get(action="secrets.retrieve_value").actor == "owner"
    assert PASSWORD not in text_of(owner.get(at("secret_value", secret)))


def test_new_value_with_another_key_is_pointed_out(owner, secret):
    wish = {"use": "endpoint", "mode": "PAIRS", "pairs_key": ["Password"], "pairs_value": ["x"], "text": ""}
    said = text_of(owner.post(at("secret_value", secret), wish))
    assert "The key “Password” must not be there" in said
    assert "The key “password” needs a value." in said
    owner.post(at("secret_value", secret), {**wish, "pairs_key": ["password"], "pairs_value": ["second"]})
    assert secret.versions.count() == 2


def test_plain_text_is_taken_as_it_is(owner, secret):
    wish = {"use": "OTHER", "mode": "TEXT", "pairs_key": [""], "pairs_value": [""], "text": " any text "}
    assert owner.post(at("secret_value", secret), wish).status_code == 302
    actor_value = secrets.values.open_version(secrets.values.find_version(secret))
    assert actor_value == b" any text "


def test_wrong_policy_is_said_with_line_and_path(owner, secret):
    text = '{\n "Statement": [\n  {"Effect": "Maybe", "Principal": "*", "Action": "a:b"}\n ]\n}'
    said = text_of(owner.post(at("secret_policy", secret), {"policy": text}))
    assert "Statement[0].Effect" in said
    checked = text_of(owner.post(reverse("secrets_store:check_policy"), {"policy": text}))
    assert "Line 3" in checked


def test_inserting_a_statement_keeps_what_was_typed(owner, secret):
    own = {"Sid": "Mine", "Effect": "Allow", "Principal": "*", "Action": "secretsmanager:*", "Resource": "*"}
    typed = json.dumps({"Version": "2012-10-17", "Statement": [own]})
    page = owner.post(at("secret_policy", secret), {"policy": typed, "_insert": "relay"})
    said = text_of(page)
    assert '"Mine"' in said
    assert "mailmanager-smtp-relay/*" in said
    assert "AllowIngressEndpoints" in json.dumps(Secret.objects.get().policy), "nothing was saved yet"
    broken = owner.post(at("secret_policy", secret), {"policy": "{", "_insert": "relay"})
    assert "Correct the JSON first" in text_of(broken)


def test_empty_policy_removes_it(owner, secret):
    owner.post(at("secret_policy", secret), {"policy": " "})
    assert Secret.objects.get().policy is None


def test_policy_that_locks_out_is_said_beside_the_editor(owner, key):
    policy = json.dumps(
        {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "999999999999"}, "Action": "kms:*"}]}
    )
    assert "lock you out" in text_of(owner.post(at("key_policy", key), {"policy": policy}))


def test_key_states_move_by_their_buttons(owner, key):
    for wish, state in (
        ("disable", "Disabled"),
        ("enable", "Enabled"),
        ("rotate", "Enabled"),
    ):
        assert owner.post(at("key_state", key), {"wish": wish}).status_code == 302
        assert EncryptionKey.objects.get().state == state
    owner.post(at("delete_key", key), {"days": "7", "is_confirmed": "on"})
    assert EncryptionKey.objects.get().state == "PendingDeletion"
    owner.post(at("key_state", key), {"wish": "cancel_deletion"})
    assert EncryptionKey.objects.get().state == "Disabled"
    assert owner.post(at("key_state", key), {"wish": "explode"}).status_code == 404


def test_secret_is_deleted_by_typing_its_name_and_restored(owner, secret):
    said = text_of(owner.post(at("delete_secret", secret), {"days": "7", "confirmation": "other"}))
    assert "Type the name exactly" in said
    owner.post(at("delete_secret", secret), {"days": "7", "confirmation": secret.name})
    assert "scheduled for deletion" in text_of(owner.get(at("secret", secret)))
    owner.post(at("restore", secret))
    assert Secret.objects.get().deletion_at is None


def test_summary_names_what_keeps_readers_out_with_a_way_there(owner, actor, key, secret):
    keys.set_enabled(actor, key.pk, is_enabled=False)
    said = text_of(owner.get(at("secret", secret)))
    assert "The secret's encryption key is disabled" in said
    assert f'href="{at("key", key)}"' in said


def test_hostile_names_are_escaped(owner, actor, key):
    hostile = "<script>alert(1)</script>"
    keys.set_description(actor, key.pk, hostile)
    assert hostile not in owner.get(at("key", key)).content.decode()


def step(client, url, key, /, **fields):
    """Post a wizard's step; the page that follows."""
    response = client.post(url, {"_step": key, "_do": "next", **fields}, follow=True)
    return text_of(response)


@pytest.mark.django_db
def test_walk_through_both_wizards_without_javascript(owner):
    # The key, in a tab of its own.
    text_of(owner.get(CREATE))
    step(owner, CREATE, "configure", key_type="SYMMETRIC_DEFAULT", usage="ENCRYPT_DECRYPT")
    step(owner, CREATE, "labels", alias="mail", description="SMTP", tags_key="team", tags_value="mail")
    step(owner, CREATE, "administrators")
    page = step(owner, CREATE, "users", people="arn:aws:iam::123456789012:user/owner")
    assert "AllowKeyUse" in page
    proposed = page[page.index('{ "Version"') : page.index("</textarea>")]
    page = text_of(
        owner.post(CREATE, {"_step": "policy", "_insert": "endpoint", "policy": proposed}, follow=True)
    )
    assert "kms:ViaService" in page
    inserted = page[page.index('{ "Version"') : page.index("</textarea>")]
    assert "Review" in step(owner, CREATE, "policy", policy=inserted)
    assert "Enabled" in step(owner, CREATE, "review")
    key = keys.get("alias/mail")

    # The secret.
    text_of(owner.get(f"{STORE}?use=endpoint"))
    wish = {
        "use": "endpoint",
        "mode": "PAIRS",
        "pairs_key": ["password"],
        "pairs_value": [PASSWORD],
        "text": "",
    }
    said = step(owner, STORE, "type", **wish, key_id="alias/aws/secretsmanager")
    assert "the default key can't be used here" in said
    assert PASSWORD not in said
    kept = {**wish, "pairs_value": ["••••••••"]}
    refreshed = owner.post(STORE, {"_step": "type", "_go": "type", **kept, "key_id": key.pk}, follow=True)
    assert "alias/mail" in text_of(refreshed)
    step(owner, STORE, "type", **kept, key_id=key.pk)
    page = text_of(
        owner.post(
            STORE, {"_step": "configure", "_insert": "endpoint", "name": "smtp", "policy": ""}, follow=True
        )
    )
    policy = page[page.index('{ "Version"') : page.index("</textarea>")]
    assert 'value="smtp"' in page
    step(owner, STORE, "configure", name="smtp", description="", policy=policy)
    review = step(owner, STORE, "rotation", kind="GENERATED", schedule="rate(30 days)", function="")
    assert PASSWORD not in review
    assert "smtp" in review
    done = step(owner, STORE, "review")
    assert "smtp was stored." in done
    secret = secrets.get("smtp")
    assert (
        readers.findings_for(readers.Use.ENDPOINT, readers.example_reader(readers.Use.ENDPOINT), secret.arn)
        == ()
    )
    assert (
        secrets.values.open_version(secrets.values.find_version(secret))
        == json.dumps({"password": PASSWORD}).encode()
    )
    assert secret.rotation_schedule == "rate(30 days)"


def test_taken_name_is_said_in_the_step_that_has_it(owner, secret, key):
    text_of(owner.get(STORE))
    wish = {
        "use": "OTHER",
        "mode": "TEXT",
        "pairs_key": [""],
        "pairs_value": [""],
        "text": "x",
        "key_id": key.pk,
    }
    step(owner, STORE, "type", **wish)
    step(owner, STORE, "configure", name="smtp", description="", policy="")
    step(owner, STORE, "rotation", kind="", schedule="", function="")
    said = step(owner, STORE, "review")
    assert "There is a secret of that name" in said
    assert 'aria-current="step"' in said
    assert Secret.objects.count() == 1
