"""Who uses a resource is a link to its page."""

from html import unescape

from django.urls import reverse

from endpoints import services
from policies.models import TrafficPolicy
from rulesets.models import RuleSet


def test_page_of_a_policy_links_to_the_endpoint_that_uses_it(owner, actor):
    policy = TrafficPolicy.objects.create(name="allow-all", default_action="ALLOW")
    rule_set = RuleSet.objects.create(name="keep-all", rules=[])
    endpoint = services.create(
        actor, name="inbound", type="OPEN", traffic_policy_id=policy.id, rule_set_id=rule_set.id
    )
    link = f'<a href="{reverse("endpoints:detail", args=[endpoint.id])}">inbound</a>'
    for page in (reverse("policies:detail", args=[policy.id]), reverse("policies:delete", args=[policy.id])):
        assert link in unescape(owner.get(page).content.decode())
