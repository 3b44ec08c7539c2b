"""Mail Manager's own resources, by the API's operations: what Get answers is what Create takes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from access.actor import Actor, system
from api.call import Call, Document
from api.operations.ingress_points import told_trust_store
from api.operations.table import OPERATIONS
from api.tag_members import tag_list, tags_from
from api.typed import written
from core.errors import Invalid
from core.service_model import problems, service_model
from endpoints.logic.life import Status
from endpoints.models import IngressEndpoint
from policies.models import TrafficPolicy
from relays import services as relays
from relays.models import Relay
from resources.services import change_tags, tags_of
from rulesets.models import RuleSet

_SERVICE = "mailmanager"
_OF_THE_MOMENT = (
    "CreatedTimestamp",
    "LastUpdatedTimestamp",
    "LastModifiedTimestamp",
    "CreatedDate",
    "LastModificationDate",
    "Status",
    "ARecord",
    "IngressPointAuthConfiguration",
    "NetworkConfiguration",  # the address pool decides
)


def _nothing(resource: Any) -> Document:
    return {}


@dataclass(frozen=True)
class OperatedKind:
    """`noun`: as in CreateRelay. `beyond`: members that Get does not answer."""

    section: str
    word: str
    noun: str
    model: Any
    fixed_members: Sequence[str] = ()
    beyond: Callable[[Any], Document] = _nothing

    @property
    def name_member(self) -> str:
        return f"{self.noun}Name"

    @property
    def identifier_members(self) -> Sequence[str]:
        return f"{self.noun}Id", f"{self.noun}Arn"

    @property
    def types(self) -> Mapping[str, type]:
        return {}

    def entries(self) -> list[Document]:
        return [self._entry(resource) for resource in self.model.objects.order_by("name")]

    def create(self, actor: Actor, wanted: Document) -> None:
        given = self._taken("Create", wanted)
        made = self._operate(actor, "Create", given)
        left = {name: value for name, value in wanted.items() if name not in given}
        for name in self.identifier_members:
            left.pop(name, None)
        if left:
            self.update(actor, made, left)

    def update(self, actor: Actor, current: Document, changes: Mapping[str, Any]) -> None:
        (identifier, _) = self.identifier_members
        changes = dict(changes)
        tags, tls = changes.pop("Tags", None), changes.pop("Tls", None)
        if changes:
            self._operate(actor, "Update", {identifier: current[identifier], **changes})
        if tags is not None:
            arn = self._operate(actor, "Get", {identifier: current[identifier]})[f"{self.noun}Arn"]
            change_tags(actor, arn, tags_from({"Tags": tags}))
        if tls is not None:
            relays.update(actor, current[identifier], tls=tls)

    def _entry(self, resource: Any) -> Document:
        told = self._operate(system("export"), "Get", {self.identifier_members[0]: resource.id})
        shape = service_model(_SERVICE).operation_model(f"Get{self.noun}").output_shape
        entry: Document = written(told, shape, lambda value, _: value)
        for name in _OF_THE_MOMENT:
            entry.pop(name, None)
        tags = tags_of(resource.arn)
        return {**entry, **self.beyond(resource), **({"Tags": tag_list(tags)} if tags else {})}

    def _taken(self, verb: str, wanted: Document) -> Document:
        """The members that the operation takes."""
        shape = service_model(_SERVICE).operation_model(f"{verb}{self.noun}").input_shape
        return {name: wanted[name] for name in shape.members if name in wanted}

    def _operate(self, actor: Actor, verb: str, document: Document) -> Document:
        operation = f"{verb}{self.noun}"
        shape = service_model(_SERVICE).operation_model(operation).input_shape
        if wrong := problems(shape.name, document):
            raise Invalid(wrong)
        return OPERATIONS[_SERVICE][operation](Call(actor, _SERVICE, operation, document, request_id=""))


def _beyond_relay(relay: Relay) -> Document:
    return {"Tls": relay.tls}  # the service's model leaves it open


def _beyond_endpoint(endpoint: IngressEndpoint) -> Document:
    """A password is hashed here; only its owner can write it into the document."""
    beyond: Document = {}
    if endpoint.secret_arn:
        beyond["IngressPointConfiguration"] = {"SecretArn": endpoint.secret_arn}
    if endpoint.type == IngressEndpoint.Type.MTLS:
        store = {name: text for name, text in told_trust_store(endpoint)["TrustStore"].items() if text}
        beyond["IngressPointConfiguration"] = {"TlsAuthConfiguration": {"TrustStore": store}}
    if endpoint.wished_status == Status.CLOSED:
        beyond["StatusToUpdate"] = Status.CLOSED.value
    return beyond


RELAYS = OperatedKind("Relays", "SMTP relay", "Relay", Relay, beyond=_beyond_relay)
POLICIES = OperatedKind("TrafficPolicies", "traffic policy", "TrafficPolicy", TrafficPolicy)
RULE_SETS = OperatedKind("RuleSets", "rule set", "RuleSet", RuleSet)
ENDPOINTS = OperatedKind(
    "IngressPoints", "ingress endpoint", "IngressPoint", IngressEndpoint, ("Type",), _beyond_endpoint
)
