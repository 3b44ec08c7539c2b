"""A walk through a rule set as one document of the trace, and the steps out of it again.

A walk has a step for each rule that a message met, most of them the same for every message: as rows of
their own they would cost more than all the rest of a message's story.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mailflow.logic.text import fit, fit_document, write_json
from rulesets.logic.delivery import Step, WalkEvent

MAX_RECIPIENTS_TOLD = 100  # of one step
MAX_RECIPIENT_LENGTH = 320

# Steps whose detail is a constant of the compiled rule set; that of PLANNED follows from its position.
_CONSTANT = frozenset({Step.RULE_PASSED_BY, Step.RULE_MATCHED})
_MAX_TEXTS = 10_000


class StepTexts:
    """What the steps of one compiled rule set say, as JSON; lives as long as that, and no longer."""

    def __init__(self) -> None:
        self._texts: dict[tuple[Any, ...], str] = {}

    def begun(self, event: WalkEvent) -> str:
        """All of a step but its recipients and the closing brace."""
        detail = event.detail
        if event.step in _CONSTANT:
            key: tuple[Any, ...] = (event.rule, id(detail))
        elif event.step is Step.PLANNED and detail is not None:
            key = (event.rule, event.action_index, detail["Position"])
        else:
            return _begun(event)
        text = self._texts.get(key)
        if text is None:
            text = _begun(event)
            if len(self._texts) < _MAX_TEXTS:
                self._texts[key] = text
        return text


def pack(events: Sequence[WalkEvent], recipients: tuple[str, ...], texts: StepTexts) -> str:
    """The member "Steps" of a JSON document. `recipients` are whom the walk was for; a step has its own
    where they are others."""
    steps = []
    for event in events:
        text = texts.begun(event)
        if event.recipients != recipients:
            told = [fit(one, MAX_RECIPIENT_LENGTH) for one in event.recipients[:MAX_RECIPIENTS_TOLD]]
            text += f',"Recipients":{write_json(told)}'
        steps.append(text + "}")
    return f'"Steps":[{",".join(steps)}]'


def _begun(event: WalkEvent) -> str:
    detail: dict[str, Any] = {"Step": event.step.value, **(event.detail or {})}
    if event.rule is not None:
        detail |= {"Rule": event.rule_name, "RuleIndex": event.rule}
    if event.action_index is not None:
        detail["ActionIndex"] = event.action_index
    return write_json(fit_document(detail))[:-1]


def unpack(
    detail: Mapping[str, Any], recipients: Sequence[str]
) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
    """(Step, its detail, its recipients) of each step that `pack` was given for `recipients`."""
    for step in detail.get("Steps", ()):
        told = dict(step)
        kind, own = told.pop("Step", ""), told.pop("Recipients", None)
        yield kind, told, list(recipients if own is None else own)
