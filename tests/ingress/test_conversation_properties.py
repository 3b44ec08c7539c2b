"""Whatever arrives, however it is cut: the same replies and events, no exception, no growth."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from endpoints.logic.snapshot import EndpointType
from ingress.logic.budget import ByteBudget
from ingress.logic.terms import Limits
from tests.ingress.machine import Driver, served

_LINES = st.sampled_from(
    [
        b"EHLO c.example",
        b"HELO c.example",
        b"MAIL FROM:<a@x.example>",
        b"MAIL FROM:<a@x.example> SIZE=20000 BODY=8BITMIME",
        b"MAIL FROM:<> SMTPUTF8",
        b"RCPT TO:<b@y.example>",
        b"RCPT TO:<blocked@y.example>",
        b'RCPT TO:<"q uoted"@y.example>',
        b"DATA",
        b".",
        b"..",
        b"text",
        b"BDAT 5",
        b"BDAT 7 LAST",
        b"BDAT 0 LAST",
        b"RSET",
        b"NOOP",
        b"VRFY x",
        b"STARTTLS",
        b"AUTH LOGIN",
        b"AUTH PLAIN AGEAYg==",
        b"*",
        b"YQ==",
        b"QUIT",
        b"GET / HTTP/1.1",
        b"x" * 1100,
        b"",
    ]
)
_ENDS = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b"\r\r\n", b"", b"\0\r\n"])
SCRIPTS = st.lists(st.tuples(_LINES, _ENDS), max_size=25).map(lambda lines: b"".join(a + b for a, b in lines))
_STREAMS = st.one_of(
    SCRIPTS, st.binary(max_size=300), st.tuples(SCRIPTS, st.binary(max_size=50)).map(b"".join)
)
_BEGINNINGS = st.sampled_from(
    [
        b"",
        b"EHLO c\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\n",
        b"EHLO c\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n",
    ]
)
_LIMITS = Limits(max_message_bytes=200, max_recipients=3, max_errors=5, max_idle_commands=15)


def _driver(type: EndpointType) -> Driver:
    return Driver(served(type=type), limits=_LIMITS, budget=ByteBudget(10_000))


def _outcome(driver: Driver) -> tuple[object, ...]:
    return driver.heard, driver.messages, driver.refusals, driver.conversation.is_closed


@settings(deadline=None, max_examples=300)
@given(
    type=st.sampled_from(EndpointType),
    beginning=_BEGINNINGS,
    stream=_STREAMS,
    cuts=st.lists(st.integers(0, 400), max_size=12),
)
def test_how_bytes_are_cut_changes_nothing(type, beginning, stream, cuts):
    whole = beginning + stream
    at_once, in_pieces, byte_by_byte = _driver(type), _driver(type), _driver(type)
    at_once.says(whole)
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    in_pieces.says(*(whole[a:b] for a, b in pairwise(places)))
    byte_by_byte.says(*(whole[i : i + 1] for i in range(len(whole))))
    # What follows STARTTLS in the clear is dropped or belongs to the handshake: that is for cuts to say.
    if not at_once.handshakes:
        assert _outcome(at_once) == _outcome(in_pieces) == _outcome(byte_by_byte)


@settings(deadline=None, max_examples=300)
@given(type=st.sampled_from(EndpointType), beginning=_BEGINNINGS, pieces=st.lists(_STREAMS, max_size=8))
def test_whatever_comes_little_is_kept_and_the_budget_comes_back(type, beginning, pieces):
    driver = _driver(type)
    for piece in (beginning, *pieces):
        driver.says(piece)
        assert len(driver.conversation._input) <= 13_000
        assert driver.budget.used_bytes <= _LIMITS.max_message_bytes
    driver.conversation.close()
    assert driver.budget.used_bytes == 0
    assert driver.heard.endswith(b"\r\n") or not driver.heard


def test_a_flood_of_commands_costs_in_proportion_to_its_length():
    """Cutting each command off a long buffer would copy the buffer each time."""
    driver = Driver(limits=Limits(max_idle_commands=0x7FFFFFFF))
    assert driver.says(b"NOOP\r\n" * 200_000).count(b"250 ") == 200_000
