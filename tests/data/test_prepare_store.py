"""`zoo prepare`: killed, doubled, starved of space, fed with rubbish; the store is always whole and always the same."""

from __future__ import annotations

import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faces import write_face_clip
from zoo.cli import main
from zoo.data.prepare_store import prepare_store, shard
from zoo.data.store import Settings, fault
from zoo.datasets.folder import read as read_folder
from zoo.errors import DataError, UsageError

CLIPS = 3
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals, locks and limits of POSIX systems")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny real videos, one of them without labels."""
    folder = tmp_path_factory.mktemp("data")
    for i in range(CLIPS):
        write_face_clip(folder / f"p{i}_a.mp4", seconds=2.0, fps=15, heart_rate=60 + 10 * i, size=(240, 180), seed=i)
        if i:
            rows = "\n".join(f"{t / 30},{(t * (i + 1)) % 17}" for t in range(61))
            (folder / f"p{i}_a.csv").write_text(f"time,ppg\n{rows}\n")
    return folder


@pytest.fixture(scope="module")
def undisturbed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("store")
    assert main(arguments(root, out)) == 0
    return contents(out)


def arguments(root: Path, out: Path, *more: str) -> list[str]:
    return ["prepare", "--data", "folder", "--root", str(root), "--out", str(out), "--crop", "24", *more]


def contents(out: Path) -> dict[str, bytes]:
    """Every file but the report, by name; hidden ones included."""
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file() and p.name != "report.csv"}


def start(root: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    code = "import sys; from zoo.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, *arguments(root, out, *more)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, **quiet, env={**os.environ, "OMP_NUM_THREADS": "1"})  # type: ignore[call-overload,no-any-return]


def report(out: Path) -> list[dict[str, str]]:
    path = next(out.glob("*/report*.csv"))
    return list(csv.DictReader(path.read_text().splitlines()))


def test_it_makes_a_file_each_and_a_report(root: Path, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    assert sum(name.endswith(".h5") for name in undisturbed) == CLIPS
    assert main(arguments(root, tmp_path, "--workers", "2")) == 0
    assert contents(tmp_path) == undisturbed
    rows = report(tmp_path)
    assert [row["state"] for row in rows] == ["used"] * CLIPS
    assert [row["frames"] for row in rows] == ["30"] * CLIPS


def test_a_second_run_makes_nothing(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(arguments(root, tmp_path))
    made = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.h5")}
    assert main(arguments(root, tmp_path)) == 0
    assert made == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.h5")}
    assert "(0 made now)" in capsys.readouterr().out


def test_bad_videos_and_labels_fail_with_a_reason(root: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(root, data)
    whole = (data / "p1_a.mp4").read_bytes()
    (data / "p7_cut.mp4").write_bytes(whole[: len(whole) // 3])
    (data / "p8_empty.mp4").write_bytes(b"")
    (data / "notes.txt").write_text("not a video")
    for name, text in {"p4": "ppg\n", "p5": "time,ppg\n0,1\n1,1\n2,1\n", "p6": "time,ppg\n0,1\n1,nan\n2,3\n"}.items():
        shutil.copy(data / "p1_a.mp4", data / f"{name}_a.mp4")
        (data / f"{name}_a.csv").write_text(text)
    assert main(arguments(data, tmp_path / "out")) == 1
    rows = {row["recording"]: row for row in report(tmp_path / "out")}
    states = [row["state"] for row in rows.values()]
    assert states.count("used") == CLIPS and states.count("failed") == 5 and states.count("skipped") == 1
    assert "constant" in rows["folder/p5/p5_a.mp4"]["reason"] and "NaN" in rows["folder/p6/p6_a.mp4"]["reason"]
    assert not list((tmp_path / "out").rglob(".*.part"))


def test_a_damaged_file_is_made_anew_and_said(
    root: Path, tmp_path: Path, undisturbed: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    main(arguments(root, tmp_path))
    victim = sorted(tmp_path.rglob("*.h5"))[1]
    victim.write_bytes(victim.read_bytes()[:-500])
    capsys.readouterr()
    assert main(arguments(root, tmp_path)) == 0
    told = capsys.readouterr().out
    assert "made anew: it is damaged" in told and "(1 made now)" in told
    assert contents(tmp_path) == undisturbed


def test_other_settings_stand_beside_and_nothing_mixes(root: Path, tmp_path: Path) -> None:
    main(arguments(root, tmp_path))
    first = contents(tmp_path)
    assert main(arguments(root, tmp_path, "--regions", "face", "nose")) == 0
    assert first.items() < contents(tmp_path).items() and len(list(tmp_path.glob("folder-*"))) == 2


def test_shards_together_are_the_whole(root: Path, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    for part in ("1/2", "2/2"):
        assert main(arguments(root, tmp_path, "--shard", part)) == 0
    together = {name: content for name, content in contents(tmp_path).items() if "report-" not in name}
    assert together == undisturbed
    listing = read_folder(root).recordings
    assert sorted(r.name for i in (1, 2) for r in shard(listing, f"{i}/2")) == sorted(r.name for r in listing)
    for wrong in ("0/2", "3/2", "1", "a/b"):
        with pytest.raises(UsageError, match="i/N"):
            shard(listing, wrong)


@pytest.mark.parametrize(
    "more", [["--regions", "none"], ["--regions", "ear"], ["--regions", "grid:0x3"], ["--workers", "0"]]
)
def test_wrong_settings_are_refused_before_any_work(root: Path, tmp_path: Path, more: Sequence[str]) -> None:
    command = ["prepare", "--data", "folder", "--root", str(root), "--out", str(tmp_path / "out"), *more]
    assert main(command) == 2 and not (tmp_path / "out").exists()


def test_a_dry_run_decodes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a_1.mp4").write_bytes(b"")
    assert main(arguments(tmp_path, tmp_path / "out", "--dry-run")) == 0
    assert "1 recordings of 1 people, 0 of them" in capsys.readouterr().out and not (tmp_path / "out").exists()


def killed(root: Path, out: Path, times: int, undisturbed: dict[str, bytes], seed: int) -> None:
    """Kill so many runs at random moments, each going on where the last one stopped; then let one finish."""
    draw = random.Random(seed)
    interrupted = 0
    for i in range(times):
        # fewer files are left from run to run: the store is begun anew, so that there is always something to kill
        if i % 3 == 0 and i:
            shutil.rmtree(out)
        run = start(root, out, *(["--workers", "2"] if i % 2 else []))
        deadline = time.monotonic() + 20
        while not list(out.glob("folder-*")) and run.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(draw.uniform(0, 0.5))
        run.send_signal(signal.SIGKILL)
        interrupted += run.wait() == -signal.SIGKILL
        for path in out.glob("folder-*/*.h5"):
            assert path.read_bytes() == undisturbed[str(path.relative_to(out))]
    assert interrupted > times // 2
    # orphaned workers end with their parent, within moments; what they hold is waited for
    assert main(arguments(root, out)) == 0
    deadline = time.monotonic() + 10
    while contents(out) != undisturbed and time.monotonic() < deadline:
        time.sleep(0.1)
    assert contents(out) == undisturbed


@POSIX
def test_killed_at_random_moments(root: Path, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    killed(root, tmp_path / "out", 5, undisturbed, seed=1)


@POSIX
@pytest.mark.full
def test_killed_fifty_times(root: Path, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    killed(root, tmp_path / "out", 50, undisturbed, seed=2)


@POSIX
def test_two_at_once_share_the_work(root: Path, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    runs = [start(root, tmp_path / "out") for _ in range(2)]
    assert [run.wait(60) for run in runs] == [0, 0]
    assert contents(tmp_path / "out") == undisturbed
    assert [row["state"] for row in report(tmp_path / "out")] == ["used"] * CLIPS


@POSIX
def test_a_full_disk_stops_cleanly_and_the_rest_follows(
    root: Path, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    largest = max(len(content) for name, content in undisturbed.items() if name.endswith(".h5"))
    code = (
        "import resource, sys; from zoo.cli import main\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({largest // 2}, {largest // 2}))\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, *arguments(root, tmp_path / "out")]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert run.returncode == 1 and "is full: free some space and run the same command again" in run.stderr
    assert "Traceback" not in run.stderr
    left = contents(tmp_path / "out")
    assert all(undisturbed[name] == content for name, content in left.items())
    assert main(arguments(root, tmp_path / "out")) == 0
    assert contents(tmp_path / "out") == undisturbed


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root mounts a small file system")
def test_a_file_system_without_space(root: Path, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    place = tmp_path / "small"
    place.mkdir()
    size = max(len(content) for content in undisturbed.values()) * 2
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        with pytest.raises(DataError, match="is full"):
            prepare_store(read_folder(root).recordings, place, Settings(crop_size=24))
        left = contents(place)
        assert left and all(undisturbed[name] == content for name, content in left.items())
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_store_that_cannot_be_written_is_said(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="choose another folder"):
        prepare_store(read_folder(root).recordings, tmp_path / "file", Settings())


def test_every_file_passes_the_thorough_check(root: Path, tmp_path: Path) -> None:
    recordings = read_folder(root).recordings
    settings = Settings(regions=(), crop_size=24)
    outcomes = prepare_store(recordings, tmp_path, settings)
    assert all(fault(o.path, r, settings, thorough=True) is None for o, r in zip(outcomes, recordings, strict=True))


@pytest.mark.full
def test_ray_makes_the_same_store(root: Path, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    pytest.importorskip("ray")
    assert main(arguments(root, tmp_path, "--engine", "ray", "--workers", "2")) == 0
    assert contents(tmp_path) == undisturbed


def test_ray_missing_is_said(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match="pip install"):
        prepare_store(read_folder(root).recordings, tmp_path, Settings(), engine="ray")
