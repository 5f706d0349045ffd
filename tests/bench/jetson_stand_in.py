"""A board that is none: an sshd on the loopback whose PATH has a stand-in trtexec and tegrastats.

They print and write what those of TensorRT 8.2, 10 and 11 and of the boards do, and refuse what those would refuse.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

RUNS, LATENCY = 60, 10.0  # a query every 10 ms, back to back

BANNERS = {
    "8.2.1": "[TensorRT v8201]",
    "10.3.0": "[TensorRT v100300]",
    "11.1.0": "[TensorRT v110100] [b106]",
}
COMMON = (
    "--onnx=<file> --saveEngine=<file> --loadEngine=<file> --exportTimes=<file> --exportProfile=<file> "
    "--iterations=N --duration=N --warmUp=N --avgRuns=N --percentile=P --noTF32 --help"
)
OPTIONS = {
    "8.2.1": f"{COMMON} --workspace=N --buildOnly --fp16 --useSpinWait --useCudaGraph --noDataTransfers",
    "10.3.0": f"{COMMON} --memPoolSize=poolspec --skipInference --fp16 --useSpinWait --useCudaGraph --noDataTransfers",
    "11.1.0": f"{COMMON} --memPoolSize=poolspec --skipInference --noSpinWait --noCudaGraph --includeDataTransfers",
}

STAMP = "[06/01/2025-10:00:00] [I] "


def _figures(milliseconds: float, shares: str) -> str:
    percentiles = ", ".join(f"percentile({share}%) = {milliseconds:g} ms" for share in shares.split())
    first = ", ".join(f"{name} = {milliseconds:g} ms" for name in ("min", "max", "mean", "median"))
    return f"{first}, {percentiles}"


def summary(version: str, latency: float = LATENCY) -> str:
    """The closing report as the version prints it."""
    shares = "99" if version.startswith("8.2") else "90 95 99"
    lines = ["=== Performance summary ===", "Throughput: 100.25 qps"]
    if version.startswith("8.2"):
        lines.append(f"Latency: {_figures(latency, shares)}")
        lines.append(f"End-to-End Host Latency: {_figures(2 * latency, shares)}")
    else:
        lines.append(f"Latency: {_figures(latency, shares)}")
    lines += [f"Enqueue Time: {_figures(0.5, shares)}", f"GPU Compute Time: {_figures(0.8 * latency, shares)}"]
    return "\n".join(STAMP + line for line in lines) + "\n"


def times(version: str, runs: int = RUNS, latency: float = LATENCY) -> list[dict[str, float]]:
    """What `--exportTimes` writes: queries one after the other, a tenth of each spent on each copy."""
    part = latency / 10
    rows = []
    for i in range(runs):
        start = 1000 + i * latency
        marks = {
            **{"startEnqMs": start, "endEnqMs": start + 0.5, "startH2dMs": start, "endH2dMs": start + part},
            **{"startComputeMs": start + part, "endComputeMs": start + 9 * part},
            **{"startD2hMs": start + 9 * part, "endD2hMs": start + latency},
            **{"h2dMs": part, "computeMs": 8 * part, "d2hMs": part, "latencyMs": latency},
        }
        rows.append({**marks, **({"endToEndMs": 2 * latency} if version.startswith("8.2") else {})})
    return rows


PROFILE = [
    {"count": 10},
    {"name": "Conv_0 + Relu_1", "timeMs": 5.0, "averageMs": 0.5, "percentage": 25.0},
    {"name": "{ForeignNode[Pad_2...Add_9]}", "timeMs": 15.0, "averageMs": 1.5, "percentage": 75.0},
]

TEGRASTATS = {
    "nano": (
        "RAM {ram}/3964MB (lfb 4x4MB) SWAP 0/1982MB (cached 0MB) IRAM 0/252kB(lfb 252kB) CPU [13%@102,3%@102,off,off] "
        "EMC_FREQ 0% GR3D_FREQ {load}%@76 APE 25 PLL@24C CPU@26.5C PMIC@100C GPU@{gpu}C AO@33.5C thermal@26.25C "
        "POM_5V_IN {mw}/1628 POM_5V_GPU {part}/0 POM_5V_CPU 366/406"
    ),
    "orin nano": (
        "06-01-2025 10:00:00 RAM {ram}/7620MB (lfb 2x4MB) SWAP 0/3810MB (cached 0MB) CPU [2%@729,off,0%@729,0%@729] "
        "EMC_FREQ 0%@2133 GR3D_FREQ {load}%@[305] NVDEC off cpu@45.5C soc2@44.9C tj@46.2C gpu@{gpu}C cv0@-256C "
        "VDD_IN {mw}mW/4556mW VDD_CPU_GPU_CV {part}mW/483mW VDD_SOC 1451mW/1451mW"
    ),
    "agx orin": (
        "RAM {ram}/30536MB (lfb 2x4MB) SWAP 0/15268MB (cached 0MB) CPU [1%@729,0%@729] GR3D_FREQ {load}%@[611,0] "
        "tboard@33C Tdiode@35.2C GPU@{gpu}C NC 0mW/0mW VDD_GPU_SOC {part}mW/3205mW VDD_CPU_CV 801mW/801mW "
        "VIN_SYS_5V0 {rest}mW/3231mW NC 0mW/0mW VDDQ_VDD2_1V8AO 603mW/603mW NC 0mW/0mW"
    ),
    "thor": (
        "06-01-2025 10:00:00 RAM {ram}/125772MB (lfb 5x4MB) CPU [0%@972,0%@972] GR3D_FREQ @[1000,1000,1000] "
        "cpu@42.9C gpu@{gpu}C tj@43.1C VDD_GPU {part}mW/0mW VDD_CPU_SOC_MSS 3577mW/3577mW VIN {mw}mW/18120mW"
    ),
}
IDLE_MW, BUSY_MW = 2000, 5000


def line(board: str, busy: bool) -> str:
    """A line of tegrastats whose rails add up to 2 W idle, 5 W busy."""
    mw = BUSY_MW if busy else IDLE_MW
    part = 900 if busy else 300
    values = {"mw": mw, "part": part, "rest": mw - part - 801, "ram": 1547 if busy else 1447}
    return TEGRASTATS[board].format(**values, load=97 if busy else 0, gpu=41.5 if busy else 31.0)


PASS = """
if [ -n "$engine" ]; then [ -s "$model" ] || fail "cannot open the model"; echo plan > "$engine"; fi
if [ -n "$times" ]; then
  [ -s "$loaded" ] || fail "cannot open the engine"
  echo "[I] Starting inference"; touch busy; sleep 0.8; echo "[I] Timing trace has 60 queries over 0.6 s"
  sleep 0.2; rm busy
  cat times.json > "$times"; cat summary.txt
fi
[ -z "$profile" ] || cat profile.json > "$profile"
"""
FAIL = """
echo "[06/01/2025-10:00:00] [W] [TRT] onnx2trt_utils.cpp:366: INT64 weights cast down"
echo "[06/01/2025-10:00:00] [E] [TRT] ModelImporter.cpp:773: No importer registered for op: Unheard"
fail "Engine set up failed"
"""
KILLED = "echo '[W] [TRT] Tactic Device request: 2100MB Available: 1536MB.'; kill -9 $$\n"
DISCONNECT = """
id=$$
while [ "$id" -gt 1 ]; do
  read -r name < /proc/$id/comm
  case "$name" in sshd*) kill -9 "$id"; sleep 5; exit 1;; esac
  id=$(sed -n 's/^PPid:[^0-9]*//p' /proc/$id/status)
done
"""
HUGE = "yes 'all work and no play' | head -c 30000000\n"
BINARY = "head -c 200000 /dev/urandom\n"
ENDLESS_TIMES = PASS + '[ -z "$times" ] || { rm -f "$times"; ln -s /dev/zero "$times"; }\n'
DEEP_TIMES = PASS + "[ -z \"$times\" ] || head -c 300000 /dev/zero | tr '\\000' '[' > \"$times\"\n"
SLOW = "sleep 30\n"


@dataclass
class StandIn:
    """Its programs in a folder that goes first on the PATH."""

    folder: Path
    temporary: Path

    def install(
        self, version: str = "10.3.0", board: str = "orin nano", does: str = PASS, latency: float = LATENCY
    ) -> None:
        """Give it a TensorRT, a kind of board, and a way to behave."""
        banner = BANNERS[version]
        for name, text in {
            "help.txt": f"&&&& RUNNING TensorRT.trtexec {banner} # trtexec --help\n{OPTIONS[version]}\n",
            "summary.txt": summary(version, latency),
            "times.json": json.dumps(times(version)),
            "profile.json": json.dumps(PROFILE),
            "idle.txt": line(board, False) + "\n",
            "busy.txt": line(board, True) + "\n",
        }.items():
            (self.folder / name).write_text(text)
        self.program(
            "trtexec",
            f"""
cd {self.folder}
case "$*" in *--help*) cat help.txt; exit 0;; esac
echo "$*" >> calls
echo "&&&& RUNNING TensorRT.trtexec {banner} # trtexec $*"
fail() {{ echo "[E] $1"; echo "&&&& FAILED TensorRT.trtexec {banner} # trtexec"; exit 1; }}
for each in "$@"; do
  grep -q -e "${{each%%=*}}" help.txt || fail "Unknown option: $each"
  value=${{each#*=}}
  case "$each" in
    --onnx=*) model=$value;; --saveEngine=*) engine=$value;; --loadEngine=*) loaded=$value;;
    --exportTimes=*) times=$value;; --exportProfile=*) profile=$value;;
  esac
done
{does}
echo "&&&& PASSED TensorRT.trtexec {banner} # trtexec $*"
""",
        )
        self.program(
            "tegrastats", f"cd {self.folder}\nwhile sleep 0.02; do [ -f busy ] && cat busy.txt || cat idle.txt; done\n"
        )

    def program(self, name: str, script: str) -> None:
        """Put a shell script on its PATH."""
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{script}")
        path.chmod(0o755)

    def remove(self, *names: str) -> None:
        """Take programs or files away."""
        for name in names:
            (self.folder / name).unlink(missing_ok=True)

    def calls(self) -> list[str]:
        """Command lines that its trtexec was given."""
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def left(self) -> list[Path]:
        """What lies about in its folder for temporary files."""
        return list(self.temporary.glob("zoo-bench.*"))

    @property
    def path(self) -> str:
        """Its PATH."""
        return f"{self.folder}:/usr/bin:/bin"


def stand_in(root: Path) -> StandIn:
    """An empty one below a folder."""
    made = StandIn(root / "bin", root / "tmp")
    for folder in (made.folder, made.temporary):
        folder.mkdir(exist_ok=True)
    return made


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def sshd(root: Path, board: StandIn):
    """Run a server as the current user with keys of its own; gives its port. `root` then has `key`, `known_hosts`."""
    server = next((path for path in ("/usr/sbin/sshd", shutil.which("sshd")) if path and Path(path).exists()), None)
    if server is None or shutil.which("ssh") is None:
        pytest.skip("OpenSSH's server is not installed: apt-get install openssh-server")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name in ("host_key", "key", "stranger"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(root / name)], check=True)
    port = free_port()
    (root / "authorized_keys").write_text((root / "key.pub").read_text())
    for name, key in (("known_hosts", "host_key"), ("wrong_hosts", "stranger")):
        (root / name).write_text(f"[127.0.0.1]:{port} {(root / f'{key}.pub').read_text()}")
    config = {
        **{"Port": port, "ListenAddress": "127.0.0.1", "HostKey": root / "host_key", "PidFile": "none"},
        **{"AuthorizedKeysFile": root / "authorized_keys", "StrictModes": "no", "UsePAM": "no"},
        **{"PasswordAuthentication": "no", "KbdInteractiveAuthentication": "no", "PermitRootLogin": "yes"},
        "SetEnv": f"PATH={board.path} TMPDIR={board.temporary} HOME={root}",
    }
    (root / "sshd_config").write_text("".join(f"{key} {value}\n" for key, value in config.items()))
    with (root / "log").open("wb") as log:
        process = subprocess.Popen([server, "-D", "-e", "-f", str(root / "sshd_config")], stderr=log)
    try:
        _wait(process, port, root / "log")
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _wait(process: subprocess.Popen, port: int, log: Path) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"sshd ended: {log.read_text()}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"sshd does not answer: {log.read_text()}")
