"""The pages of SMTP relays, by the cast, as a browser without JavaScript uses them."""

from html import unescape

import pytest
from django.urls import reverse

from access.models import AuditEntry
from relays import services
from relays.models import Relay
from resources.services import set_references, tags_of

pytestmark = pytest.mark.django_db

FIELDS = {"name": "office", "server_name": "mail.example.com", "server_port": "2525", "tls": "REQUIRED"}
RULE_SET = "arn:aws:ses:us-east-1:123456789012:mailmanager-rule-set/rs-1"


@pytest.fixture
def stored(actor, smtp_peer):
    return services.create(actor, name="office", server_name=smtp_peer.host, server_port=smtp_peer.port)


def url(name, *args):
    return reverse(f"relays:{name}", args=args)


def page(response):
    assert response.status_code == 200
    return unescape(response.content.decode())


def test_everybody_signed_in_reads_and_only_some_may_write(owner, operator, colleague, stranger, stored):
    reading = [url("list"), url("detail", stored.id)]
    writing = [url("create"), url("edit", stored.id), url("delete", stored.id)]
    for address in reading + writing:
        assert owner.get(address).status_code == 200
        assert operator.get(address).status_code == 200
        assert stranger.get(address).status_code == 302
        assert colleague.get(address).status_code == (200 if address in reading else 403)
    for address in [*writing, url("test", stored.id)]:
        assert colleague.post(address, FIELDS).status_code == 403
        assert stranger.post(address, FIELDS).status_code == 302
    assert Relay.objects.get().tls == "OPTIONAL"


def test_who_may_only_read_sees_no_buttons_that_write(colleague, stored):
    assert url("create") not in page(colleague.get(url("list")))
    told = page(colleague.get(url("detail", stored.id)))
    assert url("edit", stored.id) not in told
    assert url("test", stored.id) not in told


@pytest.mark.parametrize("name", ["detail", "edit", "delete"])
def test_an_unknown_relay_is_a_page_that_says_so(owner, name):
    response = owner.get(url(name, "r-none"))
    assert response.status_code == 404
    assert "r-none" in response.content.decode()


def test_an_empty_list_leads_on(owner):
    told = page(owner.get(url("list")))
    assert "No SMTP relays" in told
    assert url("create") in told


def test_the_list_takes_a_constant_number_of_queries(owner, actor, stored, django_assert_max_num_queries):
    for number in range(30):
        services.create(actor, name=f"relay-{number}", server_name="mail.example.com", server_port=25)
    with django_assert_max_num_queries(8):
        assert "relay-0" in page(owner.get(url("list")))


def test_a_relay_is_made_with_its_tags(owner):
    response = owner.post(url("create"), {**FIELDS, "tags_key": ["team"], "tags_value": ["mail"]})
    relay = Relay.objects.get()
    assert response.headers["Location"] == url("detail", relay.id)
    assert (relay.name, relay.server_name, relay.server_port, relay.tls) == (
        "office",
        "mail.example.com",
        2525,
        "REQUIRED",
    )
    assert tags_of(relay.arn) == {"team": "mail"}


@pytest.mark.parametrize(
    ("target", "leads_there"),
    [("/rule-sets/create", True), ("https://evil.example/", False), ("//evil.example", False)],
)
def test_who_came_for_want_of_a_relay_is_led_back_to_our_pages_only(owner, target, leads_there):
    address = url("create") + f"?next={target}"
    assert ('href="' + target in page(owner.get(address))) == leads_there
    response = owner.post(address, FIELDS)
    assert (response.headers["Location"] == target) == leads_there


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "two words", "A name has 1 to 100 characters"),
        ("server_name", "<script>", "Write a host name"),
        ("server_port", "0", "from 1 to 65535"),
        ("server_port", "many", "whole number"),
        ("tls", "SOMETIMES", "valid choice"),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(owner, field, value, said):
    told = page(owner.post(url("create"), {**FIELDS, field: value}))
    assert said in told
    assert field == "tls" or f'value="{value}"' in told
    assert 'value="2525"' in told or field == "server_port"
    assert not Relay.objects.exists()


def test_a_taken_name_is_refused_beside_the_field(owner, stored):
    told = page(owner.post(url("create"), FIELDS))
    assert "There is an SMTP relay named office already." in told
    assert Relay.objects.count() == 1


def test_hostile_words_are_shown_as_words(owner, stored):
    response = owner.post(url("create"), {**FIELDS, "server_name": '"><script>alert(1)</script>'})
    assert b"<script>alert" not in response.content


def test_a_relay_is_edited(owner, stored):
    assert 'value="office"' in page(owner.get(url("edit", stored.id)))
    response = owner.post(url("edit", stored.id), FIELDS)
    assert response.status_code == 302
    stored.refresh_from_db()
    assert (stored.server_name, stored.tls) == ("mail.example.com", "REQUIRED")


def test_the_page_has_api_and_cli(owner, stored):
    told = page(owner.get(url("detail", stored.id)))
    assert stored.arn in told
    assert "aws mailmanager create-relay" in told
    assert "NoAuthentication" in told


def test_a_relay_in_use_says_by_whom_instead_of_asking(owner, stored):
    set_references(RULE_SET, "incoming", [stored.arn])
    assert "incoming" in page(owner.get(url("delete", stored.id)))
    owner.post(url("delete", stored.id), {"confirmation": "office"})
    assert Relay.objects.exists()


def test_a_relay_is_deleted_when_its_name_is_typed(owner, stored):
    page(owner.post(url("delete", stored.id), {"confirmation": "other"}))
    assert Relay.objects.exists()
    assert owner.post(url("delete", stored.id), {"confirmation": "office"}).headers["Location"] == url("list")
    assert not Relay.objects.exists()


def test_the_admin_shows_relays_and_deletes_none_that_is_used(client, stored, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("root", password="x", role="administrator"))
    assert "office" in page(client.get(reverse("admin:relays_relay_changelist")))
    address = reverse("admin:relays_relay_delete", args=[stored.id])
    set_references(RULE_SET, "incoming", [stored.arn])
    client.post(address, {"post": "yes"})
    assert Relay.objects.exists()
    set_references(RULE_SET, "incoming", [])
    client.post(address, {"post": "yes"})
    assert not Relay.objects.exists()


# --- test connection ------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_a_relay_that_answers_is_shown_with_what_it_offers(operator, stored, smtp_peer, headers):
    smtp_peer.offers = ("SIZE 1000", "PIPELINING")
    told = page(operator.post(url("test", stored.id), headers=headers))
    assert "The relay answers." in told
    assert "SIZE 1000" in told
    assert "not encrypted" in told
    assert ("<html" in told) == (not headers)
    assert "QUIT" in smtp_peer.commands
    assert not any(command.startswith("MAIL") for command in smtp_peer.commands)
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.resource_arn) == ("relays.test_connection", stored.arn)


def test_tls_is_tested_too(owner, actor, stored, make_smtp_peer, server_tls):
    peer = make_smtp_peer(tls=server_tls)
    services.update(actor, stored.id, server_port=peer.port)
    assert "encrypted with TLSv1.3" in page(owner.post(url("test", stored.id)))
    services.update(actor, stored.id, tls="REQUIRED")
    assert "no trust in the certificate" in page(owner.post(url("test", stored.id)))


def test_a_relay_that_can_not_be_used_is_shown_with_why(owner, stored, smtp_peer):
    smtp_peer.answers("connect", "554 5.3.2 <b>No</b> service")
    response = owner.post(url("test", stored.id))
    assert "greeted with 554 5.3.2 <b>No</b> service" in page(response)
    assert b"<b>No</b>" not in response.content


def test_a_relay_that_is_silent_is_not_waited_for_long(owner, stored, smtp_peer, monkeypatch):
    monkeypatch.setattr("relays.probe.PROBE_SECONDS", 0.2)
    smtp_peer.waits("EHLO", 30)
    assert "took too long" in page(owner.post(url("test", stored.id)))
