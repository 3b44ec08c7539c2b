"""Who may come in, and how much it may bring: the limits of the process, of an endpoint, of an address."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog

from core import reply
from core.cidr import Address
from core.reply import Reply
from ingress.config import IngressConfig
from ingress.logic.accounts import Account, Book
from ingress.logic.limits import Limited, LimitKind, Measure, Rate, Stage, address_of, key_of

log = structlog.get_logger()

_MINUTE = 60
_AUTH_WINDOW_SECONDS = 600

_OF_PROCESS = {Measure.CONNECTIONS: LimitKind.ALL_CONNECTIONS}
_OF_ENDPOINT = {
    Measure.CONNECTIONS: LimitKind.OF_ENDPOINT,
    Measure.MESSAGES: LimitKind.ENDPOINT_MESSAGES,
    Measure.RECIPIENTS: LimitKind.ENDPOINT_RECIPIENTS,
    Measure.BYTES: LimitKind.ENDPOINT_BYTES,
    Measure.ERRORS: LimitKind.ENDPOINT_ERRORS,
    Measure.FAILED_AUTH: LimitKind.ENDPOINT_FAILED_AUTH,
}
_OF_ADDRESS = {
    Measure.CONNECTIONS: LimitKind.OF_ADDRESS,
    Measure.NEW: LimitKind.NEW,
    Measure.MESSAGES: LimitKind.ADDRESS_MESSAGES,
    Measure.RECIPIENTS: LimitKind.ADDRESS_RECIPIENTS,
    Measure.BYTES: LimitKind.ADDRESS_BYTES,
    Measure.ERRORS: LimitKind.ADDRESS_ERRORS,
    Measure.FAILED_AUTH: LimitKind.FAILED_AUTH,
}
_REPLIES = {
    LimitKind.ALL_CONNECTIONS: reply.SERVER_BUSY,
    LimitKind.OF_ENDPOINT: reply.SERVER_BUSY,
    LimitKind.ENDPOINT_MESSAGES: reply.ENDPOINT_HAS_ENOUGH,
    LimitKind.ENDPOINT_RECIPIENTS: reply.ENDPOINT_HAS_ENOUGH,
    LimitKind.ENDPOINT_BYTES: reply.ENDPOINT_HAS_ENOUGH,
    LimitKind.ENDPOINT_ERRORS: reply.ENDPOINT_HAD_ERRORS,
    LimitKind.ENDPOINT_FAILED_AUTH: reply.AUTH_TOO_MANY,
    LimitKind.OF_ADDRESS: reply.TOO_MANY_CONNECTIONS,
    LimitKind.NEW: reply.TOO_MANY_CONNECTIONS,
    LimitKind.ADDRESS_MESSAGES: reply.TOO_MUCH_MAIL,
    LimitKind.ADDRESS_RECIPIENTS: reply.TOO_MUCH_MAIL,
    LimitKind.ADDRESS_BYTES: reply.TOO_MUCH_MAIL,
    LimitKind.ADDRESS_ERRORS: reply.ADDRESS_HAD_ERRORS,
    LimitKind.FAILED_AUTH: reply.AUTH_TOO_MANY,
}
_Accounts = tuple[tuple[Book, Account], ...]


class Gate:
    """`clock`: the event loop's, in seconds. Networks without limits are counted where all are."""

    def __init__(self, config: IngressConfig, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._unlimited = config.unlimited_networks
        self._process = Book(_OF_PROCESS, max_connections=config.max_connections, rates={})
        self._all = self._process, self._process.account("")
        self._endpoints = Book(
            _OF_ENDPOINT,
            max_connections=config.max_connections_per_endpoint,
            rates=_rates(
                {
                    Measure.MESSAGES: config.max_messages_per_endpoint,
                    Measure.RECIPIENTS: config.max_recipients_per_endpoint,
                    Measure.BYTES: config.max_bytes_per_endpoint,
                    Measure.ERRORS: config.max_errors_per_endpoint,
                    Measure.FAILED_AUTH: config.max_auth_failures_per_endpoint,
                }
            ),
        )
        self._addresses = Book(
            _OF_ADDRESS,
            max_connections=config.max_connections_per_address,
            rates=_rates(
                {
                    Measure.NEW: config.max_new_connections_per_minute,
                    Measure.MESSAGES: config.max_messages_per_address,
                    Measure.RECIPIENTS: config.max_recipients_per_address,
                    Measure.BYTES: config.max_bytes_per_address,
                    Measure.ERRORS: config.max_errors_per_address,
                    Measure.FAILED_AUTH: config.max_auth_failures,
                }
            ),
            name_of=address_of,
        )
        self._books = (self._process, self._endpoints, self._addresses)
        self.limits_mail = any(book.limits_mail for book in self._books)

    def enter(self, peer: Address, endpoint_id: str) -> "Ticket | Reply":
        """What the one who came in holds until it leaves, or what it hears instead."""
        now_ms = self.now_ms()
        endpoints = self._endpoints
        accounts: _Accounts = self._all, (endpoints, endpoints.account(endpoint_id))
        if peer not in self._unlimited:
            accounts = *accounts, (self._addresses, self._addresses.account(key_of(peer)))
        refusal = self.refusal(accounts, Stage.DOOR, now_ms)
        if refusal is not None:
            return refusal
        for book, account in accounts:
            book.enter(account, now_ms)
        return Ticket(self, accounts)

    def refusal(self, accounts: _Accounts, stage: Stage, now_ms: int) -> Reply | None:
        """None where there is room for more in all of `accounts`."""
        for book, account in accounts:
            measure = book.full(account, stage, now_ms)
            if measure is not None:
                reached = book.refuse(account, measure, now_ms)
                if reached is not None:
                    tell = log.info if book is self._addresses else log.warning
                    tell("limit_reached", limit=reached.kind, key=reached.key, count=reached.count)
                return _REPLIES[book.kinds[measure]]
        return None

    def limited(self, at: float) -> list[Limited]:
        """Who is limited now, which is `at` by the clock on the wall. For once a second: it looks through
        all who were. Those who are no more are logged."""
        now_ms = self.now_ms()
        ahead = at - now_ms / 1000
        limited: list[Limited] = []
        for book in self._books:
            now, over = book.limited(now_ms)
            for one in now:
                until_at = None if one.until_at is None else one.until_at + ahead
                limited.append(replace(one, since_at=one.since_at + ahead, until_at=until_at))
            for one in over:
                seconds = round(now_ms / 1000 - one.since_at)
                log.info("limit_lifted", limit=one.kind, key=one.key, refused=one.refused, seconds=seconds)
        return limited

    def refusals(self) -> Mapping[LimitKind, int]:
        """How often each limit refused something, since the process began."""
        return {kind: count for book in self._books for kind, count in book.refusals.items()}

    def now_ms(self) -> int:
        return int(self._clock() * 1000)


class Ticket:
    """Of one connection, from `Gate.enter` to `leave`.

    `limits_mail`: where it is false, mail need neither be asked for nor told of.
    """

    __slots__ = ("_accounts", "_gate")

    def __init__(self, gate: Gate, accounts: _Accounts) -> None:
        self._gate = gate
        self._accounts = accounts

    @property
    def limits_mail(self) -> bool:
        return self._gate.limits_mail and any(book.limits_mail for book, _ in self._accounts)

    def mail_refusal(self) -> Reply | None:
        """What MAIL is answered where there was enough mail already."""
        return self._gate.refusal(self._accounts, Stage.MAIL, self._gate.now_ms())

    def note_message(self, recipients: int, size_bytes: int) -> None:
        """One was accepted."""
        now_ms = self._gate.now_ms()
        for book, account in self._accounts:
            if book.limits_mail:
                book.add(account, Measure.MESSAGES, 1, now_ms)
                book.add(account, Measure.RECIPIENTS, recipients, now_ms)
                book.add(account, Measure.BYTES, size_bytes, now_ms)

    def auth_refusal(self) -> Reply | None:
        """What AUTH is answered, unseen, where it failed too often."""
        return self._gate.refusal(self._accounts, Stage.AUTH, self._gate.now_ms())

    def note_failed_auth(self) -> None:
        now_ms = self._gate.now_ms()
        for book, account in self._accounts:
            book.add(account, Measure.FAILED_AUTH, 1, now_ms)

    def leave(self, errors: int) -> None:
        """`errors`: commands that were wrong, and recipients that were refused."""
        now_ms = self._gate.now_ms()
        for book, account in self._accounts:
            if errors:
                book.add(account, Measure.ERRORS, errors, now_ms)
            book.leave(account, now_ms)


def _rates(limits: Mapping[Measure, int]) -> dict[Measure, Rate]:
    return {
        measure: Rate(limit, _AUTH_WINDOW_SECONDS if measure is Measure.FAILED_AUTH else _MINUTE)
        for measure, limit in limits.items()
        if limit
    }
