"""The zone as the database has it, followed as it changes."""

from django.conf import settings

from core.host import parse_host_and_port
from endpoints.following import Follower
from endpoints.logic import life
from endpoints.logic.zone import Zone, make_zone
from endpoints.models import EndpointAddress, IngressEndpoint, zone_name
from resources.services import configuration_version

DNS_PORT = 53
_UNSPECIFIED = frozenset({"0.0.0.0", "::"})  # noqa: S104 — where it listens on all, none of them is named


def listening_place() -> tuple[str, int]:
    """Host and port of MAILMANAGER_DNS. ValueError."""
    return parse_host_and_port(settings.DNS_ADDRESS, port=DNS_PORT)


def read_zone() -> Zone:
    """By two queries: the version, and every address with its endpoint's name."""
    version = configuration_version()
    hosts: dict[str, list[str]] = {}
    rows = EndpointAddress.objects.filter(
        endpoint__status__in=life.NAMED, endpoint__record_label__isnull=False
    ).select_related("endpoint")
    for row in rows.order_by("address"):
        assert isinstance(row.endpoint, IngressEndpoint), "filtered by its status"
        hosts.setdefault(row.endpoint.a_record, []).append(row.address)
    return _zone(version, hosts)


def _zone(version: int, hosts: dict[str, list[str]]) -> Zone:
    origin = zone_name()
    listening, _port = listening_place()
    addresses = settings.DNS_SERVER_ADDRESSES or [a for a in [listening] if a not in _UNSPECIFIED]
    return make_zone(
        origin,
        serial=version,
        hosts=hosts,
        name_servers=settings.DNS_SERVERS or [f"ns.{origin}"],
        name_server_addresses=addresses,
    )


class ZoneSource:
    """Holds `current`. While the database is away it stays as it is, at first without any host."""

    def __init__(self) -> None:
        self.current = _zone(0, {})
        self._version: int | None = None
        self._follower = Follower(self._refresh)

    async def start(self) -> None:
        await self._follower.start()

    async def close(self) -> None:
        await self._follower.close()

    async def _refresh(self) -> None:
        changed = await self._follower.in_thread(self._read_if_changed)
        if changed is not None:
            self.current, self._version = changed

    def _read_if_changed(self) -> tuple[Zone, int] | None:
        version = configuration_version()
        return (read_zone(), version) if version != self._version else None
