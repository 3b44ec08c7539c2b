"""The same request again, and lists page by page while rows come and go."""

from datetime import timedelta

import pytest
from botocore.exceptions import ClientError
from django.utils import timezone

from api import access_keys
from api.idempotency import forget_old
from api.models import Answered
from policies.models import TrafficPolicy
from tests.api.documents import endpoint_of, policy_of, relay_of, rule_set_of

TOKEN = "a-token"


@pytest.fixture
def mm(client):
    return client("mailmanager")


def error_of(call, **input):
    with pytest.raises(ClientError) as caught:
        call(**input)
    return caught.value.response["Error"]


def test_same_token_and_input_get_the_same_answer(mm):
    assert policy_of(mm, ClientToken=TOKEN) == policy_of(mm, ClientToken=TOKEN)
    assert TrafficPolicy.objects.count() == 1


def test_same_token_with_other_input_is_a_conflict(mm):
    policy_of(mm, ClientToken=TOKEN)
    error = error_of(policy_of, mm=mm, name="other", ClientToken=TOKEN)
    assert error["Code"] == "ConflictException"
    assert TrafficPolicy.objects.count() == 1


def test_a_refused_request_leaves_its_token_free(mm):
    relay_of(mm, "taken")
    assert error_of(relay_of, mm=mm, name="taken", ClientToken=TOKEN)["Code"] == "ConflictException"
    assert relay_of(mm, "free", ClientToken=TOKEN)


def test_tokens_are_each_operations_and_each_persons_own(client, mm, actor, django_user_model):
    django_user_model.objects.create_user("other", password="x" * 12, role="operator")
    theirs = client("mailmanager", access_keys.create(actor, "other"))
    first = policy_of(mm, ClientToken=TOKEN)
    assert rule_set_of(mm, ClientToken=TOKEN)
    assert error_of(policy_of, mm=theirs, ClientToken=TOKEN)["Code"] == "ConflictException"  # the name
    assert policy_of(theirs, "second", ClientToken=TOKEN) != first


def test_no_password_can_be_guessed_from_what_is_kept(mm):
    endpoint_of(mm, Type="AUTH", ClientToken=TOKEN, IngressPointConfiguration={"SmtpPassword": "pass-Word_1"})
    answered = Answered.objects.get(token=TOKEN)
    assert "pass-Word_1" not in str(answered.output)
    assert len(answered.input_digest) == 64


def test_old_answers_are_forgotten(mm):
    policy_of(mm, ClientToken=TOKEN)
    forget_old()
    assert Answered.objects.filter(token=TOKEN).exists()
    Answered.objects.update(at=timezone.now() - timedelta(days=2))
    forget_old()
    assert not Answered.objects.exists()


@pytest.mark.parametrize(
    ("operation", "member", "make"),
    [
        ("list_traffic_policies", "TrafficPolicies", policy_of),
        ("list_rule_sets", "RuleSets", rule_set_of),
        ("list_relays", "Relays", relay_of),
        ("list_ingress_points", "IngressPoints", None),
    ],
)
def test_paginators_give_each_row_once(mm, operation, member, make):
    if make is None:
        shared = {"TrafficPolicyId": policy_of(mm), "RuleSetId": rule_set_of(mm)}
        made = {endpoint_of(mm, f"name-{number}", **shared) for number in range(5)}
    else:
        made = {make(mm, f"name-{number}") for number in range(5)}
    pages = list(mm.get_paginator(operation).paginate(PaginationConfig={"PageSize": 2}))
    rows = [row for page in pages for row in page[member]]
    assert [len(page[member]) for page in pages] == [2, 2, 1]
    ids = {value for row in rows for name, value in row.items() if name.endswith("Id")}
    assert ids == made


def test_pages_stay_stable_while_rows_come_and_go(mm):
    ids = sorted(policy_of(mm, f"name-{number}") for number in range(6))
    page = mm.list_traffic_policies(PageSize=3)
    mm.delete_traffic_policy(TrafficPolicyId=ids[2])
    policy_of(mm, "new-1")
    policy_of(mm, "new-2")
    seen = [row["TrafficPolicyId"] for row in page["TrafficPolicies"]]
    while token := page.get("NextToken"):
        page = mm.list_traffic_policies(PageSize=3, NextToken=token)
        seen += [row["TrafficPolicyId"] for row in page["TrafficPolicies"]]
    assert len(seen) == len(set(seen))
    assert set(ids) <= set(seen)


def test_tokens_that_were_changed_or_are_another_operations_are_refused(mm):
    for number in range(2):
        policy_of(mm, f"name-{number}")
        relay_of(mm, f"name-{number}")
    token = mm.list_traffic_policies(PageSize=1)["NextToken"]
    for call, wrong in (
        (mm.list_traffic_policies, token[:-1] + ("A" if token[-1] != "A" else "B")),
        (mm.list_traffic_policies, "x"),
        (mm.list_relays, token),
    ):
        assert error_of(call, NextToken=wrong)["Code"] == "ValidationException"


@pytest.mark.parametrize("size", [0, -1])
def test_page_sizes_that_are_none(mm, size):
    for call in (mm.list_relays, mm.list_rule_sets):
        assert error_of(call, PageSize=size)["Code"] == "ValidationException"


def test_paginators_of_keys_and_secrets(client):
    kms, sm = client("kms"), client("secretsmanager")
    ids = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(3)}
    for key_id in ids:
        kms.create_alias(AliasName=f"alias/a-{key_id}", TargetKeyId=key_id)
    pages = kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2})
    assert ids <= {row["KeyId"] for page in pages for row in page["Keys"]}
    pages = kms.get_paginator("list_aliases").paginate(PaginationConfig={"PageSize": 2})
    assert ids <= {row["TargetKeyId"] for page in pages for row in page["Aliases"]}
    for number in range(3):
        sm.create_secret(Name=f"s{number}", SecretString="x")
    pages = sm.get_paginator("list_secrets").paginate(PaginationConfig={"PageSize": 2})
    assert [row["Name"] for page in pages for row in page["SecretList"]] == ["s0", "s1", "s2"]
    sm.put_secret_value(SecretId="s0", SecretString="y")
    answer = sm.list_secret_version_ids(SecretId="s0", MaxResults=1)
    assert len(answer["Versions"]) == 1
    assert len(sm.list_secret_version_ids(SecretId="s0", NextToken=answer["NextToken"])["Versions"]) == 1
    for call, member, code in (
        (kms.list_keys, "Marker", "InvalidMarkerException"),
        (sm.list_secrets, "NextToken", "InvalidNextTokenException"),
    ):
        assert error_of(call, **{member: "x"})["Code"] == code
