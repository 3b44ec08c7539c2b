"""From an ARN to the page of what it names."""

from django.urls import NoReverseMatch, reverse

from core.identifiers import parse_arn

# First part of the ARN's resource → the page that takes its ID.
_PAGES = {
    "mailmanager-ingress-point": "endpoints:detail",
    "mailmanager-traffic-policy": "policies:detail",
    "mailmanager-rule-set": "rulesets:detail",
    "mailmanager-smtp-relay": "relays:detail",
    "mailmanager-address-list": "addresslists:detail",
}


def page_of(resource_arn: str) -> str:
    """Its URL, "" for an ARN of something without a page by ID."""
    arn = parse_arn(resource_arn)
    kind, _, resource_id = arn.resource.partition("/") if arn else ("", "", "")
    try:
        return reverse(_PAGES[kind], args=[resource_id])
    except (KeyError, NoReverseMatch):
        return ""
