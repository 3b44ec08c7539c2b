"""A thousand endpoints on a thousand addresses, served by one process."""

import contextlib
import json
import os
from ipaddress import ip_address

import pytest

from core.identifiers import new_id
from endpoints.models import EndpointAddress, IngressEndpoint
from mailflow.models import SpoolMessage
from policies.models import TrafficPolicy
from resources.services import bump_configuration
from rulesets.models import RuleSet
from tests.ingress.senders import Senders
from tests.servers.dial import dial
from tests.servers.process import Process, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

_COUNT = 1000
_OTHER_FILES = 100  # databases, event loop, journal, what libraries hold
_PATIENCE_SECONDS = 60.0


@pytest.fixture
def addresses() -> list[str]:
    """Of this process alone, though the port may be free on others' too."""
    first = int(ip_address("127.128.0.0")) + os.getpid() % 2**11 * 1024
    return [str(ip_address(first + number)) for number in range(1, _COUNT + 2)]


@pytest.fixture
def endpoint_of(addresses: list[str], transactional_db: None) -> dict[str, IngressEndpoint]:
    policy = TrafficPolicy.objects.create(name="policy", default_action="ALLOW", statements=[])
    rule_set = RuleSet.objects.create(name="rules", rules=[])
    endpoints = IngressEndpoint.objects.bulk_create(
        IngressEndpoint(
            id=new_id(IngressEndpoint.PREFIX),
            name=f"endpoint-{number}",
            type=IngressEndpoint.Type.OPEN,
            tls_policy=IngressEndpoint.TlsPolicy.OPTIONAL,
            status=IngressEndpoint.Status.ACTIVE,
            record_label=f"endpoint{number:04}.abcde",
            traffic_policy=policy,
            rule_set=rule_set,
        )
        for number in range(_COUNT)
    )
    by_address = dict(zip(addresses, endpoints, strict=False))
    EndpointAddress.objects.bulk_create(
        EndpointAddress(address=address, endpoint=endpoint) for address, endpoint in by_address.items()
    )
    bump_configuration()
    return by_address


def test_each_message_arrives_for_its_endpoint_and_a_change_of_one_disturbs_no_other(
    addresses, endpoint_of, start
):
    process, port = start()
    started = next(line for line in process.output.splitlines() if '"ingress_started"' in line)
    assert json.loads(started)["listeners"] == _COUNT
    worker = json.loads(started)["pid"]
    accepted = {_deliver(address, port, endpoint): endpoint.id for address, endpoint in endpoint_of.items()}
    arrived = {message.pk: message.envelope["endpoint_id"] for message in SpoolMessage.objects.all()}
    assert arrived == accepted
    for pid in (process.pid, worker):
        assert len(os.listdir(f"/proc/{pid}/fd")) <= _COUNT + _OTHER_FILES

    before = _sockets(worker)
    *kept, gone, new = addresses
    with Senders((kept[0], port)) as senders, dial((kept[1], port)) as other, dial((gone, port)) as leaving:
        EndpointAddress.objects.filter(address=gone).update(address=new)
        bump_configuration()
        assert leaving.hears().code == 421
        wait_until(lambda: _listens(process, new), "the new address", timeout_seconds=_PATIENCE_SECONDS)
        _deliver(new, port, endpoint_of[gone])
        senders.go_on(20)
        assert other.says("NOOP").code == 250
    assert senders.faults == []
    with pytest.raises(ConnectionRefusedError), dial((gone, port)):
        pass
    # All other sockets are the very ones of before.
    wait_until(lambda: len(before - _sockets(worker)) == 1, "one socket is closed, and no other")


def _deliver(address: str, port: int, endpoint: IngressEndpoint) -> str:
    """The message ID."""
    with dial((address, port)) as peer:
        assert str(endpoint.record_label) in str(peer.greeting)
        peer.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
        heard = peer.sends_message(b"text\r\n")
        assert heard.code == 250, heard
        peer.says("QUIT")
        return str(heard).rpartition(" ")[2]


def _listens(process: Process, address: str) -> bool:
    return f'"address": "{address}"' in process.output


def _sockets(pid: int) -> set[str]:
    """What the process listens with: inodes of /proc/net/tcp in state 0A (LISTEN)."""
    with open(f"/proc/{pid}/net/tcp") as table:
        listening = {fields[9] for line in table if (fields := line.split())[3] == "0A"}
    own = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # a session's, closed since it was listed
            own.add(os.readlink(f"/proc/{pid}/fd/{name}"))
    return {inode for inode in listening if f"socket:[{inode}]" in own}
