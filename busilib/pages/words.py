"""What the figures are called on a page."""

from __future__ import annotations

from busilib.metrics.metric import METRICS

METRIC_NAMES = {key: metric.words for key, metric in METRICS.items()}
"""What a metric key is called on a page."""
