"""The periodic check of secrets: what broke is kept, logged once, and shown on the dashboard."""

import pytest
from django.urls import reverse
from structlog.testing import capture_logs

from endpoints import services, tasks
from endpoints.models import IngressEndpoint
from secrets_store.services import keys, secrets
from tests.endpoints.many import make_endpoints, make_secrets
from tests.secrets_store.conftest import key, make_secret, secret

__all__ = ["key", "make_secret", "secret"]  # fixtures of another room

LINE = "authenticate clients"


@pytest.fixture
def endpoint(make_endpoint, secret):
    return make_endpoint(type="AUTH", password=None, secret_arn=secret.arn)


def check():
    """Run the task; the events that it logged."""
    with capture_logs() as logged:
        tasks.check_secrets()
    return [entry for entry in logged if entry["event"].startswith("endpoint_secret")]


def flaws_of(endpoint):
    return IngressEndpoint.objects.get(pk=endpoint.pk).secret_flaws


def test_a_whole_set_up_is_passed_in_silence(endpoint, owner):
    assert check() == []
    assert flaws_of(endpoint) == ""
    assert LINE not in owner.get("/").content.decode()


def test_a_secret_broken_later_is_logged_once_until_it_is_mended(actor, endpoint, secret):
    keys.set_enabled(actor, secret.key_id, is_enabled=False)
    secrets.set_policy(actor, secret.arn, None)
    (entry,) = check()
    assert entry == {
        "event": "endpoint_secret_unusable",
        "log_level": "warning",
        "endpoint": endpoint.id,
        "flaws": ["KEY_DISABLED", "SECRET_POLICY_SILENT"],
    }
    assert check() == []
    keys.set_enabled(actor, secret.key_id, is_enabled=True)
    assert [entry["flaws"] for entry in check()] == [["SECRET_POLICY_SILENT"]]
    secrets.set_policy(actor, secret.arn, secret.policy)
    assert [entry["event"] for entry in check()] == ["endpoint_secret_usable"]
    assert check() == []


def test_the_check_does_not_look_like_a_change_of_the_endpoint(actor, endpoint, secret):
    before = services.get(endpoint.id).updated_at
    secrets.set_policy(actor, secret.arn, None)
    check()
    assert services.get(endpoint.id).updated_at == before


def test_the_dashboard_counts_them_and_leads_to_them(actor, colleague, endpoint, secret, make_endpoint):
    make_endpoint("typed", type="AUTH")
    secrets.set_policy(actor, secret.arn, None)
    check()
    page = colleague.get("/").content.decode()
    assert "1 endpoint can" in page
    assert LINE in page
    link = f"{reverse('endpoints:list')}?secret=unusable"
    assert f'href="{link}"' in page
    listed = colleague.get(link).content.decode()
    assert "inbound" in listed
    assert "typed" not in listed
    assert "Clear filter" in listed


def test_another_password_ends_it_at_once(actor, owner, endpoint, secret):
    secrets.set_policy(actor, secret.arn, None)
    check()
    IngressEndpoint.objects.update(status="ACTIVE", wished_status="ACTIVE")
    services.update(actor, endpoint.id, password="typed-Passw0rd")
    assert LINE not in owner.get("/").content.decode()
    assert check() == []


def test_another_secret_ends_it_at_once(actor, owner, endpoint, secret, make_secret):
    secrets.set_policy(actor, secret.arn, None)
    check()
    IngressEndpoint.objects.update(status="ACTIVE", wished_status="ACTIVE")
    services.update(actor, endpoint.id, secret_arn=make_secret(name="second").arn)
    assert LINE not in owner.get("/").content.decode()
    assert check() == []


def test_a_key_of_two_thousand_secrets_breaks_in_a_handful_of_queries(
    actor, key, policy, rule_set, django_assert_max_num_queries
):
    arns = [secret.arn for secret in make_secrets(key, 2_000)]
    make_endpoints(policy, rule_set, arns, addresses=())
    keys.set_enabled(actor, key.pk, is_enabled=False)
    with django_assert_max_num_queries(4):
        assert len(check()) == 2_000
    assert not IngressEndpoint.objects.exclude(secret_flaws="KEY_DISABLED").exists()


def test_beat_sends_the_check(settings):
    entry = settings.CELERY_BEAT_SCHEDULE["check-secrets"]
    assert entry["task"] == tasks.check_secrets.name
    assert entry["schedule"] <= 60
