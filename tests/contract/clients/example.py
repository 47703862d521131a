"""One series of figures, and a source paused, by the client that openapi-python-client makes of the description."""

from tributary_client import AuthenticatedClient
from tributary_client.api.figures import query_metrics
from tributary_client.api.sync import pause_source
from tributary_client.models import Answer, Controlled, Granularity, MetricId

client = AuthenticatedClient(base_url="http://127.0.0.1:8080", token="trib_…")


def minutes_by_day() -> list[float | None]:
    answer = query_metrics.sync(
        client=client, metrics=[MetricId.MINUTES_CONSUMED], range_="last_28_days", granularity=Granularity.DAY
    )
    if not isinstance(answer, Answer):
        raise RuntimeError(answer)
    figures = [row.values[MetricId.MINUTES_CONSUMED].value for row in answer.rows]
    return [figure if isinstance(figure, float) else None for figure in figures]


def pause(slug: str) -> list[str]:
    controlled = pause_source.sync(slug, client=client)
    if not isinstance(controlled, Controlled):
        raise RuntimeError(controlled)
    return [stream.stream for stream in controlled.streams]
