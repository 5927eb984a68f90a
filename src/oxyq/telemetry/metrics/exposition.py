"""What was measured, as the text that Prometheus reads (its format 0.0.4), by prometheus_client."""

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from oxyq.telemetry.metrics.measured import Histogram, Measured, Values
from oxyq.telemetry.metrics.table import METRICS, Metric

if TYPE_CHECKING:  # loaded when it is first asked for: no command may start slower for it
    from prometheus_client.metrics_core import Metric as Family

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def exposition(*measured: Measured) -> bytes:
    """The text of all of it, in the order of the table, with what Prometheus expects of every process behind it."""
    from prometheus_client import ProcessCollector, generate_latest

    class _All:
        def collect(self) -> "Iterator[Family]":
            yield from _families(measured)
            yield from ProcessCollector(registry=None).collect()

    return generate_latest(_All())


def _families(measured: Iterable[Measured]) -> "Iterator[Family]":
    merged: dict[str, Values] = {name: values for one in measured for name, values in one.items()}
    for metric in METRICS:
        if values := merged.get(metric.name):
            yield _family(metric, values)


def _family(metric: Metric, values: Values) -> "Family":
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    if metric.kind == "histogram":
        histograms = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        ends = [*(str(round(bound, 6)) for bound in metric.bounds), "+Inf"]
        for labels, value in values.items():
            assert isinstance(value, Histogram)  # noqa: S101 - of a metric of this kind
            histograms.add_metric(labels, list(zip(ends, accumulate(value.counts), strict=True)), value.total)
        return histograms
    family = (CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily)(
        metric.name, metric.help, labels=metric.labels
    )
    for labels, value in values.items():
        assert not isinstance(value, Histogram)  # noqa: S101 - of a metric of this kind
        family.add_metric(labels, value)
    return family
