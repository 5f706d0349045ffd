"""A report as one HTML page that needs nothing from anywhere else. Every text in it is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from statistics import median
from typing import Any

from zoo.bench.charts import Point, scatter, shares
from zoo.bench.results import COLUMNS, cells, describe_data, naive_row
from zoo.bench.screen import STAGES, title
from zoo.bench.sections import sections

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#222;margin:2rem auto;max-width:82rem;padding:0 1rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}
.table{overflow-x:auto}table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .6rem;border-bottom:1px solid #ddd;text-align:right;white-space:nowrap;vertical-align:top}
th{border-bottom:2px solid #888;position:sticky;top:0;background:#fff}
.words,th.words{text-align:left}td.long{white-space:normal;text-align:left;min-width:22rem}
tr.failed td{color:#999}.note{color:#666;font-size:13px}
.doubt{background:#fff3d6;border-left:4px solid #d9a400;padding:.4rem .8rem;margin:.5rem 0}
.failure{background:#fdecec;border-left:4px solid #b0304b;padding:.4rem .8rem;margin:.5rem 0}
.charts{display:flex;flex-wrap:wrap;gap:1.5rem}figure{margin:0;max-width:620px}figcaption{font-size:13px;color:#666}
code{background:#f3f3f3;padding:.1rem .3rem;overflow-wrap:anywhere}svg{max-width:100%;height:auto}
"""
NO_WEIGHTS_MB = 0.01
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def html(report: dict[str, Any]) -> str:
    """The page of one report."""
    kind = report.get("kind", "models")
    body = {"pipeline": _pipeline, "published": _published}.get(kind, _models)(report)
    heading = f"zoo bench: {report['suite']}"
    took = f", took {report['seconds']:.0f} s" if report.get("seconds") else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(heading)}</title><style>{STYLE}</style></head><body>"
        f'<h1>{_text(heading)}</h1><p class="note">{_text(title(report))}, {_text(report.get("started", ""))}{took}</p>'
        f"{_warnings(report)}{body}{_environment(report)}</body></html>\n"
    )


def _text(value: Any) -> str:
    return escape(str(value), quote=True)


def _warnings(report: dict[str, Any]) -> str:
    doubtful = [f'<p class="doubt">{_text(doubt)}</p>' for doubt in report.get("doubts", [])]
    if report.get("interrupted"):
        doubtful.append('<p class="doubt">Interrupted: only what was measured until then is here.</p>')
    failed = [
        f'<p class="failure">{_text(row.get("model", row.get("what", "")))} {_text(row.get("runtime", ""))}: '
        f"{_text(row.get('reason', ''))}</p>"
        for row in report["rows"]
        if row["state"] != "ok"
    ]
    return "".join([*doubtful, *failed])


def _table(
    header: Sequence[str], rows: Sequence[tuple[Sequence[str], bool]], words: int = 2, long: bool = False
) -> str:
    """A table; `rows` are cells and whether the row failed, the first `words` columns are left-aligned."""
    left = {*range(words), len(header) - 1 if long else 0}
    heads = "".join(
        f'<th class="words">{_text(name)}</th>' if i in left else f"<th>{_text(name)}</th>"
        for i, name in enumerate(header)
    )
    lines = []
    for texts, failed in rows:
        last = len(texts) - 1
        parts = [
            f'<td class="{"long" if long and i == last else "words" if i < words else "figure"}">{_text(text)}</td>'
            for i, text in enumerate(texts)
        ]
        lines.append(f"<tr{' class=failed' if failed else ''}>{''.join(parts)}</tr>")
    return f'<div class="table"><table><thead><tr>{heads}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def _models(report: dict[str, Any]) -> str:
    rows = report["rows"]
    lines = [(cells(row), row["state"] != "ok") for row in rows]
    naive = naive_row(rows)
    if naive:
        lines.append((naive, False))
    note = (
        f"Accuracy on {describe_data(report['data'])}, with its 95 % interval over people. Latency of one window, the "
        "model alone; ± is half of the 95 % interval over processes; ms/s is milliseconds a second of video; start-up "
        "counts the interpreter; * marks operators that no counter knows."
    )
    rest = "".join(
        f"<h2>{_text(one.title)}</h2>{_table(one.header, [(line, False) for line in one.lines], one.words)}"
        f"<p class=note>{_text(one.note)}</p>"
        for one in sections(rows)
    )
    return f"{_pareto(rows)}<h2>Figures</h2>{_table(list(COLUMNS), lines)}<p class=note>{_text(note)}</p>{rest}"


def _pareto(rows: Sequence[dict[str, Any]]) -> str:
    measured = [row for row in rows if row["state"] == "ok" and row.get("ms_per_second", 0) > 0]
    scored = [row for row in measured if "heart_rate_mae" in row.get("worth", {})]
    sized = [row for row in measured if row.get("size_bytes") is not None]
    slow, large, wrong = "ms of work a second of video", "MB of weights", "heart-rate error, 1/min"
    figures = []
    if scored:
        naive = scored[0]["worth"].get("heart_rate_naive_mae")
        beside = f"; the naive predictor's error is {naive:.1f}" if naive is not None else ""
        points = _points(scored, "ms_per_second", "error")
        figures.append((scatter(points, slow, wrong), f"Accuracy over latency{beside}"))
        points = _points(scored, "size_bytes", "error")
        figures.append((scatter(points, large, wrong), f"Accuracy over size{beside}"))
    if sized:
        points = _points(sized, "ms_per_second", "size_bytes")
        figures.append((scatter(points, slow, large, log_y=True), "Size over latency, untrained models too"))
    drawn = "".join(
        f"<figure>{drawing}<figcaption>{_text(caption)}. Marks by size; the dashed line joins those that nothing "
        f"beats; a method without weights stands at {NO_WEIGHTS_MB} MB.</figcaption></figure>"
        for drawing, caption in figures
    )
    return f'<h2>Trade-offs</h2><div class="charts">{drawn}</div>' if drawn else ""


def _points(rows: Sequence[dict[str, Any]], x: str, y: str) -> list[Point]:
    def value(row: dict[str, Any], key: str) -> float:
        if key == "error":
            return float(row["worth"]["heart_rate_mae"])
        # a logarithmic axis has no zero
        return max(float(row[key] or 0) / 1e6, NO_WEIGHTS_MB) if key == "size_bytes" else float(row[key])

    return [
        Point(row["model"], row.get("runtime", ""), value(row, x), value(row, y), row.get("size_bytes") or 0.0)
        for row in rows
    ]


def _pipeline(report: dict[str, Any]) -> str:
    measured = [row for row in report["rows"] if row["state"] == "ok"]
    bars = [
        (f"{row['model']} ({row['runtime']})", {s: row["stages_s"].get(s, 0.0) for s in STAGES}) for row in measured
    ]
    lines = [
        ([row["model"], row["runtime"], f"{row['times_real_time']:.1f}", f"{row['wall_s']:.2f}",
          f"{row['peak_memory_bytes'] / 1e6:.0f}", f"{row['start_s']:.2f}",
          "" if row["heart_rate"] is None else f"{row['heart_rate']:.1f}"], False)
        for row in measured
    ]  # fmt: skip
    header = ["model", "runtime", "x real time", "s", "peak MB", "start-up s", "heart rate found"]
    chart = f"<figure>{shares(bars)}</figure>" if bars else ""
    clip = f'<p class="note">From file to rate: {_text(report["clip"])}.</p>'
    return f"<h2>Where the time goes</h2>{chart}{clip}<h2>Figures</h2>{_table(header, lines)}"


def _published(report: dict[str, Any]) -> str:
    lines = [
        ([row["system"], row["what"], row["published"], row.get("ours", "failed"), row.get("ratio", ""), row["why"]],
         row["state"] != "ok")
        for row in report["rows"]
    ]  # fmt: skip
    header = ["system", "what", "published", "ours", "ours / published", "why they differ"]
    return f"<h2>Published and ours</h2>{_table(header, lines, long=True)}"


def _environment(report: dict[str, Any]) -> str:
    machine = dict(report["environment"])
    versions = machine.pop("versions", {})
    facts = {**machine, **{f"version of {name}": value for name, value in versions.items()}}
    taken = [row["others"] for row in report["rows"] if row.get("others") is not None]
    if taken:
        facts["others took of the cores"] = f"median {median(taken):.0%} over the rows, at most {max(taken):.0%}"
    lines = [([str(name).replace("_", " "), _plain(value)], False) for name, value in facts.items()]
    hashes = {row["model"]: row["weights_sha256"] for row in report["rows"] if row.get("weights_sha256")}
    weights = [([model, digest], False) for model, digest in hashes.items()]
    overhead = [row["overhead_ms"] / row["p50_ms"] for row in report["rows"] if row.get("overhead_ms")]
    said = f"The harness itself took at most {100 * max(overhead):.3f} % of a figure." if overhead else ""
    return (
        f"<h2>Command</h2><p><code>{_text(report.get('command', ''))}</code></p><p class=note>{_text(said)}</p>"
        f"<h2>Machine</h2>{_table(['', ''], lines, long=True)}"
        + (f"<h2>Weights (sha256)</h2>{_table(['model', ''], weights)}" if weights else "")
    )


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
