"""Heart rate variability from beats, by the definitions of the Task Force (1996, Circulation 93(5))."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from zoo.signals.arrays import Array, check_wave, numpy_float64
from zoo.signals.beats import beat_times, intervals
from zoo.signals.spectrum import peak_frequency

LF_HZ, HF_HZ = (0.04, 0.15), (0.15, 0.40)
TACHOGRAM_FPS = 4.0
# periods of its slowest wave that a band must have been seen for
PERIODS = 2.0


@dataclass(frozen=True)
class Variability:
    """Variability of one recording; NaN where it is too short or has too few beats for a figure.

    Args:
        mean_ibi, sdnn, rmssd: ms.
        pnn50: per cent of successive differences above 50 ms.
        lf, hf: ms^2, power of the intervals in 0.04-0.15 and 0.15-0.40 Hz.
        lf_hf: their ratio.
        respiration_frequency: Hz, the highest peak of the intervals' spectrum in 0.15-0.40 Hz.
        beats: trusted intervals that this comes from.
        duration: seconds from the first beat to the last.
    """

    mean_ibi: float
    sdnn: float
    rmssd: float
    pnn50: float
    lf: float
    hf: float
    lf_hf: float
    respiration_frequency: float
    beats: int
    duration: float


def variability(beats: Array) -> Variability:
    """Variability from beat times.

    Intervals around missed and invented beats are left out; differences are taken between neighbours only, and the
    spectrum bridges gaps by a cubic spline (which, unlike straight lines, keeps the power of breathing).

    Args:
        beats: (n,) seconds, increasing.

    Returns:
        SDNN with n - 1 in the denominator; time domain from three trusted intervals on, a band once it was watched for
        two periods of its lower end (50 s for LF, 13.3 s for HF).
    """
    times = numpy_float64(beats).ravel()
    gaps = 1000 * intervals(times)
    good = np.isfinite(gaps)
    trusted = gaps[good]
    duration = float(times[-1] - times[0]) if len(times) else 0.0
    if len(trusted) < 3:
        nan = float("nan")
        return Variability(nan, nan, nan, nan, nan, nan, nan, nan, len(trusted), duration)
    steps = np.diff(gaps)
    steps = steps[np.isfinite(steps)]
    rmssd = float(np.sqrt(np.mean(steps**2))) if len(steps) else float("nan")
    pnn50 = float(100 * np.mean(np.abs(steps) > 50)) if len(steps) else float("nan")
    lf, hf, breath = _bands(times[1:][good], trusted)
    return Variability(
        mean_ibi=float(trusted.mean()),
        sdnn=float(trusted.std(ddof=1)),
        rmssd=rmssd,
        pnn50=pnn50,
        lf=lf,
        hf=hf,
        lf_hf=lf / hf if hf > 0 else float("nan"),
        respiration_frequency=breath,
        beats=len(trusted),
        duration=duration,
    )


def wave_variability(wave: Array, fps: float) -> Variability:
    """Variability of one pulse waveform (T,); at 30 frames a second RMSSD carries a few ms of sampling."""
    return variability(beat_times(check_wave(wave, fps), fps))


def _bands(times: np.ndarray, gaps: np.ndarray) -> tuple[float, float, float]:
    """LF and HF in ms^2 and the respiration frequency in Hz."""
    nan = float("nan")
    duration = float(times[-1] - times[0])
    grid = np.arange(times[0], times[-1], 1 / TACHOGRAM_FPS)
    if len(times) < 4 or len(grid) < 8:
        return nan, nan, nan
    series = CubicSpline(times, gaps)(grid)
    series = series - np.polyval(np.polyfit(grid - grid[0], series, 1), grid - grid[0])
    hann = np.hanning(len(series) + 2)[1:-1]
    size = 8 * 2 ** int(np.ceil(np.log2(len(series))))
    power = np.abs(np.fft.rfft(series * hann, n=size)) ** 2 * 2 / (TACHOGRAM_FPS * (hann**2).sum())
    f = np.fft.rfftfreq(size, 1 / TACHOGRAM_FPS)

    def band(low: float, high: float) -> float:
        if duration < PERIODS / low:
            return nan
        return float(power[(f >= low) & (f < high)].sum() * f[1])

    breath = nan
    if duration >= PERIODS / HF_HZ[0] and power.max() > 1e-12:
        breath = float(peak_frequency(f, power, duration, HF_HZ, whiten=False))
    return band(*LF_HZ), band(*HF_HZ), breath
