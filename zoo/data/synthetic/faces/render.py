"""Frames of a simulated face: still layers of a head, warped, lit and made to pulse pixel by pixel.

What is smooth over the face (warp, shading, mirrored light, blood volume with its delay) is computed on a coarse grid
and enlarged; what is not (features, hair, sensitivity to blood) is painted once and warped. The light model is that of
`zoo.data.synthetic.traces`: I (d (1 - a p blood) + s), then sensor noise and rounding to 8 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from zoo.data.synthetic.circulation import Circulation
from zoo.data.synthetic.faces.behaviour import Behaviour
from zoo.data.synthetic.faces.light import Light
from zoo.data.synthetic.faces.looks import Looks
from zoo.data.synthetic.faces.paint import BOTTOM, LEFT, MOUTH, RIGHT, TOP, Head, paint_head
from zoo.data.synthetic.faces.scene import Scene
from zoo.data.synthetic.noise import coloured
from zoo.data.synthetic.traces import TRANSMISSION, blood_volume_vector

CELL = 4  # pixels between points of the coarse grid
_DELAYS = np.linspace(-0.05, 0.05, 11)
_BANK, _SPARE = 6, 24  # pictures of sensor noise, and pixels by which they may be shifted
_JAW = 0.15  # how far the lower lip drops, face units


def render_frames(
    body: Circulation,
    looks: Looks,
    scene: Scene,
    behaviour: Behaviour,
    light: Light,
    times: np.ndarray,
    rng: np.random.Generator,
) -> Iterator[np.ndarray]:
    """Pictures of a recording.

    Args:
        body: whose blood flows.
        times: (T,) seconds.

    Yields:
        I420 pictures (H * 3 / 2, W) uint8, BT.601, luma 16..235.
    """
    head = paint_head(looks, scene.makeup, min(1.2 * scene.unit, 130.0))
    still, brightness = _developed(head.colour, _room(scene, looks, np.random.default_rng(scene.background)), scene)
    texture = head.colour**scene.gamma * brightness
    closed = head.closed**scene.gamma * brightness
    fields = _Fields(body, looks, scene, behaviour, light, times, rng)
    chest = _Chest(still, scene, behaviour)
    sensor = _Sensor(scene, times, rng)
    height = np.arange(scene.size[1], dtype=np.float32)[:, None] / scene.size[1]
    picture = np.empty_like(still)
    for frame in range(times.size):
        np.copyto(picture, still)
        chest(picture, frame)
        seen = _blinked(texture, closed, head.lids, float(behaviour.lids[frame]))
        _lay_over(picture[:, fields.area[0], fields.area[1]], seen, head, fields, frame)
        rows = 1.0 + light.flicker * np.cos(light.bands[frame] + 2.0 * np.pi * light.cycles * height)
        for channel in range(3):
            picture[channel] *= (light.gain[frame, channel] * rows).astype(np.float32)
        yield sensor(picture, frame)


def _developed(colour: np.ndarray, room: np.ndarray, scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """The room as planes (3, H, W) in grey levels, and the factor (3, 1, 1) that exposes colours like it."""
    balance = np.array(scene.balance)
    # automatic exposure keeps faces out of the dark and out of saturation
    skin = np.percentile(colour.reshape(3, -1) ** scene.gamma * balance[:, None], 90, axis=1)
    brightest = max(float(skin.max()), 0.05)
    exposure = float(np.clip(scene.exposure * 1.1 * brightest, 0.38, 0.8)) / brightest
    brightness = (255.0 * exposure * balance).astype(np.float32)[:, None, None]
    return np.ascontiguousarray(room.transpose(2, 0, 1) ** scene.gamma * brightness, np.float32), brightness


def _room(scene: Scene, looks: Looks, rng: np.random.Generator) -> np.ndarray:
    """Background and shoulders, (H, W, 3) 0..1: a wall with furniture, or a blurred room."""
    width, height = scene.size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    wall = rng.uniform(0.15, 0.8) * np.exp(rng.normal(0.0, 0.08, 3))
    room: np.ndarray = np.ones((height, width, 3), np.float32) * wall.astype(np.float32)
    room *= (1.0 + rng.uniform(-0.25, 0.25) * (x / width - 0.5) + rng.uniform(-0.2, 0.2) * (y / height))[..., None]
    for _ in range(int(rng.integers(0, 9))):
        left, top = rng.uniform(-0.2, 1.0, 2) * (width, height)
        right, bottom = np.array([left, top]) + rng.uniform(0.05, 0.5, 2) * (width, height)
        shade = tuple((rng.uniform(0.05, 0.9) * np.exp(rng.normal(0.0, 0.2, 3))).clip(0.02, 0.95).tolist())
        cv2.rectangle(room, (int(left), int(top)), (int(right), int(bottom)), shade, -1)
    if rng.random() < 0.5:
        room = cv2.GaussianBlur(room, (0, 0), float(rng.uniform(1.0, 8.0)))
    room *= 1.0 + rng.uniform(0.0, 0.03) * cv2.GaussianBlur(rng.standard_normal(room.shape, np.float32), (0, 0), 1.0)
    fx, fy = (x - scene.place[0] * width) / scene.unit, (y - scene.place[1] * height) / scene.unit
    bust = np.clip((1.0 - np.hypot(fx / 1.75, (fy - 2.45) / 1.15)) / 0.04 + 0.5, 0.0, 1.0)[..., None]
    folds = 1.0 + 0.12 * cv2.GaussianBlur(rng.standard_normal((height, width), np.float32), (0, 0), 5.0)[..., None]
    shirt = np.array(looks.shirt, np.float32) * (folds - 0.12 * fx[..., None] * rng.uniform(-1.0, 1.0))
    return np.clip(room + bust * (shirt - room), 0.005, 0.99)


class _Chest:
    """Moves the shoulders by fractions of a pixel, to first order."""

    def __init__(self, still: np.ndarray, scene: Scene, behaviour: Behaviour) -> None:
        width, height = scene.size
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        fx, fy = (x - scene.place[0] * width) / scene.unit, (y - scene.place[1] * height) / scene.unit
        mask = np.clip((1.03 - np.hypot(fx / 1.75, (fy - 2.45) / 1.15)) / 0.03, 0.0, 1.0)
        self.top = int(np.argmax(np.append(mask.any(1), True)))
        slopes = np.stack([np.gradient(still, axis=axis) for axis in (1, 2)]) * mask
        self.slopes = np.ascontiguousarray(slopes[:, :, self.top :], np.float32)
        self.down = np.clip(scene.unit * behaviour.body, -1.5, 1.5).astype(np.float32)
        self.right = np.clip(scene.unit * 0.35 * behaviour.x, -1.5, 1.5).astype(np.float32)

    def __call__(self, picture: np.ndarray, frame: int) -> None:
        """Move the shoulders in a picture (3, H, W)."""
        if self.top < picture.shape[1]:
            picture[:, self.top :] -= self.down[frame] * self.slopes[0] + self.right[frame] * self.slopes[1]


def _blinked(texture: np.ndarray, closed: np.ndarray, place: tuple[slice, slice], lids: float) -> np.ndarray:
    """The head's colours with eyelids drawn down so far; the same array, where they are open."""
    if lids <= 0.0:
        return texture
    rows, columns = place
    count = rows.stop - rows.start
    cover = np.clip(lids * (count + 4) - np.arange(count), 0.0, 4.0)[:, None].astype(np.float32) / 4.0
    texture = texture.copy()
    texture[:, rows, columns] += cover * (closed - texture[:, rows, columns])
    return texture


def _lay_over(place: np.ndarray, texture: np.ndarray, head: Head, fields: _Fields, frame: int) -> None:
    """Paint the head of a frame into its part of the picture, (3, h, w) in grey levels."""
    x, y, shade, shine, blood = fields(frame, head.scale)

    def warped(plane: np.ndarray) -> np.ndarray:
        return cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)

    alpha, skin = warped(head.alpha), warped(head.blood)
    blood *= skin
    shine *= skin
    for channel in range(3):
        seen = warped(texture[channel])
        part = blood * np.float32(-fields.amplitudes[channel])
        part += 1.0
        part *= shade
        part *= seen
        part += shine
        part -= place[channel]
        part *= alpha
        place[channel] += part


@dataclass(frozen=True)
class _Grid:
    """Points of the coarse grid: columns and rows in pixels, (h, w) float32."""

    x: np.ndarray
    y: np.ndarray


class _Fields:
    """What is smooth over the face, frame by frame."""

    def __init__(
        self,
        body: Circulation,
        looks: Looks,
        scene: Scene,
        behaviour: Behaviour,
        light: Light,
        times: np.ndarray,
        rng: np.random.Generator,
    ) -> None:
        self.scene, self.behaviour, self.light = scene, behaviour, light
        person = body.person
        strength = scene.pulse * scene.gamma * person.perfusion * TRANSMISSION[person.skin_tone - 1]
        self.amplitudes = (strength * blood_volume_vector(person, scene.spo2_error)).astype(np.float32).tolist()
        self.blood = body.blood_volume(times[:, None] - _DELAYS)
        self.delay = np.random.default_rng(looks.seed + 1).normal(0.0, 1.0, 5)
        self.relief = rng.normal(0.0, 0.16, (2, 4))
        self.area, self.grid = self._around()

    def _around(self) -> tuple[tuple[slice, slice], _Grid]:
        """The part of the picture in which the head moves, and the grid over it."""
        scene, move = self.scene, self.behaviour
        unit = scene.unit * float(move.size.max())
        edges = []
        for middle, path, low, high, side in (
            (scene.place[1], move.y, TOP, BOTTOM, scene.size[1]),
            (scene.place[0], move.x, LEFT, RIGHT, scene.size[0]),
        ):
            first = int(np.clip(middle * side + path.min() * scene.unit + low * unit, 0, side - 4 * CELL))
            last = int(np.clip(middle * side + path.max() * scene.unit + high * unit + 1, first + 4 * CELL, side))
            edges.append(slice(first // CELL * CELL, min(-(-last // CELL) * CELL, side // CELL * CELL)))
        rows, columns = edges
        y, x = np.meshgrid(
            np.arange(rows.start + CELL / 2, rows.stop, CELL, dtype=np.float32),
            np.arange(columns.start + CELL / 2, columns.stop, CELL, dtype=np.float32),
            indexing="ij",
        )
        return (rows, columns), _Grid(x, y)

    def __call__(self, frame: int, scale: float) -> list[np.ndarray]:
        """Texels to look up (x, y), shading, mirrored light (grey levels) and blood volume of a frame, (h, w) each."""
        x, y = self._upright(frame)
        depth = np.sqrt(np.maximum(1.0 - (x / 0.97) ** 2 - (y / 1.2) ** 2, 0.0)) * 0.9
        shade, shine = self._lit(frame, x, y, depth)
        x, y = self._turned(frame, x, y, depth)
        coarse = ((x - LEFT) * scale - 0.5, (y - TOP) * scale - 0.5, shade, shine, self._blood(frame, x, y))
        size = (self.grid.x.shape[1] * CELL, self.grid.x.shape[0] * CELL)
        # plane by plane, which OpenCV does faster than several channels at once
        return [cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_LINEAR) for plane in coarse]

    def _upright(self, frame: int) -> tuple[np.ndarray, np.ndarray]:
        """Face coordinates of the grid before the head turns out of the picture's plane."""
        scene, move = self.scene, self.behaviour
        width, height = scene.size
        unit = scene.unit * move.size[frame]
        x = (self.grid.x - np.float32(scene.place[0] * width + move.x[frame] * scene.unit)) / np.float32(unit)
        y = (self.grid.y - np.float32(scene.place[1] * height + move.y[frame] * scene.unit)) / np.float32(unit)
        cosine, sine = np.float32(np.cos(move.roll[frame])), np.float32(np.sin(move.roll[frame]))
        return cosine * x + sine * y, cosine * y - sine * x

    def _lit(self, frame: int, x: np.ndarray, y: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Shading and mirrored light: an ellipsoid under a lamp, with a relief that catches light as it turns."""
        scene, move, light = self.scene, self.behaviour, self.light
        lamp = light.direction[frame]
        length = np.sqrt(x * x + y * y + depth * depth) + 1e-3
        facing = (x * lamp[0] + y * lamp[1] + depth * lamp[2]) / length
        shade = light.ambient + (1.0 - light.ambient) * 1.25 * np.maximum(facing, 0.0)
        first, second = self.relief
        bumps = move.yaw[frame] * (first[0] + 2.0 * first[1] * x + first[2] * np.sin(4.0 * x + first[3]))
        bumps = bumps + move.pitch[frame] * (second[0] + 2.0 * second[1] * y + second[2] * np.sin(4.0 * y + second[3]))
        moved = scene.slope * (move.x[frame] + 0.6 * move.y[frame] + 0.8 * (move.size[frame] - 1.0))
        shade = shade * (1.0 + bumps + moved)
        half = lamp + np.array([0.0, 0.0, 1.0])
        half = half / np.linalg.norm(half)
        mirrored = np.maximum((x * half[0] + y * half[1] + depth * half[2]) / length, 0.0) ** 14
        return shade, 255.0 * scene.specular * mirrored * (1.0 + moved)

    def _turned(self, frame: int, x: np.ndarray, y: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Face coordinates of the painted head that are seen at the grid: turned, with jaw and mouth moved."""
        move = self.behaviour
        # only the front is painted: what comes into sight at the side looks like its edge
        edge = np.maximum(np.abs(x), 0.78 * np.sqrt(np.maximum(1.0 - (y / 1.2) ** 2, 0.0)))
        x, y = (
            np.clip(x * np.cos(move.yaw[frame]) - depth * np.sin(move.yaw[frame]), -edge, edge),
            y * np.cos(move.pitch[frame]) - depth * np.sin(move.pitch[frame]),
        )
        if move.mouth[frame] > 0.0:
            below = y - MOUTH
            drop = _JAW * move.mouth[frame] * np.exp(-((x / 0.38) ** 4))
            fade = np.clip((0.95 - below) / 0.5, 0.0, 1.0)
            y = np.where(below > 0.0, MOUTH + np.maximum(0.06 * below, below - drop * fade), y)
        if move.smile[frame] > 0.0:
            corner = np.exp(-(((np.abs(x) - 0.3) / 0.22) ** 2) - ((y - MOUTH) / 0.2) ** 2)
            cheek = np.exp(-(((np.abs(x) - 0.45) / 0.25) ** 2) - ((y - 0.25) / 0.25) ** 2)
            x = x * (1.0 - 0.14 * move.smile[frame] * corner)
            y = y + move.smile[frame] * (0.05 * corner + 0.03 * cheek)
        return x, y

    def _blood(self, frame: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Blood volume now, later the further a place is from the neck, with a person's own differences."""
        phase = self.delay
        own = np.sin(2.5 * x + phase[0]) * phase[1] + np.sin(2.5 * y + phase[2]) * phase[3] + 0.5 * phase[4]
        return np.interp(0.004 - 0.006 * y + 0.004 * own, _DELAYS, self.blood[frame])


class _Sensor:
    """Noise of a camera, and its 8-bit pictures."""

    def __init__(self, scene: Scene, times: np.ndarray, rng: np.random.Generator) -> None:
        width, height = scene.size
        self.scene, self.rng = scene, rng
        self.bank = [self._noise() for _ in range(_BANK)]
        self.last = self.bank[0][:, :height, :width].copy()
        rate = (times.size - 1) / float(times[-1])
        # patches of 24 pixels whose brightness wanders: shadows, local tone curves, what is left by a camera's codec
        rows, columns = -(-height // 24), -(-width // 24)
        patches = coloured(rng, (rows, columns, times.size), rate, 1.0) * scene.mottle
        self.mottle = np.ascontiguousarray(patches.transpose(2, 0, 1), np.float32)

    def _noise(self) -> np.ndarray:
        """(3, H + spare, W + spare): brightness and colour noise, that of colour coarser."""
        scene = self.scene
        width, height = scene.size
        shape = (height + _SPARE, width + _SPARE)
        luma = self._blurred(self.rng.standard_normal(shape, np.float32), scene.blur) * scene.noise
        blue, red = (
            self._blurred(self.rng.standard_normal(shape, np.float32), scene.blur + 0.6) * scene.colour_noise
            for _ in range(2)
        )
        return np.stack([luma + 1.4 * red, luma - 0.34 * blue - 0.71 * red, luma + 1.77 * blue])

    @staticmethod
    def _blurred(noise: np.ndarray, blur: float) -> np.ndarray:
        if blur <= 0.0:
            return noise
        noise = cv2.GaussianBlur(noise, (0, 0), blur)
        # what blurs noise also weakens it; its mean over a block stays about the same
        return noise / (noise.std() * (1.0 + 2.0 * blur))

    def __call__(self, picture: np.ndarray, frame: int) -> np.ndarray:
        """The picture (3, H, W) in grey levels as I420, with noise; the picture is used up."""
        _, height, width = picture.shape
        row, column = self.rng.integers(0, _SPARE, 2)
        noise = self.bank[self.rng.integers(_BANK)][:, row : row + height, column : column + width]
        if self.scene.memory > 0.0:
            self.last *= np.float32(self.scene.memory)
            self.last += np.float32((1.0 - self.scene.memory**2) ** 0.5) * noise
            noise = self.last
        picture += noise
        if self.scene.mottle > 0.0:
            picture += cv2.resize(self.mottle[frame], (width, height), interpolation=cv2.INTER_LINEAR)
        picture += 0.5
        np.clip(picture, 0.0, 255.0, out=picture)
        return cv2.cvtColor(cv2.merge(list(picture.astype(np.uint8))), cv2.COLOR_RGB2YUV_I420)
