"""From video to traces and crops: the pulse that was put in comes out, in bounded memory, from every kind of clip."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.faces import PULSE, write_face_clip
from zoo.data.extract import extract, stream
from zoo.errors import FaceError, UnknownName, UsageError, VideoError
from zoo.signals.classical import pos
from zoo.signals.rate import heart_rate
from zoo.spec import REGIONS, Grid


def rate(extraction, region: int = 0) -> float:  # type: ignore[no-untyped-def]
    fps = 30.0
    times = np.arange(extraction.times[0], extraction.times[-1], 1 / fps)
    good = extraction.found
    trace = [np.interp(times, extraction.times[good], channel[good]) for channel in extraction.traces[region]]
    return float(heart_rate(pos(np.array(trace, dtype=np.float64), fps), fps))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_face_clip(tmp_path_factory.mktemp("clip") / "face.mp4", seconds=12, heart_rate=72)


@pytest.fixture(scope="module")
def whole(clip: Path):  # type: ignore[no-untyped-def]
    return extract(clip, crop_size=32)


def test_the_pulse_comes_back_from_every_region(whole) -> None:  # type: ignore[no-untyped-def]
    assert whole.traces.shape == (8, 3, 360) and whole.traces.dtype == np.float32
    assert whole.found.all() and whole.regions == REGIONS and whole.size == (320, 240) and whole.fps == 30
    assert whole.traces.min() > 0.3 and whole.traces.max() < 0.9
    for region, name in enumerate(REGIONS):
        assert rate(whole, region) == pytest.approx(72, abs=2), name


def test_the_trace_is_the_pulse_that_was_drawn(tmp_path: Path) -> None:
    whole = extract(write_face_clip(tmp_path / "fine.mp4", pixel_format="yuv444p", crf=6), regions=("face",))
    phase = 2 * np.pi * 1.2 * whole.times
    drawn = -0.02 * (np.sin(phase) + 0.3 * np.sin(2 * phase + 0.8))
    for channel in range(3):
        trace = whole.traces[0, channel].astype(np.float64)
        relative = trace / trace.mean() - 1
        slope = np.polyfit(drawn - drawn.mean(), relative, 1)[0]
        assert slope == pytest.approx(PULSE[channel], rel=0.15)
        assert np.corrcoef(drawn, relative)[0, 1] > 0.97


def test_what_else_is_reported(whole) -> None:  # type: ignore[no-untyped-def]
    assert whole.notes == []
    assert set(whole.seconds) == {"decode", "face", "regions"} and min(whole.seconds.values()) > 0
    preview = whole.preview
    assert preview.rgb.shape == (240, 320, 3) and preview.landmarks.shape == (5, 2)
    assert np.abs(preview.landmarks.mean(0) - (160, 131)).max() < 12
    np.testing.assert_allclose(preview.landmarks, whole.landmarks[0], atol=1e-6)


@pytest.mark.parametrize("crop", ["aligned", "tracked_box", "first_box_1.6", "whole"])
def test_crops(clip: Path, whole, crop: str) -> None:  # type: ignore[no-untyped-def]
    result = extract(clip, regions=None, crop_size=48, crop=crop)
    assert result.crops.shape == (360, 48, 48, 3) and result.crops.dtype == np.uint8
    assert result.traces.shape == (0, 3, 360) and result.found.all()
    center = result.crops[:, 20:28, 20:28].mean((1, 2)) / 255
    expected = {"whole": 1.0, "first_box_1.6": 1.6}.get(crop)
    assert np.abs(center.mean(0) - whole.traces[1].mean(1)).max() < 0.12
    if expected is None:
        # the face fills it, hardly any wall in it
        assert result.crops[:, :, 0].std() > 0 and abs(center[:, 1]).std() < 0.03
    else:
        wall = np.array([0.36, 0.42, 0.47]) * 255
        assert np.abs(result.crops[:, 1, 1] - wall).mean() < 8


def test_a_whole_frame_is_cut_without_looking_for_a_face(tmp_path: Path) -> None:
    path = write_face_clip(tmp_path / "empty.mp4", seconds=1, visible=(9, 9))
    result = extract(path, regions=None, crop_size=16, crop="whole")
    assert result.found.all() and np.isnan(result.landmarks).all() and result.preview is None
    assert result.seconds["face"] == 0


def test_aligned_crops_stand_still_while_the_head_moves(tmp_path: Path) -> None:
    path = write_face_clip(tmp_path / "moving.mp4", seconds=6, motion=0.06, amplitude=0)
    still = extract(path, regions=None, crop_size=48).crops.astype(np.float64)
    kept = extract(path, regions=None, crop_size=48, crop="first_box_1.6").crops.astype(np.float64)
    assert still.std(0).mean() < 0.5 * kept.std(0).mean()


def test_a_grid_has_its_cells_row_by_row(clip: Path, whole) -> None:  # type: ignore[no-untyped-def]
    result = extract(clip, regions=Grid(6, 5))
    assert result.traces.shape == (30, 3, 360) and len(result.regions) == 30
    assert rate(result, 12) == pytest.approx(72, abs=2)


def test_chunks_are_the_whole(clip: Path, whole) -> None:  # type: ignore[no-untyped-def]
    calls: list[tuple[int, int | None]] = []
    source = stream(clip, crop_size=32, progress=lambda done, of: calls.append((done, of)))
    chunks = list(source)
    assert [len(chunk.times) for chunk in chunks] == [128, 128, 104]
    assert calls == [(128, 360), (256, 360), (360, 360)]
    np.testing.assert_array_equal(np.concatenate([c.traces for c in chunks], -1), whole.traces)
    np.testing.assert_array_equal(np.concatenate([c.crops for c in chunks]), whole.crops)
    assert (source.fps, source.size, source.frame_count) == (30, (320, 240), 360)
    assert source.preview is not None


def test_face_lost_half_way_is_marked_and_not_made_up(tmp_path: Path) -> None:
    path = write_face_clip(tmp_path / "gone.mp4", seconds=8, visible=(2, 5))
    result = extract(path, crop_size=16)
    there = (result.times >= 2) & (result.times < 5)
    assert not result.found[~there].any()
    # at most one look late, one early
    assert result.found[there].mean() > 0.8
    assert np.isnan(result.traces[..., ~result.found]).all() and np.isfinite(result.traces[..., result.found]).all()
    assert np.isnan(result.landmarks[~result.found]).all()
    assert not result.crops[~result.found].any() and result.crops[result.found].any()


def test_no_face(tmp_path: Path) -> None:
    path = write_face_clip(tmp_path / "wall.mp4", seconds=2, visible=(9, 9))
    with pytest.raises(FaceError, match=r"No face was found in .*use a video"):
        extract(path)


def test_several_faces_take_the_largest_and_say_so(tmp_path: Path) -> None:
    path = write_face_clip(tmp_path / "two.mp4", seconds=3, faces=2, size=(640, 360))
    result = extract(path)
    assert result.notes == ["2 faces were seen: the largest one is used"]
    assert (result.landmarks[:, 2, 0] < 320).all()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("vfr.mkv", {"times": np.cumsum(np.r_[0, np.where(np.arange(299) % 3, 1 / 30, 1 / 20)])}),
        ("odd.mp4", {"size": (321, 243), "pixel_format": "yuv444p"}),
        ("gray.mkv", {"gray": True, "codec": "ffv1"}),
        ("slow.avi", {"fps": 15, "codec": "mpeg4"}),
    ],
)
def test_odd_kinds_of_video(tmp_path: Path, name: str, options: dict) -> None:
    result = extract(write_face_clip(tmp_path / name, heart_rate=84, **options), regions=("face",))
    assert result.found.all()
    if name == "gray.mkv":
        # no colour differences for POS to work on, but all that brightness tells
        trace = result.traces[0, 1].astype(np.float64)
        assert float(heart_rate(trace - trace.mean(), 30)) == pytest.approx(84, abs=2)
        np.testing.assert_allclose(result.traces[0, 0], result.traces[0, 2], atol=1e-6)
    else:
        assert rate(result) == pytest.approx(84, abs=2)


def test_4k_video_is_reduced_on_arrival(tmp_path: Path) -> None:
    path = write_face_clip(tmp_path / "4k.mp4", seconds=0.6, fps=10, size=(640, 360), enlarge=6, motion=0)
    result = extract(path, crop_size=32)
    assert result.size == (3840, 2160) and result.found.all()
    # landmarks are in the video's own pixels
    assert np.abs(result.landmarks[:, 2].mean(0) - (1920, 1080 + 0.12 * 0.72 * 2160)).max() < 60
    assert max(result.preview.rgb.shape) == 640


def test_given_frame_times(clip: Path) -> None:
    result = extract(clip, regions=("face",), frame_times=np.arange(360) / 25.0)
    np.testing.assert_allclose(result.times, np.arange(360) / 25)
    assert rate(result) == pytest.approx(60, abs=2)


def test_wrong_settings_and_files(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="Did you mean nose"):
        extract(clip, regions=("noes",))
    with pytest.raises(UsageError, match="aligned, tracked_box"):
        extract(clip, crop="tight")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="above 0"):
        extract(clip, detect_every=0)
    with pytest.raises(VideoError, match="There is no video"):
        extract(tmp_path / "none.mp4")


MEASURE = """
import json, pathlib, sys
from zoo.data.extract import stream
frames = sum(len(chunk.times) for chunk in stream(sys.argv[1], crop_size=72))
# not ru_maxrss, which a process inherits from the one that started it
status = pathlib.Path("/proc/self/status").read_text()
peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
print(json.dumps([frames, peak, "torch" in sys.modules]))
"""


def measure(path: Path) -> list:
    run = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak memory from /proc")
def test_memory_does_not_grow_with_length_and_torch_is_not_needed(tmp_path: Path) -> None:
    short = measure(write_face_clip(tmp_path / "short.mp4", seconds=4, size=(640, 480), motion=0, noise=0))
    long = measure(write_face_clip(tmp_path / "long.mp4", seconds=12, size=(640, 480), motion=0, noise=0))
    assert (short[0], long[0]) == (120, 360) and not long[2]
    # 240 more pictures are 110 MB of planes
    assert long[1] < short[1] + 30 and long[1] < 400


@pytest.mark.shared
@pytest.mark.full
def test_pos_on_real_clips(shared: Path) -> None:
    """20 s windows, hop 5 s, 0.7-3.2 Hz, truth = the contact signal's own spectral peak (Hann)."""
    errors = {whiten: [] for whiten in (False, True)}
    from scipy import signal

    band = signal.butter(1, (0.7, 3.2), "band", fs=30, output="sos")
    for folder in sorted((shared / "data" / "ubfc_rppg").glob("subject*")):
        result = extract(folder / "vid.mp4", regions=("face",))
        bvp, _, times = np.loadtxt(folder / "ground_truth.txt")
        for start in np.arange(0, min(times[-1], result.times[-1]) - 20 + 1e-6, 5):
            grid = start + np.arange(600) / 30
            trace = np.array([np.interp(grid, result.times, channel) for channel in result.traces[0].astype(float)])
            pulse = signal.sosfiltfilt(band, pos(trace, 30))
            truth = heart_rate(np.interp(grid, times, bvp), 30, whiten=False)
            for whiten, found in errors.items():
                found.append(abs(float(heart_rate(pulse, 30, whiten=whiten) - truth)))
    plain, whitened = np.array(errors[False]), np.array(errors[True])
    assert len(plain) == 76
    assert plain.mean() <= 8.5 and (plain <= 3).mean() >= 0.7
    assert whitened.mean() <= 3.5 and (whitened <= 3).mean() >= 0.8


@pytest.mark.shared
@pytest.mark.parametrize("name", ["mit_evm_face.mp4", "face_appears.mov", "single_face_short.mp4", "no_face.mp4"])
def test_real_edge_cases(shared: Path, name: str) -> None:
    path = shared / "data" / "clips" / name
    if name == "no_face.mp4":
        with pytest.raises(FaceError):
            extract(path)
        return
    result = extract(path)
    if name == "face_appears.mov":
        assert not result.found[:90].any() and result.found[110:160].all()
    else:
        assert result.found.all()
    if name == "mit_evm_face.mp4":
        assert rate(result) == pytest.approx(52.7, abs=1.5)
    assert cv2.norm(result.preview.rgb) > 0
