"""Whether a key's policy lets a person do something with it."""

from typing import Any

from access.logic.policy_document import PolicyKind, parse
from access.logic.policy_evaluation import Principal, Request, evaluate
from access.logic.policy_text import make_context


def may_use(document: Any, *, arn: str, user_arn: str, action: str) -> bool:
    """`document`: a key policy that `parse` accepts; `arn`: the key's."""
    request = Request(Principal("AWS", user_arn), action, arn, make_context({"aws:PrincipalArn": user_arn}))
    return evaluate(parse(document, PolicyKind.RESOURCE), request).is_allowed
