"""The processes that jobs run in: what an interrupt of the parent alone leaves, and how many run at once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.plugins import write_plugin
from zoo.bench import workers

# hangs where it is scored, when its timings are through; a child of its own hangs with it
HANGS = """
import os
import subprocess
import sys
import time
from pathlib import Path

from zoo.models.pos import POS

PLUGIN_API = 1


class Mine(POS):
    def __init__(self, **options):
        super().__init__(**options)
        if "zoo.bench.worth" in sys.modules:
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            Path(os.environ["HANGING"]).write_text(f"{os.getpid()} {child.pid} ")
            time.sleep(600)
"""


def wait_for(holds, seconds):
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()


def lives(pid):
    """A child that was orphaned and killed may stay as a zombie where nobody reaps it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_an_interrupt_of_the_parent_alone_ends_all_and_keeps_the_rows(tmp_path):
    folder = write_plugin(tmp_path / "plugin", "hanging", {"hanging.py": HANGS}, {"hang": "hanging:Mine"})
    hanging, out = tmp_path / "hanging", tmp_path / "out"
    words = ["--model", "hang", "--runtime", "torch", "--seconds", "0.1", "--processes", "1", "--out", str(out)]
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        [sys.executable, "-m", "zoo", "bench", *words],
        env={**os.environ, "PYTHONPATH": path, "HANGING": str(hanging)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert wait_for(lambda: hanging.exists() and hanging.read_text().endswith(" "), 240), "nothing was scored"
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130, said
    report = json.loads((out / "bench.json").read_text())
    (row,) = report["rows"]
    assert report["interrupted"] and row["model"] == "hang" and row["p50_ms"] > 0 and "worth" not in row
    pids = hanging.read_text().split()
    assert wait_for(lambda: not any(map(lives, pids)), 10)


def test_nothing_is_started_after_the_end():
    running = workers.Running()
    running.end()
    assert running.run({"task": "nothing", "threads": 1}, 60)["reason"] == "interrupted"


def test_jobs_on_a_card_run_one_at_a_time(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 16)
    job = {"task": "worth", "threads": 2}
    assert workers.lanes_for([{**job, "device": "cuda:1"}] * 5) == 1
    assert workers.lanes_for([{**job, "device": "cpu"}] * 5) == 5
    assert workers.lanes_for([job] * 20) == 8
