"""Traffic policies."""

from api.call import Call, Document, Operation
from api.members import blaming, given
from api.pagination import page_of
from api.tag_members import tags_from
from policies import services
from policies.models import TrafficPolicy

_MEMBERS = {
    "name": "TrafficPolicyName",
    "default_action": "DefaultAction",
    "statements": "PolicyStatements",
    "max_message_size_bytes": "MaxMessageSizeBytes",
}


def create(call: Call) -> Document:
    policy = services.create(call.actor, **given(call, _MEMBERS), tags=tags_from(call.input))
    return {"TrafficPolicyId": policy.id}


def get(call: Call) -> Document:
    policy = services.get(call.input["TrafficPolicyId"])
    return {
        "TrafficPolicyName": policy.name,
        "TrafficPolicyId": policy.id,
        "TrafficPolicyArn": policy.arn,
        "CreatedTimestamp": policy.created_at,
        "LastUpdatedTimestamp": policy.updated_at,
        **policy.document,
    }


def update(call: Call) -> Document:
    services.update(call.actor, call.input["TrafficPolicyId"], **given(call, _MEMBERS))
    return {}


def delete(call: Call) -> Document:
    services.delete(call.actor, call.input["TrafficPolicyId"])
    return {}


def list_all(call: Call) -> Document:
    page = page_of(call, TrafficPolicy.objects.only("id", "name", "default_action"))
    return {
        "TrafficPolicies": [
            {
                "TrafficPolicyName": policy.name,
                "TrafficPolicyId": policy.id,
                "DefaultAction": policy.default_action,
            }
            for policy in page.rows
        ],
        "NextToken": page.next_token,
    }


OPERATIONS: dict[str, Operation] = blaming(
    _MEMBERS,
    {
        "CreateTrafficPolicy": create,
        "GetTrafficPolicy": get,
        "UpdateTrafficPolicy": update,
        "DeleteTrafficPolicy": delete,
        "ListTrafficPolicies": list_all,
    },
)
