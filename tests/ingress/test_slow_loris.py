"""Hundreds that send a byte now and then: each is shown the door, and an honest client is served.

`script/bench slow` does it with thousands, and measures the honest client.
"""

from ipaddress import ip_address

from endpoints.logic.snapshot import EndpointType
from tests.ingress import slow
from tests.ingress.machine import served
from tests.servers.process import wait_until

_CONNECTIONS = 240


def test_the_slow_lose_their_places_and_the_honest_are_served(make_ingress, dial, monkeypatch):
    monkeypatch.setattr("ingress.session._RATE_WINDOW_SECONDS", 2.0)
    for_mail = served()
    for_submission = served(id="inp-2", type=EndpointType.AUTH, addresses=("127.0.0.2",))
    ingress = make_ingress(for_mail, idle_timeout_seconds=2, handshake_timeout_seconds=2)
    ingress.serve(for_mail, for_submission)
    ports = {listener.endpoint_id: listener for listener in ingress.engine.listeners}
    mail = (ingress.host, ingress.port)
    submission = (ports["inp-2"].address, ports["inp-2"].port)
    kinds = [(kind, mail) for kind in (slow.COMMAND, slow.DATA, slow.CHUNKS, slow.HANDSHAKE, slow.SILENT)]
    kinds.append((slow.AUTH, submission))
    sources = [str(ip_address("127.60.0.1") + number) for number in range(20)]
    clients = slow.SlowClients(kinds, _CONNECTIONS, sources, pause_seconds=0.5)
    with slow.slow_clients(clients):
        # Each kind loses as many places as it has connections: none of them is held for good.
        share = _CONNECTIONS // len(kinds)
        while any(len(held) < share for held in clients.held.values()) or not clients.held:
            with dial(ingress) as honest:
                honest.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
                assert honest.sends_message(b"text\r\n").code == 250
                assert honest.says("QUIT").code == 221
    wait_until(lambda: not ingress.engine.sessions, "all are gone")
    assert not clients.turned_away
    assert ingress.engine.budget.used_bytes == 0
