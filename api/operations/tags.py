"""Tags of Mail Manager's resources."""

from django.db import transaction

from api.call import Call, Document, Operation
from api.tag_members import tag_list, tags_from
from api.tagged import require_resource
from resources.services import change_tags, tags_of


@transaction.atomic
def tag(call: Call) -> Document:
    arn = call.input["ResourceArn"]
    require_resource(arn)
    change_tags(call.actor, arn, tags_of(arn) | tags_from(call.input))
    return {}


@transaction.atomic
def untag(call: Call) -> Document:
    arn = call.input["ResourceArn"]
    require_resource(arn)
    kept = {key: value for key, value in tags_of(arn).items() if key not in call.input["TagKeys"]}
    change_tags(call.actor, arn, kept)
    return {}


def list_all(call: Call) -> Document:
    arn = call.input["ResourceArn"]
    require_resource(arn)
    return {"Tags": tag_list(tags_of(arn))}


OPERATIONS: dict[str, Operation] = {
    "TagResource": tag,
    "UntagResource": untag,
    "ListTagsForResource": list_all,
}
