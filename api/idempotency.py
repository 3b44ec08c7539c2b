"""ClientToken: the same token and input again get the same answer, and nothing is made twice."""

import json
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from api.call import Call, Document, Operation
from api.errors import ApiError
from api.models import AccessKey, Answered

_MEMBER = "ClientToken"
KEPT_FOR = timedelta(days=1)


def answer_once(key: AccessKey, call: Call, operate: Operation) -> Document:
    """`operate`, or what it answered to this token before. The answer is kept in the transaction of
    what was made, so that there is never one without the other."""
    token = call.input.get(_MEMBER)
    if not token:
        return operate(call)
    name = f"{call.service}.{call.operation}"
    digest = _digest(call.input)
    earlier = Answered.objects.filter(user=key.user, operation=name, token=token)
    if (former := earlier.first()) is not None:
        return _again(former, digest)
    try:
        with transaction.atomic():
            output = operate(call)
            Answered.objects.create(
                user=key.user, operation=name, token=token, input_digest=digest, output=output
            )
    except IntegrityError:
        # Another request with this token was quicker; what this one made is rolled back.
        former = earlier.first()
        if former is None:
            raise
        return _again(former, digest)
    return output


def forget_old() -> int:
    """Remove answers that no client asks for any more."""
    count, _ = Answered.objects.filter(at__lt=timezone.now() - KEPT_FOR).delete()
    return count


def _again(former: Answered, digest: str) -> Document:
    if former.input_digest != digest:
        raise ApiError("ConflictException", "This ClientToken was used with other parameters before.")
    output: Document = former.output
    return output


def _digest(document: Any) -> str:
    """Of the input, without the token itself. Keyed: the input may hold a password."""
    rest = {name: value for name, value in document.items() if name != _MEMBER}
    text = json.dumps(rest, sort_keys=True, default=repr)
    return salted_hmac("api.idempotency", text, algorithm="sha256").hexdigest()
