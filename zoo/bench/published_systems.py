"""The published costs of the systems that this zoo brings together."""

from __future__ import annotations

from zoo.bench.published import PIPELINE, Published

FRAMES = 180  # of system D's counts

# the window by which others count its operations
_B = {"frames": 180}
_D = {"frames": FRAMES}
TABLE: tuple[Published, ...] = (
    Published("A", "size, MCD-rPPG network", 3.9, "MB", "fpn1d_multitask", "size_bytes", "without biomarkers it is the "
              "published network: 792,769 parameters of 4 bytes; the paper counts in MiB or rounds up",
              {"targets": []}, 1e-6),
    Published("A", "size, PhysFormer", 28.4, "MB", "physformer", "size_bytes", "7.38 M parameters of 4 bytes are "
              "29.5 MB, or 28.2 MiB", {}, 1e-6),
    Published("A", "size, POS", 0.0, "MB", "pos", "size_bytes", "nothing is learned", {}, 1e-6),
    Published("A", "CPU time of a 20 s clip, MCD-rPPG network", 0.15, "s", "fpn1d_multitask", "features_and_model",
              "theirs on another machine, with the data loader timed; ours is region means, preparation, network and "
              "biomarkers on one core, no decoding and no face detection", {}, 1.0, "", PIPELINE),
    Published("A", "CPU time of a 20 s clip, POS", 0.26, "s", "pos", "features_and_model", "theirs is a loop over "
              "windows; ours is one pass with cumulative sums", {}, 1.0, "", PIPELINE),
    Published("A", "CPU time of a 20 s clip, PhysFormer", 0.93, "s", "physformer", "features_and_model", "theirs on "
              "another machine and number of threads; ours is one core, in overlapping windows of 160 frames",
              {}, 1.0, "", PIPELINE),
    Published("A", "the same without features, MCD-rPPG network", 0.15, "s", "fpn1d_multitask", "seconds_20", "from "
              "region means on, without biomarkers, in eager torch; theirs holds the features", {"targets": []}),
    Published("B", "parameters, teacher", 795_811, "", "can_teacher", "network_parameters", "the same network",
              _B),
    Published("B", "parameters, student", 24_769, "", "can_student", "network_parameters", "the same network",
              _B),
    Published("B", "multiply-accumulates, teacher", 11.37, "GMAC", "can_teacher", "macs", "not in the paper: counted "
              "by others for 180 frames of 36x36", _B, 1e-9),
    Published("B", "multiply-accumulates, student", 1.30, "GMAC", "can_student", "macs", "not in the paper: counted by "
              "others for 180 frames of 36x36", _B, 1e-9),
    Published("B", "teacher over student, time", 10.0, "x", "can_student", "ms_per_second", "theirs is the whole "
              "pipeline on a Jetson Nano, face detection included; ours is the networks alone in ONNX Runtime",
              _B, 1.0, "can_teacher", "onnx"),
    Published("C", "window, PhysNet on a phone", 90, "frames", "physnet", "frames", "3 x 90 x 80 x 80, as published; "
              "ours is its time and size at that window", {"frames": 90, "size": 80}),
    Published("D", "parameters, two-stream attention", 0.24, "M", "mobilenet_attention", "network_parameters", "the "
              "paper does not give its regressor's widths: the nearest MobileNetV3 that fits its totals", _D, 1e-6),
    Published("D", "'GFLOPs', two-stream attention", 28.77, "GMAC", "mobilenet_attention", "macs", "published counts "
              "are multiply-accumulates of 180 frames; at 36x36, since its layer table costs 94.5 GMAC at 72x72",
              _D, 1e-9),
    Published("D", "parameters, TS-CAN", 2.23, "M", "tscan", "network_parameters", "the same network",
              {**_D, "size": 72}, 1e-6),
    Published("D", "'GFLOPs', TS-CAN", 40.89, "GMAC", "tscan", "macs", "multiply-accumulates of 180 frames of 72x72",
              {**_D, "size": 72}, 1e-9),
    Published("D", "parameters, ResNet-18", 11.69, "M", "resnet18", "network_parameters", "theirs includes a layer of "
              "1000 classes; one output leaves 11,177,025", {**_D, "size": 72}, 1e-6),
    Published("D", "'GFLOPs', ResNet-18", 41.75, "GMAC", "resnet18", "macs", "multiply-accumulates of 180 frames of "
              "72x72; a layer of 1000 classes adds 0.092 and batch norm counted twice 0.098, which gives theirs",
              {**_D, "size": 72}, 1e-9),
    Published("D", "parameters, PhysFormer", 7.38, "M", "physformer", "network_parameters", "the same network",
              {}, 1e-6),
    Published("D", "'GFLOPs', PhysFormer", 35.32, "GMAC", "physformer", "macs", "theirs cannot be reproduced: ours is "
              "160 frames of 128x128", {}, 1e-9),
)  # fmt: skip
