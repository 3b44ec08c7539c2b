"""What is wrong is told where it is wrong; nothing half-made is left, nothing accepted is lost."""

import ipaddress
import json
import smtplib
from html import unescape

import pytest

from core import reply
from tests.e2e.desk import Refused
from tests.e2e.product import PATIENCE_SECONDS, letter, message_id_in
from tests.policies.documents import deny, ipv4, policy
from tests.rulesets.documents import HOSTILE, mailbox, rule, rules, text
from tests.servers.ports import own_network
from tests.servers.process import wait_until
from tests.servers.system import SAMPLE, running_system

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def system(cluster_url, two_addresses):
    """Its pool has two addresses, which rest for no longer than a test can wait."""
    environment = {"MAILMANAGER_ADDRESS_POOL": two_addresses, "MAILMANAGER_ADDRESS_REST_SECONDS": "3"}
    with running_system(database_url=cluster_url, environment=environment) as running:
        yield running


@pytest.fixture(scope="module")
def two_addresses():
    network = own_network()
    first = int(ipaddress.ip_network(network)[1])
    return f"{ipaddress.ip_address(first)}-{ipaddress.ip_address(first + 1)}"


@pytest.fixture(scope="module")
def target(product):
    """Drops what asks for it in the Subject, keeps all else; the second of the two addresses."""
    product.mailbox("target")
    return product.endpoint(
        "target",
        [
            rule({"Drop": {}}, when=text("SUBJECT", "EQUALS", "drop me"), name="by-subject"),
            rule(mailbox("target"), name="keep"),
        ],
    )


@pytest.fixture
def unchanged(product):
    """Nothing was made, changed or left behind by the test."""

    def seen():
        tables = ("policies_trafficpolicy", "rulesets_ruleset", "endpoints_ingressendpoint")
        more = ("resources_documentversion", "resources_reference", "resources_tag", "access_auditentry")
        return {table: product.system.rows(f"SELECT * FROM {table} ORDER BY 1") for table in tables + more}

    before = seen()
    yield
    assert seen() == before


# --- in the console -------------------------------------------------------------------------------


@pytest.mark.parametrize("room", ["traffic-policies", "rule-sets"])
def test_taken_name_is_told_beside_the_field(console, unchanged, room):
    document = policy("ALLOW") if room == "traffic-policies" else rules()
    answer = console.post(f"/{room}/create", data=_typed("sample", document))
    assert answer.status_code == 200
    assert "named sample already" in _field_errors(answer.text, "name")
    assert 'value="sample"' in answer.text  # what was typed is still there


def test_endpoint_with_a_taken_name_is_refused_beside_the_field(console, product, target, unchanged):
    answer = console.post("/ingress-endpoints/create", data=_endpoint(target, name="sample", type="OPEN"))
    assert answer.status_code == 200
    assert "named sample already" in _field_errors(answer.text, "name")


def test_password_outside_the_set_is_refused_and_not_shown_again(console, target, unchanged):
    typed = _endpoint(target, name="with-a-space", type="AUTH", way="TYPE", password="pass word with spaces")
    answer = console.post("/ingress-endpoints/create", data=typed)
    assert answer.status_code == 200
    assert "An SMTP password has 8 to 64 characters" in _field_errors(answer.text, "password")
    assert "pass word" not in answer.text
    assert 'value="with-a-space"' in answer.text


def test_invalid_cidr_is_named_with_its_line_and_path(console, unchanged):
    document = policy("ALLOW", deny(ipv4("192.0.2.0/24", "192.0.2.0/33")))
    answer = console.post("/traffic-policies/create", data=_typed("new", document))
    assert answer.status_code == 200
    told = _field_errors(answer.text, "document")
    assert "PolicyStatements[0].Conditions[0].IpExpression.Values[1]" in told
    assert "Line " in told
    assert "192.0.2.0/33" in unescape(answer.text)


def test_rule_without_an_action_is_named_with_its_path(console, unchanged):
    answer = console.post("/rule-sets/create", data=_typed("new", rules({"Name": "nothing", "Actions": []})))
    assert answer.status_code == 200
    assert "Rules[0].Actions" in _field_errors(answer.text, "document")


def test_policy_in_use_is_not_deleted_and_the_endpoint_is_named(console, product, target, unchanged):
    answer = console.post(f"/traffic-policies/{target.policy_id}/delete", data={"confirmation": "target"})
    assert answer.status_code in (200, 409)
    assert "target" in unescape(answer.text)
    with pytest.raises(Refused, match="target") as refused:
        product.desk.call("policies.delete", target.policy_id)
    assert refused.value.kind == "Conflict"


def _typed(name: str, document: dict) -> dict[str, str]:
    """The page of a policy or rule set, as JSON."""
    return {"as": "json", "name": name, "document": json.dumps(document, indent=2)}


def _endpoint(like, **typed: str) -> dict[str, str]:
    return {
        "tls_policy": "DEFAULT",
        "way": "GENERATE",
        "traffic_policy_id": like.policy_id,
        "rule_set_id": like.rule_set_id,
        **typed,
    }


def _field_errors(page: str, field: str) -> str:
    """The words of the list of errors beside a field; "" where nothing is wrong with it."""
    _, found, rest = page.partition(f'id="id_{field}-errors"')
    return unescape(rest.partition("</ul>")[0]) if found else ""


# --- on the wire ----------------------------------------------------------------------------------


def test_garbage_on_the_smtp_port_ends_in_a_reply_and_others_are_served(product, target, dial):
    with dial(target, timeout_seconds=PATIENCE_SECONDS) as garbage, dial(target) as other:
        for line in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\xff\xfe\x00\x00", b"\x00" * 300):
            garbage.says(line)
            assert garbage.last.code in (500, 501, 502), garbage.last
        garbage.sends(b"A" * 1_000_000 + b"\r\n")
        assert garbage.hears().code == 500
        assert other.says("EHLO client.example").code == 250
    with dial(target, timeout_seconds=PATIENCE_SECONDS) as web:
        assert web.says("GET / HTTP/1.1").code == 500
        assert web.is_closed
    assert product.system.process("ingress").state == "RUNNING"


def test_bare_line_ending_is_refused_and_nothing_of_it_is_kept(product, target, dial):
    with dial(target, timeout_seconds=PATIENCE_SECONDS) as peer:
        peer.says("EHLO client.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
        peer.sends(b"Subject: two\r\n\r\nin one\n.\nMAIL FROM:<smuggled@x.example>\r\n.\r\n")
        peer.hears()
        assert peer.heard(reply.BARE_LINE_ENDING)
        assert peer.is_closed
    assert not product.spooled()


@pytest.mark.parametrize(
    "content",
    [
        b"no header and no empty line\r\n",
        b"\r\n",
        b"",
        b"\xff\xfe binary \x80\x81\r\n" * 100,
        b"Content-Type: multipart/mixed; boundary=x\r\nSubject: =?utf-8?b?!!!?=\r\n\r\n--y\r\n",
        b"Content-Type: " + b"multipart/mixed; boundary=" + b"b" * 900 + b"\r\n\r\n",
        b"Subject: " + b"(" * 900 + b"\r\nFrom: <<<>>>@@,;:\r\n\r\n",
    ],
    ids=["text", "empty line", "nothing", "binary", "wrong MIME", "long boundary", "nested comment"],
)
def test_a_message_that_is_no_mime_is_delivered_by_a_rule_that_needs_none(product, target, dial, content):
    before = len(product.stored("target"))
    with dial(target, timeout_seconds=PATIENCE_SECONDS) as peer:
        peer.says("EHLO c.example", "MAIL FROM:<a@x.example> BODY=8BITMIME", "RCPT TO:<b@y.example>", "DATA")
        message_id = message_id_in(peer.sends_message(content))
    product.wait_for_outcome(message_id, "DELIVERED")
    kept = product.stored("target")
    assert len(kept) == before + 1
    mine = next(raw for raw in kept if message_id.encode() in raw)
    assert mine.endswith(content.replace(b"\r\n", b"\n"))


def test_hostile_headers_are_shown_as_text_in_the_trace(product, target, dial, console):
    hostile = letter(f"{HOSTILE} “quoted”")
    with dial(target, timeout_seconds=PATIENCE_SECONDS) as peer:
        peer.says("EHLO client.example", f'MAIL FROM:<"{HOSTILE}"@x.example>', "RCPT TO:<b@y.example>")
        assert peer.heard(reply.RECIPIENT_OK)
        peer.says("DATA")
        message_id = message_id_in(peer.sends_message(hostile))
    product.wait_for_outcome(message_id, "DELIVERED")
    for address in (f"/message-trace/{message_id}/", "/message-trace/"):
        page = console.get(address).text
        assert HOSTILE not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt; “quoted”" in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;@x.example" in page


# --- the address pool -----------------------------------------------------------------------------


def test_exhausted_pool_fails_with_its_reason_and_a_retry_works_once_an_address_has_rested(
    product, target, console
):
    system, desk = product.system, product.desk
    late = desk.call(
        "endpoints.create",
        name="late",
        type="OPEN",
        traffic_policy_id=target.policy_id,
        rule_set_id=target.rule_set_id,
    )
    product.wait_for_status("late", "FAILED")
    page = unescape(console.get(f"/ingress-endpoints/{late['id']}").text)
    assert "Failed" in page
    assert "address" in page
    # The two others go on as they were.
    with smtplib.SMTP(target.host, target.port, timeout=PATIENCE_SECONDS) as client:
        client.sendmail("a@x.example", ["b@y.example"], letter("drop me"))

    sample = product.active(SAMPLE)
    desk.call("endpoints.delete", sample.id)
    product.wait_for_status(SAMPLE, "")

    def is_active():
        """Asked again as a person would, until the address has rested."""
        if system.status_of("late") == "FAILED":
            desk.call("endpoints.retry", late["id"])
        return system.status_of("late") == "ACTIVE"

    wait_until(is_active, "late ACTIVE", timeout_seconds=PATIENCE_SECONDS)
    assert system.address_of("late") == sample.host
    with smtplib.SMTP(sample.host, sample.port, timeout=PATIENCE_SECONDS) as client:
        _code, words = client.ehlo("client.example")
        assert words.decode().splitlines()[0] == product.active("late").a_record != sample.a_record
