"""What does not belong in a policy document is refused, with its path."""

import pytest

from access.logic.policy_document import MAX_STATEMENTS, PolicyKind, parse
from core.errors import Invalid

GOOD = {
    "Effect": "Allow",
    "Principal": {"Service": "ses.amazonaws.com"},
    "Action": "kms:Decrypt",
    "Resource": "*",
}


def document(**changes):
    statement = {name: value for name, value in (GOOD | changes).items() if value is not ...}
    return {"Version": "2012-10-17", "Statement": [statement]}


CASES = [
    ("no object", [], [("", "must be a JSON object")]),
    ("no statement", {"Version": "2012-10-17"}, [("Statement", "is required")]),
    ("empty", {"Statement": []}, [("Statement", "must have 1 to")]),
    ("too many", {"Statement": [GOOD] * (MAX_STATEMENTS + 1)}, [("Statement", "must have 1 to")]),
    ("version", {"Version": "2024-01-01", "Statement": [GOOD]}, [("Version", "2012-10-17")]),
    ("unknown element", {"Statement": [GOOD], "Owner": "me"}, [("Owner", "is not an element")]),
    ("lower case", {"Statement": [GOOD], "statement": []}, [("statement", "is not an element")]),
    ("one statement alone", {"Statement": GOOD | {"Effect": "allow"}}, [("Statement.Effect", "must be")]),
    ("statement no object", {"Statement": ["x"]}, [("Statement[0]", "must be an object")]),
    ("effect missing", document(Effect=...), [("Statement[0].Effect", '"Allow" or "Deny"')]),
    ("unknown in statement", document(Actions="x"), [("Statement[0].Actions", "is not known")]),
    ("principal missing", document(Principal=...), [("Statement[0].Principal", "is required")]),
    ("principal text", document(Principal="ses.amazonaws.com"), [("Statement[0].Principal", "must be")]),
    ("principal kind", document(Principal={"Services": "x"}), [("Statement[0].Principal.Services", "is not known")]),
    ("principal wildcard", document(Principal={"AWS": "arn:aws:iam::1:user/*"}), [("Statement[0].Principal.AWS", "wildcard")]),
    ("principal name", document(Principal={"AWS": ["alice"]}), [("Statement[0].Principal.AWS[0]", "account of 12 digits")]),
    ("principal number", document(Principal={"AWS": 123456789012}), [("Statement[0].Principal.AWS", "must be text")]),
    ("both", document(NotPrincipal="*"), [("Statement[0].NotPrincipal", "can't stand beside Principal")]),
    ("action missing", document(Action=...), [("Statement[0].Action", "is required")]),
    ("action without service", document(Action=["kms:Decrypt", "Decrypt"]), [("Statement[0].Action[1]", "service:Action")]),
    ("action empty list", document(Action=[]), [("Statement[0].Action", "service:Action")]),
    ("resource no arn", document(Resource="key/1"), [("Statement[0].Resource", "six parts")]),
    ("condition no object", document(Condition=[]), [("Statement[0].Condition", "must be an object")]),
    ("operator", document(Condition={"StringEqual": {"aws:x": "1"}}), [("Statement[0].Condition.StringEqual", "is no condition operator")]),
    ("set operator", document(Condition={"ForEach:StringEquals": {"aws:x": "1"}}), [("Statement[0].Condition.ForEach:StringEquals", "is no condition operator")]),
    ("null with if exists", document(Condition={"NullIfExists": {"aws:x": "true"}}), [("Statement[0].Condition.NullIfExists", "is no condition operator")]),
    ("operator without keys", document(Condition={"StringEquals": {}}), [("Statement[0].Condition.StringEquals", "condition keys")]),
    ("key", document(Condition={"StringEquals": {"SourceAccount": "1"}}), [("Statement[0].Condition.StringEquals.SourceAccount", "prefix")]),
    ("value object", document(Condition={"StringEquals": {"aws:x": {}}}), [("Statement[0].Condition.StringEquals.aws:x", "must be text")]),
    ("no values", document(Condition={"StringEquals": {"aws:x": []}}), [("Statement[0].Condition.StringEquals.aws:x", "must be text")]),
    ("number", document(Condition={"NumericEquals": {"aws:x": ["1", "one"]}}), [("Statement[0].Condition.NumericEquals.aws:x[1]", "a number")]),
    ("date", document(Condition={"DateLessThan": {"aws:CurrentTime": "soon"}}), [("Statement[0].Condition.DateLessThan.aws:CurrentTime", "ISO 8601")]),
    ("address", document(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/99"}}), [("Statement[0].Condition.IpAddress.aws:SourceIp", "CIDR")]),
    ("boolean", document(Condition={"Bool": {"aws:x": "yes"}}), [("Statement[0].Condition.Bool.aws:x", "true or false")]),
    ("null", document(Condition={"Null": {"aws:x": "maybe"}}), [("Statement[0].Condition.Null.aws:x", "true or false")]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "policy", "expected"), CASES, ids=[case[0] for case in CASES])
def test_what_is_wrong_is_named_with_its_path(name, policy, expected):
    with pytest.raises(Invalid) as caught:
        parse(policy, PolicyKind.RESOURCE)
    assert [problem.path for problem in caught.value.problems] == [path for path, _ in expected]
    for problem, (_, words) in zip(caught.value.problems, expected, strict=True):
        assert words in problem.message


def test_two_statements_of_one_sid_are_refused():
    with pytest.raises(Invalid, match=r"Statement\[1\]\.Sid"):
        parse({"Statement": [GOOD | {"Sid": "a"}, GOOD | {"Sid": "a"}]}, PolicyKind.RESOURCE)


def test_a_permissions_policy_names_resources_and_no_principal():
    statement = {name: value for name, value in GOOD.items() if name != "Principal"}
    assert parse({"Statement": statement}, PolicyKind.PERMISSIONS).statements[0].principals is None
    with pytest.raises(Invalid, match="does not belong"):
        parse({"Statement": GOOD}, PolicyKind.PERMISSIONS)
    with pytest.raises(Invalid, match="Resource: is required"):
        parse({"Statement": {"Effect": "Allow", "Action": "*"}}, PolicyKind.PERMISSIONS)
