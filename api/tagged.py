"""Whatever can have tags, found by its ARN."""

from collections.abc import Callable, Mapping
from typing import Protocol

from addresslists import reading as addresslists
from addresslists.models import AddressList
from core.errors import NotFound
from core.identifiers import parse_arn
from endpoints import services as endpoints
from endpoints.models import IngressEndpoint
from policies import services as policies
from policies.models import TrafficPolicy
from relays import services as relays
from relays.models import Relay
from rulesets import services as rulesets
from rulesets.models import RuleSet


class _Named(Protocol):
    @property
    def arn(self) -> str: ...


_FINDERS: Mapping[str, Callable[[str], _Named]] = {
    IngressEndpoint.ARN_TYPE: endpoints.get,
    TrafficPolicy.ARN_TYPE: policies.get,
    RuleSet.ARN_TYPE: rulesets.get,
    Relay.ARN_TYPE: relays.get,
    AddressList.ARN_TYPE: addresslists.get,
}


def require_resource(resource_arn: str) -> None:
    """NotFound where no resource of Mail Manager has this ARN, every part of it."""
    arn = parse_arn(resource_arn)
    find = _FINDERS.get(arn.resource.partition("/")[0]) if arn else None
    if find is None or find(resource_arn).arn != resource_arn:
        raise NotFound(f"There is no resource {resource_arn}.")
