"""Finding faces, placing the canonical face on them, and following them without a pulse of the path's own."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from scipy import signal

from tests.faces import draw_face
from zoo.data.align import CANONICAL, from_box, sample, similarity, upright
from zoo.data.face import find_faces, follow
from zoo.data.frame import IDENTITY, Frame
from zoo.data.track import Knot, Tracker, overlap, smooth_path, track


def picture(**options: object) -> np.ndarray:
    return np.round(draw_face(**options)[0] * 255).astype(np.uint8)


def frame_of(rgb: np.ndarray, time: float = 0.0) -> Frame:
    return Frame(0, time, (rgb,), *IDENTITY)


# Where the drawn face has its eyes, nose and mouth corners, in heights of the face about its centre.
DRAWN = np.array([[-0.15, -0.08], [0.15, -0.08], [0.0, 0.12], [-0.11, 0.235], [0.11, 0.235]])


@pytest.mark.parametrize("size", [(320, 240), (640, 480), (240, 320), (641, 361), (1280, 720)])
def test_a_drawn_face_is_found_where_it_is(size: tuple[int, int]) -> None:
    found = find_faces(picture(size=size))
    assert len(found) == 1 and found.scores[0] > 0.9
    height = 0.72 * min(size)
    expected = DRAWN * height + np.array(size) / 2
    assert np.abs(found.landmarks[0] - expected).max() < 0.08 * height
    assert overlap(found.boxes[0], np.r_[expected[0] - 0.25 * height, expected[4] + 0.25 * height]) > 0.6


def test_no_face_in_noise_or_nothing() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    for rgb in (noise, np.zeros((240, 320, 3), np.uint8), np.zeros((9, 500, 3), np.uint8)):
        found = find_faces(rgb)
        assert len(found) == 0 and found.landmarks.shape == (0, 5, 2)


def test_several_faces_come_largest_first() -> None:
    rgb = picture(size=(640, 360), center=(0.25, 0.5))
    rgb[:, 320:] = picture(size=(640, 360), center=(0.75, 0.5), height=0.5)[:, 320:]
    found = find_faces(rgb)
    assert len(found) == 2
    assert found.landmarks[0, 2, 0] < 320 < found.landmarks[1, 2, 0]


def test_following_is_finer_than_a_pixel() -> None:
    frames = [frame_of(picture(center=(0.5 + shift / 320, 0.5))) for shift in (0, 0.25, 0.5, 0.75, 1.0)]
    box = find_faces(frames[0].planes[0]).boxes[0]
    x = [follow(frame, box).landmarks[0, :, 0].mean() for frame in frames]
    np.testing.assert_allclose(np.diff(x), 0.25, atol=0.15)


def test_similarity_is_exact_least_squares_and_linear() -> None:
    angle, scale = 0.3, 180.0
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    landmarks = CANONICAL @ linear.T + (40, 70)
    np.testing.assert_allclose(similarity(landmarks), np.c_[linear, [40, 70]], atol=1e-9)
    noisy = landmarks + np.random.default_rng(1).normal(0, 3, (4, 5, 2))
    np.testing.assert_allclose(similarity(noisy.mean(0)), similarity(noisy).mean(0), atol=1e-9)
    # against a general least-squares solver over (a, b, x, y)
    design = np.zeros((10, 4))
    design[0::2] = np.c_[CANONICAL[:, 0], -CANONICAL[:, 1], np.ones(5), np.zeros(5)]
    design[1::2] = np.c_[CANONICAL[:, 1], CANONICAL[:, 0], np.zeros(5), np.ones(5)]
    a, b, x, y = np.linalg.lstsq(design, noisy[0].ravel(), rcond=None)[0]
    np.testing.assert_allclose(similarity(noisy[0]), [[a, -b, x], [b, a, y]], atol=1e-8)
    box = upright(similarity(landmarks))
    np.testing.assert_allclose(box[:, :2], scale * np.eye(2), atol=1e-9)
    np.testing.assert_allclose(box @ (0.5, 0.5, 1), linear @ (0.5, 0.5) + (40, 70))


def test_sampling_is_exact_on_a_ramp_at_every_plane_size() -> None:
    x = np.arange(64)[None] * 2.0 + np.zeros((48, 1))
    full = np.clip(x, 0, 255).astype(np.uint8)
    half = (np.arange(32)[None] * 4.0 + 1 + np.zeros((24, 1))).astype(np.uint8)
    frame = Frame(0, 0.0, (full, half), np.eye(3)[:, :2], np.zeros(3))
    place = from_box(np.array([10.5, 8.0, 42.5, 40.0]))
    for square, size in zip(sample(frame, place, (16, 8)), (16, 8), strict=True):
        expected = 2 * (10.5 + 32 * (np.arange(size) + 0.5) / size - 0.5)
        np.testing.assert_allclose(square, np.tile(expected, (size, 1)), atol=1.01)
    np.testing.assert_allclose(from_box(np.array([0, 0, 10, 20]), 1.6), [[16, 0, -3], [0, 32, -6]])


def knots_at(times: np.ndarray, values: np.ndarray) -> list[Knot]:
    return [Knot(t, np.full((5, 2), v)) for t, v in zip(times, values, strict=True)]


def test_the_path_keeps_straight_motion_and_has_no_delay() -> None:
    stamps = np.arange(0, 10.01, 0.25)
    times = np.arange(300) / 30
    path = smooth_path(knots_at(stamps, 7 + 3 * stamps), times)
    np.testing.assert_allclose(path[:, 0, 0], 7 + 3 * times, atol=1e-6)


def test_the_path_of_a_jittery_detector_has_no_pulse() -> None:
    rng = np.random.default_rng(0)
    stamps, times = np.arange(0, 60, 0.25), np.arange(30 * 59) / 30
    noise = rng.normal(0, 1, len(stamps))
    path = smooth_path(knots_at(stamps, 100 + noise), times)[:, 0, 0]
    jumping = (100 + noise)[np.searchsorted(stamps, times, side="right") - 1]
    band = signal.butter(2, (0.8, 3.0), "band", fs=30, output="sos")
    left = np.std(signal.sosfiltfilt(band, path)) / np.std(signal.sosfiltfilt(band, jumping))
    assert left < 0.1
    assert np.abs(np.diff(path)).max() < 0.2 < np.abs(np.diff(jumping)).max()


def test_nothing_is_made_up_where_the_face_was_lost() -> None:
    stamps = np.arange(10.0)
    knots = [Knot(t, None if 4 <= t <= 5 else np.full((5, 2), 10 * (t > 5))) for t in stamps]
    times = np.arange(0, 9.01, 0.1)
    path = smooth_path(knots, times)[:, 0, 0]
    gap = (times > 3 + 1e-9) & (times < 6 - 1e-9)
    assert np.array_equal(np.isnan(path), gap)
    # neither side of the gap knows of the other
    np.testing.assert_allclose(path[times <= 3], 0, atol=1e-6)
    np.testing.assert_allclose(path[times >= 6], 10, atol=1e-6)


def test_a_face_seen_once_and_one_never_seen() -> None:
    times = np.arange(5) / 30
    assert np.isnan(smooth_path([Knot(0.0), Knot(1.0)], times)).all()
    path = smooth_path([Knot(0.0, np.ones((5, 2)))], times[:1])
    np.testing.assert_allclose(path, 1)


def test_tracking_keeps_to_one_person() -> None:
    """A face that is the largest first is kept when another one grows larger beside it."""

    @cache
    def scene(left: float, right: float) -> np.ndarray:
        rgb = picture(size=(640, 360), center=(0.25, 0.5), height=left)
        rgb[:, 320:] = picture(size=(640, 360), center=(0.75, 0.5), height=right)[:, 320:]
        return rgb

    frames = [frame_of(scene(0.6, 0.5) if t < 2 else scene(0.6, 0.75), t) for t in np.arange(0, 4, 0.1)]
    tracker = Tracker(every=0.4)
    placed = list(track(iter(frames), tracker))
    assert [item.frame.time for item in placed] == [frame.time for frame in frames]
    assert all(item.landmarks[2, 0] < 320 for item in placed)
    assert tracker.faces == 2


def test_tracking_holds_back_only_a_few_seconds_of_frames() -> None:
    rgb = picture()
    pulled = 0

    def frames() -> Iterator[Frame]:
        nonlocal pulled
        for index in range(300):
            pulled += 1
            yield frame_of(rgb, index / 30)

    lags = [pulled - number for number, _ in enumerate(track(frames(), Tracker()), start=1)]
    assert max(lags) < 30 * 1.6
