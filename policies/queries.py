"""What lists of policies ask of the database."""

from django.db.models import Count, OuterRef, QuerySet, Subquery

from policies.models import TrafficPolicy


def policies_with_endpoint_count() -> QuerySet[TrafficPolicy]:
    """Each with `endpoint_count`, counted for the rows of a page alone: a join would group every policy
    by its whole document (10,000 policies, last page: 700 ms instead of 25)."""
    same = TrafficPolicy.objects.filter(pk=OuterRef("pk")).order_by().values("pk")
    counted = same.annotate(number=Count("endpoints")).values("number")
    return TrafficPolicy.objects.annotate(endpoint_count=Subquery(counted))
