"""The session in every state it can be in, under everything that is known to have hurt a server in it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from endpoints.logic.snapshot import EndpointType
from ingress.logic.budget import ByteBudget
from ingress.logic.events import Event, Refused
from ingress.logic.terms import Limits
from tests.ingress.machine import PASSWORD, Driver, served
from tests.ingress.test_authentication import PLAIN, SECRET, USER
from tests.ingress.test_conversation_properties import SCRIPTS
from tests.ingress.test_smuggling import FALSE_ENDS

_LIMITS = Limits(max_message_bytes=3000, max_recipients=3, max_errors=8, max_refusals=8, max_idle_commands=40)
_BUDGET_BYTES = 10_000
# A line of AUTH and more, and what one piece below brings while something is waited for.
_MOST_KEPT_BYTES = 13_000 + 80_000

_TRANSACTION = [b"MAIL FROM:<a@x.example>\r\n", b"RCPT TO:<b@y.example>\r\n"]
_HELLO = b"EHLO c.example\r\n"
STATES: dict[str, Sequence[bytes]] = {
    "greeted": [],
    "HELO": [b"HELO c.example\r\n"],
    "EHLO": [_HELLO],
    "half a command": [_HELLO, b"MAIL FRO"],
    "in a line that is too long": [b"x" * 2000],
    "TLS": [_HELLO, b"STARTTLS\r\n"],
    "EHLO in TLS": [_HELLO, b"STARTTLS\r\n", _HELLO],
    "AUTH LOGIN, user name": [_HELLO, b"AUTH LOGIN\r\n"],
    "AUTH LOGIN, password": [_HELLO, b"AUTH LOGIN " + USER.encode() + b"\r\n"],
    "AUTH PLAIN": [_HELLO, b"AUTH PLAIN\r\n"],
    "authenticated": [_HELLO, b"AUTH PLAIN " + PLAIN.encode() + b"\r\n"],
    "MAIL": [_HELLO, _TRANSACTION[0]],
    "RCPT": [_HELLO, *_TRANSACTION],
    "DATA": [_HELLO, *_TRANSACTION, b"DATA\r\n"],
    "amid DATA": [_HELLO, *_TRANSACTION, b"DATA\r\nSubject: x\r\n\r\ntext\r\n"],
    "at a dot": [_HELLO, *_TRANSACTION, b"DATA\r\ntext\r\n."],
    "too large": [_HELLO, *_TRANSACTION, b"DATA\r\n" + b"x" * 70 + b"\r\n" + b"text\r\n" * 600],
    "amid BDAT": [_HELLO, *_TRANSACTION, b"BDAT 20\r\ntext\r\n"],
    "between chunks": [_HELLO, *_TRANSACTION, b"BDAT 6\r\ntext\r\n"],
    "amid a chunk for nobody": [_HELLO, b"BDAT 20\r\ntext\r\n"],
}
_SECOND = b"MAIL FROM:<evil@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\nSubject: two\r\n\r\ntext\r\n.\r\n"
_ATTACKS = [
    *(b"text" + end + _SECOND for end in FALSE_ENDS),
    b"\r\n.\r\n" + _SECOND,
    b"STARTTLS\r\n" + _SECOND,
    b"AUTH LOGIN\r\n" * 5,
    f"AUTH LOGIN {USER}\r\n{SECRET}\r\n".encode() + _SECOND,
    b"AUTH PLAIN " + b"A" * 13_000 + b"\r\n",
    b"*\r\n",
    b"EHLO " + b"x" * 1100 + b"\r\n",
    b"x" * 70_000,
    b"MAIL FROM:<" + b"a@" * 600 + b"x>\r\n",
    b"RCPT TO:<b@y.example>\r\n" * 50,
    b"RCPT TO:<blocked@y.example>\r\n" * 20,
    b"EHLO c\0.example\r\nMAIL FROM:<a\0@x.example>\r\n",
    b"\0" * 100,
    b"\0\r\n.\r\n",
    b"BDAT -1\r\ntext\r\n",
    b"BDAT 18446744073709551617 LAST\r\ntext\r\n",
    b"BDAT 99999999999999999999999 LAST\r\n",
    b"BDAT 0\r\n" * 30,
    b"BDAT 1\r\nx" * 30,
    b"BDAT 0 LAST\r\n",
    b"BDAT 5 LAST QUIT\r\ntext\n",
    b"BDAT\r\n",
    b"BDAT 10 LAST\r\nMAIL FROM:" + _SECOND,
    b"DATA\r\nBDAT 3 LAST\r\nabc\r\n.\r\n",
    b"RSET\r\nNOOP\r\nVRFY x\r\nHELP\r\nEXPN x\r\nTURN\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    b"PROXY TCP4 192.0.2.9 192.0.2.1 1 25\r\n",
    b"QUIT\r\n" + _SECOND,
]
_REPLIES = re.compile(rb"(?:(?:([2-5]\d\d)-[ -~]*\r\n)*[2-5]\d\d [ -~]*\r\n)*")


@dataclass
class _HoldingDriver(Driver):
    """While `is_holding`, what is waited for does not come."""

    is_holding: bool = False
    held: list[Event] = field(default_factory=list)

    def _handle(self, events):
        for event in events:
            if self.is_holding and not isinstance(event, Refused):
                self.heard += self.conversation.take_output()
                self.held.append(event)
            else:
                super()._handle([event])

    def release(self) -> None:
        self.is_holding = False
        held, self.held = self.held, []
        super()._handle(held)
        self.heard += self.conversation.take_output()


class Sessions(RuleBasedStateMachine):
    """One session after another, each brought into a state and then attacked, its waits answered late."""

    @initialize()
    def first(self) -> None:
        self._begin(EndpointType.OPEN, is_tls_required=False)

    @rule(
        type=st.sampled_from([EndpointType.OPEN, EndpointType.AUTH]),
        is_tls_required=st.booleans(),
        state=st.sampled_from(sorted(STATES)),
    )
    def comes_into(self, type: EndpointType, is_tls_required: bool, state: str) -> None:
        self._ends()
        self._begin(type, is_tls_required=is_tls_required)
        for piece in STATES[state]:
            self._sends(piece)
        self.handshakes_of_ours = self.driver.handshakes

    @precondition(lambda self: self.driver.conversation.wants_input)
    @rule(
        attack=st.one_of(st.sampled_from(_ATTACKS), SCRIPTS, st.binary(max_size=200)), cut=st.integers(0, 300)
    )
    def attacked(self, attack: bytes, cut: int) -> None:
        self._sends(attack[:cut])
        if self.driver.conversation.wants_input:
            self._sends(attack[cut:])

    @rule()
    def nothing_is_answered(self) -> None:
        self.driver.is_holding = True

    @rule()
    def all_is_answered(self) -> None:
        self.driver.release()

    @invariant()
    def little_is_kept(self) -> None:
        driver = self.driver
        assert len(driver.conversation._input) <= _MOST_KEPT_BYTES
        assert 0 <= driver.budget.used_bytes <= _LIMITS.max_message_bytes
        assert len(driver.held) <= 1  # nothing goes on before what is waited for has come

    @invariant()
    def replies_are_well_formed(self) -> None:
        assert _REPLIES.fullmatch(self.driver.heard), self.driver.heard[-200:]
        assert PASSWORD.encode() not in self.driver.heard

    def teardown(self) -> None:
        self._ends()

    def _begin(self, type: EndpointType, *, is_tls_required: bool) -> None:
        self.endpoint = served(type=type, is_tls_required=is_tls_required)
        self.driver = _HoldingDriver(self.endpoint, limits=_LIMITS, budget=ByteBudget(_BUDGET_BYTES))
        self.sent: list[bytes] = []
        self.handshakes_of_ours = 0

    def _sends(self, piece: bytes) -> None:
        self.sent.append(piece)
        self.driver.says(piece)

    def _ends(self) -> None:
        """No message but one that was ended by CRLF.CRLF or LAST; the same byte by byte, answered at once;
        and whatever was under way, nothing is left of it."""
        driver = self.driver
        driver.release()
        # What follows STARTTLS in the clear is dropped, or belongs to the handshake: that is for cuts to say.
        if driver.handshakes == self.handshakes_of_ours:
            whole = Driver(self.endpoint, limits=_LIMITS, budget=ByteBudget(_BUDGET_BYTES))
            for piece in self.sent:
                whole.says(*(piece[i : i + 1] for i in range(len(piece))))
            assert whole.heard == driver.heard
            assert whole.messages == driver.messages
            assert whole.refusals == driver.refusals
        for message in driver.messages:
            assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\0", message.content)
        driver.conversation.close()
        assert driver.budget.used_bytes == 0


Sessions.TestCase.settings = settings(max_examples=200, stateful_step_count=12, deadline=None)
TestSessionsInEveryState = Sessions.TestCase


def test_beginnings_reach_every_way_to_read_what_comes():
    readers = set()
    for beginning in STATES.values():
        for type in (EndpointType.OPEN, EndpointType.AUTH):
            driver = Driver(served(type=type))
            driver.says(*beginning)
            readers.add(driver.conversation._read.__name__)
    assert readers == {"_read_command", "_read_auth_line", "_read_data", "_read_chunk", "_skip_line"}
