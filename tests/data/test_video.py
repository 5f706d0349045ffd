"""Reading videos: times, sizes, rotation, colour, damage, and what must never be opened."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.faces import face_frames, write_face_clip
from zoo.data import video_pyav
from zoo.data.frame import gray_to_rgb, yuv_to_rgb
from zoo.data.video import open_video
from zoo.errors import UsageError, VideoError

IDENTITY_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def frames_of(path: Path, **options: object) -> tuple[list, object]:
    with open_video(path, **options) as video:
        return list(video), video


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_face_clip(tmp_path_factory.mktemp("clip") / "face.mp4", seconds=2)


def test_a_clip_reads_whole_with_its_times_and_colours(clip: Path) -> None:
    frames, video = frames_of(clip)
    assert (video.width, video.height, video.fps, video.frame_count, video.notes) == (320, 240, 30, 60, [])
    assert video.duration == pytest.approx(2, abs=0.05)
    assert [frame.index for frame in frames] == list(range(60))
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(60) / 30, atol=1e-4)
    drawn = list(face_frames(np.arange(60) / 30))
    for index in (0, 31, 59):
        rgb = frames[index].rgb()
        assert rgb.shape == (240, 320, 3) and rgb.dtype == np.uint8
        assert np.abs(rgb.astype(int) - drawn[index]).mean() < 3


def test_planes_are_not_copied_and_give_the_same_means_as_rgb(clip: Path) -> None:
    frames, _ = frames_of(clip)
    frame = frames[7]
    assert [plane.shape for plane in frame.planes] == [(240, 320), (120, 160), (120, 160)]
    assert not frame.planes[0].flags.owndata
    means = np.array([plane.mean() for plane in frame.planes])
    np.testing.assert_allclose(frame.matrix @ means + frame.offset, frame.rgb().mean((0, 1)) / 255, atol=2e-3)


@pytest.mark.parametrize(
    ("colorspace", "full", "yuv", "rgb"),
    [
        # ITU-R BT.601 and BT.709 primaries and white, from their definitions
        (5, False, (16, 128, 128), (0, 0, 0)),
        (5, False, (235, 128, 128), (1, 1, 1)),
        (5, True, (255, 128, 128), (1, 1, 1)),
        (5, False, (16 + 219 * 0.299, 128 - 224 * 0.299 / 1.772, 240), (1, 0, 0)),
        (1, False, (16 + 219 * 0.2126, 128 - 224 * 0.2126 / 1.8556, 240), (1, 0, 0)),
        (1, True, (255 * 0.0722, 255.5, 128 - 255 * 0.0722 / 1.5748), (0, 0, 1)),
    ],
)
def test_colour_matrices(colorspace: int, full: bool, yuv: tuple, rgb: tuple) -> None:
    matrix, offset = yuv_to_rgb(colorspace, full)
    np.testing.assert_allclose(matrix @ np.array(yuv) + offset, rgb, atol=1e-9)


def test_full_range_and_bt709_are_honoured(tmp_path: Path) -> None:
    colors = []
    for number, (space, full) in enumerate([(5, 1), (1, 1), (5, 2), (1, 2)]):
        path = tmp_path / f"{number}.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=30)
            stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
            stream.codec_context.colorspace, stream.codec_context.color_range = space, full
            frame = av.VideoFrame(64, 64, "yuv420p")
            for plane, value in zip(frame.planes, (120, 110, 160), strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            for _ in range(3):
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        frames, _ = frames_of(path)
        matrix, offset = yuv_to_rgb(space, full == 2)
        expected = matrix @ np.array([120, 110, 160]) + offset
        colors.append(frames[0].rgb().mean((0, 1)) / 255)
        np.testing.assert_allclose(colors[-1], expected, atol=6e-3)
    assert np.ptp(colors, axis=0).min() > 0.01


def test_variable_frame_rate_times_come_from_the_stamps(tmp_path: Path) -> None:
    times = np.cumsum(np.r_[0, np.where(np.arange(39) % 3, 1 / 30, 1 / 12)])
    frames, _ = frames_of(write_face_clip(tmp_path / "vfr.mkv", times=times))
    np.testing.assert_allclose([frame.time for frame in frames], times, atol=2e-3)


def test_given_frame_times_win_and_end_the_video(clip: Path) -> None:
    times = 5 + np.arange(50) / 25
    frames, video = frames_of(clip, frame_times=times)
    np.testing.assert_allclose([frame.time for frame in frames], times - 5)
    assert "50 frame times" in video.notes[0]
    with pytest.raises(VideoError, match="increasing"):
        frames_of(clip, frame_times=times[::-1])


@pytest.mark.parametrize(
    ("matrix", "turn"),
    [
        ((0, 0x10000, 0, 0xFFFF0000, 0, 0, 0, 0, 0x40000000), cv2.ROTATE_90_CLOCKWISE),
        ((0xFFFF0000, 0, 0, 0, 0xFFFF0000, 0, 0, 0, 0x40000000), cv2.ROTATE_180),
        ((0, 0xFFFF0000, 0, 0x10000, 0, 0, 0, 0, 0x40000000), cv2.ROTATE_90_COUNTERCLOCKWISE),
    ],
)
def test_phone_video_is_turned_upright(clip: Path, tmp_path: Path, matrix: tuple, turn: int) -> None:
    upright, _ = frames_of(clip)
    data = clip.read_bytes()
    header = data.index(b"tkhd")
    at = data.index(IDENTITY_MATRIX, header)
    turned = tmp_path / "phone.mp4"
    turned.write_bytes(data[:at] + struct.pack(">9I", *matrix) + data[at + 36 :])
    frames, video = frames_of(turned)
    expected = cv2.rotate(upright[3].rgb(), turn)
    assert (video.height, video.width) == expected.shape[:2]
    assert np.abs(frames[3].rgb().astype(int) - expected).mean() < 1.5


@pytest.mark.parametrize(("size", "pixels"), [((321, 243), "yuv444p"), ((161, 99), "yuv444p")])
def test_odd_sizes(tmp_path: Path, size: tuple[int, int], pixels: str) -> None:
    path = write_face_clip(tmp_path / "odd.mp4", seconds=0.3, size=size, pixel_format=pixels)
    frames, video = frames_of(path)
    assert (video.width, video.height) == size and frames[0].rgb().shape == (size[1], size[0], 3)


def test_an_odd_size_with_halved_chroma(tmp_path: Path) -> None:
    path = write_face_clip(tmp_path / "odd.avi", seconds=0.3, size=(161, 99), codec="mjpeg", pixel_format="yuvj420p")
    frames, _ = frames_of(path)
    assert [plane.shape for plane in frames[0].planes] == [(99, 161), (50, 81), (50, 81)]
    assert np.abs(frames[0].rgb().astype(int) - next(face_frames(np.zeros(1), size=(161, 99)))).mean() < 4


def test_grey_video_has_one_plane(tmp_path: Path) -> None:
    frames, _ = frames_of(write_face_clip(tmp_path / "gray.mkv", seconds=0.5, gray=True, codec="ffv1"))
    assert len(frames[0].planes) == 1 and frames[0].matrix.shape == (3, 1)
    rgb = frames[0].rgb()
    assert np.array_equal(rgb[..., 0], rgb[..., 2])
    assert abs(rgb.mean() - next(face_frames(np.zeros(1), gray=True)).mean()) < 3
    np.testing.assert_allclose(gray_to_rgb()[0] * 255, 1)


def test_raw_rgb_video(tmp_path: Path) -> None:
    path = write_face_clip(tmp_path / "raw.avi", seconds=0.3, codec="rawvideo", pixel_format="bgr24")
    frames, _ = frames_of(path)
    assert np.array_equal(frames[0].rgb(), next(face_frames(np.arange(9) / 30)))


def test_decord_reads_the_same(clip: Path) -> None:
    pytest.importorskip("decord")
    ours, _ = frames_of(clip)
    theirs, video = frames_of(clip, backend="decord")
    assert (video.width, video.height, len(theirs)) == (320, 240, 60)
    np.testing.assert_allclose([f.time for f in theirs], [f.time for f in ours], atol=2e-3)
    assert np.abs(ours[30].rgb().astype(int) - theirs[30].rgb()).mean() < 3


@pytest.mark.parametrize("backend", ["pyav", "decord"])
def test_not_a_video(tmp_path: Path, backend: str) -> None:
    if backend == "decord":
        pytest.importorskip("decord")
    path = tmp_path / "notes.mp4"
    path.write_bytes(b"these are not the frames you are looking for " * 50)
    with pytest.raises(VideoError, match=r"notes\.mp4' is not a video"):
        open_video(path, backend=backend)


def test_missing_empty_and_unknown(tmp_path: Path, clip: Path) -> None:
    with pytest.raises(VideoError, match="There is no video"):
        open_video(tmp_path / "nowhere.mp4")
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(VideoError, match="is not a video"):
        open_video(tmp_path / "empty.mp4")
    with pytest.raises(UsageError, match="use auto, pyav or decord"):
        open_video(clip, backend="vhs")


def test_zero_frames(tmp_path: Path) -> None:
    path = tmp_path / "zero.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        container.start_encoding()
    with pytest.raises(VideoError, match=r"no frame|is not a video"):
        open_video(path)


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(VideoError, match="holds no video"):
        open_video(path)


def test_a_truncated_video_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = write_face_clip(tmp_path / "whole.mkv", seconds=3)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: int(0.6 * whole.stat().st_size)])
    frames, _ = frames_of(cut)
    assert 30 < len(frames) < 80
    headless = tmp_path / "headless.mp4"
    source = write_face_clip(tmp_path / "whole.mp4", seconds=1).read_bytes()
    headless.write_bytes(source[: len(source) // 2])
    with pytest.raises(VideoError, match="give a complete mp4"):
        open_video(headless)


def test_an_mp4_that_ends_before_its_index_says_so(tmp_path: Path) -> None:
    source = write_face_clip(tmp_path / "slow.mp4", seconds=3)
    fast = tmp_path / "fast.mp4"
    with av.open(str(source)) as old, av.open(str(fast), "w", options={"movflags": "faststart"}) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(fast.read_bytes()[: int(0.6 * fast.stat().st_size)])
    frames, video = frames_of(cut)
    assert 30 < len(frames) < 80
    assert any("ends early" in note for note in video.notes)


def test_pictures_above_the_limit_are_refused(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_pyav, "MAX_PIXELS", 320 * 240 - 1)
    with pytest.raises(VideoError, match="320x240"):
        open_video(clip)


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{other}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{name}'\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
    ],
)
@pytest.mark.parametrize("ending", ["m3u8", "mp4", "ffconcat"])
def test_a_playlist_opens_nothing_else(clip: Path, tmp_path: Path, text: str, ending: str) -> None:
    inside = tmp_path / "inside.mp4"
    inside.write_bytes(clip.read_bytes())
    path = tmp_path / f"list.{ending}"
    path.write_text(text.format(other=inside, name=inside.name))
    with pytest.raises(VideoError):
        open_video(path)


def test_an_address_is_only_ever_a_file_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clip: Path) -> None:
    for address in ("http://127.0.0.1:9/a.mp4", "concat:a.mp4|b.mp4", "data:video/mp4;base64,AAAA"):
        with pytest.raises(VideoError, match="There is no video"):
            open_video(address)
    monkeypatch.chdir(tmp_path)
    Path("subfile,,start,0,end,0,,:x.mp4").write_bytes(clip.read_bytes())
    assert len(frames_of(Path("subfile,,start,0,end,0,,:x.mp4"))[0]) == 60


def write_pictures(folder: Path, names: list[str]) -> list[np.ndarray]:
    folder.mkdir()
    pictures = list(face_frames(np.arange(len(names)) / 30, size=(160, 120)))
    for name, picture in zip(names, pictures, strict=True):
        cv2.imwrite(str(folder / name), picture[..., ::-1])
    return pictures


@pytest.mark.parametrize("ending", ["png", "bmp", "jpg"])
def test_a_folder_of_numbered_pictures(tmp_path: Path, ending: str) -> None:
    # 8, 9, 10, 11: by number, not by letter
    pictures = write_pictures(tmp_path / "run", [f"frame{number}.{ending}" for number in range(8, 12)])
    (tmp_path / "run" / "readme.txt").write_text("not a picture")
    frames, video = frames_of(tmp_path / "run")
    assert (video.width, video.height, video.frame_count, video.fps) == (160, 120, 4, pytest.approx(30))
    for frame, picture in zip(frames, pictures, strict=True):
        assert np.abs(frame.rgb().astype(int) - picture).mean() < (0.01 if ending != "jpg" else 3)


def test_pure_names_are_times(tmp_path: Path) -> None:
    stamps = 1392643993642815000 + np.array([0, 33_000_000, 70_000_000, 99_000_000])
    write_pictures(tmp_path / "01-01", [f"Image{stamp}.png" for stamp in stamps])
    frames, video = frames_of(tmp_path / "01-01")
    np.testing.assert_allclose([frame.time for frame in frames], [0, 0.033, 0.07, 0.099], atol=1e-6)
    assert video.fps == pytest.approx(3 / 0.099)


def test_a_zip_of_pictures_and_one_bad_among_them(tmp_path: Path) -> None:
    write_pictures(tmp_path / "run", [f"{number:03}.png" for number in range(5)])
    path = tmp_path / "run.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted((tmp_path / "run").iterdir()):
            archive.write(file, f"F001/T1/{file.name}")
        archive.writestr("F001/T1/002b.png", b"no picture")
        archive.writestr("F001/T1/notes.txt", b"")
    frames, video = frames_of(path)
    assert len(frames) == 5
    assert video.notes == ["1 pictures could not be read and were left out"]


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="holds no pictures"):
        open_video(tmp_path)
