"""Each broken set-up has its own message; a whole one has none."""

import json

import pytest

from secrets_store.findings import sentence
from secrets_store.logic import uses
from secrets_store.logic.readiness import Flaw
from secrets_store.logic.uses import Use
from secrets_store.services import keys, readers, secrets
from tests.secrets_store.conftest import ACCOUNT, ENDPOINT_ARN, REGION


def flaws(secret, use=Use.ENDPOINT, reader=ENDPOINT_ARN):
    return [finding.flaw for finding in readers.findings_for(use, reader, secret.arn)]


def texts(secret):
    return [sentence(finding) for finding in readers.findings_for(Use.ENDPOINT, ENDPOINT_ARN, secret.arn)]


def test_whole_set_up_is_ready(secret):
    assert flaws(secret) == []


@pytest.mark.parametrize(
    "value",
    [
        '{"Password": "x"}',
        '{"password": "x", "user": "y"}',
        '{"password": 5}',
        '{"password": ""}',
        "plain",
        "[1]",
        b"\x01",
    ],
)
def test_wrong_key_name_is_said(make_secret, value):
    assert flaws(make_secret(value=value)) == [Flaw.VALUE_KEYS]


def test_missing_value_is_said(make_secret):
    assert flaws(make_secret(value=None)) == [Flaw.NO_VALUE]


def test_default_key_is_said(make_secret):
    assert flaws(make_secret(key_id="")) == [Flaw.DEFAULT_KEY, Flaw.KEY_POLICY_SILENT]


def test_disabled_key_is_said(actor, key, secret):
    keys.set_enabled(actor, key.pk, is_enabled=False)
    assert flaws(secret) == [Flaw.KEY_DISABLED]


def test_key_pending_deletion_is_said(actor, key, secret):
    keys.schedule_deletion(actor, key.pk)
    assert flaws(secret) == [Flaw.KEY_DISABLED]


def test_missing_secret_policy_is_said(make_secret):
    secret = make_secret(policy=None)
    assert flaws(secret) == [Flaw.SECRET_POLICY_SILENT]
    assert "do not allow ses.amazonaws.com secretsmanager:GetSecretValue" in texts(secret)[0]


def test_missing_key_statement_is_said(actor, key, secret):
    keys.set_policy(actor, key.pk, uses.key_policy(account=ACCOUNT, administrators=[], users=[]))
    assert flaws(secret) == [Flaw.KEY_POLICY_SILENT]


def test_wrong_account_is_said_with_the_condition(actor, secret):
    policy = uses.secret_policy(Use.ENDPOINT, region=REGION, account="999999999999")
    secrets.set_policy(actor, secret.name, policy)
    assert flaws(secret) == [Flaw.SECRET_POLICY_CONDITION]
    assert "StringEquals aws:SourceAccount is 999999999999" in texts(secret)[0]


def test_deny_is_said_by_its_statement(actor, secret):
    policy = uses.secret_policy(Use.ENDPOINT, region=REGION, account=ACCOUNT)
    policy["Statement"].append(
        {"Sid": "Closed", "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}
    )
    secrets.set_policy(actor, secret.name, policy)
    assert "by statement Closed" in texts(secret)[0]


def test_secret_being_deleted_is_said(actor, secret):
    secrets.schedule_deletion(actor, secret.name)
    assert flaws(secret) == [Flaw.BEING_DELETED]


def test_deleted_secret_is_said(actor, secret):
    secrets.schedule_deletion(actor, secret.name, at_once=True)
    assert flaws(secret) == [Flaw.NO_SECRET]


def test_policies_for_endpoints_do_not_let_relays_in(secret):
    relay = f"arn:aws:ses:{REGION}:{ACCOUNT}:mailmanager-smtp-relay/r-1"
    assert flaws(secret, Use.RELAY, relay) == [
        Flaw.VALUE_KEYS,
        Flaw.SECRET_POLICY_CONDITION,
        Flaw.KEY_POLICY_CONDITION,
    ]


def test_relay_reads_what_its_policies_allow(actor, make_secret):
    policy = uses.key_policy(account=ACCOUNT, administrators=[], users=[])
    policy["Statement"].append(uses.key_statement(Use.RELAY, region=REGION, account=ACCOUNT))
    key = keys.create(actor, policy=policy)
    value = json.dumps({"username": "u", "password": "p"})
    relay_policy = uses.secret_policy(Use.RELAY, region=REGION, account=ACCOUNT)
    secret = make_secret(name="relay", value=value, key_id=key.pk, policy=relay_policy)
    relay = f"arn:aws:ses:{REGION}:{ACCOUNT}:mailmanager-smtp-relay/r-1"
    assert flaws(secret, Use.RELAY, relay) == []
    assert readers.read_as_service(Use.RELAY, relay, secret.arn) == value.encode()


def test_many_readers_cost_a_constant_number_of_queries(make_secret, django_assert_max_num_queries):
    arns = {f"{ENDPOINT_ARN}{n}": make_secret(name=f"smtp-{n}").arn for n in range(12)}
    with django_assert_max_num_queries(1):
        readings = readers.readings_of(Use.ENDPOINT, arns)
    assert {reading.findings for reading in readings.values()} == {()}
    assert all(len(reading.password_hashes) == 1 for reading in readings.values())


@pytest.mark.parametrize("other", ["999999999999", "123456789012:extra"])
def test_arn_of_another_account_or_form_is_no_secret_here(secret, other):
    arn = secret.arn.replace(ACCOUNT, other)
    assert [finding.flaw for finding in readers.findings_for(Use.ENDPOINT, ENDPOINT_ARN, arn)] == [
        Flaw.NO_SECRET
    ]
    assert readers.find(arn) is None
    assert readers.find(secret.arn) == secret


def test_a_new_secret_of_an_old_name_is_another(actor, secret, make_secret):
    secrets.schedule_deletion(actor, secret.name, at_once=True)
    assert flaws(make_secret()) == []
    assert flaws(secret) == [Flaw.NO_SECRET]
