"""Prediction on whole videos, good and bad: right rates, clear sentences."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Mapping
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.faces import face_frames, write_face_clip
from zoo import registry
from zoo.errors import FaceError, VideoError, ZooError
from zoo.prediction.video import predict
from zoo.spec import Clip, Crop, Output, Signal


@pytest.fixture(scope="module")
def face_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 s of a face with 72 beats a minute."""
    return write_face_clip(tmp_path_factory.mktemp("clips") / "face.mp4")


def sentence(error: ZooError) -> str:
    """The message, checked to be one sentence that ends properly."""
    text = str(error)
    assert "\n" not in text
    assert text.endswith(".")
    return text


def test_the_heart_rate_of_a_clip(face_clip: Path) -> None:
    seen = []
    result = predict(face_clip, progress=lambda done, total: seen.append((done, total)))
    assert result.heart_rate is not None
    assert abs(result.heart_rate.value - 72) < 2
    assert result.heart_rate.low < result.heart_rate.value < result.heart_rate.high
    assert (result.heart_rate.method, result.heart_rate.source) == ("spectrum", "waveform")
    assert result.heart_rate.band == (0.7, 3.2)
    assert result.heart_rate.window == pytest.approx(12, abs=0.1)
    assert result.quality is not None and result.quality.confidence > 0.5
    assert (result.frames, result.duration, result.error) == (360, pytest.approx(12), None)
    assert [note[:26] for note in result.notes] == ["biomarkers are not medical"]
    assert np.isfinite(result.waveforms["ppg"]).all()
    assert seen[-1] == (360, 360)
    assert set(result.seconds) == {"decode", "face", "regions", "model", "rates"}
    assert result.realtime_factor == pytest.approx(12 / sum(result.seconds.values()))
    over = result.over_time
    assert over is not None and over.window == 10
    assert np.abs(over.values - 72).max() < 3
    assert (over.low < over.values).all() and (over.values < over.high).all()


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """A face without a pulse, encoded hard: whatever is read of it is a guess, and said to be one."""
    result = predict(write_face_clip(tmp_path / "still.mp4", amplitude=0.0, crf=40))
    if result.heart_rate is not None:
        assert result.quality is not None and result.quality.refused
        assert result.heart_rate.high - result.heart_rate.low > 30
        assert any(note.startswith("refused: ") for note in result.notes)
    over = result.over_time
    assert over is not None
    assert (np.nan_to_num(over.confidence) < 0.5).all()


class MeanGreen:
    """Minus the mean green of a face crop, as a value waveform."""

    name = "mean_green"
    trained_on = ()
    trainable = False

    def __init__(self, crop: Crop) -> None:
        self.input = Clip(frames=128, size=24, min_frames=64, crop=crop)
        self.outputs: Mapping[str, Output] = {"ppg": Signal("value")}

    def __call__(self, batch: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        assert batch.shape[:2] == (1, 3) and batch.shape[3:] == (24, 24)
        return {"ppg": -batch[:, 1, :, 8:20, 8:16].mean(axis=(2, 3))}, {}


@pytest.mark.parametrize("crop", ["aligned", "tracked_box", "first_box_1.6", "whole"])
def test_a_model_that_eats_crops(face_clip: Path, crop: Crop) -> None:
    result = predict(face_clip, MeanGreen(crop))
    assert result.heart_rate is not None and abs(result.heart_rate.value - 72) < 2
    assert result.crop == crop
    assert (result.preview is None) == (crop == "whole")


def test_an_untrained_network_says_so_and_gives_no_biomarkers(face_clip: Path) -> None:
    result = predict(face_clip, registry.model_class("fpn1d_multitask")().eval())
    assert "no trained weights" in result.notes[0]
    assert result.biomarkers == {}


def test_biomarkers_of_a_model_that_saw_simulated_people_only(face_clip: Path) -> None:
    module = registry.model_class("fpn1d_multitask")(targets=["systolic", "sex"])
    module.trained_on = ["synthetic"]
    module.head.set_statistics({"systolic": (120.0, 10.0, 121.0)})
    result = predict(face_clip, module)
    assert "not medical" in result.notes[0]
    systolic, sex = result.biomarkers["systolic"], result.biomarkers["sex"]
    # a fresh head says the training mean
    assert (systolic.value, systolic.unit, systolic.simulated) == (pytest.approx(120, abs=1e-3), "mmHg", True)
    assert (sex.value, sex.label) == (pytest.approx(0.5, abs=1e-3), "male")


def test_not_a_video(tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("not a video " * 100)
    (tmp_path / "empty.mp4").touch()
    for name in ("notes.mp4", "empty.mp4"):
        with pytest.raises(VideoError) as caught:
            predict(tmp_path / name)
        assert name in sentence(caught.value)


def test_missing_address_picture_and_empty_folder(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "one.jpg"), np.zeros((64, 64, 3), np.uint8))
    (tmp_path / "nothing").mkdir()
    for video, words in (
        (tmp_path / "gone.mp4", "There is no video"),
        ("https://example.org/clip.mp4", "nothing is fetched"),
        (tmp_path / "one.jpg", "a single picture"),
        (tmp_path / "nothing", "holds no videos"),
    ):
        with pytest.raises(VideoError) as caught:
            predict(video)
        assert words in sentence(caught.value)


def test_a_truncated_video(face_clip: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(face_clip.read_bytes()[: face_clip.stat().st_size // 2])
    with pytest.raises(VideoError) as caught:
        predict(cut)
    assert "cut.mp4" in sentence(caught.value)


def test_a_truncated_video_that_can_be_read_in_part(tmp_path: Path) -> None:
    whole = write_face_clip(tmp_path / "whole.mkv", seconds=16)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: int(0.8 * whole.stat().st_size)])
    result = predict(cut)
    assert 10 < result.duration < 15
    assert result.heart_rate is not None and abs(result.heart_rate.value - 72) < 2


def test_zero_frames(tmp_path: Path) -> None:
    path = tmp_path / "none.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuvj420p"
        container.start_encoding()
    with pytest.raises(VideoError) as caught:
        predict(path)
    assert "none.mkv" in sentence(caught.value)


def test_five_seconds(tmp_path: Path) -> None:
    with pytest.raises(VideoError) as caught:
        predict(write_face_clip(tmp_path / "short.mp4", seconds=5))
    assert "5.0 s long: record at least 10 s" in sentence(caught.value)


def test_no_face(tmp_path: Path) -> None:
    with pytest.raises(FaceError) as caught:
        predict(write_face_clip(tmp_path / "wall.mp4", seconds=11, visible=(99, 100)))
    assert "No face" in sentence(caught.value)


def test_a_face_that_stays_too_briefly(tmp_path: Path) -> None:
    with pytest.raises(FaceError) as caught:
        predict(write_face_clip(tmp_path / "brief.mp4", seconds=12, visible=(0, 5)))
    assert "needs 10 s" in sentence(caught.value)


def test_a_face_that_is_lost_half_way(tmp_path: Path) -> None:
    result = predict(write_face_clip(tmp_path / "lost.mp4", seconds=24, visible=(0, 14)))
    assert result.heart_rate is not None
    assert abs(result.heart_rate.value - 72) < 2
    assert result.heart_rate.window < 15
    (note,) = (note for note in result.notes if "medical" not in note)
    assert note.startswith("no face from 1") and note.endswith("to 24.0 s")
    assert result.over_time is not None
    assert np.isfinite(result.over_time.values[0])
    assert result.over_time.times[-1] < 20 or np.isnan(result.over_time.values[-1])


def test_several_faces(tmp_path: Path) -> None:
    result = predict(write_face_clip(tmp_path / "two.mp4", seconds=11, size=(480, 270), faces=2))
    assert result.heart_rate is not None and abs(result.heart_rate.value - 72) < 2
    assert any("2 faces" in note and "largest" in note for note in result.notes)


def test_variable_frame_rate(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    times = np.cumsum(rng.uniform(1 / 45, 1 / 15, 300))
    result = predict(write_face_clip(tmp_path / "vfr.mkv", times=times - times[0], heart_rate=96))
    assert result.heart_rate is not None and abs(result.heart_rate.value - 96) < 2


def test_odd_sizes(tmp_path: Path) -> None:
    result = predict(write_face_clip(tmp_path / "odd.mkv", seconds=11, size=(321, 243), pixel_format="yuv444p"))
    assert result.heart_rate is not None and abs(result.heart_rate.value - 72) < 2


def test_a_rotated_phone_video(tmp_path: Path) -> None:
    path = tmp_path / "upright.mp4"
    times = np.arange(330) / 30
    lying = (cv2.rotate(picture, cv2.ROTATE_90_COUNTERCLOCKWISE) for picture in face_frames(times, size=(240, 320)))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for picture in lying:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        container.mux(stream.encode())
    # the track header asks players to turn it by 90 degrees
    data = path.read_bytes()
    plain = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    turned = struct.pack(">9I", 0, 0x10000, 0, 0xFFFF0000, 0, 0, 0, 0, 0x40000000)
    at = data.index(plain, data.index(b"tkhd"))
    (tmp_path / "phone.mp4").write_bytes(data[:at] + turned + data[at + 36 :])
    result = predict(tmp_path / "phone.mp4")
    assert result.heart_rate is not None and abs(result.heart_rate.value - 72) < 2
    assert result.preview is not None and result.preview.rgb.shape[:2] == (320, 240)


def test_a_grey_video(tmp_path: Path) -> None:
    path = write_face_clip(tmp_path / "grey.mp4", seconds=11, gray=True)
    with pytest.raises(VideoError) as caught:
        predict(path, "pos")
    assert "grey" in sentence(caught.value)
    result = predict(path, "green")
    assert result.heart_rate is not None and abs(result.heart_rate.value - 72) < 2
    assert any("grey" in note for note in result.notes)


@pytest.mark.full
def test_4k(face_clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "4k.mp4"
    with av.open(str(face_clip)) as small, av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=15)
        stream.width, stream.height, stream.pix_fmt = 3840, 2160, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "18"}
        for i, frame in enumerate(small.decode(video=0)):
            if i % 2 == 0:
                large = cv2.resize(frame.to_ndarray(format="rgb24")[30:210], (3840, 2160))
                container.mux(stream.encode(av.VideoFrame.from_ndarray(large, format="rgb24")))
        container.mux(stream.encode())
    result = predict(path)
    assert result.heart_rate is not None and abs(result.heart_rate.value - 72) < 2
    assert result.preview is not None and result.preview.rgb.shape[1] <= 640


def test_a_folder_of_pictures_is_a_video(face_clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    with av.open(str(face_clip)) as container:
        for i, frame in enumerate(container.decode(video=0)):
            cv2.imwrite(str(folder / f"{i:04d}.bmp"), frame.to_ndarray(format="bgr24"))
    result = predict(folder)
    assert result.heart_rate is not None and abs(result.heart_rate.value - 72) < 2
    shutil.rmtree(folder)


@pytest.mark.shared
def test_real_people(shared: Path) -> None:
    """UBFC-rPPG subject 5: the contact signal's spectral peak is at 100.2 a minute."""
    result = predict(shared / "data" / "ubfc_rppg" / "subject5" / "vid.mp4")
    assert result.heart_rate is not None
    assert abs(result.heart_rate.value - 100.2) < 3
