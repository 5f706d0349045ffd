"""`zoo bench pick` and `show`, the page, and hostile names in it."""

import json
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from zoo.bench import command
from zoo.bench.charts import Point, front, scatter, shares
from zoo.bench.pick import Budget, pick
from zoo.bench.report import html
from zoo.bench.results import keep, read, to_csv
from zoo.errors import DataError, UsageError

HOSTILE = "</title><script>alert('x')</script>\"&[red]"


def row(model, ms, mb, mae, within, **more):
    worth = {} if mae is None else {"heart_rate_mae": mae, "heart_rate_within_3": within}
    return {
        "model": model, "runtime": "onnx", "device": "cpu", "state": "ok", "p50_ms": ms, "ms_per_second": ms / 20,
        "size_bytes": 1e6 * mb, "file_bytes": None, "trained": mae is not None, "uncounted": {}, "worth": worth,
        "parity": {"error": 1e-6, "waveform_r": 1.0}, "p50_low_ms": None, "p50_high_ms": None, **more,
    }  # fmt: skip


ROWS = [row("small", 1, 0.1, 3.0, 0.82), row("good", 4, 0.9, 1.0, 0.95), row("best", 50, 30, 0.5, 0.99),
        row("random", 0.1, 0.1, None, None)]  # fmt: skip
REPORT = {
    "schema": 2, "suite": "mine", "kind": "models", "device": "cpu", "threads": 1, "data": {"name": "synthetic"},
    "command": "zoo bench", "environment": {"cpu": "Some CPU", "versions": {"rppg-zoo": "1.0"}}, "rows": ROWS,
}  # fmt: skip


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text, self.links = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href", "xlink:href")]

    def handle_data(self, data):
        self.text.append(data)


def test_the_most_accurate_model_under_a_budget():
    best, judged = pick(ROWS, Budget(ms=5, mb=1, within_3=0.8))
    assert best.row["model"] == "good"
    against = {choice.row["model"]: choice.against for choice in judged}
    assert against["small"] == () and against["random"] == ("untrained",)
    assert against["best"] == ("50 ms, over 5", "30 MB, over 1")
    assert pick(ROWS, Budget())[0].row["model"] == "best"
    assert pick(ROWS, Budget(ms=0.01))[0] is None
    assert pick(ROWS, Budget(runtime="torch"))[0] is None


def test_the_commands(tmp_path, capsys):
    (tmp_path / "a.json").write_text(json.dumps(REPORT))
    words = ["pick", str(tmp_path), "--max-ms", "5", "--max-mb", "1", "--min-within-3", "0.8"]
    assert command.main("bench", words) == 0
    said = capsys.readouterr().out
    assert said.startswith("good in onnx: 4.00 ms") and "not best (onnx): 50 ms, over 5" in said
    assert command.main("bench", ["pick", str(tmp_path), "--max-ms", "0.01"]) == 1
    assert command.main("bench", ["show", str(tmp_path), "--html", str(tmp_path / "a.html")]) == 0
    assert "<svg" in (tmp_path / "a.html").read_text() and "random" in capsys.readouterr().out
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="no bench results"):
        command.main("bench", ["show", str(tmp_path / "none")])
    with pytest.raises(UsageError, match="from 0 to 1"):
        command.main("bench", ["pick", str(tmp_path), "--min-within-3", "80"])


def test_a_long_list_names_the_trained_first_and_counts_the_rest(tmp_path, capsys):
    untrained = [row(f"random{number}", 1, 1, None, None) for number in range(20)]
    (tmp_path / "a.json").write_text(json.dumps({**REPORT, "rows": [*untrained, row("slow", 50, 30, 0.5, 0.9)]}))
    assert command.main("bench", ["pick", str(tmp_path), "--max-ms", "5", "--max-mb", "1"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("  not slow (onnx): 50 ms, over 5") and lines[-1] == "  and 9 more" and len(lines) == 14


def test_a_file_for_each_runtime(tmp_path):
    samples = [[float(i) for i in range(200)], [5.0, 6.5]]
    more = {**REPORT, "rows": [*ROWS, {**ROWS[0], "runtime": "torch", "samples_ms": samples}]}
    names = [path.name for path in keep(tmp_path, more) if path.suffix == ".json"]
    assert names == ["mine_cpu-some-cpu_onnx_1.0.json", "mine_cpu-some-cpu_torch_1.0.json"]
    assert "<svg" in (tmp_path / names[0]).with_suffix(".html").read_text()
    (kept,) = read(tmp_path / names[1])["rows"]
    assert kept["samples_ms"] == [[float(i) for i in range(0, 200, 5)], [5.0, 6.5]]
    # a list of numbers is one line
    assert "[ 5.0, 6.5 ]" in (tmp_path / names[1]).read_text()


def test_the_rows_of_a_published_table_stay_together(tmp_path):
    rows = [{"system": "A", "what": "x", "published": "1", "ours": "1", "ratio": "", "why": "", "state": "ok",
             "runtime": runtime} for runtime in ("torch", "onnx")]  # fmt: skip
    names = [path.name for path in keep(tmp_path, {**REPORT, "kind": "published", "rows": rows, "measured": []})]
    assert names == ["mine_cpu-some-cpu_all_1.0.json", "mine_cpu-some-cpu_all_1.0.html"]


@pytest.mark.parametrize("kind", ["models", "pipeline", "published"])
def test_a_hostile_name_stays_text(kind, capsys):
    rows = {
        "models": [row(HOSTILE, 3, 1, 2.0, 0.5, weights_sha256="0"), row("pos", 1, 1, 3.0, 0.5),
                   {"model": HOSTILE, "runtime": HOSTILE, "state": "failed", "reason": HOSTILE}],
        "pipeline": [{"model": HOSTILE, "runtime": "onnx", "state": "ok", "stages_s": {"decode": 1.0}, "wall_s": 1.0,
                      "times_real_time": 30.0, "peak_memory_bytes": 1, "start_s": 1.0, "heart_rate": None}],
        "published": [{"system": "A", "what": HOSTILE, "published": HOSTILE, "why": HOSTILE, "state": "ok"}],
    }[kind]  # fmt: skip
    report = {**REPORT, "kind": kind, "suite": HOSTILE, "command": HOSTILE, "clip": HOSTILE, "rows": rows,
              "doubts": [HOSTILE], "environment": {"cpu": HOSTILE}}  # fmt: skip
    page = Page()
    page.feed(html(report))
    assert "script" not in page.tags and not page.links
    assert HOSTILE in "".join(page.text)
    from zoo.bench.screen import show

    show(report)
    assert "[red]" in capsys.readouterr().out


def test_a_formula_in_a_name_is_no_formula_in_a_spreadsheet():
    line = to_csv({**REPORT, "rows": [row("=1+1", 1, 1, 1, 1)]}).splitlines()[1]
    assert line.startswith("'=1+1,")


def test_charts_are_whole_and_know_the_front():
    points = [Point("a", "x", 1, 5), Point("b", "x", 2, 6), Point("c", "y", 3, 1), Point("d", "y", 0.5, 9)]
    assert [point.name for point in front(points)] == ["d", "a", "c"]
    for drawn in (
        scatter(points, "ms", HOSTILE),
        scatter(points[:1], "ms", "MB"),
        scatter([Point("a", "x", 1, 0.02), Point("b", "x", 2, 0.05)], "ms", "MB", log_y=True),
        shares([(HOSTILE, {"decode": 1.0})]),
    ):
        assert ElementTree.fromstring(drawn).tag.endswith("svg")
