"""What the tests of the mail flow share: mail in the spool, and rule sets to walk."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as django_settings

from core.envelope import Envelope
from mailflow import spool_writer
from mailflow.spool_transaction import Entry
from rulesets.models import RuleSet
from tests.mailflow.letters import envelope, letter
from tests.mailflow.runners import FileRunner

BUCKET = {"WriteToS3": {"S3Bucket": "b", "RoleArn": "arn:aws:iam::123456789012:role/mail-manager-local"}}
RELAY = {"Relay": {"Relay": "r-1"}}
MAILBOX = {"DeliverToMailbox": {"MailboxArn": "bob", "RoleArn": BUCKET["WriteToS3"]["RoleArn"]}}


def rule(*actions: dict[str, Any], name: str = "all", recipient: str | None = None) -> dict[str, Any]:
    document: dict[str, Any] = {"Name": name, "Actions": list(actions)}
    if recipient is not None:
        expression = {"Evaluate": {"Attribute": "RECIPIENT"}, "Operator": "EQUALS", "Values": [recipient]}
        document["Conditions"] = [{"StringExpression": expression}]
    return document


def with_policy(action: dict[str, Any], policy: str) -> dict[str, Any]:
    ((kind, parameters),) = action.items()
    return {kind: {**parameters, "ActionFailurePolicy": policy}}


@pytest.fixture
def make_rule_set() -> Callable[..., RuleSet]:
    """`make_rule_set(rule(…), …)`: written past the services, as only the pipeline is asked here."""

    def make(*rules: dict[str, Any]) -> RuleSet:
        return RuleSet.objects.create(name=f"rules-{RuleSet.objects.count()}", rules=list(rules))

    return make


@pytest.fixture
def spooled() -> Callable[..., Envelope]:
    """`spooled(rule_set, *forward_paths, content=…, **fields)`: a message in the spool."""

    def store(
        rule_set: RuleSet | None, *forward_paths: str, content: bytes | None = None, **fields: Any
    ) -> Envelope:
        rule_set_id = rule_set.pk if rule_set else "rs-none"
        accepted = envelope(*forward_paths, rule_set_id=rule_set_id, **fields)
        outcomes = spool_writer.commit(
            django_settings.SPOOL_ALIAS, [Entry(accepted, content or letter(), lambda error: None)]
        )
        assert outcomes == [None]
        return accepted

    return store


@pytest.fixture
def runner(tmp_path) -> FileRunner:
    folder = tmp_path / "delivered"
    folder.mkdir()
    return FileRunner(folder)


@pytest.fixture(autouse=True)
def quick_retries(settings) -> None:
    settings.RETRY_FIRST_SECONDS = 0.0
    settings.LEASE_SECONDS = 2.0
