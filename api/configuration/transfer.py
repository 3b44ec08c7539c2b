"""All configuration as one document, and back.

An import makes what is missing and changes what is otherwise, and takes nothing away. Resources are
found again by their names. Identifiers and ARNs differ between installations: what the document calls
something by is turned into what it is called here, wherever the document names it.
"""

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db import transaction

from access.actor import Actor
from api.call import Document
from api.configuration.kinds import Kind, differing
from api.configuration.lists import AddressLists
from api.configuration.mailmanager import ENDPOINTS, POLICIES, RELAYS, RULE_SETS
from api.configuration.places import Buckets, Mailboxes
from api.configuration.stores import Keys, Secrets
from core.errors import Conflict, Invalid, Problem, ServiceError
from core.service_model import problems

FORMAT = "mail-manager-configuration-1"
# What is named comes before what names it.
KINDS: tuple[Kind, ...] = (
    Keys(),
    Secrets(),
    Mailboxes(),
    Buckets(),
    AddressLists(),
    RELAYS,
    POLICIES,
    RULE_SETS,
    ENDPOINTS,
)
_MAX_DIFFERENCE_LINES = 5_000  # more take too long to compare, and nobody reads them


class Outcome(StrEnum):
    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one entry. `detail`: the difference as lines of a unified diff, or the refusal."""

    outcome: Outcome
    word: str
    name: str
    detail: str = ""


def export_document() -> Document:
    head = {"Format": FORMAT, "Region": settings.REGION, "Account": settings.ACCOUNT_ID}
    return head | {kind.section: kind.entries() for kind in KINDS}


def import_document(actor: Actor, document: Any, *, is_dry_run: bool = False) -> list[Step]:
    """Each entry is a transaction of its own: what is refused keeps nothing else from being imported.
    Invalid where the document as a whole is none. A dry run does it all, and takes it back."""
    _check(document)
    if not is_dry_run:
        return list(_steps(actor, document))
    with transaction.atomic():
        steps = list(_steps(actor, document))
        transaction.set_rollback(True)
    return steps


def _steps(actor: Actor, document: Document) -> Iterator[Step]:
    names = _Names(document)
    for kind in KINDS:
        ours = {entry[kind.name_member]: entry for entry in kind.entries()}
        for entry in document.get(kind.section, ()):
            current = ours.get(entry[kind.name_member])
            if current:
                names.learn(kind, entry, current)
            step = _import_one(actor, kind, current, names.translated(entry))
            yield step
            if step.outcome == Outcome.CREATED:
                made = next(other for other in kind.entries() if other[kind.name_member] == step.name)
                names.learn(kind, entry, made)


def _import_one(actor: Actor, kind: Kind, current: Document | None, wanted: Document) -> Step:
    name = wanted[kind.name_member]
    changes = differing(kind, current, wanted) if current else {}
    if current and not changes:
        return Step(Outcome.UNCHANGED, kind.word, name)
    try:
        with transaction.atomic():
            if current is None:
                kind.create(actor, wanted)
                return Step(Outcome.CREATED, kind.word, name)
            if fixed := [member for member in kind.fixed_members if member in changes]:
                raise Conflict(f"{', '.join(fixed)} can't be changed; delete it first.")
            kind.update(actor, current, changes)
            return Step(Outcome.CHANGED, kind.word, name, _difference(current, changes))
    except ServiceError as error:
        return Step(Outcome.REFUSED, kind.word, name, str(error))


def _difference(current: Document, changes: Mapping[str, Any]) -> str:
    former = _lines({name: current[name] for name in changes if name in current})
    latter = _lines(changes)
    if max(len(former), len(latter)) > _MAX_DIFFERENCE_LINES:
        return f"-{len(former):,} lines\n+{len(latter):,} lines"
    lines = list(difflib.unified_diff(former, latter, lineterm="", n=1))[2:]
    return "\n".join(line for line in lines if not line.startswith("@@"))


def _lines(document: Mapping[str, Any]) -> list[str]:
    return json.dumps(dict(document), indent=2, ensure_ascii=False).splitlines()


class _Names:
    """What the document calls things by, as they are called here."""

    def __init__(self, document: Document) -> None:
        self._ours: dict[str, str] = {}
        theirs = document.get("Region", settings.REGION), document.get("Account", settings.ACCOUNT_ID)
        self._scopes = f":{theirs[0]}:{theirs[1]}:", f":{settings.REGION}:{settings.ACCOUNT_ID}:"
        self._accounts = theirs[1], settings.ACCOUNT_ID

    def learn(self, kind: Kind, entry: Document, ours: Document) -> None:
        for member in kind.identifier_members:
            if isinstance(theirs := entry.get(member), str):
                self._ours[theirs] = ours[member]

    def translated(self, value: Any) -> Any:
        match value:
            case dict():
                return {name: self.translated(entry) for name, entry in value.items()}
            case list():
                return [self.translated(entry) for entry in value]
            case str():
                return self._translated_text(value)
        return value

    def _translated_text(self, text: str) -> str:
        if text in self._ours:
            return self._ours[text]
        theirs, ours = self._accounts
        if text == theirs:
            return ours
        if text.startswith("arn:"):
            return text.replace(*self._scopes, 1).replace(f"::{theirs}:", f"::{ours}:", 1)
        return text


def _check(document: Any) -> None:
    """Invalid, naming each place, unless every section is a list of entries with names."""
    if not isinstance(document, dict) or document.get("Format") != FORMAT:
        raise Invalid.at("Format", f"must be {FORMAT}: this is no export of Mail Manager")
    found = [
        Problem(name, f"is not known; known are {', '.join(kind.section for kind in KINDS)}")
        for name in document
        if name not in {"Format", "Region", "Account", *(kind.section for kind in KINDS)}
    ]
    for kind in KINDS:
        entries = document.get(kind.section, [])
        if not isinstance(entries, list):
            found.append(Problem(kind.section, "must be a list"))
            continue
        for index, entry in enumerate(entries):
            found += _entry_problems(kind, entry, f"{kind.section}[{index}]")
    if found:
        raise Invalid(found)


def _entry_problems(kind: Kind, entry: Any, path: str) -> list[Problem]:
    if not isinstance(entry, dict) or not isinstance(entry.get(kind.name_member), str):
        return [Problem(path, f"must have a {kind.name_member}")]
    own = {kind.name_member, *kind.identifier_members}
    if not all(isinstance(entry.get(name, ""), str) for name in own):
        return [Problem(path, f"{', '.join(kind.identifier_members)} must be text")]
    found = [
        Problem(f"{path}.{name}", "is not known here" if name not in kind.types else "is of another type")
        for name, value in entry.items()
        if kind.types and name not in own and not isinstance(value, kind.types.get(name, ()))
    ]
    if "Tags" in entry:
        found += problems("TagList", entry["Tags"], path=f"{path}.Tags")
    return found
