"""What heart and lungs of a simulated person do during a window: beats, breathing, pulse wave.

The sources of every number are in `physiology.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.data.synthetic.noise import coloured
from zoo.data.synthetic.physiology import Person

HEART_RATES = (42.0, 185.0)
_TEMPLATE = 512
_RATE = 25.0  # Hz of the grid on which the rates of heart and breath are integrated
_MARGIN = 3.0  # seconds simulated on either side of a window


def pulse_wave(person: Person, heart_rate: float, systolic: float, exertion: float) -> np.ndarray:
    """One beat of the facial volume pulse: three Gaussians (systolic, late-systolic reflection, dicrotic wave).

    The dicrotic wave stays small enough that the second harmonic is hardly ever as strong as the first (half as strong
    in the median person, as on contact sensors): a spectrum could not tell such a pulse from one of twice the rate.

    Args:
        person: gives age, stiffness, height and the personal deviations.
        heart_rate: 1/min; the parts keep their place in time (scaled by the root of the interval), not in phase.
        systolic: mmHg at the time.
        exertion: 0 (rest) to 1 (maximal); widened vessels reflect less.

    Returns:
        (512,) over one interval that starts at the foot, zero mean, unit standard deviation, up = more blood.
    """
    interval = 60.0 / heart_rate
    scale = np.sqrt(interval / 0.85)
    peak = 0.150 + 0.0006 * (person.age - 45) + 0.014 * person.upstroke
    gap = float(np.clip(person.height / person.stiffness * np.exp(0.07 * person.timing), 0.14, 0.45))
    late = 0.36 + 0.005 * (person.age - 45) + 0.0035 * (systolic - 120) + 0.09 * person.augmentation
    dicrotic = (0.28 - 0.002 * (person.age - 45) + 0.06 * person.reflection) * (1.0 - 0.45 * exertion)
    width = 0.058 + 0.0003 * (person.age - 45) + 0.00012 * (systolic - 120) + 0.005 * person.breadth
    centre = np.array([peak, peak + 0.42 * gap, peak + gap]) * scale / interval
    spread = np.array([width, 0.085, 0.1]) * scale / interval
    height = np.array([1.0, np.clip(late, 0.2, 0.9), np.clip(dicrotic, 0.05, 0.45)])
    phase = np.arange(_TEMPLATE) / _TEMPLATE
    # Neighbouring beats overlap: the sum over them keeps the wave periodic.
    distance = phase[:, None, None] - centre[:, None] - np.array([-1.0, 0.0, 1.0])
    wave = np.sum(height * np.exp(-0.5 * (distance / spread[:, None]) ** 2).sum(-1), -1)
    wave -= wave.mean()
    return wave / wave.std()


@dataclass(frozen=True)
class Circulation:
    """Heart and lungs of one person during one window; times are seconds from the window's start.

    Args:
        person: whose.
        seconds: length of the window.
        beats: (n,) times of the feet of the pulse wave, also a few before and after the window.
        template: (512,) one beat, as `pulse_wave` gives it.
        grid, breath: (m,) times and phase of breathing in cycles (0 = start of a breath).
        amplitude_modulation, baseline_modulation: depth of the respiratory modulations, in units of the pulse.
        exertion: 0 (rest) to 1 (maximal). systolic, diastolic: mmHg at the time.
    """

    person: Person
    seconds: float
    beats: np.ndarray
    template: np.ndarray
    grid: np.ndarray
    breath: np.ndarray
    amplitude_modulation: float
    baseline_modulation: float
    exertion: float
    systolic: float
    diastolic: float

    @property
    def heart_rate(self) -> float:
        """Mean inter-beat rate of the beats inside the window, 1/min."""
        inside = self.beats[(self.beats >= 0.0) & (self.beats < self.seconds)]
        if inside.size < 2:
            inside = self.beats
        return float(60.0 * (inside.size - 1) / (inside[-1] - inside[0]))

    @property
    def respiration_rate(self) -> float:
        """Mean breathing rate over the window, 1/min."""
        start, stop = np.interp([0.0, self.seconds], self.grid, self.breath)
        return float(60.0 * (stop - start) / self.seconds)

    def respiration(self, times: np.ndarray) -> np.ndarray:
        """Lung volume at `times`, -1..1, up = breathed in; breathing out takes a little longer."""
        phase = 2.0 * np.pi * np.interp(times, self.grid, self.breath)
        return -np.cos(phase + 0.35 * np.sin(phase))

    def pulse(self, times: np.ndarray) -> np.ndarray:
        """The pulse wave alone at `times` (any shape), unit standard deviation, up = more blood."""
        phase = np.interp(times, self.beats, np.arange(self.beats.size, dtype=float))
        table = np.append(self.template, self.template[0])
        return np.interp((phase % 1.0) * _TEMPLATE, np.arange(_TEMPLATE + 1, dtype=float), table)

    def blood_volume(self, times: np.ndarray) -> np.ndarray:
        """The pulse wave with respiratory amplitude and baseline modulation at `times` (any shape)."""
        lungs = self.respiration(times)
        return (1.0 - self.amplitude_modulation * lungs) * self.pulse(times) - self.baseline_modulation * lungs


def draw_exertion(rng: np.random.Generator) -> float:
    """Every second window is at rest, the others spread over the whole range up to near-maximal effort."""
    return float(max(rng.normal(0.0, 0.04), 0.0)) if rng.random() < 0.5 else float(rng.uniform(0.03, 0.92))


def circulate(
    person: Person, seconds: float, rng: np.random.Generator, *, exertion: float | None = None
) -> Circulation:
    """What heart and lungs of `person` do during a window.

    Args:
        person: whose.
        seconds: length of the window.
        rng: source of randomness.
        exertion: 0 (rest) to 1 (maximal); drawn by `draw_exertion` unless given.
    """
    exertion = draw_exertion(rng) if exertion is None else exertion
    reserve = max(208.0 - 0.7 * person.age - person.heart_rate, 20.0)
    rate = float(np.clip(person.heart_rate + rng.normal(0.0, 3.0) + exertion * reserve, *HEART_RATES))
    systolic = person.systolic + 0.45 * (rate - person.heart_rate) + rng.normal(0.0, 3.0)
    diastolic = min(person.diastolic + rng.normal(0.0, 2.0), systolic - 15.0)
    grid = np.arange(-_MARGIN, seconds + _MARGIN, 1.0 / _RATE)

    breathing = float(np.clip(person.respiration_rate * (1.0 + 1.3 * exertion) + rng.normal(0.0, 0.7), 6.0, 50.0))
    wander = np.clip(coloured(rng, (grid.size,), _RATE, 2.0, 0.05) * 0.02, -0.3, 0.3)
    breath = rng.uniform() + np.cumsum(breathing / 60.0 * (1.0 + wander)) / _RATE

    # After exercise the rate falls; otherwise it wanders to either side.
    slope = rng.normal(0.0, 0.015) - 0.06 * exertion * rng.random()
    calm = float(np.clip(1.2 - 1.3 * exertion, 0.06, 1.0)) * min(1.0, (75.0 / rate) ** 0.5)
    # Vagal control is a low pass: fast breathing moves the heart less (Task Force 1996: HF ends at 0.4 Hz).
    vagal = person.rsa * calm / (1.0 + (breathing / 24.0) ** 4) ** 0.5
    mayer = 2.0 * np.pi * (rng.normal(0.1, 0.012) * grid + rng.uniform())
    lungs = -np.cos(2.0 * np.pi * breath + rng.normal(-0.6, 0.3))
    slow = coloured(rng, (grid.size,), _RATE, 2.0, 0.02) * 0.003
    interval = 60.0 / rate + np.sqrt(2.0) * (person.mayer * calm * np.sin(mayer) - vagal * lungs)
    frequency = (1.0 + slope * (grid - 0.5 * seconds) / max(seconds, 1.0) + slow) / np.maximum(interval, 0.25)
    phase = rng.uniform() + np.cumsum(np.clip(frequency, 0.6, 3.2)) / _RATE
    beats = np.interp(np.arange(np.ceil(phase[0]), phase[-1]), phase, grid)
    beats = beats + rng.normal(0.0, person.jitter * (0.3 + 0.7 * calm), beats.size)
    early = rng.random(beats.size) < person.ectopic * (1.0 - 0.7 * exertion)
    beats = np.sort(beats - early * 0.25 * 60.0 / rate)
    return Circulation(
        person=person,
        seconds=seconds,
        beats=beats,
        template=pulse_wave(person, rate, systolic, exertion),
        grid=grid,
        breath=breath,
        amplitude_modulation=float(rng.uniform(0.03, 0.22)),
        baseline_modulation=float(rng.uniform(0.05, 0.5)),
        exertion=exertion,
        systolic=float(np.clip(systolic, 80.0, 250.0)),
        diastolic=float(np.clip(diastolic, 40.0, 150.0)),
    )
