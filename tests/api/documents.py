"""Inputs that several tests send."""

STATEMENT = {
    "Action": "DENY",
    "Conditions": [
        {
            "StringExpression": {
                "Evaluate": {"Attribute": "RECIPIENT"},
                "Operator": "EQUALS",
                "Values": ["a@b.example"],
            }
        }
    ],
}

RULE = {
    "Name": "tag",
    "Conditions": [],
    "Unless": [],
    "Actions": [{"AddHeader": {"HeaderName": "X-Seen", "HeaderValue": "yes"}}],
}


def policy_of(mm, name="first", **members):
    wish = {"TrafficPolicyName": name, "DefaultAction": "ALLOW", "PolicyStatements": [STATEMENT]}
    return mm.create_traffic_policy(**wish | members)["TrafficPolicyId"]


def rule_set_of(mm, name="first", rules=(RULE,), **members):
    return mm.create_rule_set(RuleSetName=name, Rules=list(rules), **members)["RuleSetId"]


def relay_of(mm, name="first", **members):
    wish = {"ServerName": "mx.example", "ServerPort": 25, "Authentication": {"NoAuthentication": {}}}
    return mm.create_relay(RelayName=name, **wish | members)["RelayId"]


def endpoint_of(mm, name="inbound", **members):
    """An Open one, with a policy and a rule set of its own."""
    wish = {"Type": "OPEN"} | members
    if "TrafficPolicyId" not in wish:
        wish["TrafficPolicyId"] = policy_of(mm, name)
    if "RuleSetId" not in wish:
        wish["RuleSetId"] = rule_set_of(mm, name)
    return mm.create_ingress_point(IngressPointName=name, **wish)["IngressPointId"]
