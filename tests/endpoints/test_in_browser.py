"""What JavaScript adds to the pages: lists fetched into the form, a status that turns by itself."""

from types import SimpleNamespace

import pytest

from access.models import User
from endpoints.models import IngressEndpoint
from policies.models import TrafficPolicy
from tests.conftest import PASSWORD
from tests.servers.browser import chromium, watched_context
from tests.servers.certificates import DAY, authority, pem_of

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
def browser(live_server, monkeypatch):
    """`browser.page`, signed in as an administrator; nothing may be complained of in the end."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright's loop runs in the test's thread
    User.objects.create_user("owner", password=PASSWORD, role="administrator")
    complaints: list[str] = []
    with chromium() as started:
        page = watched_context(started, complaints).new_page()
        page.goto(f"{live_server.url}/ingress-endpoints/")
        page.fill("[name=username]", "owner")
        page.fill("[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Ingress endpoints").first.wait_for()
        yield SimpleNamespace(page=page)
    assert complaints == []


def test_an_endpoint_is_made_and_turns_active_before_ones_eyes(
    browser, policy, rule_set, worker, small_ingress
):
    page = browser.page
    page.get_by_role("link", name="Create ingress endpoint").first.click()
    page.fill("[name=name]", "clients")
    page.get_by_text("Takes mail from those who know its password").click()
    page.get_by_text("SMTP password, entered").click()
    page.fill("[name=password]", "abcdefgh")
    TrafficPolicy.objects.create(name="made-in-another-tab", default_action="ALLOW")
    page.locator("#id_traffic_policy_id-field").get_by_role("button", name="Refresh list").click()
    page.locator("#id_traffic_policy_id option", has_text="made-in-another-tab").wait_for(state="attached")
    assert page.input_value("[name=name]") == "clients"
    assert page.input_value("[name=password]") == "abcdefgh"
    page.select_option("#id_traffic_policy_id", label="made-in-another-tab")
    page.select_option("#id_rule_set_id", label=rule_set.name)
    page.get_by_role("button", name="Create ingress endpoint").click()
    page.locator("#general").get_by_text("Active", exact=True).wait_for()
    endpoint = IngressEndpoint.objects.get(name="clients")
    page.locator("#set-up").get_by_text(endpoint.a_record).first.wait_for()
    page.locator("#rule-set").get_by_role("link", name="Edit").click()
    page.get_by_role("heading", name="Edit rule set").wait_for()


def test_the_form_shows_what_the_choices_ask_for(browser, policy, rule_set):
    page = browser.page
    page.get_by_role("link", name="Create ingress endpoint").first.click()
    password, warning = page.locator("[name=password]"), page.get_by_text("Passwords in the clear")
    assert not password.is_visible()
    page.get_by_text("Takes mail from those who know its password").click()
    assert not password.is_visible()
    page.get_by_text("SMTP password, entered").click()
    assert password.is_visible()
    assert not warning.is_visible()
    page.get_by_text("STARTTLS is offered, and mail in the clear").click()
    assert warning.is_visible()
    page.get_by_text("Takes mail from any server").click()
    assert not warning.is_visible()
    assert not password.is_visible()


def test_an_mtls_endpoint_asks_for_its_trust_store_and_for_nothing_else(browser, policy, rule_set, ca):
    page = browser.page
    page.get_by_role("link", name="Create ingress endpoint").first.click()
    bundle, tls_policy = page.locator("[name=ca_content]"), page.locator("#id_tls_policy-field")
    assert not bundle.is_visible()
    page.get_by_text("Takes mail from those with a client certificate").click()
    assert bundle.is_visible()
    assert not tls_policy.is_visible()
    assert not page.get_by_text("SMTP password, entered").is_visible()
    page.fill("[name=name]", "partners")
    bundle.fill(authority("soon", expires_in=9 * DAY) + pem_of(ca))
    page.select_option("#id_traffic_policy_id", label=policy.name)
    page.select_option("#id_rule_set_id", label=rule_set.name)
    page.get_by_role("button", name="Create ingress endpoint").click()
    page.locator("#trust-store").get_by_text("Expires within 90 days").wait_for()
    assert page.locator("#trust-store tbody tr").count() == 2
