"""What a bench run found: files, and the table on screen."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from zoo.checkpoints import write_whole
from zoo.errors import DataError

# 2: rows by model and runtime, intervals over processes, doubts
SCHEMA = 2
LARGEST = 1 << 28
# of each process, in a file that is kept
KEPT_SAMPLES = 40

CSV_COLUMNS = (
    *("model", "runtime", "device", "state", "reason", "trained", "parameters", "network_parameters", "macs", "flops"),
    *("size_bytes", "file_bytes", "window_s", "start_s", "first_ms", "p50_ms", "p50_low_ms", "p50_high_ms", "p90_ms"),
    *("p99_ms", "runs", "processes", "ms_per_second", "ms_per_second_at_hop", "first_reading_s", "lookahead_s"),
    *("peak_memory_bytes", "energy_j", "others", "spread", "overhead_ms", "waveform_r", "heart_rate_change"),
    *("heart_rate_mae", "heart_rate_mae_low", "heart_rate_mae_high", "heart_rate_within_3", "heart_rate_naive_mae"),
    *("heart_rate_naive_within_3", "heart_rate_skill", "ppg_r", "device_p50_ms", "peak_device_memory_bytes"),
    *("uncounted", "simulated", "weights_sha256"),
)
PIPELINE_COLUMNS = (
    *("model", "runtime", "device", "state", "reason", "clip_s", "wall_s", "wall_low_s", "wall_high_s"),
    *("times_real_time", "start_s", "peak_memory_bytes", "decode", "face", "regions", "model_s", "rates", "other"),
)
PUBLISHED_COLUMNS = ("system", "what", "published", "ours", "unit", "ratio", "why", "state", "reason")
CSV_BY_KIND = {"models": CSV_COLUMNS, "pipeline": PIPELINE_COLUMNS, "published": PUBLISHED_COLUMNS}


def write(folder: Path, report: dict[str, Any]) -> tuple[Path, ...]:
    """Write `bench.json` (everything), `bench.csv` (a row a model) and `bench.html`; each appears whole or not at all.

    Raises:
        OSError: the folder cannot be written.
    """
    from zoo.bench.report import html

    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "bench.json", folder / "bench.csv", folder / "bench.html"
    contents = json.dumps(report, indent=1) + "\n", to_csv(report), html(report)
    for path, content in zip(paths, contents, strict=True):
        write_whole(path, content.encode())
    return paths


def to_csv(report: dict[str, Any]) -> str:
    """A line a row; what a row holds apart (accuracy, parity, stages) in columns of its own."""
    table = io.StringIO()
    writer = csv.DictWriter(table, CSV_BY_KIND[report.get("kind", "models")], extrasaction="ignore")
    writer.writeheader()
    for row in report["rows"]:
        inner = {**as_mapping(row.get("parity")), **row.get("worth", {}), **row.get("stages_s", {})}
        inner["model_s"] = inner.pop("model", "")
        writer.writerow({key: _harmless(value) for key, value in {**inner, **row}.items()})
    return table.getvalue()


def as_mapping(value: Any) -> dict[str, Any]:
    """The mapping, or an empty one: a board's parity is a number."""
    return value if isinstance(value, dict) else {}


def _harmless(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula gets a quote before it."""
    return "'" + value if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def read(path: Path) -> dict[str, Any]:
    """A report, checked.

    Raises:
        DataError: missing, damaged, or of another schema.
    """
    path = path / "bench.json" if path.is_dir() else path
    try:
        if path.stat().st_size > LARGEST:
            raise DataError(f"'{path}' is too large to be a bench result.")
        report = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise DataError(f"The result '{path}' cannot be read ({error.strerror}): give a bench.json.") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"'{path}' is not a bench result ({error}): give a bench.json.") from error
    schema = report.get("schema") if isinstance(report, dict) else None
    if schema != SCHEMA:
        raise DataError(
            f"'{path}' has result schema {schema}, this zoo reads {SCHEMA}: measure again with 'zoo bench'."
        )
    rows = report.get("rows")
    needed = {"state", "system" if report.get("kind") == "published" else "model"}
    if not isinstance(rows, list) or not all(isinstance(row, dict) and needed <= set(row) for row in rows):
        raise DataError(f"'{path}' is damaged: its rows are not rows of a bench.")
    return report


def stored() -> Path:
    """The folder of the results that travel with the project."""
    inside = Path(str(files("zoo"))) / "_shipped" / "results"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "benchmarks" / "results"


def keep(folder: Path, report: dict[str, Any]) -> list[Path]:
    """Write one file for each runtime of a report, `SUITE_DEVICE_RUNTIME_VERSION.json`, and its page beside it.

    The rows of a published table belong together, whatever runs them: their file's runtime is `all`. Samples are
    thinned to `KEPT_SAMPLES` a process.
    """
    from zoo.bench.report import html

    folder.mkdir(parents=True, exist_ok=True)
    machine = report["environment"]
    version = machine.get("versions", {}).get("rppg-zoo", "0")
    device = f"{report['device']}-{machine.get('gpu') or machine.get('cpu', '')}"
    published = report.get("kind") == "published"

    def runtime_of(row: dict[str, Any]) -> str:
        return "all" if published else str(row.get("runtime", "all"))

    paths = []
    for runtime in dict.fromkeys(map(runtime_of, report["rows"])):
        part = {**report, "rows": [_thinned(row) for row in report["rows"] if runtime_of(row) == runtime]}
        if "measured" in report:
            part["measured"] = [_thinned(row) for row in report["measured"]]
        name = "_".join(map(_slug, (Path(report["suite"]).stem, device, runtime, version)))
        for ending, content in ((".json", _compact(part)), (".html", html(part))):
            paths.append(folder / f"{name}{ending}")
            write_whole(paths[-1], content.encode())
    return paths


def _thinned(row: dict[str, Any]) -> dict[str, Any]:
    """A row with fewer of its samples, evenly over each process: their median stays what it was, about."""
    samples = row.get("samples_ms")
    if not samples or not isinstance(samples[0], list):
        return row
    return {**row, "samples_ms": [one[:: -(-len(one) // KEPT_SAMPLES)] for one in samples]}


def _compact(report: dict[str, Any]) -> str:
    """JSON whose lists of numbers are on one line each, so that a change of one can be read."""
    text = json.dumps(report, indent=1)
    return re.sub(r"\[\s+[-+.\de,\s]+?\]", lambda found: re.sub(r"\s+", " ", found[0]), text) + "\n"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.") or "x"


def read_all(places: Sequence[Path]) -> list[tuple[Path, dict[str, Any]]]:
    """All results of some files and folders; those that travel with the project if none are given.

    Raises:
        DataError: there are none, or one is damaged.
    """
    paths: list[Path] = []
    for place in places or [stored()]:
        paths += sorted(place.glob("*.json")) if place.is_dir() else [place]
    if not paths:
        raise DataError("There are no bench results: run 'zoo bench' and give its folder, such as runs/bench.")
    return [(path, read(path)) for path in paths]


Format = Callable[[dict[str, Any]], str]


def number(key: str, form: str, scale: float = 1.0) -> Format:
    """What shows `row[key] * scale`; nothing where the row has none."""
    return lambda row: "" if row.get(key) is None else format(row[key] * scale if scale != 1.0 else row[key], form)


def _worth(key: str, form: str, scale: float = 1.0, unit: str = "") -> Format:
    return lambda row: "" if key not in row.get("worth", {}) else format(row["worth"][key] * scale, form) + unit


def _macs(row: dict[str, Any]) -> str:
    return number("macs", ",.1f", 1e-6)(row) + ("*" if row.get("uncounted") else "")


def _accuracy(row: dict[str, Any]) -> str:
    """Heart rate's error with its interval; an untrained model is marked, and has none."""
    worth = row.get("worth", {})
    if "heart_rate_mae" not in worth:
        return "" if row.get("trained", True) else "untrained"
    between = interval(worth)
    return f"{worth['heart_rate_mae']:.2f}" + (f" ({between})" if between else "")


def interval(worth: dict[str, Any]) -> str:
    """Ends of the 95 % interval over people of the heart rate's error; nothing where there is none."""
    ends = [worth.get(f"heart_rate_mae_{end}") for end in ("low", "high")]
    return "" if None in ends else f"{ends[0]:.2f}-{ends[1]:.2f}"


def _half_interval(row: dict[str, Any]) -> str:
    """Half of the interval in per cent of the figure."""
    if row.get("p50_high_ms") is None or not row.get("p50_ms"):
        return ""
    return f"{50 * (row['p50_high_ms'] - row['p50_low_ms']) / row['p50_ms']:.0f} %"


COLUMNS: dict[str, Format] = {
    "model": lambda row: row["model"],
    "runtime": lambda row: row.get("runtime", ""),
    "params M": number("parameters", ".3f", 1e-6),
    "MMAC": _macs,
    "MB": number("size_bytes", ".2f", 1e-6),
    "p50 ms": number("p50_ms", ".2f"),
    "±": _half_interval,
    "p99 ms": number("p99_ms", ".2f"),
    "cold ms": number("first_ms", ".1f"),
    "ms/s": number("ms_per_second", ".3f"),
    "peak MB": number("peak_memory_bytes", ".0f", 1e-6),
    "start s": number("start_s", ".2f"),
    "HR MAE": _accuracy,
    "within 3": _worth("heart_rate_within_3", ".0f", 100, " %"),
    "wave r": _worth("ppg_r", ".2f"),
}


def cells(row: dict[str, Any]) -> list[str]:
    """One row as text, in the order of `COLUMNS`."""
    if row["state"] != "ok":
        return [row["model"], row.get("runtime", ""), "failed", *[""] * (len(COLUMNS) - 3)]
    return [form(row) for form in COLUMNS.values()]


def naive_row(rows: Sequence[dict[str, Any]]) -> list[str] | None:
    """The naive predictor's line in the order of `COLUMNS`, from the first row that was scored beside it."""
    worth = next((row["worth"] for row in rows if "heart_rate_naive_mae" in row.get("worth", {})), None)
    if worth is None:
        return None
    said = {"model": "naive (median)", "HR MAE": f"{worth['heart_rate_naive_mae']:.2f}",
            "within 3": f"{100 * worth['heart_rate_naive_within_3']:.0f} %"}  # fmt: skip
    return [said.get(name, "") for name in COLUMNS]


def describe_data(data: dict[str, Any]) -> str:
    """The data of a suite in words."""
    options = ", ".join(f"{key} {value}" for key, value in data.items() if key not in ("name", "root"))
    return str(data["name"]) + (f" ({options})" if options else "")
