"""Traffic policies."""

from api.call import Call, Document, Operation
from api.operations.tags import tags_from
from api.pagination import page_of
from policies import services
from policies.models import TrafficPolicy


def create(call: Call) -> Document:
    wish = call.input
    policy = services.create(
        call.actor,
        name=wish["TrafficPolicyName"],
        default_action=wish["DefaultAction"],
        statements=wish["PolicyStatements"],
        max_message_size_bytes=wish.get("MaxMessageSizeBytes"),
        tags=tags_from(wish),
    )
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
    """What the input leaves out stays as it is."""
    members = {
        "TrafficPolicyName": "name",
        "DefaultAction": "default_action",
        "PolicyStatements": "statements",
        "MaxMessageSizeBytes": "max_message_size_bytes",
    }
    changes = {parameter: call.input[member] for member, parameter in members.items() if member in call.input}
    services.update(call.actor, call.input["TrafficPolicyId"], **changes)
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


OPERATIONS: dict[str, Operation] = {
    "CreateTrafficPolicy": create,
    "GetTrafficPolicy": get,
    "UpdateTrafficPolicy": update,
    "DeleteTrafficPolicy": delete,
    "ListTrafficPolicies": list_all,
}
