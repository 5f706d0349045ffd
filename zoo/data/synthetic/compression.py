"""What a hybrid video codec (H.264 and its kin) does to mean colours of regions.

The pulse is a fraction of a grey level, below the codec's quantisation step. Between key frames only P frames carry
changes (every fourth frame with a b-pyramid), the frames between are interpolated, blocks whose change is too small are
skipped and keep their old colour, and a key frame sets everything anew with a jump.
"""

from __future__ import annotations

import numpy as np

GREY = 1.0 / 255.0  # one grey level of an 8-bit picture

# ITU-R BT.601, full range: codecs treat luma and chroma apart.
TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
TO_RGB = np.linalg.inv(TO_YCC.astype(np.float64)).astype(np.float32)


def hold_and_jump(
    traces: np.ndarray,
    rng: np.random.Generator,
    *,
    hold: float,
    step: float,
    jump: float,
    lattice: int = 4,
    key_interval: int = 250,
    blocks: int = 4,
) -> np.ndarray:
    """Damage region traces as an encoder with skipped blocks does.

    Args:
        traces: (regions, 3, T) RGB 0..1.
        rng: source of randomness.
        hold: share of blocks that a P frame leaves unchanged, 0..1 (mean over regions; chroma is held more often).
        step: quantisation step of a block's mean, grey levels.
        jump: standard deviation of the key frames' jump, grey levels.
        lattice: frames from one P frame to the next.
        key_interval: frames from one key frame to the next.
        blocks: blocks a region is made of.

    Returns:
        (regions, 3, T) float32, damaged.
    """
    regions, _, frames = traces.shape
    signal = TO_YCC @ traces
    anchor = np.arange(-int(rng.integers(lattice)), frames + lattice, lattice)
    key_offset = int(rng.integers(key_interval))
    gop = (anchor + key_offset) // key_interval
    at_anchor = signal[:, None, :, np.clip(anchor, 0, frames - 1)]

    share = np.clip(hold * rng.uniform(0.5, 1.5, (regions, 1, 1, 1)), 0.0, 0.97)
    share = np.concatenate([share, np.repeat(share**0.5, 2, 2)], 2)
    shape = (regions, blocks, 3, anchor.size)
    fresh = rng.random(shape, np.float32) >= share
    fresh[..., 1:] |= np.diff(gop) > 0
    fresh[..., 0] = True
    last = np.maximum.accumulate(np.where(fresh, np.arange(anchor.size), 0), -1)
    grain = step * GREY
    coded = np.broadcast_to(at_anchor, shape)
    if grain > 0:
        dither = rng.random((*shape[:-1], 1), np.float32)
        coded = (np.rint(at_anchor / grain + dither) - dither) * grain
    held = np.take_along_axis(coded, last, -1).mean(1)
    jumps = rng.standard_normal((regions, 3, int(gop[-1] - gop[0]) + 1), np.float32) * (jump * GREY)
    held = held + jumps[..., gop - gop[0]]

    # B frames: between their anchors, with a remainder of their own.
    position = np.arange(frames)
    left = (position - anchor[0]) // lattice
    weight = ((position - anchor[left]) / lattice).astype(np.float32)
    # A key frame interrupts the interpolation.
    weight = np.where(gop[left] != gop[left + 1], 0.0, weight)
    between = held[..., left] * (1.0 - weight) + held[..., left + 1] * weight
    undamaged = at_anchor[:, 0][..., left] * (1.0 - weight) + at_anchor[:, 0][..., left + 1] * weight
    remainder = np.float32(0.3 * (1.0 - hold))
    return (TO_RGB @ (between + remainder * (signal - undamaged))).astype(np.float32)
