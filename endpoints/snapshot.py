"""The snapshot that the ingress works from: read from the database, followed as it changes.

A change arrives within milliseconds by a notice through Redis, and within a second by asking for the
configuration's version where the notice was lost. While the database is away what is held stays, and a
copy on disk (hashes, no secrets) stands in for it at a start.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from pathlib import Path

import django.db
import structlog
from django.conf import settings
from django.db.models import Exists, OuterRef, TextField
from django.db.models.functions import Cast
from django.utils import timezone

from addresslists.indexes import Indexes
from addresslists.reading import ListState, read_states
from endpoints import applied, snapshot_file
from endpoints.credentials import Credentials, credentials_of
from endpoints.following import Follower
from endpoints.logic.assembly import Assembler, Document, lists_in, store_credential
from endpoints.logic.life import Service, Status, service_of
from endpoints.logic.snapshot import Snapshot
from endpoints.models import EndpointAddress, IngressEndpoint, TrustStore
from endpoints.one_state import one_state
from policies.models import TrafficPolicy
from resources.services import configuration_version

log = structlog.get_logger()

COPY_NAME = "ingress-snapshot.json"

OnChange = Callable[[Snapshot], Awaitable[None]]


def build_snapshot() -> Snapshot:
    """Now, from the database, with nothing remembered; who asks often uses `SnapshotSource`."""
    document, lists = read_document(), Indexes()
    _hold_lists(lists, document)
    return Assembler(lists).assemble(document)


def read_document() -> Document:
    """All that a snapshot is made of, by five queries for up to 5,000 secrets, and one for each 5,000 more;
    two more where policies ask address lists.

    Of one state: an endpoint that is given another policy meanwhile would stand there without any, and be
    closed until the next look.
    """
    with one_state():
        return _read_document()


def _read_document() -> Document:
    version = configuration_version()
    addresses = _addresses()
    served = [
        endpoint
        for endpoint in IngressEndpoint.objects.select_related("trust_store").order_by("id")
        if _service(endpoint) is not Service.NONE and endpoint.id in addresses
    ]
    credentials = credentials_of(served, timezone.now())
    statements = Cast("statements", TextField())  # compared before it is parsed
    is_used = Exists(IngressEndpoint.objects.filter(traffic_policy=OuterRef("pk")))
    policies = TrafficPolicy.objects.filter(is_used).values_list(
        "id", "default_action", "max_message_size_bytes", statements
    )
    states = read_states(lists_in(text for _id, _action, _size, text in policies))
    return {
        "version": version,
        "endpoints": [
            _endpoint_document(endpoint, addresses[endpoint.id], credentials.get(endpoint.id, Credentials()))
            for endpoint in served
        ],
        "policies": {
            policy_id: {"DefaultAction": action, "MaxMessageSizeBytes": size, "PolicyStatements": text}
            for policy_id, action, size, text in policies
        },
        "lists": {list_id: state.to_document() for list_id, state in states.items()},
    }


def _hold_lists(lists: Indexes, document: Document) -> None:
    lists.refresh({list_id: ListState.of_document(stored) for list_id, stored in document["lists"].items()})


def _service(endpoint: IngressEndpoint) -> Service:
    return service_of(Status(endpoint.status), Status(endpoint.wished_status))


def _addresses() -> dict[str, list[str]]:
    """Of each endpoint that has any. Not prefetched: that makes a queryset for each of ten thousand."""
    addresses: defaultdict[str, list[str]] = defaultdict(list)
    taken = EndpointAddress.objects.filter(endpoint__isnull=False).order_by()
    for endpoint_id, address in taken.values_list("endpoint_id", "address"):
        addresses[endpoint_id].append(address)
    return dict(addresses)


def _endpoint_document(endpoint: IngressEndpoint, addresses: list[str], credentials: Credentials) -> Document:
    return {
        "id": endpoint.id,
        "name": endpoint.name,
        "type": endpoint.type,
        "is_tls_required": endpoint.tls_policy == IngressEndpoint.TlsPolicy.REQUIRED,
        "service": _service(endpoint).value,
        "addresses": sorted(addresses, key=_address_order),
        "host_name": endpoint.a_record,
        "policy_id": endpoint.traffic_policy_id,
        "rule_set_id": endpoint.rule_set_id,
        "credentials": list(map(store_credential, credentials.accepted)),
        "auth_problem": credentials.problem,
        "trust_store": _trust_store_document(endpoint),
    }


def _trust_store_document(endpoint: IngressEndpoint) -> Document | None:
    if endpoint.type != IngressEndpoint.Type.MTLS:
        return None
    # One without its trust store, which no service makes, trusts nobody.
    stored = getattr(endpoint, "trust_store", TrustStore())
    return {"ca_content": stored.ca_content, "crl_content": stored.crl_content}


def _address_order(address: str) -> tuple[int, int]:
    parsed = ip_address(address)
    return parsed.version, int(parsed)


class SnapshotSource:
    """Holds `current` and follows the configuration, on the loop that called `start`.

    `on_change(snapshot)` is awaited with the first snapshot, before `start` returns, and with each new
    one, never two at once. When it returns, the snapshot counts as applied by this process: what waits
    for that (an endpoint that turns Active) goes on. If it raises, it is called again within a second.
    """

    def __init__(self, on_change: OnChange | None = None) -> None:
        self.current = Snapshot(version=0)
        self._on_change = on_change
        self._lists = Indexes()
        self._assembler = Assembler(self._lists)
        self._copy: Path = settings.DATA_DIR / COPY_NAME
        self._version: int | None = None  # of what was read last, copy or database
        self._is_copy = False
        self._written: Document | None = None
        self._applied: int | None = None
        self._was_applied = asyncio.Event()
        self._follower = Follower(self._refresh)

    async def start(self) -> None:
        """With database and copy both away `current` stays empty until one comes back."""
        await self._follower.start(self._report)

    async def close(self) -> None:
        await self._follower.close()
        await asyncio.to_thread(applied.withdraw)

    async def _refresh(self) -> None:
        try:
            snapshot = await self._follower.in_thread(self._read_if_changed)
        except django.db.Error:
            if self._version is None and (snapshot := await self._follower.in_thread(self._read_copy)):
                self._take(snapshot, is_copy=True)
                log.warning("snapshot_read_from_disk", version=snapshot.version)
            raise
        else:
            if snapshot is not None:
                self._take(snapshot, is_copy=False)
        finally:
            await self._apply()

    def _take(self, snapshot: Snapshot, *, is_copy: bool) -> None:
        self.current, self._version, self._is_copy = snapshot, snapshot.version, is_copy

    async def _apply(self) -> None:
        if self._version is None or self.current.version == self._applied:
            return
        version = self.current.version
        if self._on_change is not None:
            await self._on_change(self.current)
        self._applied = version
        self._was_applied.set()

    async def _report(self) -> None:
        """Tell by Redis which version this process has applied, at once and then to say that it lives."""
        while True:
            self._was_applied.clear()
            await asyncio.to_thread(applied.report, self._applied)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(applied.REPORT_SECONDS):
                    await self._was_applied.wait()

    # --- in the thread ----------------------------------------------------------------------------

    def _read_if_changed(self) -> Snapshot | None:
        is_whole = self._lists.is_complete and not self._is_copy
        if configuration_version() == self._version and is_whole:
            return None
        document = read_document()
        _hold_lists(self._lists, document)  # before the policies that ask them
        snapshot = self._assembler.assemble(document)
        for policy_id, problem in self._assembler.problems.items():
            log.error("policy_not_compiled", policy=policy_id, problem=problem)
        self._keep_copy(document)
        return snapshot

    def _keep_copy(self, document: Document) -> None:
        """Where anything but the version is new: many changes do not concern the ingress."""
        content = {name: value for name, value in document.items() if name != "version"}
        if content == self._written:
            return
        try:
            snapshot_file.write(self._copy, document)
        except OSError as error:
            log.error("snapshot_not_kept", path=str(self._copy), error=str(error))
        else:
            self._written = content

    def _read_copy(self) -> Snapshot | None:
        document = snapshot_file.read(self._copy)
        if document is None:
            return None
        _hold_lists(self._lists, document)
        return self._assembler.assemble(document)
