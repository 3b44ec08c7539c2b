"""Every operation that is built, by service. What is not in it answers as an unknown one."""

from api.call import Operation
from api.operations import (
    address_lists,
    ingress_points,
    keys,
    policies,
    relays,
    rule_sets,
    secrets,
    tagging,
    tags,
)

OPERATIONS: dict[str, dict[str, Operation]] = {
    "mailmanager": (
        ingress_points.OPERATIONS
        | policies.OPERATIONS
        | rule_sets.OPERATIONS
        | relays.OPERATIONS
        | address_lists.OPERATIONS
        | tags.OPERATIONS
    ),
    "secretsmanager": secrets.OPERATIONS,
    "kms": keys.OPERATIONS,
    "resourcegroupstaggingapi": tagging.OPERATIONS,
}
