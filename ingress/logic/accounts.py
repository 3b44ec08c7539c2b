"""What each address and each endpoint has used up of its limits, in bounded memory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ingress.logic.limits import MEASURES_AT, Limited, LimitKind, Measure, Rate, Stage

# Without a connection. Each takes some 350 bytes, and who has a /48 of IPv6 has 65,536 of them.
MAX_ACCOUNTS = 50_000
# Told of; looking through them takes the event loop a few milliseconds, once a second.
MAX_RESTRAINTS = 5_000


class Account:
    """`levels`: by Measure, as Rate understands them."""

    __slots__ = ("connections", "key", "levels")

    def __init__(self, key: Any) -> None:
        self.key = key
        self.connections = 0
        self.levels = [0] * len(Measure)


@dataclass(slots=True)
class _Restraint:
    """Of an account by one limit, from the first refusal until the limit is whole again."""

    account: Account
    since_ms: int
    refused: int = 0


class Book:
    """The accounts of all addresses, or of all endpoints. Moments are milliseconds of one clock.

    `kinds`: what a limit on each measure is called. `max_connections` 0 and a measure without a rate: any
    number. Accounts with connections are held; others for one to two of the longest windows since
    they had one, the oldest being forgotten sooner where there are too many.
    """

    def __init__(
        self,
        kinds: Mapping[Measure, LimitKind],
        *,
        max_connections: int,
        rates: Mapping[Measure, Rate],
        name_of: Callable[[Any], str] = str,
    ) -> None:
        self.kinds = kinds
        self._max_connections = max_connections
        self._rates = rates
        self._new = rates.get(Measure.NEW)
        limited = {Measure.CONNECTIONS: None, **rates} if max_connections else rates
        self._watched = [
            tuple((measure, limited[measure]) for measure in MEASURES_AT[stage] if measure in limited)
            for stage in Stage
        ]
        self.limits_mail = bool(self._watched[Stage.MAIL])
        self._name_of = name_of
        self._window_ms = max((rate.window_ms for rate in rates.values()), default=0)
        self._present: dict[Any, Account] = {}  # with connections
        self._young: dict[Any, Account] = {}  # without, since `_turns_at` was set
        self._old: dict[Any, Account] = {}
        self._turns_at = 0
        self._restraints: dict[tuple[Any, Measure], _Restraint] = {}
        self.refusals: dict[LimitKind, int] = {}

    def __len__(self) -> int:
        """How many accounts are remembered, those with connections aside."""
        return len(self._young) + len(self._old)

    def account(self, key: Any) -> Account:
        return self._present.get(key) or self._young.get(key) or self._old.get(key) or Account(key)

    def enter(self, account: Account, now_ms: int) -> None:
        """One more connection."""
        account.connections += 1
        if account.connections == 1:
            self._present[account.key] = account
        if self._new is not None:
            account.levels[Measure.NEW] = self._new.added(account.levels[Measure.NEW], 1, now_ms)

    def leave(self, account: Account, now_ms: int) -> None:
        account.connections -= 1
        if not account.connections:
            del self._present[account.key]
            self._keep(account, now_ms)

    def add(self, account: Account, measure: Measure, count: int, now_ms: int) -> None:
        rate = self._rates.get(measure)
        if rate is not None:
            account.levels[measure] = rate.added(account.levels[measure], count, now_ms)

    def full(self, account: Account, stage: Stage, now_ms: int) -> Measure | None:
        """What there may not be more of."""
        for measure, rate in self._watched[stage]:
            if rate is None:  # connections
                if account.connections >= self._max_connections:
                    return measure
            elif rate.is_full(account.levels[measure], now_ms):
                return measure
        return None

    def refuse(self, account: Account, measure: Measure, now_ms: int) -> Limited | None:
        """Counts that `full` was true and it was turned away. The first time: what there is to tell of it."""
        if not account.connections:
            self._keep(account, now_ms)
        kind = self.kinds[measure]
        self.refusals[kind] = self.refusals.get(kind, 0) + 1
        restraint = self._restraints.get((account.key, measure))
        if restraint is not None:
            restraint.account = account  # the former one may have been forgotten meanwhile
            restraint.refused += 1
            return None
        if len(self._restraints) >= MAX_RESTRAINTS:
            return None
        restraint = self._restraints[account.key, measure] = _Restraint(account, now_ms, refused=1)
        return self._limited(measure, restraint, now_ms)

    def limited(self, now_ms: int) -> tuple[list[Limited], list[Limited]]:
        """Who is limited now, and who is no more since the last call."""
        now, over = [], []
        for (key, measure), restraint in list(self._restraints.items()):
            told = self._limited(measure, restraint, now_ms)
            if told.until_at is None or told.until_at * 1000 > now_ms:
                now.append(told)
            else:
                over.append(told)
                del self._restraints[key, measure]
        return now, over

    def _limited(self, measure: Measure, restraint: _Restraint, now_ms: int) -> Limited:
        account, rate = restraint.account, self._rates.get(measure)
        until_ms: int | None
        if rate is not None:
            level = account.levels[measure]
            count, until_ms = rate.count(level, now_ms), rate.empty_at(level)
        else:
            count = account.connections
            until_ms = None if count >= self._max_connections else now_ms
        return Limited(
            kind=self.kinds[measure],
            key=self._name_of(account.key),
            count=count,
            refused=restraint.refused,
            since_at=restraint.since_ms / 1000,
            until_at=None if until_ms is None else until_ms / 1000,
        )

    def _keep(self, account: Account, now_ms: int) -> None:
        if not self._window_ms:
            return
        if now_ms >= self._turns_at or len(self._young) >= MAX_ACCOUNTS // 2:
            # What is old by then had a whole window to become empty, or is one of too many.
            self._old, self._young = self._young, {}
            self._turns_at = now_ms + self._window_ms
        self._young[account.key] = account
