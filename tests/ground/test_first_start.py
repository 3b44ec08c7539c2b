"""`firststart` makes what must be there, once."""

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

import endpoints.services
import policies.services
from access.actor import system
from access.models import AuditEntry, User
from destinations.models import Bucket, Mailbox, Role
from endpoints.models import IngressEndpoint
from mailmanager import preparation, sample
from policies.models import TrafficPolicy
from rulesets.models import RuleSet

pytestmark = pytest.mark.django_db


def _first_start():
    printed = StringIO()
    call_command("firststart", stdout=printed)
    return printed.getvalue()


def test_administrator_signs_in_with_the_password_that_was_printed(client):
    printed = _first_start()
    (password,) = re.findall(r"Password   (\S+)   \(not shown again\)", printed)
    assert "User name  admin" in printed
    assert "http://127.0.0.1:8000/" in printed
    user = User.objects.get()
    assert user.check_password(password)
    assert user.role == "administrator"
    assert len(password) >= 20


def test_password_that_was_given_is_not_printed(settings):
    settings.ADMIN_PASSWORD = "given by the machine's owner"
    assert settings.ADMIN_PASSWORD not in _first_start()
    assert User.objects.get().check_password(settings.ADMIN_PASSWORD)


def test_second_start_makes_and_prints_nothing():
    _first_start()
    entries = AuditEntry.objects.count()
    assert _first_start() == ""
    assert User.objects.count() == 1
    assert AuditEntry.objects.count() == entries


def test_sample_joins_a_policy_and_a_rule_set_in_an_open_endpoint():
    _first_start()
    endpoint = IngressEndpoint.objects.get()
    assert (endpoint.name, endpoint.type, endpoint.status) == ("sample", "OPEN", "PROVISIONING")
    assert endpoint.traffic_policy.name == endpoint.rule_set.name == "sample"
    assert Mailbox.objects.get().name == sample.MAILBOX
    assert Bucket.objects.get().name == sample.BUCKET
    assert Role.objects.get().is_local
    assert {entry.actor for entry in AuditEntry.objects.all()} == {"system"}
    assert {entry.source for entry in AuditEntry.objects.all()} == {"firststart"}


def test_deleted_sample_does_not_come_back():
    _first_start()
    IngressEndpoint.objects.all().delete()
    TrafficPolicy.objects.all().delete()
    RuleSet.objects.all().delete()
    assert _first_start() == ""
    assert not IngressEndpoint.objects.exists()
    assert not TrafficPolicy.objects.exists()


def test_nothing_is_made_where_people_have_configured_before():
    policies.services.create(system("test"), name="own", default_action="DENY")
    assert "sendtest" not in _first_start()
    assert not IngressEndpoint.objects.exists()


def test_a_first_start_that_failed_is_a_first_start_again(monkeypatch):
    def fail(*_arguments, **_options):
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(endpoints.services, "create", fail)
        with pytest.raises(OSError, match="disk full"):
            _first_start()
    assert not User.objects.exists()
    assert "Password" in _first_start()
    assert IngressEndpoint.objects.exists()


def test_lost_administrator_is_made_again_without_a_sample():
    _first_start()
    IngressEndpoint.objects.all().delete()
    User.objects.all().delete()
    printed = _first_start()
    assert f"User name  {preparation.ADMINISTRATOR}" in printed
    assert not IngressEndpoint.objects.exists()


def test_first_mail_waits_for_an_active_endpoint():
    _first_start()
    with pytest.raises(CommandError, match="sample is Provisioning"):
        call_command("sendtest")
    with pytest.raises(CommandError, match="nowhere"):
        call_command("sendtest", "--endpoint", "nowhere")
