"""Windows of simulated people, made on the fly and the same on every machine, in any order, by any worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from zoo.data.groups import labels_of
from zoo.data.synthetic.circulation import Circulation, circulate
from zoo.data.synthetic.clips import render_clip
from zoo.data.synthetic.layout import layout_of
from zoo.data.synthetic.physiology import Person, draw_person
from zoo.data.synthetic.traces import Capture, draw_capture, render_traces
from zoo.errors import UsageError
from zoo.spec import TARGETS, Clip, Input

_PERSON, _WINDOW, _HOPELESS = 0, 1, 2  # branches of the seed tree


@dataclass(frozen=True)
class SyntheticWindows:
    """A sequence of labelled windows of simulated people; `windows[i]` depends on the seed and i alone.

    Args:
        input: what the model eats; its length, size, regions and fps are honoured.
        people: how many; they are numbered from `first_person`.
        windows_per_person: separate recordings of each, at rest or after effort.
        seed: of everything.
        first_person: number of the first person; the same (seed, number) is the same person in every window set.
        hard: 0 (nearly raw video of people who sit still) to 1 (up to hard compression, talking and moving).
        capture: fixed conditions instead of drawn ones.
        hopeless: share of the windows whose pulse was destroyed: 0.5 to 2 powers of ten of it are lost.
    """

    input: Input
    people: int
    windows_per_person: int = 1
    seed: int = 0
    first_person: int = 0
    hard: float = 1.0
    capture: Capture | None = field(default=None)
    hopeless: float = 0.0

    def __post_init__(self) -> None:
        if self.people < 1 or self.windows_per_person < 1:
            raise UsageError("Simulated data needs at least one person and one window a person.")
        if not 0.0 <= self.hard <= 1.0:
            raise UsageError(f"hard is between 0 and 1, not {self.hard}.")
        if not 0.0 <= self.hopeless <= 1.0:
            raise UsageError(f"hopeless is a share between 0 and 1, not {self.hopeless}.")
        if not isinstance(self.input, Clip):
            layout_of(self.input.regions)

    def __len__(self) -> int:
        return self.people * self.windows_per_person

    def _generator(self, *branch: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=branch))

    def person(self, number: int) -> Person:
        """The person with this number (0-based within these windows)."""
        return draw_person(self._generator(_PERSON, self.first_person + number))

    def _name(self, number: int) -> str:
        return f"{self.seed}-{self.first_person + number}"

    def labels(self) -> dict[str, dict[str, str]]:
        """Labels to report by, {recording: {label: value}}: `skin_tone` (Fitzpatrick), `sex` and `age`."""
        found: dict[str, dict[str, str]] = {}
        for number in range(self.people):
            person = self.person(number)
            labels = labels_of({"skin_tone": str(person.skin_tone)}, {"sex": float(person.sex), "age": person.age})
            found |= {f"{self._name(number)}-{window}": labels for window in range(self.windows_per_person)}
        return found

    def __getitem__(self, index: int) -> dict[str, Any]:
        """One window.

        Returns:
            `input` float32 (regions, 3, T) or (3, T, H, W), 0..1; `waveforms` {ppg (z-scored, up = more blood),
            respiration (-1..1, up = breathed in)} (T,) float32; `targets` {name: value} for all of `zoo.spec.TARGETS`;
            `mask` (T,) bool, False where frames are lost; `person`, `recording`, `start` (s).
        """
        if not 0 <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        number, window = divmod(index, self.windows_per_person)
        person = self.person(number)
        rng = self._generator(_WINDOW, self.first_person + number, window)
        frames, fps = self.input.frames, self.input.fps
        body = circulate(person, frames / fps, rng)
        capture = draw_capture(rng, self.hard) if self.capture is None else self.capture
        fate = self._generator(_HOPELESS, self.first_person + number, window)
        if fate.random() < self.hopeless:
            capture = replace(capture, pulse=capture.pulse * 10 ** -fate.uniform(0.5, 2.0))
        if isinstance(self.input, Clip):
            seen, mask = render_clip(body, capture, self.input.size, frames, fps, rng)
        else:
            seen, mask = render_traces(body, capture, layout_of(self.input.regions), frames, fps, rng)
        name = self._name(number)
        return {
            "input": seen,
            "waveforms": waveforms(body, frames, fps),
            "targets": targets(body),
            "mask": mask,
            "person": name,
            "recording": f"{name}-{window}",
            "start": 0.0,
        }


def waveforms(body: Circulation, frames: int, fps: float) -> Mapping[str, np.ndarray]:
    """True `ppg` (z-scored) and `respiration` on the frame grid, (T,) float32 each."""
    times = np.arange(frames) / fps
    ppg = body.blood_volume(times)
    ppg = (ppg - ppg.mean()) / ppg.std()
    return {"ppg": ppg.astype(np.float32), "respiration": body.respiration(times).astype(np.float32)}


def targets(body: Circulation) -> dict[str, float]:
    """Every quantity of `zoo.spec.TARGETS` as it is during the window, in its unit."""
    now = {name: getattr(body, name) for name in ("heart_rate", "respiration_rate", "systolic", "diastolic")}
    known = {**asdict(body.person), **now}
    return {name: float(known[name]) for name in TARGETS}
