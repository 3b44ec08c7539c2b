"""`manage.py rundns` as resolvers meet it: a process, UDP and TCP, following the database."""

import socket
import sys
from contextlib import ExitStack

import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.resolver
import pytest

from endpoints import provisioning, services
from endpoints.zone_source import read_zone
from tests.servers.ports import free_port
from tests.servers.process import Process, running, wait_until
from tests.servers.worker import REPOSITORY, product_environment

KINDS = (socket.SOCK_DGRAM, socket.SOCK_STREAM)


class Dns:
    """A started rundns: where it answers, and its process."""

    def __init__(self, log, port):
        self.port = port
        environment = {**product_environment(), "MAILMANAGER_DNS": f"127.0.0.1:{port}"}
        command = [sys.executable, "manage.py", "rundns"]
        self.process = Process(command, log=log, env=environment, cwd=REPOSITORY)


@pytest.fixture
def start_dns(tmp_path):
    """`start_dns()`: a `Dns` that answers."""
    with ExitStack() as stack:

        def start():
            dns_server = Dns(tmp_path / "dns.log", free_port(kinds=KINDS))
            process = stack.enter_context(running(dns_server.process))
            process.wait_until(lambda: "dns_started" in process.output, "dns started")
            return dns_server

        yield start


def ask(name, port, by=dns.query.udp):
    return by(dns.message.make_query(name, "A"), "127.0.0.1", port=port, timeout=5)


def test_names_are_answered_as_they_come_and_go(start_dns, small_ingress, make_endpoint, actor, zone):
    endpoint = make_endpoint()
    provisioning.provision(endpoint.id)
    server = start_dns()
    port = server.port
    endpoint.refresh_from_db()
    address = endpoint.addresses.get().address
    for by in (dns.query.udp, dns.query.tcp):
        assert ask(endpoint.a_record, port, by).answer[0][0].address == address

    # As the world sees it: a domain's MX, followed by a resolver to us by delegation.
    zone.add("corp.example", "MX", f"10 {endpoint.a_record}.")
    zone.delegate("mail-manager-smtp.mailmanager.test", ("127.0.0.1", port))
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [zone.host], zone.port
    host = resolver.resolve("corp.example", "MX")[0].exchange
    assert resolver.resolve(host, "A")[0].address == address

    second = make_endpoint("second")
    provisioning.provision(second.id)
    second.refresh_from_db()
    wait_until(lambda: ask(second.a_record, port).answer, "the second name")
    services.delete(actor, endpoint.id)
    wait_until(lambda: ask(endpoint.a_record, port).rcode() == dns.rcode.NXDOMAIN, "the first name gone")
    assert server.process.stop() == 0


@pytest.mark.django_db(transaction=True)
def test_connections_that_say_nothing_do_not_keep_others_out(start_dns):
    port = start_dns().port
    with ExitStack() as held:
        for _ in range(100):
            held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
        assert ask("mail-manager-smtp.mailmanager.test", port, dns.query.tcp).rcode() == dns.rcode.NOERROR


@pytest.mark.django_db(transaction=True)
def test_several_queries_share_a_connection_and_scraps_end_it(start_dns):
    port = start_dns().port
    query = dns.message.make_query("mail-manager-smtp.mailmanager.test", "SOA")
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        for _ in range(3):
            dns.query.send_tcp(connection, query)
            response, _ = dns.query.receive_tcp(connection)
            assert response.answer
        connection.sendall(b"\x00\x03abc")
        assert connection.recv(1) == b""


@pytest.mark.django_db(transaction=True)
def test_a_taken_port_is_one_clear_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = Dns(tmp_path / "dns.log", taken.getsockname()[1]).process
        wait_until(lambda: not process.is_running, "ended")
    assert process.exit_code == 1
    assert "CommandError: MAILMANAGER_DNS: can't listen on 127.0.0.1" in process.output
    assert "Traceback" not in process.output


@pytest.mark.django_db
def test_the_zone_is_read_by_two_queries(make_endpoint, django_assert_num_queries):
    for number in range(5):
        make_endpoint(f"endpoint-{number}")
    with django_assert_num_queries(2):
        read_zone()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("listening", "servers", "addresses", "wanted"),
    [
        ("127.0.0.1:53", [], [], ["127.0.0.1"]),
        ("[::1]:53", [], [], ["::1"]),
        ("0.0.0.0:53", [], ["192.0.2.53", "2001:db8::53"], ["192.0.2.53", "2001:db8::53"]),
        ("0.0.0.0:53", [], [], []),
    ],
)
def test_name_servers_are_named_as_the_settings_say(settings, listening, servers, addresses, wanted):
    settings.DNS_ADDRESS, settings.DNS_SERVERS = listening, servers
    settings.DNS_SERVER_ADDRESSES = addresses
    zone = read_zone()
    held = zone.records.get(dns.name.from_text("ns.mail-manager-smtp.mailmanager.test"), {})
    assert [rdata.address for rdataset in held.values() for rdata in rdataset] == wanted
