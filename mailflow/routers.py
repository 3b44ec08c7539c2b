"""Which database a table lives in."""

from typing import Any

from django.conf import settings
from django.db.models import Model

_SPOOLED = frozenset({"spoolmessage", "spoolcontent", "spooldelivery"})


class SpoolRouter:
    """Spool tables to the spool's database (SPOOL_ALIAS), everything else to the default one."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        return _home(model._meta.app_label, model._meta.model_name)

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, model_name: str | None = None, **hints: Any) -> bool:
        return db == _home(app_label, model_name)


def _home(app_label: str, model_name: str | None) -> str:
    is_spooled = app_label == "mailflow" and model_name in _SPOOLED
    return settings.SPOOL_ALIAS if is_spooled else "default"
