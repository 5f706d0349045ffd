"""Simulated recordings as an ordinary video data set: a video and a table of labels each.

`<person>/<person>_<recording>.mp4` (or .avi), beside it `.csv` with the labels, as `zoo.datasets.folder` and anybody
else can read them, and `.json` with all that was drawn. Everything follows from (seed, person, recording) and the
settings, so any recording can be made alone, by any worker, in any order.
"""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from zoo.data.claim import claim, clear_remains
from zoo.data.recording import SIMULATION_FILE
from zoo.data.synthetic.circulation import Circulation, circulate
from zoo.data.synthetic.faces.behaviour import behave
from zoo.data.synthetic.faces.codec import CODECS, Codec, draw_camera_codec, draw_codec, recoded, write_video
from zoo.data.synthetic.faces.light import illuminate
from zoo.data.synthetic.faces.looks import Looks, draw_looks
from zoo.data.synthetic.faces.render import render_frames
from zoo.data.synthetic.faces.scene import Scene, draw_scene
from zoo.data.synthetic.physiology import Person, draw_person
from zoo.data.synthetic.windows import targets
from zoo.errors import DataError, UsageError
from zoo.spec import TARGETS

VERSION = 4  # counted up when the same settings give other videos
LABEL_RATE = 60.0  # Hz of the label tables
# Branches of the seed tree; the first is that of `SyntheticWindows`, so that a number is the same person in both.
_PERSON, _LOOKS, _RECORDING = 0, 2, 3


@dataclass(frozen=True)
class Simulation:
    """Settings of a simulated data set; together with a person's and a recording's number they fix a video.

    Args:
        seed: of everything. seconds: length of a recording.
        hard: 0 (nearly raw video of people who sit still) to 1 (up to hard compression, talking and turning).
        size: width, height of the videos; drawn for each where None.
        codec, crf: fixed instead of drawn.
    """

    seed: int = 0
    seconds: float = 30.0
    hard: float = 1.0
    size: tuple[int, int] | None = None
    codec: str | None = None
    crf: int | None = None

    def __post_init__(self) -> None:
        if not 2.0 <= self.seconds <= 3600.0:
            raise UsageError(f"A recording takes 2 to 3600 seconds, not {self.seconds:g}.")
        if not 0.0 <= self.hard <= 1.0:
            raise UsageError(f"hard is between 0 and 1, not {self.hard:g}.")
        if self.size is not None and not all(96 <= side <= 2048 and side % 2 == 0 for side in self.size):
            raise UsageError(f"{self.size[0]}x{self.size[1]} is no size: sides are even and 96 to 2048 pixels.")
        if self.codec is not None and self.codec not in CODECS:
            raise UsageError(f"There is no codec '{self.codec}': use {', '.join(CODECS)}.")
        if self.crf is not None and not 0 <= self.crf <= 51:
            raise UsageError(f"crf is 0 (lossless) to 51, not {self.crf}.")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, with the version of what they give."""
        return {"version": VERSION, **asdict(self), "size": list(self.size) if self.size else None}


@dataclass(frozen=True)
class Drawn:
    """One recording, drawn and not yet rendered."""

    name: str
    body: Circulation
    looks: Looks
    scene: Scene
    camera: Codec | None
    codec: Codec
    times: np.ndarray
    rng: np.random.Generator

    @property
    def person(self) -> Person:
        """Whose recording it is."""
        return self.body.person

    @property
    def groups(self) -> dict[str, str]:
        """Labels to report by."""
        covered = self.scene.makeup
        return {
            "skin_tone": str(self.person.skin_tone),
            "motion": self.scene.motion,
            "light": self.scene.light,
            "makeup": "none" if covered == 0 else "light" if covered < 0.4 else "heavy",
            "beard": self.looks.beard,
            "glasses": self.looks.glasses,
            "hair": self.looks.hair,
            "codec": self.codec.name,
            "compression": _band(self.codec.crf),
        }

    def to_dict(self) -> dict[str, Any]:
        """All that was drawn, as plain values."""
        return {
            "person": asdict(self.person),
            "exertion": self.body.exertion,
            "looks": asdict(self.looks),
            "scene": asdict(self.scene),
            "camera_codec": self.camera.to_dict() if self.camera else None,
            "codec": self.codec.to_dict(),
            "groups": self.groups,
            "targets": targets(self.body),
        }


def _band(crf: int) -> str:
    for low, high in ((18, 22), (23, 27), (28, 33)):
        if low <= crf <= high:
            return f"crf {low}-{high}"
    return "below crf 18" if crf < 18 else "above crf 33"


def draw(settings: Simulation, person: int, recording: int) -> Drawn:
    """Draw a recording: who, how, under which light and through which codec.

    Args:
        person, recording: numbers from 0.
    """

    def generator(*branch: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(settings.seed, spawn_key=branch))

    who = draw_person(generator(_PERSON, person))
    looks = draw_looks(who, generator(_LOOKS, person))
    rng = generator(_RECORDING, person, recording)
    body = circulate(who, settings.seconds, rng)
    scene = draw_scene(rng, settings.hard, settings.size)
    camera, codec = draw_camera_codec(rng, settings.hard), draw_codec(rng, settings.hard)
    if settings.codec is not None:
        codec = replace(codec, name=settings.codec)
    if settings.crf is not None:
        codec = replace(codec, crf=settings.crf)
    times = np.arange(round(settings.seconds * scene.fps)) / scene.fps
    if scene.jitter and codec.suffix != ".avi":
        times = times + np.clip(rng.normal(0.0, scene.jitter, times.size), -0.45, 0.45) / scene.fps
        times -= times[0]
    name = f"p{person:05d}/p{person:05d}_{recording}"
    return Drawn(name, body, looks, scene, camera, codec, times, rng)


def frames_of(drawn: Drawn) -> Any:
    """The recording's I420 pictures, one after another, as they reach the file's encoder."""
    scene, rng, times = drawn.scene, drawn.rng, drawn.times
    behaviour = behave(drawn.body, times, scene.motion, scene.movement, rng)
    light = illuminate(times, scene.light, scene.unrest, rng)
    frames = render_frames(drawn.body, drawn.looks, scene, behaviour, light, times, rng)
    return recoded(frames, drawn.camera, scene.size, scene.fps) if drawn.camera else frames


def table(drawn: Drawn) -> str:
    """The labels as CSV: signals and rates over time; what stays the same stands in the first row.

    Columns: `time` (s), `ppg` (blood volume of the cheek, up = more), `respiration`, `heart_rate` and
    `respiration_rate` (momentary), every other target of `zoo.spec.TARGETS`, and `group_<label>`.
    """
    body = drawn.body
    times = np.arange(round(body.seconds * LABEL_RATE) + 1) / LABEL_RATE
    beats = np.interp(times, 0.5 * (body.beats[1:] + body.beats[:-1]), 60.0 / np.diff(body.beats))
    breaths = 60.0 * np.interp(times, body.grid, np.gradient(body.breath, body.grid))
    series = [times, body.blood_volume(times), body.respiration(times), beats, breaths]
    moving = ("time", "ppg", "respiration", "heart_rate", "respiration_rate")
    known = {name: value for name, value in targets(body).items() if name not in moving}
    fixed = {name: _word(name, value) for name, value in known.items()}
    fixed |= {f"group_{label}": value for label, value in drawn.groups.items()}
    rows = [f"{t:.4f},{p:.4f},{r:.4f},{h:.2f},{b:.2f}" for t, p, r, h, b in zip(*series, strict=True)]
    blank = "," * len(fixed)
    lines = [",".join([*moving, *fixed]), ",".join([rows[0], *fixed.values()]), *(row + blank for row in rows[1:])]
    return "\n".join(lines) + "\n"


def _word(name: str, value: float) -> str:
    classes = TARGETS[name].classes
    return classes[round(value)] if classes else f"{value:.4g}"


State = Literal["made", "there", "busy"]


def open_data_set(root: Path, settings: Simulation) -> None:
    """Make the data set's folder, or check that it was made with the same settings.

    Raises:
        DataError: it was made with others, holds something else, or cannot be written.
    """
    path, mine = root / SIMULATION_FILE, settings.to_dict()
    try:
        if not path.exists():
            if root.is_dir() and any(root.iterdir()):
                raise DataError(f"'{root}' holds other things than simulated people: choose an empty folder for --out.")
            root.mkdir(parents=True, exist_ok=True)
            whole(path, json.dumps(mine, indent=1) + "\n")
        there = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise DataError(f"'{root}' cannot be written ({error.strerror}): choose another folder for --out.") from error
    except ValueError as error:
        raise DataError(f"'{path}' is damaged ({error}): delete the folder and simulate again.") from error
    other = [name for name in mine if not isinstance(there, dict) or there.get(name) != mine[name]]
    if other:
        told = ", ".join(f"{name} {there.get(name) if isinstance(there, dict) else '?'}" for name in other)
        raise DataError(f"'{root}' was made with {told}: give the same settings, or choose another folder for --out.")


def whole(path: Path, content: str) -> None:
    """Write a text file that appears whole or not at all."""
    part = path.with_name(f".{path.name}.{platform.node()}.{os.getpid()}.part")
    part.write_text(content, "utf-8")
    part.replace(path)


def make(settings: Simulation, root: Path, person: int, recording: int, wait: bool = False) -> State:
    """Write a recording's files, unless they are there; the video appears last, and whole or not at all.

    Returns:
        `made`, `there` (before), or `busy` (another run makes it, and `wait` is False).

    Raises:
        OSError: no space, no right to write.
    """
    drawn = draw(settings, person, recording)
    path = root / (drawn.name + drawn.codec.suffix)
    if path.exists():
        return "there"
    path.parent.mkdir(parents=True, exist_ok=True)
    with claim(path, wait) as mine:
        if not mine:
            return "busy"
        labels, notes = path.with_suffix(".csv"), path.with_suffix(".json")
        for one in (path, labels, notes):
            clear_remains(one)
        if path.exists():
            return "there"
        part = path.with_name(f".{path.name}.{platform.node()}.{os.getpid()}.part")
        try:
            whole(labels, table(drawn))
            whole(notes, json.dumps(drawn.to_dict(), indent=1) + "\n")
            write_video(part, frames_of(drawn), drawn.times, drawn.scene.fps, drawn.scene.size, drawn.codec)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return "made"
