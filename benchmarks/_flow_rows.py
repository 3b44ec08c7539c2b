"""Beside a benchmarked ingress, in its environment: makes an open endpoint at ADDRESS whose rule set has
RULES rules that ask for the header, all of which a benchmark's message passes by but the last, which relays
to HOST and PORT."""

import os
import sys
from typing import Any

import django

ASKED = ("SUBJECT", "FROM", "TO", "CC", "SENDER", "X-Spam-Flag", "X-Mailer")


def main(address: str, rules: int, host: str, port: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailmanager.settings")
    django.setup()
    from benchmarks._endpoint import make_endpoint
    from relays.models import Relay
    from rulesets.models import RuleSet

    relay = Relay.objects.create(name="sink", server_name=host, server_port=port)
    make_endpoint(address)
    RuleSet.objects.update(rules=header_rules(rules, relay.id))


def header_rules(count: int, relay_id: str) -> list[dict[str, Any]]:
    asking = [_rule(f"rule-{number}", [_asks(number)], {"Drop": {}}) for number in range(count - 1)]
    last = [_condition("SUBJECT", "CONTAINS", "minutes"), _condition("TO", "ENDS_WITH", "@bench.example")]
    return [*asking, _rule("onward", last, {"Relay": {"Relay": relay_id}})]


def _rule(name: str, conditions: list[dict[str, Any]], action: dict[str, Any]) -> dict[str, Any]:
    return {"Name": name, "Conditions": conditions, "Actions": [action]}


def _asks(number: int) -> dict[str, Any]:
    return _condition(ASKED[number % len(ASKED)], "CONTAINS", f"nowhere-{number}")


def _condition(asked: str, operator: str, value: str) -> dict[str, Any]:
    kind = "MimeHeaderAttribute" if asked.startswith("X-") else "Attribute"
    return {"StringExpression": {"Evaluate": {kind: asked}, "Operator": operator, "Values": [value]}}


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
