"""The walk of SPEC §1 in Chromium, from sign-in to a message's story; in both languages, and plain."""

import re
import smtplib
import ssl

import pytest
from playwright.sync_api import expect

from core import reply
from tests.e2e.product import PATIENCE_SECONDS, letter, message_id_in
from tests.e2e.walker import Walker
from tests.servers.browser import chromium, watched_context

pytestmark = [pytest.mark.timeout(600), pytest.mark.needs("chromium")]

PASSWORD = "walked-Pass1"


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture
def walk_as(browser, system):
    """`walk_as(language, has_javascript)`: a Walker. What the pages complain of fails the test."""
    complaints: list[str] = []
    opened = []

    def start(language: str, has_javascript: bool) -> Walker:
        locale = {"en": "en-US", "ja": "ja-JP"}[language]
        context = watched_context(
            browser,
            complaints,
            base_url=system.url,
            locale=locale,
            viewport={"width": 1280, "height": 900},
            java_script_enabled=has_javascript,
        )
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        opened.append(context)
        return Walker(context.new_page(), language, has_javascript)

    expect.set_options(timeout=PATIENCE_SECONDS * 1000)
    yield start
    for context in opened:
        context.close()
    assert complaints == []


@pytest.mark.parametrize(
    ("language", "has_javascript"),
    [
        pytest.param("en", True, id="en"),
        pytest.param("ja", True, id="ja"),
        pytest.param("en", False, id="plain", marks=pytest.mark.database),
    ],
)
def test_walk_from_sign_in_to_the_story_of_a_message(product, walk_as, language, has_javascript):
    name = f"walk-{language}" + ("" if has_javascript else "-plain")
    refused = f"nobody@{name}.example.com"
    walker: Walker = walk_as(language, has_javascript)
    page = walker.page
    walker.signs_in(product.system)

    # What an endpoint needs: 2, 3.
    walker.makes_mailbox(name)
    walker.makes_policy(name, refusing=refused)
    walker.makes_rule_set(name, mailbox=name)

    # 4, 5: the name has to be its own.
    walker.goes_to("Ingress endpoints")
    walker.looks_at("endpoints")
    walker.follows("Create ingress endpoint")
    expect(page.get_by_role("heading", level=1)).to_have_text(walker.say("Create new ingress endpoint"))
    page.locator("#id_name").fill("sample")
    # 6, 7: a password of the administrator's.
    page.locator("[name=type][value=AUTH]").check()
    page.locator("[name=way][value=TYPE]").check()
    page.locator("#id_password").fill(PASSWORD)
    # 12: refreshing a list loses nothing.
    page.locator("#id_traffic_policy_id").select_option(label=name)
    page.locator("[name=_refresh][value=traffic_policy_id]").click()
    expect(page.locator("#id_traffic_policy_id option:checked")).to_have_text(name)
    expect(page.locator("#id_name")).to_have_value("sample")
    page.locator("#id_rule_set_id").select_option(label=name)
    walker.looks_at("create-endpoint")
    walker.submits("Create ingress endpoint")
    expect(page.locator("#id_name-errors")).to_contain_text("sample")
    walker.looks_at("taken-name")
    page.locator("#id_name").fill(name)
    walker.submits("Create ingress endpoint")

    # 13: the summary.
    page.wait_for_url("**/ingress-endpoints/inp-*")
    endpoint_id = page.locator(".resource-id span").first.inner_text()
    assert re.fullmatch("inp-[a-z0-9]{24}", endpoint_id)
    expect(page.locator("nav.breadcrumbs")).to_contain_text(endpoint_id)
    walker.looks_at("provisioning")
    walker.waits_until_active(patience_seconds=PATIENCE_SECONDS)
    endpoint = product.active(name)
    assert walker.value_of("ARecord") == endpoint.a_record
    assert re.fullmatch(r"[a-z0-9]{12}\.[a-z]{5}\.mail-manager-smtp\.mailmanager\.test", endpoint.a_record)
    set_up = page.locator("#set-up")
    expect(set_up).to_contain_text(f"10 {endpoint.a_record}")
    expect(set_up).to_contain_text("334 VXNlcm5hbWU6")
    walker.looks_at("summary")

    # 14: General details, Edit; closed, and opened again.
    for status in ("CLOSED", "ACTIVE"):
        page.goto(f"/ingress-endpoints/{endpoint_id}")
        walker.follows("Edit", within=page.locator("#general"))
        page.locator(f"[name=status][value={status}]").check()
        walker.looks_at(f"edit-{status.lower()}")
        walker.submits("Save changes")
        page.wait_for_url(f"**/ingress-endpoints/{endpoint_id}")
        product.wait_for_status(name, status)
    # 13: another rule set, and the former one again.
    for rule_set in ("sample", name):
        page.goto(f"/ingress-endpoints/{endpoint_id}")
        page.locator(f"a[href='/ingress-endpoints/{endpoint_id}/rule-set']").click()
        page.locator("#id_rule_set_id").select_option(label=rule_set)
        walker.submits("Save changes")
        page.wait_for_url(f"**/ingress-endpoints/{endpoint_id}")
        expect(page.locator("main")).to_contain_text(rule_set)
        product.system.wait_until_active(name)

    # 15: the list has it.
    walker.goes_to("Ingress endpoints")
    row = page.get_by_role("row").filter(has_text=endpoint_id)
    expect(row).to_contain_text(endpoint.a_record)
    expect(row).to_contain_text(walker.say("Active"))
    walker.looks_at("endpoint-list")

    # 16: mail, and its story.
    with smtplib.SMTP(endpoint.host, endpoint.submission_port, timeout=PATIENCE_SECONDS) as client:
        client.starttls(context=_unverifying())
        client.login(endpoint_id, PASSWORD)
        client.mail("ann@example.org")
        assert client.rcpt(refused) == (550, str(reply.ACCESS_DENIED).removeprefix("550 ").encode())
        client.rcpt("bob@example.com")
        message_id = message_id_in(b"250 " + client.data(letter(f"for {name}"))[1])
    product.wait_for_outcome(message_id, "DELIVERED")
    (message,) = product.arrived(name)
    assert message["Subject"] == f"for {name}"
    walker.goes_to("Message trace")
    walker.looks_at("trace")
    page.locator(f"a[href='/message-trace/{message_id}/']").first.click()
    expect(page.locator("main")).to_contain_text(message_id)
    said = walker.say("Accepted for %(Recipients)s") % {"Recipients": "bob@example.com"}
    expect(page.locator(".story")).to_contain_text(said)
    expect(page.locator(".story")).to_contain_text(f"stored in mailbox {name}")
    walker.looks_at("story")

    # And away with it: chosen by radio, asked again by name.
    walker.goes_to("Ingress endpoints")
    page.get_by_role("row").filter(has_text=endpoint_id).get_by_role("radio").check()
    walker.presses("Delete", within=page.locator("main"))
    page.locator("#id_confirmation").fill(name)
    walker.looks_at("delete")
    walker.submits("Delete")
    product.wait_for_status(name, "")


def _unverifying() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
