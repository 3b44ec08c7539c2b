"""Every reply of the table in SPEC §3, and of the commands around it, word for word."""

import pytest

from core import reply
from endpoints.logic.snapshot import EndpointType
from ingress.logic.budget import ByteBudget
from ingress.logic.terms import Limits
from tests.ingress.machine import HOST_NAME, Driver, served
from tests.policies.documents import deny, ipv4, policy, recipient

EHLO = "EHLO c.example"
MAIL = "MAIL FROM:<a@x.example>"
RCPT = "RCPT TO:<b@y.example>"

IN_ORDER = [
    ([EHLO, MAIL], reply.SENDER_OK),
    (["HELO c.example", MAIL], reply.SENDER_OK),
    ([EHLO, "MAIL FROM:<>"], reply.SENDER_OK),
    ([EHLO, "mail from: <a@x.example>"], reply.SENDER_OK),
    ([EHLO, "MAIL FROM:<a@x.example> SIZE=100 BODY=8BITMIME SMTPUTF8"], reply.SENDER_OK),
    ([EHLO, "MAIL FROM:<a@x.example> AUTH=<>"], reply.SENDER_OK),
    ([EHLO, "MAIL FROM:<ü@x.example> SMTPUTF8"], reply.SENDER_OK),
    ([EHLO, "MAIL FROM:<ü@x.example>"], reply.SMTPUTF8_NEEDED),
    ([EHLO, "MAIL FROM:<a@x.example> SIZE=41943041"], reply.MESSAGE_TOO_LARGE),
    ([EHLO, "MAIL FROM:<a@x.example> SIZE=99999999999999999999"], reply.MESSAGE_TOO_LARGE),
    ([EHLO, "MAIL FROM:<a@x.example> SIZE=x"], reply.SYNTAX_ERROR),
    ([EHLO, "MAIL FROM:<a@x.example> SIZE=1 SIZE=1"], reply.SYNTAX_ERROR),
    ([EHLO, "MAIL FROM:<a@x.example>SIZE=1"], reply.SYNTAX_ERROR),
    ([EHLO, "MAIL FROM:<a@x.example> BODY=BINARYMIME"], reply.SYNTAX_ERROR),
    ([EHLO, "MAIL FROM:<a@x.example> RET=FULL"], reply.PARAMETER_UNKNOWN),
    ([EHLO, "MAIL FROM:a@x.example"], reply.SENDER_SYNTAX),
    ([EHLO, "MAIL <a@x.example>"], reply.SENDER_SYNTAX),
    ([EHLO, "MAIL"], reply.SENDER_SYNTAX),
    ([EHLO, MAIL, MAIL], reply.MAIL_ALREADY),
    ([MAIL], reply.NEED_HELO),
    ([EHLO, RCPT], reply.NEED_MAIL),
    ([EHLO, MAIL, RCPT], reply.RECIPIENT_OK),
    ([EHLO, MAIL, "RCPT TO:<Postmaster>"], reply.RECIPIENT_OK),
    ([EHLO, MAIL, "RCPT TO:<blocked@y.example>"], reply.ACCESS_DENIED),
    ([EHLO, MAIL, 'RCPT TO:<"blocked"@y.example>'], reply.ACCESS_DENIED),
    ([EHLO, MAIL, "RCPT TO:<@relay.example:blocked@y.example>"], reply.ACCESS_DENIED),
    ([EHLO, MAIL, "RCPT TO:<b>"], reply.RECIPIENT_SYNTAX),
    ([EHLO, MAIL, "RCPT TO:<b@y.example> NOTIFY=NEVER"], reply.PARAMETER_UNKNOWN),
    ([EHLO, MAIL, "RCPT TO:<ü@y.example>"], reply.SMTPUTF8_NEEDED),
    ([EHLO, "DATA"], reply.NEED_MAIL),
    ([EHLO, MAIL, "DATA"], reply.NEED_RECIPIENT),
    ([EHLO, MAIL, RCPT, "DATA now"], reply.SYNTAX_ERROR),
    ([EHLO, MAIL, RCPT, "DATA"], reply.START_MAIL_INPUT),
    ([EHLO, MAIL, RCPT, "RSET"], reply.RESET_OK),
    ([EHLO, MAIL, RCPT, "RSET", RCPT], reply.NEED_MAIL),
    ([EHLO, MAIL, RCPT, EHLO, RCPT], reply.NEED_MAIL),
    (["NOOP"], reply.OK),
    (["NOOP ignored"], reply.OK),
    (["VRFY b@y.example"], reply.CANNOT_VERIFY),
    (["VRFY"], reply.SYNTAX_ERROR),
    (["HELP"], reply.HELP),
    (["EXPN list"], reply.COMMAND_NOT_IMPLEMENTED),
    (["FROBNICATE"], reply.COMMAND_UNKNOWN),
    (["MAILFROM:<a@x.example>"], reply.COMMAND_UNKNOWN),
    ([""], reply.COMMAND_UNKNOWN),
    ([b"\xff\xfe\x00\r\n"], reply.COMMAND_UNKNOWN),
    (["EHLO"], reply.SYNTAX_ERROR),
    (["EHLO a b"], reply.SYNTAX_ERROR),
    (["EHLO (comment)"], reply.SYNTAX_ERROR),
    (["AUTH PLAIN"], reply.COMMAND_NOT_IMPLEMENTED),
    (["STARTTLS"], reply.NEED_HELO),
    ([EHLO, "STARTTLS now"], reply.SYNTAX_ERROR),
    ([EHLO, "NOOP " + "x" * 1100], reply.LINE_TOO_LONG),
    ([EHLO, "BDAT x"], reply.SYNTAX_ERROR),
    ([EHLO, b"BDAT 3\r\nabc"], reply.NEED_RECIPIENT),
    ([EHLO, MAIL, RCPT, b"BDAT 3\r\nabc"], reply.CHUNK_OK),
    ([EHLO, MAIL, RCPT, b"BDAT 3\r\nabc", "DATA"], reply.BAD_SEQUENCE),
    ([EHLO, MAIL, RCPT, b"BDAT 3\r\nabc", RCPT], reply.BAD_SEQUENCE),
    ([EHLO, MAIL, RCPT, b"BDAT 3\r\na\r\n", "BDAT 0 LAST"], reply.OK),
    (["QUIT"], reply.BYE),
]


@pytest.mark.parametrize(("lines", "expected"), IN_ORDER, ids=lambda value: str(value)[:60])
def test_reply_to_the_last_of_these_lines(lines, expected):
    *before, last = lines
    driver = Driver()
    driver.says(*before)
    assert driver.says(last) == expected.wire


@pytest.mark.parametrize("line", [MAIL, "HELO c.example", "RSET", "VRFY x", "HELP", "DATA", "AUTH PLAIN"])
def test_before_tls_that_is_required_only_four_commands_are_taken(line):
    driver = Driver(served(is_tls_required=True))
    driver.says(EHLO)
    assert driver.says(line) == reply.TLS_REQUIRED.wire
    assert driver.says("NOOP") == reply.OK.wire
    assert driver.says("STARTTLS") == reply.READY_FOR_TLS.wire
    assert driver.says("STARTTLS") == reply.TLS_ALREADY.wire


def test_ehlo_offers_what_applies():
    lines = [
        b"250-" + HOST_NAME.encode(),
        b"250-SIZE 41943040",
        b"250-8BITMIME",
        b"250-SMTPUTF8",
        b"250-PIPELINING",
        b"250-CHUNKING",
    ]
    driver = Driver()
    assert driver.says(EHLO).split(b"\r\n") == [*lines, b"250-ENHANCEDSTATUSCODES", b"250 STARTTLS", b""]
    driver.says("STARTTLS")
    assert driver.says(EHLO).split(b"\r\n") == [*lines, b"250 ENHANCEDSTATUSCODES", b""]


def test_size_offered_and_enforced_is_the_policys_where_that_is_smaller():
    driver = Driver(served(document=policy("ALLOW", size=1000)))
    assert b"250-SIZE 1000\r\n" in driver.says(EHLO)
    assert driver.says("MAIL FROM:<a@x.example> SIZE=1001") == reply.MESSAGE_TOO_LARGE.wire
    assert driver.says(MAIL, RCPT, "DATA", b"x" * 998 + b"\r\n.\r\n").endswith(reply.OK.wire)
    assert driver.says(MAIL, RCPT, "DATA", b"x\r\n" * 334 + b".\r\n").endswith(reply.MESSAGE_TOO_LARGE.wire)
    assert [refusal.reply for refusal in driver.refusals] == [reply.MESSAGE_TOO_LARGE] * 2


def test_message_larger_than_anybody_waits_for_ends_the_session():
    driver = Driver(limits=Limits(max_message_bytes=1000))
    driver.transaction("b@y.example")
    driver.says("DATA")
    heard = driver.says(*[b"x" * 70 + b"\r\n"] * 20_000)
    assert heard == reply.MESSAGE_TOO_LARGE.wire
    assert driver.conversation.is_closed
    assert driver.budget.used_bytes == 0


def test_beyond_the_byte_budget_a_message_is_read_and_refused_for_now():
    budget = ByteBudget(5000)
    first, second = Driver(budget=budget), Driver(budget=budget)
    for driver in (first, second):
        driver.transaction("b@y.example")
        driver.says("DATA")
    first.says(b"x\r\n" * 1500)
    assert second.says(b"x\r\n" * 1500, b".\r\n") == reply.STORAGE_FULL.wire
    assert first.says(b".\r\n") == reply.OK.wire
    assert budget.used_bytes == 0
    second.says(MAIL, RCPT, "DATA")
    assert second.says(b"x\r\n" * 1500, b".\r\n") == reply.OK.wire
    assert second.says("MAIL FROM:<a@x.example> SIZE=5001") == reply.STORAGE_FULL.wire


def test_the_hundred_and_first_recipient_waits_for_another_transaction():
    driver = Driver()
    heard = driver.transaction(*(f"r{n}@y.example" for n in range(101)))
    assert heard.endswith(reply.RECIPIENT_OK.wire + reply.TOO_MANY_RECIPIENTS.wire)
    assert driver.says("RCPT TO:<r5@y.example>") == reply.RECIPIENT_OK.wire  # one of them already
    driver.says("DATA", b".\r\n")
    assert len(driver.messages[0].forward_paths) == 100


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a\0b\r\n.\r\n", reply.NULL_BYTE),
        (b"x" * 998 + b"\r\n.\r\n", reply.OK),
        (b"x" * 999 + b"\r\n.\r\n", reply.LINE_TOO_LONG),
        (b"." + b"x" * 998 + b"\r\n.\r\n", reply.OK),  # the dot is transparent
        (b"a\r\n" + b"x" * 2000 + b"\r\n.\r\n", reply.LINE_TOO_LONG),
        (b"Received: from a by b; date\r\n" * 100 + b"\r\n.\r\n", reply.TOO_MANY_HOPS),
        (b"Received: from a by b; date\r\n" * 99 + b"\r\n" + b"Received: \r\n" * 9 + b".\r\n", reply.OK),
        (b".\r\n", reply.OK),
        (b"\r\n.\r\n", reply.OK),
    ],
)
def test_content_is_taken_or_refused_at_its_end(content, expected):
    driver = Driver()
    assert driver.message(content) == reply.START_MAIL_INPUT.wire + expected.wire
    assert not driver.conversation.is_closed


@pytest.mark.parametrize(
    "document",
    [
        policy("DENY"),
        policy("ALLOW", deny(recipient("EQUALS", "b@y.example"))),
        policy("ALLOW", deny(ipv4("192.0.2.0/24"))),
        policy("ALLOW", deny(recipient("CONTAINS", "b"), ipv4("192.0.2.0/24"))),
    ],
)
def test_a_policy_refusal_says_the_same_whatever_the_statement(document):
    heard = Driver(served(document=document)).transaction("b@y.example")
    assert heard.endswith(b"\r\n250 2.1.0 Ok\r\n550 5.7.1 Recipient refused by policy\r\n")


def test_too_many_errors_end_the_session():
    driver = Driver(limits=Limits(max_errors=3))
    assert driver.says("A", "B", "C") == reply.COMMAND_UNKNOWN.wire * 3
    assert driver.says("D") == reply.COMMAND_UNKNOWN.wire + reply.TOO_MANY_ERRORS.wire
    assert driver.conversation.is_closed


def test_commands_that_lead_nowhere_end_the_session():
    driver = Driver(limits=Limits(max_idle_commands=5))
    assert driver.says(b"NOOP\r\n" * 9) == reply.OK.wire * 6 + reply.TOO_MANY_ERRORS.wire


def test_a_web_client_is_not_talked_to():
    driver = Driver()
    assert driver.says(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nMAIL FROM:<a@x.example>\r\n") == (
        reply.COMMAND_UNKNOWN.wire
    )


def test_chunks_are_one_message():
    driver = Driver()
    driver.transaction("b@y.example")
    assert driver.says(b"BDAT 4\r\na\r\n.BDAT 5 LAST\r\n\r\n.\r\n") == reply.CHUNK_OK.wire + reply.OK.wire
    assert driver.messages[0].content == b"a\r\n.\r\n.\r\n"


def test_a_chunk_of_a_size_beyond_reason_ends_the_session_in_time():
    driver = Driver(limits=Limits(max_message_bytes=1000))
    driver.transaction("b@y.example")
    driver.says("BDAT 99999999999999999999 LAST")
    for _ in range(40):
        driver.says(b"x" * 65_536)
    assert driver.conversation.is_closed
    assert driver.heard.endswith(reply.MESSAGE_TOO_LARGE.wire)


def test_an_endless_line_ends_the_session():
    driver = Driver()
    driver.says(*[b"x" * 1000] * 80)
    assert driver.heard == reply.LINE_TOO_LONG.wire
    assert driver.conversation.is_closed


def test_envelope_options_are_kept():
    driver = Driver()
    driver.says(
        EHLO, "MAIL FROM:<ü@x.example> BODY=8BITMIME SMTPUTF8", "RCPT TO:<b@ü.example>", "DATA", b".\r\n"
    )
    (message,) = driver.messages
    assert message.reverse_path == "ü@x.example"
    assert message.forward_paths == ("b@ü.example",)
    assert message.is_smtputf8
    assert message.options == ("BODY=8BITMIME",)


def test_an_authenticated_endpoint_wants_authentication_before_mail():
    driver = Driver(served(type=EndpointType.AUTH))
    driver.says(EHLO)
    assert driver.says(MAIL) == reply.AUTH_REQUIRED.wire
