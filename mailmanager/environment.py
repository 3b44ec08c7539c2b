"""The environment, as settings read it: NAME, or the file that NAME_FILE points to."""

from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured


class Environment(environ.FileAwareEnv):
    def get_value(self, var: str, *arguments: Any, **options: Any) -> Any:
        """ImproperlyConfigured naming the variable, where its value can't be read as what it should be."""
        try:
            return super().get_value(var, *arguments, **options)
        except ValueError as error:
            raise ImproperlyConfigured(f"{var} can't be read: {error}") from error
