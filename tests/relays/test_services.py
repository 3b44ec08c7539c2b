"""The verbs of SMTP relays."""

import pytest

from access.models import AuditEntry
from core.errors import Conflict, Forbidden, Invalid, NotFound, QuotaExceeded
from relays import services
from relays.models import Relay
from resources.models import Reference
from resources.services import configuration_version, set_references, tags_of

pytestmark = pytest.mark.django_db

RULE_SET = "arn:aws:ses:us-east-1:123456789012:mailmanager-rule-set/rs-1"


def make(actor, **changes):
    return services.create(
        actor, **{"name": "office", "server_name": "mail.example.com", "server_port": 25, **changes}
    )


def test_a_relay_is_made_with_tags_audit_and_a_new_configuration(actor):
    before = configuration_version()
    relay = make(actor, tags={"team": "mail"})
    assert relay.id.startswith("r-")
    assert relay.tls == "OPTIONAL"
    assert tags_of(relay.arn) == {"team": "mail"}
    assert configuration_version() == before + 1
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.resource_arn) == ("relays.create", relay.arn)


def test_a_relay_is_found_by_id_and_by_its_own_arn_only(actor):
    relay = make(actor)
    assert services.get(relay.id) == services.get(relay.arn) == relay
    for other in (
        "r-nothing",
        relay.arn.replace("smtp-relay", "rule-set"),
        relay.arn.replace("us-east-1", "eu-west-1"),
        "",
    ):
        with pytest.raises(NotFound):
            services.get(other)


def test_names_of_servers_are_kept_in_one_form(actor):
    assert make(actor, server_name="Mail.Example.COM.").server_name == "mail.example.com"
    assert make(actor, name="v6", server_name="[2001:db8::1]").server_name == "2001:db8::1"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "two words"}, "name"),
        ({"name": "../etc"}, "name"),
        ({"server_name": ""}, "server_name"),
        ({"server_name": "mail.example.com:25"}, "server_name"),
        ({"server_name": "a\r\nb"}, "server_name"),
        ({"server_name": ".".join(["a" * 40] * 3)}, "server_name"),
        ({"server_port": 0}, "server_port"),
        ({"server_port": 65536}, "server_port"),
        ({"tls": "SOMETIMES"}, "tls"),
    ],
)
def test_what_is_wrong_is_said_beside_its_parameter(actor, changes, path):
    with pytest.raises(Invalid) as refused:
        make(actor, **changes)
    assert [problem.path for problem in refused.value.problems] == [path]
    assert not Relay.objects.exists()


def test_a_taken_name_conflicts(actor):
    make(actor)
    with pytest.raises(Conflict) as refused:
        make(actor)
    assert refused.value.path == "name"


def test_one_more_than_the_quota_is_refused(actor, settings):
    settings.MAX_SMTP_RELAYS = 1
    make(actor)
    with pytest.raises(QuotaExceeded):
        make(actor, name="second")


def test_only_what_is_given_changes(actor):
    relay = make(actor, tags={"team": "mail"})
    services.update(actor, relay.id, server_port=2525, tls="REQUIRED")
    relay.refresh_from_db()
    assert (relay.name, relay.server_name, relay.server_port, relay.tls) == (
        "office",
        "mail.example.com",
        2525,
        "REQUIRED",
    )
    assert tags_of(relay.arn) == {"team": "mail"}
    assert AuditEntry.objects.latest("id").detail["changed"] == ["server_port", "tls"]


def test_an_update_that_is_wrong_changes_nothing(actor):
    relay = make(actor)
    before = configuration_version()
    with pytest.raises(Invalid):
        services.update(actor, relay.id, name="branch", server_port=0)
    relay.refresh_from_db()
    assert (relay.name, configuration_version()) == ("office", before)


def test_a_relay_in_use_is_not_deleted_and_its_users_are_named(actor):
    relay = make(actor)
    set_references(RULE_SET, "incoming", [relay.arn])
    with pytest.raises(Conflict, match="incoming"):
        services.delete(actor, relay.id)
    Reference.objects.all().delete()
    services.delete(actor, relay.id)
    assert not Relay.objects.exists()
    assert AuditEntry.objects.latest("id").action == "relays.delete"


def test_who_may_only_read_changes_nothing(actor, viewer):
    relay = make(actor)
    for verb in (
        lambda: make(viewer, name="other"),
        lambda: services.update(viewer, relay.id, server_port=26),
        lambda: services.delete(viewer, relay.id),
    ):
        with pytest.raises(Forbidden):
            verb()
    assert Relay.objects.get().server_port == 25
