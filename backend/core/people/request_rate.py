"""How many requests one may make: a bucket that fills steadily. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests a minute, and no more than a minute's worth at once."""

    per_minute: int


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is left of it, and when that was, in s of the uptime."""

    left: float
    at: float


def take(bucket: Bucket | None, rate: Rate, now: float) -> tuple[Bucket, float]:
    """Take one request out; the second result is how many s to wait because none was left, or 0."""
    full, per_s = float(rate.per_minute), rate.per_minute / 60
    left = full if bucket is None else min(full, bucket.left + (now - bucket.at) * per_s)
    return (Bucket(left - 1, now), 0.0) if left >= 1 else (Bucket(left, now), (1 - left) / per_s)
