"""What the field's networks cost as others write them: one thread, batch 1, random weights.

The figures were measured on a two-core machine with AVX-512 and AMX; on another machine only the ratios say much. Ours
runs the same input through the zoo's form of the network, preparation included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from zoo.bench.published import Published

EAGER = "theirs is the network alone on another machine, in its published form; ours holds the preparation too"


@dataclass(frozen=True)
class _Peer:
    """A network at an input: parameters, multiply-accumulates (1e9), milliseconds a second of video by runtime."""

    what: str
    model: str
    options: Mapping[str, Any]
    parameters: int
    gmac: float
    ms: Mapping[str, float]


_LARGE = {"frames": 180, "size": 72}
_PEERS = (
    _Peer("MCD 1-D network, 600x32", "fpn1d_multitask", {"targets": []}, 792_769, 0.696,
          {"torch": 0.80, "onnx": 0.60, "openvino-bf16": 0.12}),
    _Peer("CAN student, 180x36x36", "can_student", {"frames": 180}, 24_769, 1.30,
          {"torch": 17.6, "onnx": 4.2, "openvino-bf16": 2.0}),
    _Peer("CAN teacher, 180x36x36", "can_teacher", {"frames": 180}, 795_811, 11.37,
          {"torch": 64.5, "onnx": 37.0, "openvino-bf16": 9.6}),
    _Peer("DeepPhys, 180x72x72", "deepphys", _LARGE, 2_228_643, 40.87,
          {"torch": 363.0, "onnx": 139.0, "openvino-bf16": 36.0}),
    _Peer("TS-CAN, 180x72x72", "tscan", _LARGE, 2_228_643, 40.87, {"torch": 363.0, "onnx": 231.0}),
    _Peer("EfficientPhys, 180x72x72", "efficientphys", _LARGE, 2_163_081, 20.65,
          {"torch": 226.0, "onnx": 178.0, "openvino-bf16": 83.0}),
    _Peer("PhysNet, 128x72x72", "physnet", {"frames": 128, "size": 72}, 768_577, 17.62,
          {"torch": 126.0, "onnx": 107.0, "openvino-bf16": 10.4}),
    _Peer("PhysFormer, 160x128x128", "physformer", {}, 7_380_865, 51.46,
          {"torch": 469.0, "onnx": 243.0, "openvino-bf16": 60.0}),
)  # fmt: skip
_SAYS = {"torch": "eager torch", "onnx": "ONNX Runtime", "openvino-bf16": "OpenVINO bf16"}


def _entries(peer: _Peer) -> Iterator[Published]:
    def entry(what: str, value: float, unit: str, key: str, why: str, **more: Any) -> Published:
        return Published("peers", f"{peer.what}: {what}", value, unit, peer.model, key, why, peer.options, **more)

    yield entry("parameters", peer.parameters, "", "network_parameters", "the same network")
    yield entry("multiply-accumulates", peer.gmac, "GMAC", "macs", "ours holds the preparation", scale=1e-9)
    for runtime, ms in peer.ms.items():
        eager = None if runtime == "torch" else peer.ms["torch"]
        yield entry(_SAYS[runtime], ms, "ms/s", "ms_per_second", EAGER, runtime=runtime, eager=eager)


TABLE = tuple(entry for peer in _PEERS for entry in _entries(peer))
