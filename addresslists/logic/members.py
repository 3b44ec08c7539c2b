"""What may stand in an address list, and which members an address can be found by.

    member    = address / domain                 with at most one "*"
    address   = local-part "@" domain            one address
              / [prefix] "*" [suffix] "@" domain  "*": any text, also none
              / local-part "@*." parent           "*": one label or more
    domain    = name                             every address there
              / "*." parent                      every address at any name below the parent

Prefix and suffix together have 0 or 3 to 19 characters, a parent 2 to 9 labels: the service's bounds.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from core.addresses import parse_addresses, unicode_domain
from core.expressions import fold

MIN_LENGTH, MAX_LENGTH = 3, 320  # characters; Address of the service model
FIXED_LENGTHS = range(3, 20)  # of prefix and suffix together, where there is any
PARENT_LABELS = range(2, 10)

_MAX_LABEL = 63  # RFC 1035 §2.3.4
# What nearly all members are; whatever else is looked at part by part.
_PLAIN = re.compile(
    r"[a-z0-9!#$%&'+/=?^_`{|}~.-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", re.ASCII
)
_LABEL = re.compile(r"[^\W]([\w-]*[^\W])?")
_LITERAL = re.compile(r"\[[0-9A-Za-z.:]+\]")  # RFC 5321 §4.1.3


def canonical(text: str) -> str:
    """An address or member as it is stored and compared: without case, its domain in Unicode."""
    return fold(unicode_domain(text))


def member_of(text: str) -> str:
    """The member that was typed, canonical. ValueError with a sentence that says what would be right."""
    lowered = text.strip().lower()
    if _PLAIN.fullmatch(lowered) and len(lowered) <= MAX_LENGTH and "xn--" not in lowered:
        return lowered
    member = canonical(_without_needless_quotes(text.strip()))
    if complaint := _complaint(member):
        raise ValueError(complaint)
    return member


def _without_needless_quotes(text: str) -> str:
    """As recipients come: `"ann"@example.com` is ann@example.com (RFC 5321 §4.1.2)."""
    found = parse_addresses(text) if text.startswith('"') else ()
    return found[0] if len(found) == 1 else text


def _complaint(member: str) -> str:
    if not MIN_LENGTH <= len(member) <= MAX_LENGTH:
        return f"must have {MIN_LENGTH} to {MAX_LENGTH} characters"
    if any(unicodedata.category(sign)[0] in "CZ" for sign in member):
        return "must not have spaces or control characters in it"
    if member.count("*") > 1:
        return "must have at most one *"
    local_part, at, domain = member.rpartition("@")
    if not at:
        return _domain_complaint(domain, is_alone=True)
    return _local_part_complaint(local_part) or _domain_complaint(domain, is_alone=False)


def _local_part_complaint(local_part: str) -> str:
    if not local_part:
        return "must have something before the @; a domain alone is written without it"
    if "@" in local_part and not (local_part.startswith('"') and local_part.endswith('"')):
        return "must have one @; write each address as a member of its own"
    fixed = len(local_part) - 1
    if "*" in local_part and fixed and fixed not in FIXED_LENGTHS:
        least, most = FIXED_LENGTHS.start, FIXED_LENGTHS.stop - 1
        return f"must have {least} to {most} characters beside the * before the @, or none"
    return ""


def _domain_complaint(domain: str, *, is_alone: bool) -> str:
    if not is_alone and _LITERAL.fullmatch(domain):
        return ""
    labels = domain.split(".")
    if "*" in domain:
        if labels[0] != "*" or len(labels) - 1 not in PARENT_LABELS:
            return (
                f"must have the * of a domain in front, as in *.example.com, with {PARENT_LABELS.start}"
                f" to {PARENT_LABELS.stop - 1} labels behind it"
            )
        labels = labels[1:]
    elif is_alone and len(labels) == 1:
        return "must be an address like user@example.com or a domain like example.com"
    if not all(len(label) <= _MAX_LABEL and _LABEL.fullmatch(label) for label in labels):
        return f"“{domain}” is no domain"
    return ""


# --- looking up -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shapes:
    """Which kinds of members with a * there are, and domains: what an address is to be looked up as.

    `fixed`: lengths of prefixes before a * in local parts, each with the lengths of the suffixes behind
    it, ascending. `parents`: how many labels stand behind `*.`, ascending.
    """

    has_domains: bool = False
    fixed: tuple[tuple[int, tuple[int, ...]], ...] = ()
    parents: tuple[int, ...] = ()

    @property
    def has_any(self) -> bool:
        return self.has_domains or bool(self.fixed or self.parents)


ALL_SHAPES = Shapes(
    has_domains=True,
    fixed=tuple(
        (prefix, tuple(n - prefix for n in (0, *FIXED_LENGTHS) if n >= prefix))
        for prefix in range(FIXED_LENGTHS.stop)
    ),
    parents=tuple(PARENT_LABELS),
)


def patterns_of(address: str, shapes: Shapes, is_key: Callable[[str], bool]) -> Iterator[str]:
    """The members beside itself that a canonical address would be matched by, as far as `shapes` have
    them. `is_key` is asked about marks (`marks_of`), which spare most of the ways with a suffix."""
    local_part, _at, domain = address.rpartition("@")
    if shapes.has_domains:
        yield domain
    if shapes.parents:
        labels = domain.split(".")
        for count in shapes.parents:
            if count >= len(labels):
                break
            parent = "*." + ".".join(labels[-count:])
            yield parent
            yield f"{local_part}@{parent}"
    if not shapes.fixed or not is_key(_domain_mark(domain)):
        return
    length = len(local_part)
    for prefix_length, suffix_lengths in shapes.fixed:
        if prefix_length > length:
            break
        prefix = local_part[:prefix_length]
        if suffix_lengths[0] == 0:
            yield f"{prefix}*@{domain}"
        if suffix_lengths[-1] > 0 and is_key(_prefix_mark(prefix, domain)):
            for suffix_length in suffix_lengths:
                if prefix_length + suffix_length > length:
                    break
                if suffix_length:
                    yield f"{prefix}*{local_part[-suffix_length:]}@{domain}"


def marks_of(member: str) -> Iterator[str]:
    """What is kept beside a member with a * in its local part; no address and no member reads so."""
    local_part, _at, domain = member.rpartition("@")
    if "*" in local_part:
        yield _domain_mark(domain)
        prefix, _star, suffix = local_part.partition("*")
        if suffix:
            yield _prefix_mark(prefix, domain)


def _domain_mark(domain: str) -> str:
    return f"\0@{domain}"


def _prefix_mark(prefix: str, domain: str) -> str:
    return f"\0{prefix}*@{domain}"


def shapes_of(members: Iterator[str]) -> Shapes:
    """Of members that are domains or have a *; others have none."""
    has_domains, parents = False, set()
    fixed: dict[int, set[int]] = {}
    for member in members:
        local_part, _at, domain = member.rpartition("@")
        if domain.startswith("*."):
            parents.add(domain.count("."))
        elif "*" in local_part:
            prefix, _star, suffix = local_part.partition("*")
            fixed.setdefault(len(prefix), set()).add(len(suffix))
        elif not local_part:
            has_domains = True
    return Shapes(
        has_domains,
        tuple((prefix, tuple(sorted(fixed[prefix]))) for prefix in sorted(fixed)),
        tuple(sorted(parents)),
    )


def merged(one: Shapes, other: Shapes) -> Shapes:
    fixed = {prefix: set(suffixes) for prefix, suffixes in one.fixed}
    for prefix, suffixes in other.fixed:
        fixed.setdefault(prefix, set()).update(suffixes)
    return Shapes(
        one.has_domains or other.has_domains,
        tuple((prefix, tuple(sorted(fixed[prefix]))) for prefix in sorted(fixed)),
        tuple(sorted({*one.parents, *other.parents})),
    )
