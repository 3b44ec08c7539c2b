"""The policy editor of secrets and keys: JSON text, and statements that one button inserts."""

import json
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.logic.policy_document import MAX_DOCUMENT_BYTES, PolicyKind, parse
from console import json_source
from console.forms import ConsoleForm
from core.errors import Invalid, Problem
from secrets_store.logic import uses
from secrets_store.logic.uses import Use

INSERT = "_insert"  # name of the buttons; the value is a Use


@dataclass(frozen=True, slots=True)
class Insertion:
    """A button that adds the statement which a use needs."""

    use: Use
    label: str | Promise


SECRET_INSERTIONS = (
    Insertion(Use.ENDPOINT, gettext_lazy("Insert statement for ingress endpoints")),
    Insertion(Use.RELAY, gettext_lazy("Insert statement for SMTP relays")),
)
KEY_INSERTIONS = (
    *SECRET_INSERTIONS,
    Insertion(Use.ARCHIVE, gettext_lazy("Insert statement for email archives")),
)


class PolicyField(forms.CharField):
    """JSON text of a resource policy, to a document; None where it may be left out and was.

    Says line and path of what is wrong.
    """

    widget = forms.Textarea

    def __init__(self, **options: Any) -> None:
        options.setdefault("max_length", MAX_DOCUMENT_BYTES)
        options.setdefault("widget", forms.Textarea(attrs={"rows": 16, "spellcheck": "false"}))
        super().__init__(**options)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text.strip():
            return None
        problems = json_source.check(text, policy_problems)
        if problems:
            raise forms.ValidationError([str(problem) for problem in problems])
        return json.loads(text)

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) or value is None else written(value)


class PolicyForm(ConsoleForm):
    policy = PolicyField(label=gettext_lazy("Policy"))


class OptionalPolicyForm(ConsoleForm):
    policy = PolicyField(label=gettext_lazy("Resource permissions"), required=False)


def policy_problems(document: Any) -> tuple[Problem, ...]:
    try:
        parse(document, PolicyKind.RESOURCE)
    except Invalid as error:
        return error.problems
    return ()


def with_statement(text: str, use: Use, *, is_key: bool) -> str:
    """The policy text with the statement that `use` needs; one of the same Sid is replaced.

    An empty text becomes a policy of that statement. Invalid where the text is no JSON object that
    has, or could have, statements: nothing of what was typed is thrown away.
    """
    make = uses.key_statement if is_key else uses.secret_statement
    statement = make(use, region=settings.REGION, account=settings.ACCOUNT_ID)
    try:
        document = json.loads(text) if text.strip() else {"Version": uses.POLICY_VERSION}
    except (ValueError, RecursionError):
        document = None
    statements = document.get("Statement", []) if isinstance(document, dict) else None
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not isinstance(document, dict):
        raise Invalid.at("policy", _("Correct the JSON first; then a statement can be inserted."))
    kept = [one for one in statements if not (isinstance(one, dict) and one.get("Sid") == statement["Sid"])]
    return written({**document, "Statement": [*kept, statement]})


def written(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)
