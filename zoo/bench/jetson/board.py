"""What board is it: release, device tree, tools, and the settings that its figures depend on."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from zoo.bench.jetson.remote import Shell
from zoo.bench.jetson.text import plain
from zoo.bench.jetson.trtexec import Trtexec, identify
from zoo.errors import DeviceError

_PROBE = r"""
say() { printf '%s=%s\n' "$1" "$(head -c 600 | tr '\000\n' ',,')"; }
exec 2>/dev/null
say release < /etc/nv_tegra_release
say model < /proc/device-tree/model
say compatible < /proc/device-tree/compatible
dpkg-query -W -f '${Version}' nvidia-l4t-core | say l4t
{ command -v trtexec || ls /usr/src/tensorrt/bin/trtexec; } | say trtexec
command -v tegrastats | say tegrastats
nvpmodel -q | say power_mode
say governor < /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor
say load < /proc/loadavg
uname -srm | say system
nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1 | say gpu
exit 0
"""
_TOOL = re.compile(r"/(?:[\w.+-]+/)*[\w.+-]+", re.ASCII)


@dataclass(frozen=True)
class Board:
    """A Jetson.

    Args:
        name: model in the device tree.
        release: L4T, such as 32.7.1; empty where it is not a Jetson.
        compatible: of the device tree.
        trtexec, tegrastats: paths; empty where there is none.
        power_mode, governor: as set; empty where the board does not tell.
        load: mean number of waiting processes over the last minute.
        system: kernel and architecture.
        gpu: name of the graphics card of a machine that is no Jetson.
    """

    name: str
    release: str
    compatible: str
    trtexec: str
    tegrastats: str
    power_mode: str
    governor: str
    load: str
    system: str
    gpu: str = ""

    @property
    def is_jetson(self) -> bool:
        """Whether it is one at all."""
        return bool(self.release) or "nvidia,tegra" in self.compatible

    @property
    def device(self) -> str:
        """What its rows are labelled: trtexec runs on any machine with an NVIDIA card."""
        return "jetson" if self.is_jetson else "cuda"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a report."""
        return {"jetson": self.is_jetson, **asdict(self)}


def look(shell: Shell) -> Board:
    """Ask a machine what it is.

    Raises:
        DeviceError: no way to it.
    """
    return parse(shell.run(_PROBE, most=1 << 16).text)


def parse(text: str) -> Board:
    """Read the answer; what is not told is empty, and a path that is none is as good as not told."""
    said: dict[str, str] = {}
    for line in text[: 1 << 16].splitlines():
        key, _, value = line.partition("=")
        said.setdefault(key, plain(value).strip(", ")[:400])
    return Board(
        name=said.get("model", "") or "unknown board",
        release=_release(said.get("release", ""), said.get("l4t", "")),
        compatible=said.get("compatible", ""),
        trtexec=_path(said.get("trtexec", "")),
        tegrastats=_path(said.get("tegrastats", "")),
        power_mode=said.get("power_mode", "").replace(",", " "),
        governor=said.get("governor", ""),
        load=said.get("load", "").partition(" ")[0],
        system=said.get("system", ""),
        gpu=said.get("gpu", ""),
    )


def find_trtexec(shell: Shell, board: Board) -> Trtexec:
    """The board's trtexec, its version and options.

    Raises:
        DeviceError: there is none, or it does not start.
    """
    if not board.trtexec:
        raise DeviceError(
            f"There is no trtexec on {shell.name}: install it with 'sudo apt-get install libnvinfer-bin' on the "
            "board (JetPack's repository), or put its folder on the PATH."
        )
    done = shell.run(f"{board.trtexec} --help 2>&1 | head -c 300000", limit_s=60.0)
    return identify(board.trtexec, done.text)


def _release(nv_tegra: str, package: str) -> str:
    """L4T's number: `# R32 (release), REVISION: 7.1, ...` is 32.7.1, as is the package `32.7.1-2022...`."""
    if found := re.search(r"R(\d{1,3}) \(release\), REVISION: (\d{1,3}(?:\.\d{1,3})?)", nv_tegra):
        return f"{found[1]}.{found[2]}"
    found = re.match(r"(\d{1,3}(?:\.\d{1,3}){1,2})-", package)
    return found[1] if found else ""


def _path(text: str) -> str:
    first = text.partition(",")[0].strip()
    return first if _TOOL.fullmatch(first) and ".." not in first.split("/") else ""
