"""Figures in the text format that Prometheus reads (exposition format 0.0.4). Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Kind(StrEnum):
    """What a figure does over time."""

    GAUGE = "gauge"
    COUNTER = "counter"


@dataclass(frozen=True, slots=True)
class Sample:
    """One value with its labels."""

    value: float
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure. Its name has the unit at its end and, of a counter, `_total`."""

    name: str
    kind: Kind
    help: str
    samples: Sequence[Sample]


def gauge(name: str, help_text: str, *values: float | tuple[float, Mapping[str, str]]) -> Metric:
    """Make a gauge of plain values or values with labels."""
    return Metric(name, Kind.GAUGE, help_text, _samples(values))


def counter(name: str, help_text: str, *values: float | tuple[float, Mapping[str, str]]) -> Metric:
    """Make a counter likewise."""
    return Metric(name, Kind.COUNTER, help_text, _samples(values))


def write(metrics: Iterable[Metric]) -> str:
    """Write figures; those without a value are left out."""
    return "".join(_lines(metric) for metric in metrics if metric.samples)


def _samples(values: Iterable[float | tuple[float, Mapping[str, str]]]) -> tuple[Sample, ...]:
    return tuple(Sample(*one) if isinstance(one, tuple) else Sample(one, {}) for one in values)


def _lines(metric: Metric) -> str:
    help_text = metric.help.replace("\\", "\\\\").replace("\n", "\\n")
    lines = [f"# HELP {metric.name} {help_text}", f"# TYPE {metric.name} {metric.kind}"]
    for sample in metric.samples:
        labels = ",".join(f'{name}="{_escaped(text)}"' for name, text in sample.labels.items())
        lines.append(f"{metric.name}{{{labels}}} {_number(sample.value)}" if labels else _plain(metric, sample))
    return "\n".join(lines) + "\n"


def _plain(metric: Metric, sample: Sample) -> str:
    return f"{metric.name} {_number(sample.value)}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
