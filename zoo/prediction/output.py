"""Results as JSON and CSV, and names for the files that belong to them."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo.prediction.result import NOT_MEDICAL, Estimate, VideoResult
from zoo.spec import TARGETS


def to_dict(result: VideoResult) -> dict[str, Any]:
    """Plain values for JSON; what is not known is None."""
    over = result.over_time
    series: dict[str, Any] | None = None
    if over is not None:
        names = ("times", "values", "low", "high", "confidence")
        series = {name: [_number(value, 3) for value in getattr(over, name)] for name in names}
        series.update(window=over.window, hop=over.hop, unit="1/min")
        if result.quality is not None:
            # as the confidence that stands beside it, None where there is no rate
            limit = result.quality.threshold
            series["refused"] = [None if sure is None else sure < limit for sure in series["confidence"]]
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
            "threshold": _number(result.quality.threshold, 3),
            "refused": result.quality.refused,
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
    header += ["snr (dB)", "confidence", "refused", "duration (s)", "model", "notes", "error"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for result in results:
        row: list[Any] = [result.video]
        for name in rates:
            estimate: Estimate | None = getattr(result, name)
            if name == "heart_rate" and result.quality is not None and result.quality.refused:
                # whoever reads the column alone must not take a guess for a rate; the notes hold it
                estimate = None
            row += [_cell(getattr(estimate, part, None), 2) for part in ("value", "low", "high")]
        row += [_cell(result.biomarkers[name].value if name in result.biomarkers else None, 4) for name in markers]
        quality = result.quality
        row += [_cell(getattr(quality, "snr", None), 2), _cell(getattr(quality, "confidence", None), 3)]
        row += ["" if quality is None else "yes" if quality.refused else "no"]
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
