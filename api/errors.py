"""Our refusals as the exceptions of each service: one table."""

import re
from dataclasses import dataclass

from core.errors import Conflict, Forbidden, Invalid, NotFound, Problem, QuotaExceeded, ServiceError
from core.service_model import service_model, shape

VALIDATION = "ValidationException"
INTERNAL = "InternalServerException"
UNKNOWN_OPERATION = "UnknownOperationException"
SERIALIZATION = "SerializationException"
ACCESS_DENIED = "AccessDeniedException"
TOO_LARGE = "RequestEntityTooLargeException"


class ApiError(Exception):
    """Answered as it is: the exception's name in the model, and its text. `status`: of HTTP, None for
    what the model says of the name."""

    def __init__(self, name: str, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.name = name
        self.status = status


@dataclass(frozen=True, slots=True)
class Names:
    """How a service calls what our services refuse."""

    invalid: str = VALIDATION
    not_found: str = "ResourceNotFoundException"
    conflict: str = "ConflictException"
    quota: str = "ServiceQuotaExceededException"
    taken: str = "ConflictException"  # a Conflict that blames a name
    throttled: str = "ThrottlingException"
    page: str = VALIDATION  # a NextToken that is none


NAMES: dict[str, Names] = {
    "mailmanager": Names(),
    "secretsmanager": Names(
        invalid="InvalidParameterException",
        conflict="InvalidRequestException",
        quota="LimitExceededException",
        taken="ResourceExistsException",
        page="InvalidNextTokenException",
    ),
    "kms": Names(
        not_found="NotFoundException",
        conflict="KMSInvalidStateException",
        quota="LimitExceededException",
        taken="AlreadyExistsException",
        page="InvalidMarkerException",
    ),
    "sts": Names(throttled="Throttling"),
    "resourcegroupstaggingapi": Names(
        invalid="InvalidParameterException",
        throttled="ThrottledException",
        page="PaginationTokenExpiredException",
    ),
}


def api_error(service: str, error: ServiceError) -> ApiError:
    names = NAMES[service]
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


def status_of(service: str, error: ApiError) -> int:
    """The status of HTTP that goes with it: 400 where the model says nothing."""
    if error.status is not None:
        return error.status
    is_of_model = bool(service) and error.name in service_model(service).shape_names
    details = shape(error.name, service).metadata.get("error") if is_of_model else None
    return int((details or {}).get("httpStatusCode", 400))


def validation_text(problems: tuple[Problem, ...]) -> str:
    """`1 validation error detected: Value at 'ingressPointName' failed to satisfy constraint: …`."""
    details = "; ".join(
        f"Value at '{member_path(problem.path)}' failed to satisfy constraint: {_constraint(problem)}"
        for problem in problems
    )
    plural = "s" if len(problems) > 1 else ""
    return f"{len(problems)} validation error{plural} detected: {details}"


def _constraint(problem: Problem) -> str:
    """In the service's words, or in ours: a sentence as it is, a predicate (“must be text”) with its
    subject."""
    if problem.constraint:
        return problem.constraint
    return f"Member {problem.message}" if problem.message[:1].islower() else problem.message


def member_path(path: str) -> str:
    """`PolicyStatements[0].Action` as the service writes it: `policyStatements.1.member.action`.

    Parameters of our services (`default_action`) become the members that they stand for.
    """
    parts = re.sub(r"\[(\d+)\]", lambda match: f".{int(match[1]) + 1}.member", path).split(".")
    return ".".join(_camel(part) for part in parts)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head[:1].lower() + head[1:] + "".join(word.capitalize() for word in rest)
