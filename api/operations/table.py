"""Every operation that is built, by service. What is not in it answers as an unknown one."""

from api.call import Operation
from api.operations import keys, policies, secrets

OPERATIONS: dict[str, dict[str, Operation]] = {
    "mailmanager": policies.OPERATIONS,
    "secretsmanager": secrets.OPERATIONS,
    "kms": keys.OPERATIONS,
}
