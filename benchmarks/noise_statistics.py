"""Noise of simulated face clips beside that of real ones: a table and a plot.

    python benchmarks/noise_statistics.py --real UBFC_FOLDER --out DIR

Over 20 s of each clip, in the 16 x 16 pixel blocks (H.264's macroblocks) that lie on the face: the spread of block
means in three bands for Y, U, V and R, G, B (median over blocks), the share of blocks whose luma does not change from
one frame to the next, how far key frames jump, and the part of the face's mean that follows the contact PPG. `--real`
is a folder in the layout of UBFC-rPPG; simulated clips are rendered into DIR/simulated, unless they are there. DIR gets
noise.json, noise.md and noise.png.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from zoo import registry
from zoo.cli import main as zoo
from zoo.data.align import similarity
from zoo.data.face import find_faces
from zoo.data.frame import yuv_to_rgb
from zoo.data.recording import Recording
from zoo.data.regions import outlines
from zoo.data.video import open_video

BLOCK, SECONDS, RATE = 16, 20.0, 30.0
BANDS = {"0.1-0.5 Hz": (0.1, 0.5), "0.8-2 Hz": (0.8, 2.0), "3-8 Hz": (3.0, 8.0)}
EDGES = np.geomspace(0.1, 12.0, 25)  # Hz, of the spectra's bins
CHANNELS = ("Y", "U", "V", "R", "G", "B")


def measure(recording: Recording) -> dict[str, Any]:
    """Statistics of one clip, in grey levels of 0..255; `spectrum` is (channels, frequencies)."""
    times, planes, keys, size = read(recording.video)
    where, share = face_blocks(recording.video)
    luma = planes[0]
    still = np.all(luma[1:] == luma[:-1], axis=(-1, -2))[:, where].mean(-1)
    means = np.stack([plane.mean(axis=(-1, -2))[:, where] for plane in planes])  # (3, T, blocks)
    matrix, offset = yuv_to_rgb()
    colours = np.einsum("kc,ctb->ktb", matrix, means) + offset[:, None, None]
    levels = np.concatenate([means, 255.0 * colours])
    grid = np.arange(0.0, times[-1], 1.0 / RATE)
    even = np.stack([[np.interp(grid, times, block) for block in channel.T] for channel in levels])  # (6, blocks, T)
    found: dict[str, Any] = {}
    frequency = np.fft.rfftfreq(grid.size, 1.0 / RATE)
    window = np.hanning(grid.size)
    power = np.abs(np.fft.rfft((even - even.mean(-1, keepdims=True)) * window)) ** 2
    power *= 2.0 / (np.sum(window**2) * grid.size)  # sums to the variance
    for name, (low, high) in BANDS.items():
        inside = (frequency >= low) & (frequency < high)
        spread = np.sqrt(power[..., inside].sum(-1))
        for channel, value in zip(CHANNELS, np.median(spread, axis=1), strict=True):
            found[f"{channel} {name}"] = float(value)
    face = levels.mean(-1)
    steps = np.abs(np.diff(face, axis=1))
    jumps = [index - 1 for index in keys if 0 < index <= steps.shape[1]]
    for channel in (0, 4):
        typical = np.median(steps[channel])
        found[f"{CHANNELS[channel]} key jump"] = float(np.median(steps[channel, jumps]) - typical) if jumps else np.nan
    found["unchanged blocks"] = float(still.mean())
    found["pulse in G"], found["r of G"] = coherent(recording, grid, even[4].mean(0))
    found["kbit/s per 100x100"] = 8e-3 * size / times[-1] / (share / 1e4)
    place = np.digitize(frequency, EDGES) - 1
    density = np.median(power, axis=1) * grid.size / RATE
    found["spectrum"] = [
        [float(channel[place == one].mean()) if np.any(place == one) else None for one in range(len(EDGES) - 1)]
        for channel in density
    ]
    return found


def read(video: Path) -> tuple[np.ndarray, list[np.ndarray], list[int], int]:
    """Times, planes (T, rows, columns, block, block) of Y, U, V, numbers of key frames, bytes of the part read."""
    with av.open(str(video)) as file:
        packets = [packet for packet in file.demux(video=0) if packet.size]
        first = min(float(packet.pts * packet.time_base) for packet in packets)
        size = sum(packet.size for packet in packets if packet.pts * packet.time_base - first < SECONDS)
        shown = sorted(packets, key=lambda packet: packet.pts)
        keys = [index for index, packet in enumerate(shown) if packet.is_keyframe]
    times, planes = [], [[], [], []]
    with open_video(video) as frames:
        for frame in frames:
            if frame.time > SECONDS:
                break
            times.append(frame.time)
            channels = [part for plane in frame.planes for part in np.atleast_3d(plane).transpose(2, 0, 1)]
            for kept, channel in zip(planes, channels, strict=True):
                side = BLOCK * channel.shape[0] // frame.height
                rows, columns = channel.shape[0] // side, channel.shape[1] // side
                whole = channel[: rows * side, : columns * side].reshape(rows, side, columns, side)
                kept.append(whole.transpose(0, 2, 1, 3))
    return np.array(times), [np.stack(plane) for plane in planes], keys, size


def face_blocks(video: Path) -> tuple[np.ndarray, float]:
    """Mask (rows, columns) of blocks on the skin of the first frame with a face, and the picture's pixels."""
    with open_video(video) as frames:
        for frame in frames:
            picture = frame.rgb()
            faces = find_faces(picture)
            if len(faces):
                break
        else:
            raise SystemExit(f"{video}: no face")
    onto = similarity(faces.landmarks[0])
    outline = outlines(("face",))[0] @ onto[:, :2].T + onto[:, 2]
    mask = np.zeros(picture.shape[:2], np.float32)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1.0)
    rows, columns = mask.shape[0] // BLOCK, mask.shape[1] // BLOCK
    cover = mask[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK).mean(axis=(1, 3))
    return cover > 0.9, float(mask.size)


def coherent(recording: Recording, grid: np.ndarray, trace: np.ndarray) -> tuple[float, float]:
    """Standard deviation of the part of a trace (0.7-3.5 Hz) that follows the contact PPG, and its correlation.

    The lag is the best one within 0.4 s; noise alone gives an |r| of about 0.1.
    """
    signal = recording.load().signals["ppg"]
    best = 0.0
    for lag in np.arange(-0.4, 0.4, 1.0 / RATE):
        ppg = np.interp(grid + lag, signal.times, signal.values)
        r = float(np.corrcoef(passed(ppg), passed(trace))[0, 1])
        best = r if abs(r) > abs(best) else best
    return abs(best) * float(passed(trace).std()), abs(best)


def passed(wave: np.ndarray) -> np.ndarray:
    """0.7-3.5 Hz, by the Fourier transform."""
    spectrum = np.fft.rfft(wave - wave.mean())
    frequency = np.fft.rfftfreq(wave.size, 1.0 / RATE)
    return np.fft.irfft(spectrum * ((frequency >= 0.7) & (frequency <= 3.5)), wave.size)


def report(sets: dict[str, list[dict[str, Any]]]) -> str:
    """The table: median and range (10-90 %) of each statistic over the clips of each set."""
    names = [name for name in next(iter(sets.values()))[0] if name != "spectrum"]
    lines = ["| | " + " | ".join(f"{name} ({len(clips)})" for name, clips in sets.items()) + " |"]
    lines.append("|---" * (len(sets) + 1) + "|")
    for name in names:
        cells = []
        for clips in sets.values():
            values = np.array([clip[name] for clip in clips], float)
            values = values[np.isfinite(values)]
            low, middle, high = np.percentile(values, (10, 50, 90)) if values.size else (np.nan,) * 3
            cells.append(f"{middle:.3g} ({low:.2g}-{high:.2g})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def plot(sets: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Spectra of block means by channel: median and 10-90 % of each set."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    middle = np.sqrt(EDGES[1:] * EDGES[:-1])
    figure, axes = plt.subplots(2, 3, figsize=(11, 6), sharex=True, layout="constrained")
    for index, (axis, channel) in enumerate(zip(axes.flat, CHANNELS, strict=True)):
        for colour, (name, clips) in enumerate(sets.items()):
            values = np.array([clip["spectrum"][index] for clip in clips], float)
            known = np.isfinite(values).any(0)
            low, half, high = np.nanpercentile(values[:, known], (10, 50, 90), axis=0)
            axis.fill_between(middle[known], low, high, color=f"C{colour}", alpha=0.15)
            axis.plot(middle[known], half, color=f"C{colour}", label=name)
        axis.set(title=channel, xscale="log", yscale="log")
    axes[0, 0].legend(fontsize=8)
    figure.supxlabel("Hz")
    figure.supylabel("grey levels² / Hz, median over blocks of the face")
    figure.savefig(path, dpi=64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, required=True, help="a folder in the layout of UBFC-rPPG")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--people", type=int, default=24, help="simulated clips (default: 24)")
    parser.add_argument("--seed", type=int, default=1000)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    sets = {"real": registry.dataset("ubfc_rppg").read(args.real).recordings}
    common = ["--people", str(args.people), "--seconds", str(SECONDS), "--seed", str(args.seed), "--size", "320x240"]
    for name, more in {"simulated": [], "simulated, x264 CRF 23": ["--codec", "h264", "--crf", "23"]}.items():
        folder = args.out / name.replace(", ", "-").replace(" ", "-")
        if zoo(["simulate", "--out", str(folder), *common, *more]):
            raise SystemExit("some clips could not be rendered")
        sets[name] = registry.dataset("folder").read(folder).recordings
    measured = {name: [measure(one) for one in recordings] for name, recordings in sets.items()}
    (args.out / "noise.json").write_text(json.dumps(measured, indent=1), "utf-8")
    (args.out / "noise.md").write_text(report(measured), "utf-8")
    plot(measured, args.out / "noise.png")
    print(report(measured))


if __name__ == "__main__":
    main()
