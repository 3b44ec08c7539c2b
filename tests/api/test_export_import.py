"""`manage.py export` and `import`: all configuration, to the same installation and to another one."""

import json
from io import StringIO
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command

from access.models import AuditEntry
from addresslists.models import AddressList, Member
from addresslists.services import lists as addresslists
from addresslists.services import members
from api.configuration.transfer import KINDS, export_document
from destinations import services as destinations
from endpoints import services as endpoints
from endpoints.models import IngressEndpoint
from policies import services as policies
from policies.models import TrafficPolicy
from relays import services as relays
from relays.models import Relay
from resources.services import tags_of
from rulesets import services as rulesets
from rulesets.models import RuleSet
from secrets_store.models import EncryptionKey, KeyAlias, Secret
from secrets_store.services import keys, secrets
from tests.api.documents import STATEMENT
from tests.policies.documents import deny, in_list
from tests.servers.certificates import pem_of

pytestmark = pytest.mark.django_db

PASSWORD = "pass-Word_1"
SERVICE = {"Service": "ses.amazonaws.com"}


@pytest.fixture
def furnished(actor, ca):
    """One of each kind, naming each other."""
    key = keys.create(actor, alias="mail", description="mail", tags={"a": "b"})
    statement = {"Effect": "Allow", "Principal": SERVICE, "Action": "kms:Decrypt", "Resource": key.arn}
    document = {**key.policy, "Statement": [*key.policy["Statement"], statement]}
    keys.set_policy(actor, key.pk, document)
    allowed = {
        "Effect": "Allow",
        "Principal": SERVICE,
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
    }
    secret = secrets.create(
        actor, name="smtp", value='{"password": "hush-Hush_1"}', key_id="alias/mail",
        policy={"Version": "2012-10-17", "Statement": [allowed]},
    )  # fmt: skip
    mailbox = destinations.create_mailbox(actor, name="post")
    destinations.create_bucket(actor, name="kept-mail")
    relay = relays.create(actor, name="office", server_name="mx.example", server_port=25, tls="REQUIRED")
    blocked = addresslists.create(actor, name="blocked", members=["a@example.com", "abc*@example.org"])
    policy = policies.create(
        actor,
        name="allow",
        default_action="ALLOW",
        statements=[STATEMENT, deny(in_list(blocked.arn))],
        tags={"team": "mail"},
    )
    actions = [
        {"Relay": {"Relay": relay.id, "ActionFailurePolicy": "DROP"}},
        {
            "DeliverToMailbox": {
                "MailboxArn": mailbox.arn,
                "RoleArn": "arn:aws:iam::123456789012:role/mail-manager-local",
            }
        },
    ]
    rule_set = rulesets.create(actor, name="keep", rules=[{"Conditions": [], "Actions": actions}])
    parts: dict[str, Any] = {"traffic_policy_id": policy.id, "rule_set_id": rule_set.id}
    endpoints.create(actor, name="by-secret", type="AUTH", secret_arn=secret.arn, **parts)
    endpoints.create(actor, name="open", type="OPEN", **parts)
    endpoints.create(actor, name="partners", type="MTLS", ca_content=pem_of(ca), **parts)
    return export_document()


def empty():
    """As another installation would be."""
    for model in (IngressEndpoint, RuleSet, TrafficPolicy, AddressList, Relay, Secret, KeyAlias):
        model.objects.all().delete()
    for name in ("post",):
        destinations.find_mailbox(name).delete()
    destinations.find_bucket("kept-mail").delete()


def run(document, *options, suffix="json", tmp_path):
    """(exit status, what was printed)."""
    file = tmp_path / f"configuration.{suffix}"
    file.write_text(yaml.safe_dump(document) if suffix == "yaml" else json.dumps(document))
    printed = StringIO()
    try:
        call_command("import", str(file), *options, stdout=printed)
    except SystemExit as error:
        return error.code, printed.getvalue()
    return 0, printed.getvalue()


def test_an_export_holds_every_kind_and_nothing_secret(furnished):
    for kind in KINDS:
        assert furnished[kind.section], kind.section
    text = json.dumps(furnished)
    assert "hush-Hush_1" not in text
    assert "argon2" not in text
    assert "Timestamp" not in text


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_an_export_is_a_file_that_import_finds_nothing_to_do_in(furnished, tmp_path, suffix):
    file = tmp_path / f"configuration.{suffix}"
    call_command("export", str(file))
    entries = AuditEntry.objects.count()
    printed = StringIO()
    call_command("import", str(file), stdout=printed)
    assert printed.getvalue() == "0 created, 0 changed, 11 unchanged, 0 refused\n"
    assert AuditEntry.objects.count() == entries


def test_another_installation_gets_all_of_it_with_names_of_its_own(furnished, tmp_path, actor):
    former = {endpoint.name: endpoint.id for endpoint in IngressEndpoint.objects.all()}
    empty()
    status, printed = run(furnished, tmp_path=tmp_path)
    assert status == 1  # a secret without a value lets nobody in
    assert "! ingress endpoint by-secret: " in printed
    assert "+ rule set keep" in printed
    secrets.put_value(actor, "smtp", '{"password": "other-Word_2"}')
    status, printed = run(furnished, tmp_path=tmp_path)
    assert (status, printed) == (
        0,
        "+ ingress endpoint by-secret\n1 created, 0 changed, 10 unchanged, 0 refused\n",
    )
    assert run(furnished, tmp_path=tmp_path) == (0, "0 created, 0 changed, 11 unchanged, 0 refused\n")
    endpoint = endpoints.get(IngressEndpoint.objects.get(name="by-secret").id)
    assert endpoint.id != former["by-secret"]
    assert endpoint.secret_arn == Secret.objects.get().arn
    (rule,) = RuleSet.objects.get().rules
    assert rule["Actions"][0]["Relay"]["Relay"] == Relay.objects.get().id
    assert rule["Actions"][1]["DeliverToMailbox"]["MailboxArn"] == destinations.find_mailbox("post").arn
    assert Relay.objects.get().tls == "REQUIRED"
    asked = TrafficPolicy.objects.get().statements[1]["Conditions"][0]["BooleanExpression"]["Evaluate"]
    assert asked["IsInAddressList"]["AddressLists"] == [AddressList.objects.get().arn]
    assert Member.objects.count() == 2
    assert tags_of(TrafficPolicy.objects.get().arn) == {"team": "mail"}
    key = EncryptionKey.objects.get(aliases__name="mail")
    assert key.policy["Statement"][-1]["Resource"] == key.arn


def test_a_dry_run_prints_the_differences_and_changes_nothing(furnished, tmp_path):
    furnished["TrafficPolicies"][0]["DefaultAction"] = "DENY"
    second = {"RelayName": "second", "ServerName": "mx.example", "ServerPort": 25}
    furnished["Relays"].append({**second, "Authentication": {"NoAuthentication": {}}})
    entries = AuditEntry.objects.count()
    status, printed = run(furnished, "--dry-run", tmp_path=tmp_path)
    assert status == 0
    assert "+ SMTP relay second\n" in printed
    assert (
        '~ traffic policy allow\n     {\n    -  "DefaultAction": "ALLOW"\n    +  "DefaultAction": "DENY"\n'
        in printed
    )
    assert printed.endswith("1 created, 1 changed, 10 unchanged, 0 refused (dry run: nothing was changed)\n")
    assert AuditEntry.objects.count() == entries
    assert TrafficPolicy.objects.get().default_action == "ALLOW"


def test_what_is_refused_is_told_and_the_rest_imported(furnished, tmp_path):
    furnished["RuleSets"][0]["Rules"] = [{"Actions": []}]
    furnished["Relays"][0]["ServerPort"] = 2525
    furnished["IngressPoints"][1]["Type"] = "AUTH"
    status, printed = run(furnished, tmp_path=tmp_path)
    assert status == 1
    assert "! rule set keep: Rules[0].Actions: must have 1 to 10 entries" in printed
    assert "! ingress endpoint open: Type can't be changed; delete it first." in printed
    assert Relay.objects.get().server_port == 2525


def test_changes_of_each_kind_are_made(furnished, tmp_path):
    new_tags = [{"Key": "by", "Value": "import"}]
    for kind in KINDS:
        for entry in furnished[kind.section]:
            entry["Tags"] = new_tags
    furnished["Secrets"][0]["Description"] = "new"
    furnished["Keys"][0]["RotationPeriodInDays"] = 90
    IngressEndpoint.objects.update(status="ACTIVE", wished_status="ACTIVE")
    furnished["IngressPoints"][1]["StatusToUpdate"] = "CLOSED"
    status, printed = run(furnished, tmp_path=tmp_path)
    assert (status, printed.splitlines()[-1]) == (0, "0 created, 11 changed, 0 unchanged, 0 refused")
    after = export_document()
    for kind in KINDS:
        for entry in after[kind.section]:
            assert entry["Tags"] == new_tags
    assert after["Secrets"][0]["Description"] == "new"
    assert after["Keys"][0]["RotationPeriodInDays"] == 90
    assert after["IngressPoints"][1]["StatusToUpdate"] == "CLOSED"


def test_account_and_region_of_another_installation_become_ours(furnished, tmp_path):
    text = json.dumps(furnished).replace("123456789012", "999999999999").replace("us-east-1", "eu-west-1")
    status, printed = run(json.loads(text), tmp_path=tmp_path)
    assert (status, printed) == (0, "0 created, 0 changed, 11 unchanged, 0 refused\n")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "can't be read"),
        ("[]", "Format: must be"),
        ('{"Format": "x"}', "Format: must be"),
        ('{"Format": "F", "Colours": []}', "Colours: is not known"),
        ('{"Format": "F", "Relays": {}}', "Relays: must be a list"),
        ('{"Format": "F", "Relays": [{"ServerPort": 1}]}', "Relays[0]: must have a RelayName"),
        (
            '{"Format": "F", "Secrets": [{"Name": "s", "Description": 5}]}',
            "Secrets[0].Description: is of another type",
        ),
        (
            '{"Format": "F", "Secrets": [{"Name": "s", "SecretString": "x"}]}',
            "Secrets[0].SecretString: is not known",
        ),
        (
            '{"Format": "F", "Buckets": [{"Bucket": "b", "Tags": [5]}]}',
            "Buckets[0].Tags[0]: must be an object",
        ),
    ],
)
def test_what_is_no_export_is_refused_as_a_whole(tmp_path, content, told):
    file = tmp_path / "configuration.json"
    file.write_text(content.replace('"F"', '"mail-manager-configuration-1"'))
    with pytest.raises(CommandError) as caught:
        call_command("import", str(file))
    assert told in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        call_command("import", str(tmp_path / "none.json"))


def test_a_broken_yaml_file_is_told_with_its_line(tmp_path):
    file = tmp_path / "broken.yaml"
    file.write_text("Format: x\nRelays: [\n")
    with pytest.raises(CommandError, match="line 3"):
        call_command("import", str(file))


def test_an_address_list_becomes_what_the_document_says(furnished, tmp_path, settings, actor):
    settings.DATA_DIR = tmp_path
    (entry,) = furnished["AddressLists"]
    assert entry["Addresses"] == ["a@example.com", "abc*@example.org"]
    entry["Addresses"] = ["B@example.com", "abc*@example.org"]
    status, printed = run({**furnished, "AddressLists": [entry]}, tmp_path=tmp_path)
    assert (status, "~ address list blocked" in printed) == (0, True)
    assert sorted(Member.objects.values_list("address", flat=True)) == ["abc*@example.org", "b@example.com"]
    entry["Addresses"] = ["nobody", 7]
    status, printed = run({**furnished, "AddressLists": [entry]}, tmp_path=tmp_path)
    assert status == 1
    assert "Addresses[0]" in printed
    assert "Addresses[1]" in printed


def test_lists_of_many_are_compared_by_their_length_alone(furnished, tmp_path, settings, actor):
    settings.DATA_DIR = tmp_path
    members.import_members(actor, AddressList.objects.get().id, (f"u{n}@example.com" for n in range(6000)))
    status, printed = run(furnished, tmp_path=tmp_path)
    assert status == 0
    assert "lines" in printed
    assert AddressList.objects.get().member_count == 2
