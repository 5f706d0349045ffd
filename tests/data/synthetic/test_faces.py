"""Rendered recordings: the same whoever makes them, labelled truly, through the codec that they name."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from zoo.data.extract import stream
from zoo.data.face import find_faces
from zoo.data.synthetic.faces.codec import Codec, draw_codec, recoded, write_video
from zoo.data.synthetic.faces.looks import BEARDS, GLASSES
from zoo.data.synthetic.faces.recordings import Drawn, Simulation, draw, frames_of, table
from zoo.data.synthetic.faces.scene import draw_scene
from zoo.errors import UsageError
from zoo.signals.beats import beat_times
from zoo.signals.filters import bandpass

SMALL = Simulation(seconds=2.0, size=(160, 128))


def pictures(drawn: Drawn, count: int) -> np.ndarray:
    return np.stack(list(itertools.islice(frames_of(drawn), count)))


def test_a_recording_follows_from_its_numbers_alone() -> None:
    first = pictures(draw(SMALL, 3, 0), 8)
    pictures(draw(SMALL, 4, 0), 2)
    np.testing.assert_array_equal(pictures(draw(SMALL, 3, 0), 8), first)
    assert table(draw(SMALL, 3, 0)) == table(draw(SMALL, 3, 0))
    assert np.any(pictures(draw(SMALL, 3, 1), 8) != first)
    # the person stays the same from recording to recording
    assert draw(SMALL, 3, 1).person == draw(SMALL, 3, 0).person
    assert draw(replace(SMALL, seed=1), 3, 0).person != draw(SMALL, 3, 0).person


def test_the_skin_shows_the_pulse_that_the_labels_say(tmp_path: Path) -> None:
    mild = Simulation(seconds=8.0, size=(192, 192), hard=0.0)
    number = next(n for n in range(50) if 2 <= draw(mild, n, 0).person.skin_tone <= 3)
    drawn = draw(mild, number, 0)
    drawn = replace(drawn, scene=replace(drawn.scene, pulse=0.006))
    path = tmp_path / "clip.mp4"
    write_video(path, frames_of(drawn), drawn.times, drawn.scene.fps, drawn.scene.size, Codec("h264", 10, "ultrafast"))
    chunks = list(stream(path))
    times = np.concatenate([chunk.times for chunk in chunks])
    green = np.concatenate([chunk.traces for chunk in chunks], -1)[0, 1]
    assert np.all(np.concatenate([chunk.found for chunk in chunks]))
    rows = np.genfromtxt(table(drawn).splitlines(), delimiter=",", names=True, usecols=(0, 1))
    grid = np.arange(0.0, times[-1], 1 / 60.0)
    label, seen = np.interp(grid, rows["time"], rows["ppg"]), np.interp(grid, times, green)
    beats = beat_times(label, 60.0)
    assert 60.0 / np.diff(beats).mean() == pytest.approx(drawn.body.heart_rate, abs=1.5)
    # more blood is darker skin
    assert np.corrcoef(bandpass(label, 60.0), bandpass(seen, 60.0))[0, 1] < -0.8


def test_the_finder_finds_every_kind_of_face() -> None:
    settings = Simulation(seconds=2.0, size=(240, 192))
    wanted = {*range(1, 7), *BEARDS, *GLASSES, "heavy"}
    for number in range(200):
        drawn = draw(settings, number, 0)
        kinds = {drawn.person.skin_tone, drawn.looks.beard, drawn.looks.glasses, drawn.groups["makeup"]}
        if not kinds & wanted:
            continue
        wanted -= kinds
        yuv = next(iter(frames_of(drawn)))
        frame = av.VideoFrame.from_ndarray(yuv, format="yuv420p").to_ndarray(format="rgb24")
        assert len(find_faces(frame)) == 1, (number, kinds)
    assert not wanted


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        (Codec("h264", 27, "fast", 30, 2, False), "h264"),
        (Codec("mjpeg", 20), "mjpeg"),
        (Codec("vp9", 20), "vp9"),
    ],
)
def test_the_file_is_encoded_as_it_says(tmp_path: Path, codec: Codec, name: str) -> None:
    drawn = draw(SMALL, 0, 0)
    path = tmp_path / f"clip{codec.suffix}"
    shown = pictures(drawn, 40)
    write_video(path, shown, np.arange(40) / 30.0, 30.0, drawn.scene.size, codec)
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        packets = [packet for packet in file.demux(stream) if packet.size]
    assert stream.codec_context.name == name
    assert len(packets) == 40
    if name == "h264":
        # x264 writes its settings into the stream
        told = path.read_bytes()
        for setting in (b"crf=27.0", b"keyint=30", b"bframes=2", b"b_pyramid=0", b"threads=1"):
            assert setting in told
        assert [index for index, packet in enumerate(packets) if packet.is_keyframe] == [0, 30]


def test_a_camera_of_its_own_codec_loses_no_frame() -> None:
    shown = pictures(draw(SMALL, 0, 0), 12)
    for codec in (Codec("mjpeg", 14), Codec("h264", 20, "ultrafast", 30, 0, False, "zerolatency")):
        again = np.stack(list(recoded(shown, codec, SMALL.size or (0, 0), 30.0)))
        assert again.shape == shown.shape
        error = np.abs(again[:, :128].astype(float) - shown[:, :128]).mean()
        assert 0.05 < error < 6.0


def test_conditions_are_drawn_as_told() -> None:
    rng = np.random.default_rng(0)
    codecs = [draw_codec(rng) for _ in range(400)]
    assert 0.5 < np.mean([20 <= codec.crf <= 28 for codec in codecs]) < 0.9
    assert {codec.name for codec in codecs} == {"h264", "mjpeg", "vp9"}
    assert max(codec.crf for codec in codecs) == 33
    assert all(draw_codec(rng, 0.0).crf <= 8 for _ in range(20))
    assert {draw_scene(rng, 0.0).motion for _ in range(20)} == {"still"}
    assert len({draw_scene(rng).motion for _ in range(100)}) == 5


@pytest.mark.parametrize("wrong", [{"size": (161, 128)}, {"codec": "av2"}, {"crf": 99}, {"hard": 2.0}, {"seconds": 0}])
def test_wrong_settings_are_refused(wrong: dict) -> None:
    with pytest.raises(UsageError):
        replace(SMALL, **wrong)
