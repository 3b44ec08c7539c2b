"""SPEC §1, steps 7 to 11: an Authenticated endpoint whose password is a secret, in three tabs, to the 235.

Then the secret is rotated and both versions log in; each way of breaking the set-up answers 454 on the
wire until it is mended; and nothing that lies on disk shows a value.
"""

import json
import re
import smtplib
import ssl
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from secrets_store.logic import uses
from secrets_store.logic.uses import Use
from tests.servers.browser import chromium, watched_context
from tests.servers.process import wait_until
from tests.servers.system import System

ACCOUNT, REGION = "123456789012", "us-east-1"
PASSWORD = "planted-In-3-Tabs"
PATIENCE_MS = 60_000
TEMPORARY, RIGHT, WRONG = 454, 235, 535

pytestmark = [pytest.mark.timeout(400), pytest.mark.needs("chromium")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def auth_code(system: System, name: str, user: str, password: str) -> int:
    """What AUTH LOGIN is answered, after STARTTLS."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP(system.address_of(name), system.submission_port, timeout=30) as client:
        client.starttls(context=context)
        client.ehlo()
        client.user, client.password = user, password
        try:
            code, _text = client.auth("LOGIN", client.auth_login)
        except smtplib.SMTPAuthenticationError as error:
            return error.smtp_code
        return code


def sign_in(system: System, context: BrowserContext) -> Page:
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(system.url)
    page.fill("[name=username]", system.admin_name)
    page.fill("[name=password]", system.admin_password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible(timeout=PATIENCE_MS)
    return page


def follow(page: Page, name: str) -> Page:
    """The tab that a link opens."""
    with page.context.expect_page() as opened:
        page.get_by_role("link", name=name, exact=True).click()
    opened.value.wait_for_load_state()
    return opened.value


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def make_key(tab: Page, alias: str) -> None:
    press(tab, "Next")
    tab.get_by_label("Alias").fill(alias)
    for _step in ("labels", "administrators", "users"):
        press(tab, "Next")
    press(tab, "Insert statement for ingress endpoints")
    expect(tab.locator("textarea[name=policy]")).to_have_value(re.compile("AllowIngressEndpoints"))
    press(tab, "Next")
    press(tab, "Finish")
    expect(tab.get_by_role("heading", name=f"alias/{alias}")).to_be_visible()


def store_secret(tab: Page, name: str, alias: str) -> None:
    tab.locator("[name=pairs_value]").first.fill(PASSWORD)
    key_tab = follow(tab, "Add new key")
    make_key(key_tab, alias)
    key_tab.close()
    press(tab, "Refresh the list of keys")
    tab.locator("[name=key_id]").select_option(label=f"alias/{alias}")
    press(tab, "Next")
    tab.locator("[name=name]").fill(name)
    press(tab, "Insert statement for ingress endpoints")
    expect(tab.locator("textarea[name=policy]")).to_have_value(re.compile("mailmanager-ingress-point"))
    press(tab, "Next")
    tab.locator("[name=kind][value=GENERATED]").check()
    press(tab, "Next")
    assert PASSWORD not in tab.content()
    press(tab, "Store")
    expect(tab.get_by_text("Ready: its value, its key and both policies are right.").first).to_be_visible()


def walk(system: System, context: BrowserContext, name: str) -> tuple[Page, Page, str]:
    """The endpoint's tab, the secret's tab, and the endpoint's ID; it is Active."""
    page = sign_in(system, context)
    page.goto(f"{system.url}/ingress-endpoints/create")
    page.locator("[name=name]").fill(name)
    page.locator("[name=type][value=AUTH]").check()
    page.locator("[name=way][value=SECRET]").check()
    secret_tab = follow(page, "Create new")
    store_secret(secret_tab, name, f"key-of-{name}")
    page.locator("[name=_refresh][value=secret_arn]").click()
    option = page.locator(f"[name=secret_arn] option[value*=':secret:{name}-']")
    expect(option).to_have_count(1)
    assert page.locator("[name=name]").input_value() == name
    page.locator("[name=secret_arn]").select_option(option.get_attribute("value"))
    page.locator("[name=traffic_policy_id]").select_option(label="sample")
    page.locator("[name=rule_set_id]").select_option(label="sample")
    press(page, "Create ingress endpoint")
    page.wait_for_url(re.compile("/ingress-endpoints/inp-"))
    endpoint_id = urllib.parse.urlsplit(page.url).path.strip("/").rpartition("/")[2]
    system.wait_until_active(name)
    return page, secret_tab, endpoint_id


@pytest.mark.parametrize(
    "javascript",
    [
        pytest.param(True, id="javascript"),
        pytest.param(False, id="no-javascript", marks=pytest.mark.database),
    ],
)
def test_walk_ends_with_a_235_and_both_versions_log_in_after_rotation(
    system: System, browser: Browser, javascript: bool
) -> None:
    name = "tabs" if javascript else "plain"
    complaints: list[str] = []
    context = watched_context(browser, complaints, java_script_enabled=javascript, locale="en-US")
    _page, secret_tab, endpoint_id = walk(system, context, name)
    assert auth_code(system, name, endpoint_id, PASSWORD) == RIGHT
    assert auth_code(system, name, endpoint_id, "wrong-Passw0rd") == WRONG

    press(secret_tab, "Rotate secret immediately")
    expect(secret_tab.get_by_text("The secret was rotated.")).to_be_visible()
    press(secret_tab, "Retrieve secret value")
    rotated = secret_tab.locator("dt:text-is('password') + dd .key-value__text").inner_text()
    assert rotated != PASSWORD
    wait_until(lambda: auth_code(system, name, endpoint_id, rotated) == RIGHT, "the new version logs in")
    assert auth_code(system, name, endpoint_id, PASSWORD) == RIGHT
    assert complaints == []
    context.close()


@pytest.fixture(scope="module")
def endpoint(system: System, aws: Callable[[str], Any]) -> tuple[str, str, str]:
    """Name and ID of an endpoint that logs in by a secret, and the secret's ARN; all by the API."""
    kms, store, mail = aws("kms"), aws("secretsmanager"), aws("mailmanager")
    key = kms.create_key(Policy=json.dumps(key_policy()))["KeyMetadata"]["KeyId"]
    value = json.dumps({"password": PASSWORD})
    secret = store.create_secret(Name="wire", SecretString=value, KmsKeyId=key)["ARN"]
    store.put_resource_policy(SecretId=secret, ResourcePolicy=json.dumps(secret_policy()))
    ids = {
        kind: system.rows(f"SELECT id FROM {table} WHERE name = 'sample'")[0][0]
        for kind, table in (("policy", "policies_trafficpolicy"), ("rules", "rulesets_ruleset"))
    }
    made = mail.create_ingress_point(
        IngressPointName="wire",
        Type="AUTH",
        TrafficPolicyId=ids["policy"],
        RuleSetId=ids["rules"],
        IngressPointConfiguration={"SecretArn": secret},
    )
    system.wait_until_active("wire")
    return "wire", made["IngressPointId"], secret


def key_policy(*, is_open: bool = True) -> dict[str, Any]:
    policy = uses.key_policy(account=ACCOUNT, administrators=[], users=[])
    if is_open:
        policy["Statement"].append(uses.key_statement(Use.ENDPOINT, region=REGION, account=ACCOUNT))
    return policy


def secret_policy(*, account: str = ACCOUNT) -> dict[str, Any]:
    return uses.secret_policy(Use.ENDPOINT, region=REGION, account=account)


def key_of(aws: Callable[[str], Any], secret: str) -> str:
    return str(aws("secretsmanager").describe_secret(SecretId=secret)["KmsKeyId"])


# How it is broken, and how it is mended.
BROKEN: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "wrong key name": (
        lambda aws, arn: aws("secretsmanager").put_secret_value(
            SecretId=arn, SecretString='{"Password": "x"}'
        ),
        lambda aws, arn: aws("secretsmanager").put_secret_value(
            SecretId=arn, SecretString=json.dumps({"password": PASSWORD})
        ),
    ),
    "key disabled": (
        lambda aws, arn: aws("kms").disable_key(KeyId=key_of(aws, arn)),
        lambda aws, arn: aws("kms").enable_key(KeyId=key_of(aws, arn)),
    ),
    "missing statement of the key": (
        lambda aws, arn: aws("kms").put_key_policy(
            KeyId=key_of(aws, arn), Policy=json.dumps(key_policy(is_open=False))
        ),
        lambda aws, arn: aws("kms").put_key_policy(KeyId=key_of(aws, arn), Policy=json.dumps(key_policy())),
    ),
    "missing statement of the secret": (
        lambda aws, arn: aws("secretsmanager").delete_resource_policy(SecretId=arn),
        lambda aws, arn: aws("secretsmanager").put_resource_policy(
            SecretId=arn, ResourcePolicy=json.dumps(secret_policy())
        ),
    ),
    "wrong account": (
        lambda aws, arn: aws("secretsmanager").put_resource_policy(
            SecretId=arn, ResourcePolicy=json.dumps(secret_policy(account="999999999999"))
        ),
        lambda aws, arn: aws("secretsmanager").put_resource_policy(
            SecretId=arn, ResourcePolicy=json.dumps(secret_policy())
        ),
    ),
    "default key": (
        lambda aws, arn: aws("secretsmanager").update_secret(
            SecretId=arn, KmsKeyId="alias/aws/secretsmanager"
        ),
        lambda aws, arn: aws("secretsmanager").update_secret(
            SecretId=arn,
            KmsKeyId=aws("kms").create_key(Policy=json.dumps(key_policy()))["KeyMetadata"]["KeyId"],
        ),
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_set_up_answers_454_until_it_is_mended(
    system: System, aws: Callable[[str], Any], endpoint: tuple[str, str, str], case: str
) -> None:
    name, endpoint_id, secret = endpoint
    break_it, mend_it = BROKEN[case]
    assert auth_code(system, name, endpoint_id, PASSWORD) == RIGHT
    break_it(aws, secret)
    wait_until(lambda: auth_code(system, name, endpoint_id, PASSWORD) == TEMPORARY, f"{case}: 454")
    mend_it(aws, secret)
    wait_until(lambda: auth_code(system, name, endpoint_id, PASSWORD) == RIGHT, f"{case}: mended")


def test_nothing_on_disk_but_the_root_key_shows_a_value(
    system: System, endpoint: tuple[str, str, str]
) -> None:
    """Database with its log, spool, snapshot, sessions, stream of logs: what a backup or a thief has."""
    planted = PASSWORD.encode()
    files = [path for path in system.data_dir.rglob("*") if path.is_file()]
    database = {"mailmanager.sqlite3"} if "sqlite" in system.environment["DATABASE_URL"] else set()
    assert {"stream.log", "ingress-snapshot.json", "root_key"} | database <= {file.name for file in files}
    assert [path.name for path in files if planted in path.read_bytes()] == []
