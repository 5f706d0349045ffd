"""Region means: shapes, exactness, and the published way (masks of polygons on RGB) as the reference."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.faces import draw_face
from zoo.data.align import CANONICAL, similarity
from zoo.data.frame import IDENTITY, Frame, yuv_to_rgb
from zoo.data.regions import frame_of, outlines, region_means, samples_for, weights
from zoo.errors import UnknownName
from zoo.spec import REGIONS, Grid


def polygon_means(rgb: np.ndarray, transform: np.ndarray, regions: tuple[str, ...] | Grid) -> np.ndarray:
    """The definition: a mask a polygon, drawn on the picture, and the mean of RGB under it."""
    means = []
    for outline in outlines(regions):
        mask = np.zeros(rgb.shape[:2], np.uint8)
        points = outline @ transform[:, :2].T + transform[:, 2]
        cv2.fillPoly(mask, [np.round((points - 0.5) * 16).astype(np.int32)], 1, shift=4)
        means.append(rgb[mask > 0].mean(0) / 255)
    return np.array(means)


@pytest.fixture(scope="module")
def rgb() -> np.ndarray:
    return np.round(draw_face((320, 240))[0] * 255).astype(np.uint8)


TURNED = similarity((CANONICAL - 0.5) @ (170 * np.array([[0.98, 0.17], [-0.17, 0.98]])) + (158.3, 121.7))


@pytest.mark.parametrize("regions", [REGIONS, ("lips", "face"), Grid(3, 4)])
def test_means_equal_masks_of_polygons(rgb: np.ndarray, regions: tuple[str, ...] | Grid) -> None:
    means = region_means(Frame(0, 0.0, (rgb,), *IDENTITY), TURNED, regions)
    assert means.shape == (len(regions), 3) and means.dtype == np.float64
    np.testing.assert_allclose(means, polygon_means(rgb, TURNED, regions), atol=0.012)


def test_planes_give_the_means_of_rgb(rgb: np.ndarray) -> None:
    matrix, offset = yuv_to_rgb()
    yuv = (rgb / 255 - offset) @ np.linalg.inv(matrix).T
    planes = (
        yuv[..., 0].round().astype(np.uint8),
        *(cv2.resize(yuv[..., c], (160, 120), interpolation=cv2.INTER_AREA).round().astype(np.uint8) for c in (1, 2)),
    )
    ours = region_means(Frame(0, 0.0, planes, matrix, offset), TURNED, REGIONS)
    np.testing.assert_allclose(ours, region_means(Frame(0, 0.0, (rgb,), *IDENTITY), TURNED, REGIONS), atol=0.01)


def test_means_are_never_rounded() -> None:
    """One pixel level in one hundredth of the pixels is one hundredth of a level in the mean."""
    rng = np.random.default_rng(0)
    base = np.full((240, 320, 3), 120, np.uint8)
    risen = base + (rng.random((240, 320, 1)) < 0.01).astype(np.uint8)
    still, moved = (region_means(Frame(0, 0.0, (x,), *IDENTITY), TURNED, ("face",)) for x in (base, risen))
    np.testing.assert_allclose(still, 120 / 255, rtol=2e-6)
    np.testing.assert_allclose((moved - still) * 255, 0.01, atol=0.005)


def test_grey_means_are_grey() -> None:
    gray = np.full((240, 320), 100, np.uint8)
    matrix = np.full((3, 1), 1 / 255)
    np.testing.assert_allclose(
        region_means(Frame(0, 0.0, (gray,), matrix, np.zeros(3)), TURNED, REGIONS), 100 / 255, rtol=2e-6
    )


def test_weights_are_the_share_of_each_sample() -> None:
    size = (96, 128)
    np.testing.assert_allclose(weights(REGIONS, size).sum(1), 1, rtol=1e-5)
    grid = weights(Grid(4, 4), (64, 64)).reshape(16, 64, 64)
    np.testing.assert_allclose(grid[0, :16, :16].sum(), 1, atol=0.02)
    place = frame_of(REGIONS)
    # area and centre of gravity of a polygon by the shoelace formula
    for outline, row in zip(outlines(REGIONS), weights(REGIONS, size).astype(float), strict=True):
        nxt = np.roll(outline, -1, axis=0)
        cross = outline[:, 0] * nxt[:, 1] - nxt[:, 0] * outline[:, 1]
        center = ((outline + nxt) * cross[:, None]).sum(0) / (3 * cross.sum())
        shares = row.reshape(size[1], size[0])
        inside = shares.sum(0) @ (np.arange(96) + 0.5) / 96, shares.sum(1) @ (np.arange(128) + 0.5) / 128
        np.testing.assert_allclose(place @ (*inside, 1), center, atol=2e-3)
        area = place[0, 0] * place[1, 1] / row.max() / row.size
        assert area == pytest.approx(abs(cross.sum()) / 2, rel=0.04)


def test_samples_follow_the_size_of_the_face() -> None:
    assert [samples_for(similarity(CANONICAL * side)) for side in (20, 100, 200, 900)] == [80, 100, 200, 225]


def test_regions_are_mirrored_and_lie_on_the_face() -> None:
    shapes = dict(zip(REGIONS, outlines(REGIONS), strict=True))
    for name in ("upper_cheek", "lower_cheek"):
        mirrored = shapes[f"left_{name}"] * (-1, 1) + (1, 0)
        assert {tuple(p) for p in mirrored.round(6)} == {tuple(p) for p in shapes[f"right_{name}"].round(6)}
        assert shapes[f"left_{name}"][:, 0].max() < 0.5 < shapes[f"right_{name}"][:, 0].min()
    nose, lips = shapes["nose"].astype(np.float32), shapes["lips"].astype(np.float32)
    assert cv2.pointPolygonTest(nose, CANONICAL[2].tolist(), False) > 0
    assert cv2.pointPolygonTest(lips, CANONICAL[3:].mean(0).tolist(), False) > 0


def test_an_unknown_region() -> None:
    with pytest.raises(UnknownName, match="Did you mean chin"):
        outlines(("chinn",))


def area_means(plane: np.ndarray, transform: np.ndarray, regions: tuple[str, ...], fine: int = 8) -> np.ndarray:
    """The definition by area: each pixel of a grey picture weighed by how much of it a polygon covers."""
    means = []
    for outline in outlines(regions):
        points = (outline @ transform[:, :2].T + transform[:, 2]) * fine - 0.5
        mask = np.zeros((fine * plane.shape[0], fine * plane.shape[1]), np.uint8)
        cv2.fillPoly(mask, [np.round(points * 256).astype(np.int32)], 1, shift=8)
        weight = mask.reshape(plane.shape[0], fine, plane.shape[1], fine).mean((1, 3))
        means.append((weight * plane).sum() / weight.sum())
    return np.array(means)


@pytest.mark.parametrize("side", [161, 40])
def test_fine_texture_that_moves_gives_the_means_by_area(side: int) -> None:
    """Stripes of 2.5 pixels show samples that count pixels unequally: at 0.84 pixels they were half a level off."""
    stripes = 120 + 40 * np.cos(2 * np.pi * np.arange(180) / 2.5 + 0.3)
    plane = np.tile(stripes.round().astype(np.uint8), (180, 1))
    frame = Frame(0, 0.0, (plane,), np.ones((3, 1)), np.zeros(3))
    small, errors = ("nose", "lips"), []
    for shift in np.random.default_rng(0).uniform(0, 4, (4, 2)):
        place = np.array([[side, 0.0, 6.0 + shift[0]], [0.0, side, 8.0 + shift[1]]])
        errors.append(region_means(frame, place, small, samples_for(place))[:, 0] - area_means(plane, place, small))
    assert np.std(errors, axis=0).max() < 0.2
