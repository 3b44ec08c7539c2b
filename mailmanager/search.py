"""Finding a resource of any room by its name or ID."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, Q
from django.urls import NoReverseMatch, reverse

from addresslists.models import AddressList
from destinations.models import Mailbox
from endpoints.models import IngressEndpoint
from policies.models import TrafficPolicy
from relays.models import Relay
from rulesets.models import RuleSet

MAX_RESULTS_PER_KIND = 20

# What is searched, and the page of one.
KINDS: tuple[tuple[type[Model], str], ...] = (
    (IngressEndpoint, "endpoints:detail"),
    (TrafficPolicy, "policies:detail"),
    (RuleSet, "rulesets:summary"),
    (AddressList, "addresslists:detail"),
    (Relay, "relays:detail"),
    (Mailbox, "destinations:mailbox"),
)


@dataclass(frozen=True, slots=True)
class Found:
    kind: Any
    resource: Any
    url: str


def find(words: str) -> Iterator[Found]:
    """Resources whose name or ID has every word, kind by kind; of each kind the first few by name."""
    for model, url_name in KINDS:
        matching = model._default_manager.all()
        for word in words.split():
            matching = matching.filter(Q(name__icontains=word) | Q(pk__icontains=word))
        for resource in matching.order_by("name")[:MAX_RESULTS_PER_KIND]:
            yield Found(model._meta.verbose_name, resource, _url_of(url_name, resource))


def _url_of(url_name: str, resource: Model) -> str:
    try:
        return reverse(url_name, args=[resource.pk])
    except NoReverseMatch:
        return ""
