"""Rule sets."""

from api.call import Call, Document, Operation
from api.members import blaming, given
from api.pagination import page_of
from api.tag_members import tags_from
from core.errors import NotFound
from rulesets import services
from rulesets.models import RuleSet

_MEMBERS = {"name": "RuleSetName", "rules": "Rules"}


def create(call: Call) -> Document:
    rule_set = services.create(call.actor, **given(call, _MEMBERS), tags=tags_from(call.input))
    return {"RuleSetId": rule_set.id}


def get(call: Call) -> Document:
    rule_set = services.get(call.input["RuleSetId"])
    return {
        "RuleSetId": rule_set.id,
        "RuleSetArn": rule_set.arn,
        "RuleSetName": rule_set.name,
        "CreatedDate": rule_set.created_at,
        "LastModificationDate": rule_set.updated_at,
        **rule_set.document,
    }


def update(call: Call) -> Document:
    services.update(call.actor, call.input["RuleSetId"], **given(call, _MEMBERS))
    return {}


def delete(call: Call) -> Document:
    """What is gone is gone: the service model has no ResourceNotFoundException for this operation."""
    try:
        services.delete(call.actor, call.input["RuleSetId"])
    except NotFound:
        return {}
    return {}


def list_all(call: Call) -> Document:
    page = page_of(call, RuleSet.objects.only("id", "name", "updated_at"))
    return {
        "RuleSets": [
            {
                "RuleSetId": rule_set.id,
                "RuleSetName": rule_set.name,
                "LastModificationDate": rule_set.updated_at,
            }
            for rule_set in page.rows
        ],
        "NextToken": page.next_token,
    }


OPERATIONS: dict[str, Operation] = blaming(
    _MEMBERS,
    {
        "CreateRuleSet": create,
        "GetRuleSet": get,
        "UpdateRuleSet": update,
        "DeleteRuleSet": delete,
        "ListRuleSets": list_all,
    },
)
