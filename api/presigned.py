"""URLs that let whoever has them store the file of an import, for a while: `PUT` it, nothing else.

The signature is in the URL, as in those of S3, and of this installation's secret key.
"""

from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac

VALID_FOR = timedelta(hours=1)
_MAX_DIGITS = 12


def presigned_url(base_url: str, job_id: str, now: datetime) -> str:
    """`base_url`: scheme and host under which the client knows us."""
    expires = int((now + VALID_FOR).timestamp())
    query = urlencode({"Expires": expires, "Signature": _signature(job_id, expires)})
    return f"{base_url}{reverse('api:upload', args=[job_id])}?{query}"


def is_signed(job_id: str, expires: str, signature: str, now: datetime) -> bool:
    """Whether the two are what a URL of ours has that hasn't expired."""
    if not (expires.isascii() and expires.isdigit() and len(expires) <= _MAX_DIGITS):
        return False
    is_ours = constant_time_compare(signature, _signature(job_id, int(expires)))
    return is_ours and now.timestamp() < int(expires)


def _signature(job_id: str, expires: int) -> str:
    return salted_hmac("api.presigned", f"{job_id}:{expires}", algorithm="sha256").hexdigest()
