"""Scores of waveforms, rates and biomarkers: statistics, named protocols, the metric of a run, tables and pictures.

Importing this imports no torch; `VitalsMetrics` is loaded when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo.metrics.protocol import Protocol, load_protocol, protocols

if TYPE_CHECKING:
    from zoo.metrics.vitals import VitalsMetrics

__all__ = ["Protocol", "VitalsMetrics", "load_protocol", "protocols"]


def __getattr__(name: str) -> Any:
    if name == "VitalsMetrics":
        from zoo.metrics.vitals import VitalsMetrics

        return VitalsMetrics
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
