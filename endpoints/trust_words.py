"""A trust store told in words: its flaws, what is in it, what ends soon."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy

from console.status import Look, Tone
from core.errors import Problem
from endpoints.logic import trust_store
from endpoints.logic.trust_store import Contents, Expiry, Flaw, FlawCode, Kind, Validity

_MAX_ROWS = 50  # of a bundle that may have hundreds

PATHS = {Kind.CA: "ca_content", Kind.CRL: "crl_content"}  # of problems: the services' parameters

_FLAWS: Mapping[tuple[Kind, FlawCode], Any] = {
    (Kind.CA, FlawCode.EMPTY): gettext_lazy(
        "There is no certificate in it. Paste the CAs in PEM, from -----BEGIN CERTIFICATE----- on."
    ),
    (Kind.CRL, FlawCode.EMPTY): gettext_lazy(
        "There is no CRL in it. Paste it in PEM, from -----BEGIN X509 CRL----- on, or leave the field empty."
    ),
    (Kind.CA, FlawCode.TOO_LONG): gettext_lazy(
        "A trust store has at most %(most)s characters of certificates."
    ),
    (Kind.CRL, FlawCode.TOO_LONG): gettext_lazy("A trust store has at most %(most)s characters of CRLs."),
    (Kind.CA, FlawCode.UNREADABLE): gettext_lazy("Certificate %(number)d can't be read."),
    (Kind.CRL, FlawCode.UNREADABLE): gettext_lazy("CRL %(number)d can't be read."),
    (Kind.CA, FlawCode.CUT_OFF): gettext_lazy("Certificate %(number)d has no end; is it cut off?"),
    (Kind.CRL, FlawCode.CUT_OFF): gettext_lazy("CRL %(number)d has no end; is it cut off?"),
    (Kind.CA, FlawCode.FOREIGN_BLOCK): gettext_lazy("Part %(number)d is no certificate but “%(detail)s”."),
    (Kind.CRL, FlawCode.FOREIGN_BLOCK): gettext_lazy("Part %(number)d is no CRL but “%(detail)s”."),
    (Kind.CA, FlawCode.NO_AUTHORITY): gettext_lazy(
        "Certificate %(number)d (%(detail)s) is no CA: it may not sign certificates."
    ),
    (Kind.CRL, FlawCode.NO_ISSUER): gettext_lazy(
        "CRL %(number)d (%(detail)s) is not signed by a CA of this trust store."
    ),
    (Kind.CRL, FlawCode.SECOND_LIST): gettext_lazy(
        "CRL %(number)d (%(detail)s) is a second one of the same CA; one for each CA is taken."
    ),
    (Kind.CA, FlawCode.NONE_TRUSTED): gettext_lazy(
        "No CA is left that is valid now: each has expired, has not begun, or its CRL has expired."
    ),
}


def problems(flaws: tuple[Flaw, ...]) -> list[Problem]:
    """Each at the service's parameter that it is about."""
    return [
        Problem(
            PATHS[flaw.kind],
            str(_FLAWS[flaw.kind, flaw.code])
            % {"number": flaw.number, "detail": flaw.detail, "most": f"{trust_store.MAX_CHARACTERS:,}"},
        )
        for flaw in flaws
    ]


_LOOKS = {
    Validity.VALID: Look(gettext_lazy("Valid"), "success", Tone.SUCCESS),
    Validity.ENDS_SOON: Look(gettext_lazy("Ends soon"), "warning", Tone.WARNING),
    Validity.NOT_YET: Look(gettext_lazy("Not valid yet"), "error", Tone.ERROR),
    Validity.EXPIRED: Look(gettext_lazy("Expired"), "error", Tone.ERROR),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A CA or a CRL. `revoked`: how many certificates a CRL takes back, "" of a CA."""

    number: int
    subject: str
    begins_at: datetime
    ends_at: datetime | None
    look: Look
    revoked: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """`rows`: CAs, `lists`: CRLs; of long ones the beginning, and how many are left.
    `expired`, `ending`: sentences. `is_nobody_trusted`: no client can send."""

    rows: list[Row]
    rows_left: int
    lists: list[Row]
    lists_left: int
    expired: list[str]
    ending: list[str]
    is_nobody_trusted: bool


def told(contents: Contents, now: datetime) -> Told:
    expiries = contents.expiries_at(now)
    authorities, lists = contents.authorities, contents.revocation_lists
    return Told(
        [
            Row(ca.number, ca.subject, ca.begins_at, ca.ends_at, _look(ca.begins_at, ca.ends_at, now))
            for ca in authorities[:_MAX_ROWS]
        ],
        max(0, len(authorities) - _MAX_ROWS),
        [
            Row(
                crl.number,
                crl.issuer,
                crl.begins_at,
                crl.ends_at,
                _look(crl.begins_at, crl.ends_at, now),
                f"{len(crl.serial_numbers):,}",
            )
            for crl in lists[:_MAX_ROWS]
        ],
        max(0, len(lists) - _MAX_ROWS),
        [_sentence(expiry) for expiry in expiries if expiry.validity is not Validity.ENDS_SOON],
        [_sentence(expiry) for expiry in expiries if expiry.validity is Validity.ENDS_SOON],
        not contents.trusted_at(now).authorities,
    )


def _look(begins_at: datetime, ends_at: datetime | None, now: datetime) -> Look:
    return _LOOKS[trust_store.validity(begins_at, ends_at, now)]


_EXPIRIES: Mapping[tuple[Kind, Validity], Any] = {
    (Kind.CA, Validity.EXPIRED): gettext_lazy(
        "CA %(number)d (%(subject)s) expired on %(date)s: its clients are refused."
    ),
    (Kind.CA, Validity.NOT_YET): gettext_lazy(
        "CA %(number)d (%(subject)s) is valid from %(date)s on: until then its clients are refused."
    ),
    (Kind.CA, Validity.ENDS_SOON): gettext_lazy("CA %(number)d (%(subject)s) expires on %(date)s."),
    (Kind.CRL, Validity.EXPIRED): gettext_lazy(
        "CRL %(number)d (%(subject)s) expired on %(date)s: all clients of this CA are refused."
    ),
    (Kind.CRL, Validity.NOT_YET): gettext_lazy(
        "CRL %(number)d (%(subject)s) is valid from %(date)s on: all its CA's clients are refused until then."
    ),
    (Kind.CRL, Validity.ENDS_SOON): gettext_lazy(
        "CRL %(number)d (%(subject)s) expires on %(date)s; all clients of this CA are refused from then on."
    ),
}


def _sentence(expiry: Expiry) -> str:
    return str(_EXPIRIES[expiry.kind, expiry.validity]) % {
        "number": expiry.number,
        "subject": expiry.subject,
        "date": date_format(timezone.localtime(expiry.at), "DATE_FORMAT"),
    }
