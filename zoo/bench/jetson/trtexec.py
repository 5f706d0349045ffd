"""NVIDIA's trtexec: command lines for the version found, and how a run ended.

TensorRT 11 leaves the copies out and uses CUDA graphs unless told otherwise, older versions the reverse: all are asked
for the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from zoo.bench.jetson.text import last_line, plain
from zoo.errors import DeviceError, UsageError

_VERSION = re.compile(r"\[TensorRT v(\d{4,7})\]")
_SPELLED = re.compile(r"TensorRT version: (\d{1,3})\.(\d{1,3})\.(\d{1,3})")


@dataclass(frozen=True)
class Trtexec:
    """The trtexec of a board.

    Args:
        path: where it is on the board.
        version: of TensorRT: major, minor, patch.
        options: that its help names.
    """

    path: str
    version: tuple[int, int, int]
    options: frozenset[str]

    @property
    def spelled(self) -> str:
        """The version as people write it."""
        return ".".join(map(str, self.version))


@dataclass(frozen=True)
class Outcome:
    """How a run of trtexec ended, and why in one sentence where it did not pass."""

    state: Literal["passed", "failed", "killed"]
    reason: str = ""


def version(text: str) -> tuple[int, int, int] | None:
    """TensorRT's version out of what trtexec prints: `[TensorRT v8201]` is 8.2.1, `v100300` is 10.3.0."""
    if found := _VERSION.search(text):
        number = int(found[1])
        major, rest = divmod(number, 1000) if number < 10_000 else divmod(number, 10_000)
        return major, rest // 100, rest % 100
    if found := _SPELLED.search(text):
        return int(found[1]), int(found[2]), int(found[3])
    return None


def identify(path: str, text: str) -> Trtexec:
    """Version and options out of `trtexec --help`.

    Raises:
        DeviceError: it does not say which TensorRT it is.
    """
    found = version(text)
    if found is None:
        raise DeviceError(
            f"'{path}' does not say its TensorRT version ({last_line(text)}): run '{path} --help' on the board, "
            "and install JetPack's TensorRT again if it does not start."
        )
    return Trtexec(path, found, frozenset(re.findall(r"--([A-Za-z][A-Za-z0-9]{1,40})", text)))


def build_command(tool: Trtexec, onnx: str, engine: str, half: bool = False, workspace_mb: int = 1024) -> list[str]:
    """Arguments that build an engine and time nothing.

    Args:
        half: let TensorRT compute in fp16, preparation included. Otherwise fp32 without TF32, whose 10 bits of
            mantissa would lose the pulse.

    Raises:
        UsageError: fp16 asked of TensorRT 11, which takes the precision from the file alone.
    """
    if half and (tool.version[0] >= 11 or "fp16" not in tool.options):
        raise UsageError(f"TensorRT {tool.spelled} has no --fp16: it computes in the file's own precision.")
    pool = f"--memPoolSize=workspace:{workspace_mb}" if "memPoolSize" in tool.options else f"--workspace={workspace_mb}"
    only = next((option for option in ("skipInference", "buildOnly") if option in tool.options), None)
    return [
        *(tool.path, f"--onnx={onnx}", f"--saveEngine={engine}", pool),
        *([f"--{only}"] if only else ["--iterations=1", "--duration=0", "--warmUp=0"]),
        *(["--fp16"] if half else _optional(tool, "noTF32")),
    ]


def time_command(tool: Trtexec, engine: str, times: str, runs: int, seconds: float, warmup_ms: int) -> list[str]:
    """Arguments that time an engine: copies included, no CUDA graph, spinning instead of sleeping."""
    return [
        *(tool.path, f"--loadEngine={engine}", f"--exportTimes={times}"),
        *(f"--warmUp={warmup_ms}", f"--iterations={runs}", f"--duration={max(round(seconds), 1)}", "--avgRuns=100"),
        *_optional(tool, "useSpinWait", "includeDataTransfers", "noCudaGraph"),
    ]


def profile_command(tool: Trtexec, engine: str, profile: str) -> list[str]:
    """Arguments that time each layer, in a run of its own since it slows the whole."""
    return [
        *(tool.path, f"--loadEngine={engine}", f"--exportProfile={profile}"),
        *("--iterations=10", "--duration=1", "--avgRuns=100", *_optional(tool, "noCudaGraph")),
    ]


def outcome(text: str, code: int | None, found: str = "") -> Outcome:
    """How it ended.

    Args:
        text: all that it printed.
        code: its exit status as the shell gives it; None where it is not known.
        found: version, to be named in the reason.
    """
    name = f"TensorRT {found}" if found else "trtexec"
    if "&&&& FAILED" in text:
        return Outcome("failed", f"{name} failed: {_first_error(text)}")
    if "&&&& PASSED" in text and code in (0, None):
        return Outcome("passed")
    if code in (126, 127):
        return Outcome("failed", f"trtexec cannot be started ({last_line(text)}): install JetPack's TensorRT again.")
    signal = f"signal {code - 128}" if code is not None and code > 128 else f"exit status {code}"
    return Outcome(
        "killed",
        f"{name} was killed before it said PASSED or FAILED ({signal}), most likely for want of memory: close other "
        "programs, add swap, or choose a smaller model.",
    )


def _optional(tool: Trtexec, *names: str) -> list[str]:
    return [f"--{name}" for name in names if name in tool.options]


def _first_error(text: str) -> str:
    """The line that says why: the first `[E]`, which the later ones follow from."""
    found = re.search(r"\[E\]\s*([^\n]{1,400})", text)
    return plain(found[1])[:300] if found else last_line(text)
