"""The project as an app: its commands, the checks of its settings, what it counts."""

from django.apps import AppConfig


class MailManagerConfig(AppConfig):
    name = "mailmanager"

    def ready(self) -> None:
        from mailmanager import checks, counting  # noqa: F401, PLC0415  registers them
