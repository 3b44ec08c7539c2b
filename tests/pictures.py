"""`script/pictures`: the console's main pages, light and dark, from a running system that has had mail."""

import re
import smtplib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.e2e.desk import open_desk
from tests.e2e.product import Product, letter
from tests.servers.browser import chromium
from tests.servers.process import wait_until
from tests.servers.system import REPOSITORY, System, running_system

FOLDER = REPOSITORY / "docs" / "pictures"
WIDTH, HEIGHT, LONGEST = 1280, 800, 1600

DENIED = {
    "Action": "DENY",
    "Conditions": [
        {
            "StringExpression": {
                "Evaluate": {"Attribute": "RECIPIENT"},
                "Operator": "ENDS_WITH",
                "Values": ["@old.example.com", "@example.invalid"],
            }
        }
    ],
}
LOCAL_ROLE = "arn:aws:iam::123456789012:role/mail-manager-local"


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with running_system() as system, open_desk(system.environment) as desk:
        product = Product(system, desk)
        endpoint_id, message_id = fill(product)
        pages = {
            "dashboard": "/",
            "endpoints": "/ingress-endpoints/",
            "endpoint": f"/ingress-endpoints/{endpoint_id}",
            "create-endpoint": "/ingress-endpoints/create",
            "policy": f"/traffic-policies/{id_of(system, 'policies_trafficpolicy')}",
            "rule-set": f"/rule-sets/{id_of(system, 'rulesets_ruleset')}",
            "trace": f"/message-trace/{message_id}/",
            "secret": "/secrets/store?use=endpoint",
        }
        with chromium() as browser:
            for theme in ("light", "dark"):
                with signed_in(browser, system, theme) as page:
                    for name, path in pages.items():
                        take(page, system.url + path, folder / f"{name}-{theme}.png")


def fill(product: Product) -> tuple[str, str]:
    """A company's endpoint with its policy and rules, and some mail; IDs of endpoint and last message."""
    desk = product.desk
    relay = desk.call("relays.create", name="office", server_name="127.0.0.1", server_port=9)
    rules = [
        {
            "Name": "newsletters",
            "Conditions": [string_condition("SUBJECT", "CONTAINS", "newsletter", "unsubscribe")],
            "Actions": [{"Drop": {}}],
        },
        {
            "Name": "sales",
            "Conditions": [string_condition("RECIPIENT", "STARTS_WITH", "sales@")],
            "Unless": [string_condition("FROM", "ENDS_WITH", "@example.com")],
            "Actions": [
                {"AddHeader": {"HeaderName": "X-Team", "HeaderValue": "sales"}},
                {"DeliverToMailbox": {"MailboxArn": "inbox", "RoleArn": LOCAL_ROLE}},
                {"WriteToS3": {"S3Bucket": "mail", "S3Prefix": "sales", "RoleArn": LOCAL_ROLE}},
            ],
        },
        {
            "Name": "everybody-else",
            "Conditions": [string_condition("RECIPIENT", "ENDS_WITH", "@example.com")],
            "Unless": [string_condition("RECIPIENT", "STARTS_WITH", "sales@")],
            "Actions": [{"Relay": {"Relay": relay["id"], "MailFrom": "PRESERVE"}}],
        },
    ]
    endpoint = product.endpoint("marketing", rules, statements=[DENIED], max_message_size_bytes=25_000_000)
    message_id = ""
    with smtplib.SMTP(endpoint.host, endpoint.port, timeout=60) as client:
        for subject in ("Offer of spring", "Our newsletter", "Question on order 4711"):
            client.ehlo()
            client.mail("ann@example.org")
            client.rcpt("sales@example.com")
            _code, text = client.data(letter(subject, to="sales@example.com"))
            message_id = text.decode().rpartition(" ")[2]
        client.mail("ann@example.org")
        client.rcpt("bob@old.example.com")
    product.wait_for_outcome(message_id, "DELIVERED")
    refused = "SELECT count(*) FROM mailflow_messagetrace WHERE outcome = 'REFUSED'"
    wait_until(lambda: product.system.rows(refused)[0][0], "the refusal in the trace")
    return endpoint.id, message_id


def string_condition(attribute: str, operator: str, *values: str) -> dict[str, object]:
    evaluate = {"Attribute": attribute}
    return {"StringExpression": {"Evaluate": evaluate, "Operator": operator, "Values": list(values)}}


def id_of(system: System, table: str) -> str:
    return str(system.rows(f"SELECT id FROM {table} WHERE name = 'marketing'")[0][0])


@contextmanager
def signed_in(browser: Browser, system: System, theme: str) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT},
        color_scheme="dark" if theme == "dark" else "light",
        locale="en-US",
    )
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(system.url)
    page.fill("[name=username]", system.admin_name)
    page.fill("[name=password]", system.admin_password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(r":\d+/$"))
    yield page
    context.close()


def take(page: Page, url: str, file: Path) -> None:
    """The page from its top, as long as it is, but not endless."""
    page.goto(url)
    height = min(page.evaluate("document.documentElement.scrollHeight"), LONGEST)
    page.set_viewport_size({"width": WIDTH, "height": max(height, HEIGHT)})
    page.screenshot(path=file)
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    print(file.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
