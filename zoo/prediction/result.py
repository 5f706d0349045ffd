"""What prediction gives for a video, as dataclasses, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from zoo.data.extract import Preview
from zoo.spec import TARGETS, Grid

NOT_MEDICAL = "trained on simulated people only: not medical"


@dataclass(frozen=True)
class Estimate:
    """A rate of the whole clip and how it was read.

    Args:
        value: 1/min.
        low, high: ends of its interval, 1/min; NaN where none can be given.
        method: of `zoo.signals`.
        band: lowest and highest Hz that were allowed.
        window: seconds that it was read from.
        source: `waveform`, or `head` where the model says the rate itself.
    """

    value: float
    low: float
    high: float
    method: str
    band: tuple[float, float]
    window: float
    source: Literal["waveform", "head"] = "waveform"
    unit: str = "1/min"


@dataclass(frozen=True)
class OverTime:
    """Heart rate of windows along the clip.

    Args:
        times: (n,) seconds, the windows' middles.
        values, low, high: (n,) 1/min, NaN where nothing can be decided.
        window, hop: seconds.
    """

    times: np.ndarray
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    window: float
    hop: float


@dataclass(frozen=True)
class Biomarker:
    """A biomarker of the whole clip (the median of its windows).

    Args:
        value: in `unit`; for a class the probability 0..1 of `label`.
        simulated: the model was trained on simulated people only, so this is not medical.
        label: the class whose probability `value` is; empty for a number.
    """

    value: float
    unit: str
    simulated: bool
    label: str = ""


@dataclass(frozen=True)
class Quality:
    """How far the waveform may be trusted.

    Args:
        snr: dB, power around the heart rate and its first harmonic over the rest of the band.
        confidence: 0..1.
    """

    snr: float
    confidence: float


@dataclass(frozen=True)
class VideoResult:
    """All that prediction says about a video, or in `error` why it cannot.

    Args:
        video: its path as it was given.
        model: its name.
        duration: seconds.
        frames: that were read.
        fps: nominal frames a second of the file.
        times: (T,) seconds of the waveforms' samples.
        waveforms: (T,) z-scored by name, NaN where there was no face.
        preview: a frame with the face, to draw.
        regions, crop: what the model read of it: mean colours of regions, or crops (`zoo.spec.Crop`).
        seconds: time spent a stage.
        picture: where its picture is, if one was drawn.
    """

    video: str
    model: str
    heart_rate: Estimate | None = None
    over_time: OverTime | None = None
    respiration_rate: Estimate | None = None
    biomarkers: Mapping[str, Biomarker] = field(default_factory=dict)
    quality: Quality | None = None
    notes: tuple[str, ...] = ()
    error: str | None = None
    duration: float = 0.0
    frames: int = 0
    fps: float = 0.0
    times: np.ndarray = field(default_factory=lambda: np.zeros(0))
    waveforms: Mapping[str, np.ndarray] = field(default_factory=dict)
    preview: Preview | None = None
    regions: tuple[str, ...] | Grid = ()
    crop: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    picture: str | None = None

    @property
    def realtime_factor(self) -> float:
        """Seconds of video a second of work."""
        spent = sum(self.seconds.values())
        return self.duration / spent if spent else math.nan


def to_dict(result: VideoResult) -> dict[str, Any]:
    """Plain values for JSON; what is not known is None."""
    over = result.over_time
    series: dict[str, Any] | None = None
    if over is not None:
        names = ("times", "values", "low", "high")
        series = {name: [_number(value, 3) for value in getattr(over, name)] for name in names}
        series.update(window=over.window, hop=over.hop, unit="1/min")
    return {
        "video": result.video,
        "model": result.model,
        "heart_rate": _estimate(result.heart_rate),
        "respiration_rate": _estimate(result.respiration_rate),
        "biomarkers": {
            name: {
                "value": _number(marker.value, 4),
                "unit": marker.unit,
                **({"probability_of": marker.label} if marker.label else {}),
                "simulated": marker.simulated,
                **({"note": NOT_MEDICAL} if marker.simulated else {}),
            }
            for name, marker in result.biomarkers.items()
        },
        "quality": None
        if result.quality is None
        else {
            "snr": _number(result.quality.snr, 2),
            "snr_unit": "dB",
            "confidence": _number(result.quality.confidence, 3),
        },
        "heart_rate_over_time": series,
        "notes": list(result.notes),
        "duration": _number(result.duration, 3),
        "frames": result.frames,
        "fps": _number(result.fps, 3),
        "seconds": {name: _number(value, 3) for name, value in result.seconds.items()},
        "realtime_factor": _number(result.realtime_factor, 1),
        "picture": result.picture,
        "error": result.error,
    }


def to_json(results: Sequence[VideoResult]) -> str:
    """A JSON list with one object a video."""
    return json.dumps([to_dict(result) for result in results], indent=1, ensure_ascii=False, allow_nan=False)


def to_csv(results: Sequence[VideoResult]) -> str:
    """CSV with a header and one row a video; units stand in the header."""
    markers = [name for name in TARGETS if any(name in result.biomarkers for result in results)]
    rates = ("heart_rate", "respiration_rate")
    header = ["video", *(f"{name}{part} (1/min)" for name in rates for part in ("", "_low", "_high"))]
    header += [_column(name, results) for name in markers]
    header += ["snr (dB)", "confidence", "duration (s)", "model", "notes", "error"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for result in results:
        row: list[Any] = [result.video]
        for name in rates:
            estimate: Estimate | None = getattr(result, name)
            row += [_cell(getattr(estimate, part, None), 2) for part in ("value", "low", "high")]
        row += [_cell(result.biomarkers[name].value if name in result.biomarkers else None, 4) for name in markers]
        quality = result.quality
        row += [_cell(getattr(quality, "snr", None), 2), _cell(getattr(quality, "confidence", None), 3)]
        row += [_cell(result.duration or None, 2), result.model, "; ".join(result.notes), result.error or ""]
        writer.writerow(row)
    return text.getvalue()


def name_in(names: Sequence[str]) -> list[str]:
    """A file name without suffix for each video, as short as the differences between their paths allow."""
    chosen: list[str] = []
    for name in names:
        parts = Path(name).with_suffix("").parts if Path(name).suffix else Path(name).parts
        others = [Path(other).with_suffix("").parts for other in names if other != name]
        depth = 1
        while depth < len(parts) and any(other[-depth:] == parts[-depth:] for other in others):
            depth += 1
        stem = "_".join(part.strip("/\\:.") or "video" for part in parts[-depth:])
        while stem.casefold() in {other.casefold() for other in chosen}:
            stem += "_"
        chosen.append(stem)
    return chosen


def _column(name: str, results: Sequence[VideoResult]) -> str:
    shown = next(result.biomarkers[name] for result in results if name in result.biomarkers)
    facts = [f"probability of {shown.label}" if shown.label else shown.unit]
    if any(result.biomarkers[name].simulated for result in results if name in result.biomarkers):
        facts.append(NOT_MEDICAL)
    return f"{name} ({', '.join(fact for fact in facts if fact)})"


def _estimate(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    return {
        "value": _number(estimate.value, 2),
        "low": _number(estimate.low, 2),
        "high": _number(estimate.high, 2),
        "unit": estimate.unit,
        "method": estimate.method,
        "band": list(estimate.band),
        "band_unit": "Hz",
        "window": _number(estimate.window, 2),
        "source": estimate.source,
    }


def _number(value: float, digits: int) -> float | None:
    return round(float(value), digits) if math.isfinite(value) else None


def _cell(value: float | None, digits: int) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"
