"""Columns that several rooms store documents in."""

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _


class DocumentField(models.TextField):
    """A JSON document as it was written. PostgreSQL's `jsonb`, in which Django's JSONField keeps its
    values, forgets the order of keys: an editor would show its author another text than was saved."""

    # What django-stubs take an attribute of a model for.
    _pyi_private_set_type: Any
    _pyi_private_get_type: Any

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        return None if value is None else json.loads(value)

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else json.dumps(value, ensure_ascii=False)

    def to_python(self, value: Any) -> Any:
        """Of what a form or a fixture gives: text is parsed, a document is taken as it is."""
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError as error:
            raise ValidationError(_("Must be valid JSON.")) from error

    def value_to_string(self, obj: models.Model) -> str:
        return json.dumps(self.value_from_object(obj), ensure_ascii=False)
