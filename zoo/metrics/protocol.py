"""Named protocols: how a waveform becomes a rate, and what that rate is compared with. One small YAML each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from importlib import resources
from typing import Any, Literal

import numpy as np
import yaml

from zoo.errors import UnknownName, UsageError
from zoo.metrics.statistics import waveform_errors
from zoo.signals.beats import mean_ibi_rate
from zoo.signals.filters import bandpass, detrend
from zoo.signals.quality import macc, snr
from zoo.signals.rate import heart_rate
from zoo.spec import Form

Array = np.ndarray


@dataclass(frozen=True)
class Protocol:
    """All that lies between a waveform and a score.

    Args:
        name: as in `zoo test --protocol NAME`.
        says: one sentence on what it is.
        source: where it was published.
        low, high: band of the heart rate, Hz.
        window: seconds of one window; None takes the whole recording.
        hop: seconds from one window to the next.
        method: of `zoo.signals.rate.heart_rate`, for the estimate.
        options: further arguments of that method.
        whiten: multiply the estimate's spectrum by f before the peak is chosen.
        truth_by: `beats` (mean inter-beat rate of the contact beats), `spectrum` (the contact signal's own highest
            peak, nothing whitened), or `same` (the contact signal read exactly as the estimate is).
        detrend: lambda of the smoothness-priors detrend that comes first; None does without.
        bandpass: Hz, Butterworth forward-backward, which comes second; None does without.
        order: of that Butterworth filter.
        average: `window` scores each window; `recording` the mean of a recording's windows; an integer n the mean of
            each n windows in a row.
        remainder: score also what is left at a recording's end, shorter than a window.
        form: in which files of waveforms are read that do not say so themselves.
    """

    name: str
    says: str
    source: str
    low: float = 0.7
    high: float = 3.2
    window: float | None = 20.0
    hop: float = 5.0
    method: str = "spectrum"
    options: Mapping[str, Any] = field(default_factory=dict)
    whiten: bool = False
    truth_by: Literal["beats", "spectrum", "same"] = "same"
    detrend: float | None = None
    bandpass: tuple[float, float] | None = None
    order: int = 1
    average: str | int = "window"
    remainder: bool = False
    form: Form = "value"

    def filtered(self, wave: Array, fps: float) -> Array:
        """The waveforms (..., T) after this protocol's detrend and band-pass."""
        if self.detrend is not None:
            wave = detrend(wave, self.detrend)
        if self.bandpass is not None:
            wave = bandpass(wave, fps, *self.bandpass, order=self.order)
        return wave

    def rate(self, wave: Array, fps: float) -> Array:
        """Heart rate (...) in 1/min that this protocol reads from waveforms (..., T); NaN where undecidable."""
        wave = self.filtered(np.asarray(wave, np.float64), fps)
        method: Any = self.method
        return heart_rate(
            wave, fps, low=self.low, high=self.high, method=method, whiten=self.whiten, **dict(self.options)
        )

    def truth(self, contact: Array, fps: float) -> Array:
        """True heart rate (...) in 1/min by contact waveforms (..., T); NaN where undecidable."""
        if self.truth_by == "same":
            return self.floor(contact, fps)
        contact = np.asarray(contact, np.float64)
        if self.truth_by == "spectrum":
            return heart_rate(contact, fps, low=self.low, high=self.high, method="spectrum", whiten=False)
        return mean_ibi_rate(contact, fps, low=self.low, high=self.high)

    def floor(self, contact: Array, fps: float) -> Array:
        """Heart rate (...) that the contact signal itself gets when it is read as an estimate, but never whitened.

        Its error against `truth` is what no estimate can be expected to beat under this protocol. Whitening answers the
        1/f noise of video; a contact signal has none, and its strong second harmonic would win.
        """
        return replace(self, whiten=False).rate(contact, fps)

    def quality(self, wave: Array, contact: Array, rate: Array, fps: float) -> tuple[Array, Array, Array]:
        """What waveforms (..., T) are worth after this protocol's filters, (...) each.

        Returns:
            SNR (dB) about the true `rate`; MACC (0..1) and Pearson's r (-1..1) with the contact signal.
        """
        wave, contact = (self.filtered(np.asarray(x, np.float64), fps) for x in (wave, contact))
        r = waveform_errors(wave, contact)["r"]
        return snr(wave, fps, rate, low=self.low, high=self.high), macc(wave, contact), r

    def starts(self, samples: int, fps: float) -> list[tuple[int, int]]:
        """(first, last + 1) sample of each window of a recording; a recording shorter than a window is one window."""
        if self.window is None or samples <= round(self.window * fps):
            return [(0, samples)]
        length, hop = round(self.window * fps), max(1, round(self.hop * fps))
        whole = [(first, first + length) for first in range(0, samples - length + 1, hop)]
        left = whole[-1][0] + hop
        # a rest below one period of the slowest rate holds no rate
        return [*whole, (left, samples)] if self.remainder and samples - left > fps / self.low else whole

    def averaged(self, rates: Array) -> Array:
        """The scored rates of one recording from those of its windows (n,), by `average`; NaN windows are left out."""
        if self.average == "window":
            return rates
        size = len(rates) if self.average == "recording" else int(self.average)
        if not len(rates):
            return rates
        parts = [rates[i : i + size] for i in range(0, max(len(rates) - size, 0) + 1, size)]
        return np.asarray([part[np.isfinite(part)].mean() if np.isfinite(part).any() else np.nan for part in parts])

    def describe(self) -> str:
        """One line that stands under every table: band, filter, window, rate method, averaging, truth."""
        whole = "whole recording" if self.window is None else f"{self.window:g} s windows, hop {self.hop:g} s"
        parts = [f"{60 * self.low:g}-{60 * self.high:g} bpm", whole]
        if self.detrend is not None:
            parts.append(f"detrend {self.detrend:g}")
        if self.bandpass is not None:
            parts.append(f"Butterworth {self.bandpass[0]:g}-{self.bandpass[1]:g} Hz order {self.order}")
        options = ", ".join(f"{key} {value}" for key, value in self.options.items())
        parts.append(f"rate by {self.method}{f' ({options})' if options else ''}{', whitened' if self.whiten else ''}")
        if self.average != "window":
            parts.append("mean of the recording" if self.average == "recording" else f"mean of {self.average} in a row")
        truths = {
            "beats": "truth = mean inter-beat rate of the contact beats",
            "spectrum": "truth = peak of the contact signal's spectrum",
            "same": "truth = contact signal read the same way",
        }
        return f"protocol {self.name}: " + "; ".join([*parts, truths[self.truth_by]])


def protocols() -> list[str]:
    """Names of the protocols that `load_protocol` knows."""
    folder = resources.files("zoo.metrics") / "protocols"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


@cache
def load_protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        UnknownName: there is none; says which one was probably meant.
    """
    if name not in protocols():
        raise UnknownName("protocol", name, protocols(), f"Known are: {', '.join(protocols())}.")
    text = (resources.files("zoo.metrics") / "protocols" / f"{name}.yaml").read_text(encoding="utf-8")
    return protocol_from_dict({"name": name, **yaml.safe_load(text)})


def protocol_from_dict(data: Mapping[str, Any]) -> Protocol:
    """The protocol that plain values describe.

    Raises:
        UsageError: a field that is not known, or one that is missing.
    """
    known = {one.name for one in fields(Protocol)}
    if unknown := set(data) - known:
        raise UsageError(f"A protocol has no {', '.join(sorted(unknown))}; its fields are {', '.join(sorted(known))}.")
    if missing := {"name", "says", "source"} - set(data):
        raise UsageError(f"A protocol needs {', '.join(sorted(missing))}.")
    values = dict(data)
    if values.get("bandpass") is not None:
        low, high = values["bandpass"]
        values["bandpass"] = (float(low), float(high))
    return Protocol(**values)
