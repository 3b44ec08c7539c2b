"""The AWS CLI, the JavaScript SDK and Cloud Custodian, unmodified, on the whole product."""

import json
import smtplib
import ssl
from email.message import EmailMessage

import pytest

from tests.api.documents import RULE, STATEMENT
from tests.api.tools import AWSCLI, CUSTODIAN, JAVASCRIPT_SDK, javascript_package, python_tool, run
from tests.servers.process import wait_until
from tests.servers.system import START_SECONDS

pytestmark = [pytest.mark.timeout(600), pytest.mark.any_database]

ACCOUNT = "123456789012"
PASSWORD = "pass-Word_1"
SERVICE = {"Service": "ses.amazonaws.com"}


def allow(action, **members):
    return {"Effect": "Allow", "Principal": SERVICE, "Action": action, "Resource": "*", **members}


@pytest.fixture(scope="module")
def aws(product_environment):
    """`aws("mailmanager", "list-relays")`: what the CLI prints, read."""
    program = python_tool(AWSCLI) / "aws"

    def call(*arguments, **members):
        """Members of the input as `key_id="…"` → `--key-id …`; documents as JSON."""
        options = []
        for name, value in members.items():
            text = value if isinstance(value, str) else json.dumps(value)
            options += [f"--{name.replace('_', '-')}", text]
        printed = run([program, *arguments, "--output", "json", *options], product_environment)
        return json.loads(printed) if printed.strip() else {}

    return call


def test_the_walk_by_the_aws_cli(aws, system):
    policy = aws(
        "mailmanager", "create-traffic-policy", traffic_policy_name="cli", default_action="ALLOW",
        policy_statements=[STATEMENT],
    )  # fmt: skip
    rule_set = aws(
        "mailmanager", "create-rule-set", rule_set_name="cli", rules=[RULE, {"Actions": [{"Drop": {}}]}]
    )
    key = aws("kms", "create-key", description="for endpoints")["KeyMetadata"]
    key_policy = json.loads(aws("kms", "get-key-policy", key_id=key["KeyId"])["Policy"])
    key_policy["Statement"].append(allow("kms:Decrypt"))
    aws("kms", "put-key-policy", key_id=key["KeyId"], policy=json.dumps(key_policy))
    aws("kms", "create-alias", alias_name="alias/cli", target_key_id=key["KeyId"])
    secret = aws(
        "secretsmanager", "create-secret", name="cli", kms_key_id="alias/cli",
        secret_string=json.dumps({"password": PASSWORD}),
    )  # fmt: skip
    statement = allow(
        "secretsmanager:GetSecretValue", Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    )
    resource_policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws("secretsmanager", "put-resource-policy", secret_id="cli", resource_policy=resource_policy)
    endpoint = aws(
        "mailmanager", "create-ingress-point", ingress_point_name="cli", type="AUTH",
        traffic_policy_id=policy["TrafficPolicyId"], rule_set_id=rule_set["RuleSetId"],
        ingress_point_configuration={"SecretArn": secret["ARN"]},
    )["IngressPointId"]  # fmt: skip

    def told():
        return aws("mailmanager", "get-ingress-point", ingress_point_id=endpoint)

    wait_until(lambda: told()["Status"] == "ACTIVE", "ACTIVE", timeout_seconds=START_SECONDS)
    assert told()["ARecord"].endswith(".mail-manager-smtp.mailmanager.test")
    assert told()["IngressPointAuthConfiguration"] == {"SecretArn": secret["ARN"]}
    send_mail(system, endpoint)
    aws("mailmanager", "delete-ingress-point", ingress_point_id=endpoint)
    wait_until(lambda: not system.status_of("cli"), "gone", timeout_seconds=START_SECONDS)
    aws("mailmanager", "delete-rule-set", rule_set_id=rule_set["RuleSetId"])


def send_mail(system, endpoint):
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@a.example", "b@b.example", "by the CLI"
    mail.set_content("hello")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP(system.address_of("cli"), system.submission_port, timeout=30) as smtp:
        smtp.starttls(context=context)
        smtp.login(endpoint, PASSWORD)
        assert smtp.send_message(mail) == {}


JAVASCRIPT = """
import {
  MailManagerClient, CreateTrafficPolicyCommand, CreateRuleSetCommand, GetRuleSetCommand,
  CreateIngressPointCommand, GetIngressPointCommand, GetRelayCommand, TagResourceCommand,
  ListTagsForResourceCommand, DeleteRuleSetCommand, ResourceNotFoundException, ValidationException,
  paginateListRuleSets,
} from "@aws-sdk/client-mailmanager";
import { AwsSmithyRpcV2CborProtocol } from "@aws-sdk/core/protocols";

const wire = [];
const [documents, prefix] = process.argv.slice(1);
const { rule, statement } = JSON.parse(documents);
const options = prefix === "cbor" ? { protocol: AwsSmithyRpcV2CborProtocol } : {};
const client = new MailManagerClient({ maxAttempts: 1, ...options });
client.middlewareStack.add(
  (next) => async (args) => { wire.push(args.request.path); return next(args); }, { step: "finalizeRequest" });
const send = (command) => client.send(command);

const names = [1, 2, 3].map((number) => `${prefix}-${number}`);
const ids = [];
for (const RuleSetName of names)
  ids.push((await send(new CreateRuleSetCommand({ RuleSetName, Rules: [rule] }))).RuleSetId);
const { TrafficPolicyId } = await send(new CreateTrafficPolicyCommand({
  TrafficPolicyName: prefix, DefaultAction: "ALLOW", PolicyStatements: [statement] }));
const got = await send(new GetRuleSetCommand({ RuleSetId: ids[0] }));
const listed = [];
for await (const page of paginateListRuleSets({ client, pageSize: 2 }, {}))
  listed.push(...page.RuleSets.map((row) => row.RuleSetId));
const { IngressPointId } = await send(new CreateIngressPointCommand({
  IngressPointName: prefix, Type: "AUTH", TrafficPolicyId, RuleSetId: ids[0],
  IngressPointConfiguration: { SmtpPassword: "pass-Word_1" } }));
const point = await send(new GetIngressPointCommand({ IngressPointId }));
await send(new TagResourceCommand({ ResourceArn: got.RuleSetArn, Tags: [{ Key: "by", Value: "js" }] }));
const { Tags } = await send(new ListTagsForResourceCommand({ ResourceArn: got.RuleSetArn }));
const errors = [];
for (const command of [new GetRelayCommand({ RelayId: "r-none" }), new GetRelayCommand({ RelayId: "?" })])
  await send(command).catch((error) => errors.push([
    error instanceof ResourceNotFoundException, error instanceof ValidationException,
    error.$metadata.httpStatusCode, Boolean(error.$metadata.requestId)]));
await send(new DeleteRuleSetCommand({ RuleSetId: ids[2] }));
console.log(JSON.stringify({
  rules: got.Rules, isDate: got.CreatedDate instanceof Date, ids, listed, Tags, errors, wire: wire[0],
  versions: point.IngressPointAuthConfiguration.IngressPointPasswordConfiguration,
  network: point.NetworkConfiguration }));
"""


@pytest.mark.needs("node")
@pytest.mark.parametrize(
    ("protocol", "path"), [("json", "/api/"), ("cbor", "/api/service/MailManagerSvc/operation/CreateRuleSet")]
)
def test_the_javascript_sdk(product_environment, protocol, path):
    folder = javascript_package(JAVASCRIPT_SDK)
    documents = json.dumps({"rule": RULE, "statement": STATEMENT})
    printed = run(
        ["node", "--input-type=module", "--eval", JAVASCRIPT, documents, protocol],
        product_environment,
        cwd=folder,
    )
    told = json.loads(printed)
    assert told["rules"] == [RULE]
    assert told["isDate"]
    assert set(told["ids"]) <= set(told["listed"])
    assert len(told["listed"]) == len(set(told["listed"]))
    assert told["versions"] == {"SmtpPasswordVersion": "1"}
    assert told["network"] == {"PublicNetworkConfiguration": {"IpType": "IPV4"}}
    assert told["Tags"] == [{"Key": "by", "Value": "js"}]
    assert told["errors"] == [[True, False, 404, True], [False, True, 400, True]]
    assert told["wire"] == path


@pytest.fixture
def custodian(product_environment, tmp_path):
    """`custodian(filters, actions)`: runs one policy over ingress endpoints; what it chose."""
    program = python_tool(CUSTODIAN) / "custodian"

    def call(filters, actions=()):
        policy = {
            "name": "p",
            "resource": "aws.ses-ingress-endpoint",
            "filters": filters,
            "actions": list(actions),
        }
        file = tmp_path / "policy.json"
        file.write_text(json.dumps({"policies": [policy]}))
        run(
            [program, "run", "--region", "us-east-1", "--cache-period", "0",
             "-s", tmp_path / "out", file],
            product_environment,
        )  # fmt: skip
        return json.loads((tmp_path / "out" / "p" / "resources.json").read_text())

    return call


def test_cloud_custodian_lists_filters_tags_and_deletes(aws, custodian, system):
    policy = aws(
        "mailmanager", "create-traffic-policy", traffic_policy_name="c7n", default_action="DENY",
        policy_statements=[],
    )["TrafficPolicyId"]  # fmt: skip
    rule_set = aws("mailmanager", "create-rule-set", rule_set_name="c7n", rules=[])["RuleSetId"]
    aws(
        "mailmanager", "create-ingress-point", ingress_point_name="c7n", type="OPEN",
        traffic_policy_id=policy, rule_set_id=rule_set, tags=[{"Key": "team", "Value": "mail"}],
    )  # fmt: skip
    wait_until(lambda: system.status_of("c7n") == "ACTIVE", "ACTIVE", timeout_seconds=START_SECONDS)
    (found,) = custodian([{"IngressPointName": "c7n"}, {"tag:team": "mail"}])
    assert found["Status"] == "ACTIVE"
    assert custodian([{"IngressPointName": "c7n"}, {"tag:team": "web"}]) == []
    custodian([{"IngressPointName": "c7n"}], [{"type": "tag", "key": "stage", "value": "test"}])
    assert len(custodian([{"tag:stage": "test"}])) == 1
    custodian([{"tag:stage": "test"}], [{"type": "remove-tag", "tags": ["stage"]}])
    assert custodian([{"tag:stage": "test"}]) == []
    custodian([{"tag:team": "mail"}], ["delete"])
    wait_until(lambda: not system.status_of("c7n"), "gone", timeout_seconds=START_SECONDS)
