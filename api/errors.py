"""Our refusals as the exceptions of each service: one table."""

import re
from dataclasses import dataclass

from core.errors import Conflict, Forbidden, Invalid, NotFound, Problem, QuotaExceeded, ServiceError

VALIDATION = "ValidationException"
INTERNAL = "InternalServerException"
UNKNOWN_OPERATION = "UnknownOperationException"
SERIALIZATION = "SerializationException"
ACCESS_DENIED = "AccessDeniedException"
THROTTLING = "ThrottlingException"


class ApiError(Exception):
    """Answered as it is: the exception's name in the model, and its text."""

    def __init__(self, name: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.name = name
        self.status = status


@dataclass(frozen=True, slots=True)
class _Names:
    invalid: str = VALIDATION
    not_found: str = "ResourceNotFoundException"
    conflict: str = "ConflictException"
    quota: str = "ServiceQuotaExceededException"
    taken: str = "ConflictException"  # a Conflict that blames a name


_NAMES: dict[str, _Names] = {
    "mailmanager": _Names(),
    "secretsmanager": _Names(
        invalid="InvalidParameterException",
        conflict="InvalidRequestException",
        quota="LimitExceededException",
        taken="ResourceExistsException",
    ),
    "kms": _Names(
        not_found="NotFoundException",
        conflict="KMSInvalidStateException",
        quota="LimitExceededException",
        taken="AlreadyExistsException",
    ),
    "sts": _Names(),
    "resourcegroupstaggingapi": _Names(invalid="InvalidParameterException"),
}


def api_error(service: str, error: ServiceError) -> ApiError:
    names = _NAMES[service]
    match error:
        case Invalid():
            return ApiError(names.invalid, validation_text(error.problems))
        case NotFound():
            return ApiError(names.not_found, str(error))
        case Conflict():
            return ApiError(names.taken if error.path else names.conflict, str(error))
        case QuotaExceeded():
            return ApiError(names.quota, str(error))
        case Forbidden():
            return ApiError(ACCESS_DENIED, str(error))
    raise AssertionError(f"no exception for {type(error).__name__}")


def validation_text(problems: tuple[Problem, ...]) -> str:
    """`1 validation error detected: Value at 'ingressPointName' failed to satisfy constraint: …`."""
    details = "; ".join(
        f"Value at '{member_path(problem.path)}' failed to satisfy constraint: "
        f"{problem.constraint or 'Member ' + problem.message}"
        for problem in problems
    )
    plural = "s" if len(problems) > 1 else ""
    return f"{len(problems)} validation error{plural} detected: {details}"


def member_path(path: str) -> str:
    """`PolicyStatements[0].Action` as the service writes it: `policyStatements.1.member.action`.

    Parameters of our services (`default_action`) become the members that they stand for.
    """
    parts = re.sub(r"\[(\d+)\]", lambda match: f".{int(match[1]) + 1}.member", path).split(".")
    return ".".join(_camel(part) for part in parts)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head[:1].lower() + head[1:] + "".join(word.capitalize() for word in rest)
