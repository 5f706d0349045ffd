"""trtexec of TensorRT 8.2, 10 and 11: command lines, statuses, and figures that are known beforehand."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bench import jetson_stand_in as texts
from zoo.bench.jetson import samples, trtexec
from zoo.errors import DeviceError, UsageError, ZooError

VERSIONS = {"8.2.1": (8, 2, 1), "10.3.0": (10, 3, 0), "11.1.0": (11, 1, 0)}


def tool(version: str) -> trtexec.Trtexec:
    text = f"&&&& RUNNING TensorRT.trtexec {texts.BANNERS[version]} # trtexec --help\n{texts.OPTIONS[version]}"
    return trtexec.identify("/opt/trtexec", text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[TensorRT v8201]", (8, 2, 1)),
        ("[TensorRT v8602]", (8, 6, 2)),
        ("[TensorRT v100300] [b17]", (10, 3, 0)),
        ("[TensorRT v101303]", (10, 13, 3)),
        ("[TensorRT v110100] [b106]", (11, 1, 0)),
        ("[I] TensorRT version: 8.2.1", (8, 2, 1)),
        ("trtexec: error while loading shared libraries", None),
    ],
)
def test_versions(text, expected):
    assert trtexec.version(text) == expected


@pytest.mark.parametrize("version", VERSIONS)
def test_no_version_gets_an_option_that_it_does_not_know(version):
    known = tool(version)
    assert known.version == VERSIONS[version] and known.spelled == version
    for command in (
        trtexec.build_command(known, "m.onnx", "m.engine"),
        trtexec.time_command(known, "m.engine", "t.json", 200, 5, 1000),
        trtexec.profile_command(known, "m.engine", "p.json"),
    ):
        assert {part.partition("=")[0].lstrip("-") for part in command[1:]} <= known.options
    assert "--noTF32" in trtexec.build_command(known, "m.onnx", "m.engine")


def test_each_version_is_asked_for_the_same():
    build = {version: trtexec.build_command(tool(version), "m.onnx", "m.engine") for version in VERSIONS}
    assert "--workspace=1024" in build["8.2.1"] and "--buildOnly" in build["8.2.1"]
    for version in ("10.3.0", "11.1.0"):
        assert "--memPoolSize=workspace:1024" in build[version] and "--skipInference" in build[version]
    timed = {version: trtexec.time_command(tool(version), "e", "t", 200, 5.2, 1000) for version in VERSIONS}
    assert "--useSpinWait" in timed["8.2.1"] and "--useSpinWait" in timed["10.3.0"]
    assert {"--includeDataTransfers", "--noCudaGraph"} <= set(timed["11.1.0"])
    assert "--duration=5" in timed["8.2.1"] and "--iterations=200" in timed["8.2.1"]


def test_fp16_where_there_is_such_an_option():
    assert "--fp16" in trtexec.build_command(tool("8.2.1"), "m", "e", half=True)
    assert "--noTF32" not in trtexec.build_command(tool("8.2.1"), "m", "e", half=True)
    with pytest.raises(UsageError, match="has no --fp16"):
        trtexec.build_command(tool("11.1.0"), "m", "e", half=True)


def test_a_trtexec_that_does_not_start_says_why():
    with pytest.raises(DeviceError, match=r"libnvinfer.so.8: cannot open.*install JetPack"):
        trtexec.identify("/opt/trtexec", "trtexec: libnvinfer.so.8: cannot open shared object file")


@pytest.mark.parametrize(
    ("text", "code", "state", "says"),
    [
        ("&&&& PASSED TensorRT.trtexec [TensorRT v8201]", 0, "passed", ""),
        ("[E] No importer for op\n[E] Engine failed\n&&&& FAILED TensorRT.trtexec", 1, "failed", "No importer for op"),
        ("&&&& FAILED TensorRT.trtexec # x", 1, "failed", "FAILED"),
        ("&&&& RUNNING TensorRT.trtexec\n[I] building", 137, "killed", r"signal 9.*memory"),
        ("&&&& RUNNING TensorRT.trtexec\n[I] building", None, "killed", "exit status None"),
        ("sh: trtexec: not found", 127, "failed", "cannot be started"),
        ("&&&& PASSED TensorRT.trtexec", 139, "killed", "signal 11"),
    ],
)
def test_outcomes(text, code, state, says):
    import re

    ended = trtexec.outcome(text, code, "8.2.1")
    assert ended.state == state and re.search(says, ended.reason)


@pytest.mark.parametrize("version", VERSIONS)
def test_raw_samples(version):
    read = samples.read_times(json.dumps(texts.times(version)).encode())
    assert read.latency.shape == (texts.RUNS,) and np.all(read.latency == texts.LATENCY)
    assert np.all(read.compute == 8) and np.all(read.h2d == 1) and np.all(read.d2h == 1)
    assert read.span_s == pytest.approx(texts.RUNS * texts.LATENCY / 1e3)
    assert (read.end_to_end is not None) == (version == "8.2.1")
    assert read.includes == samples.WITH_TRANSFERS


def test_samples_without_copies_say_so():
    rows = [{**row, "h2dMs": 0, "d2hMs": 0} for row in texts.times("11.1.0")]
    assert samples.read_times(json.dumps(rows).encode()).includes == samples.COMPUTE_ONLY


def test_percentiles_are_numpys():
    values = np.random.default_rng(0).gamma(2, 3, 500)
    assert samples.percentiles(values) == {f"p{p}_ms": np.percentile(values, p) for p in (50, 90, 99)}


def test_layers_slowest_first():
    layers = samples.read_profile(json.dumps(texts.PROFILE).encode())
    assert [layer["average_ms"] for layer in layers] == [1.5, 0.5] and layers[1]["name"] == "Conv_0 + Relu_1"


@pytest.mark.parametrize("version", VERSIONS)
def test_printed_summaries(version):
    read = samples.read_summary(texts.summary(version))
    assert read["Throughput"] == {"qps": 100.25}
    assert read["Latency"]["median"] == read["Latency"]["p99"] == 10
    assert read["GPU Compute Time"]["mean"] == 8
    assert ("p90" in read["Latency"]) == (version != "8.2.1")
    assert ("End-to-End Host Latency" in read) == (version == "8.2.1")


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{}", b"[]", b"[1]", b"[{}]", b"\xff\xfe", b"[" * 100_000, b'[{"latencyMs": "1"}]'),
        json.dumps([{**texts.times("8.2.1")[0], "latencyMs": float("nan")}]).encode(),
        json.dumps([{**texts.times("8.2.1")[0], "computeMs": -1}]).encode(),
        json.dumps([{**texts.times("8.2.1")[0], "latencyMs": 10**400}]).encode(),
        json.dumps([{**texts.times("8.2.1")[0], "latencyMs": True}]).encode(),
        json.dumps([dict.fromkeys(texts.times("8.2.1")[0], 0)]).encode(),
    ],
)
def test_files_that_are_no_samples(content):
    with pytest.raises(DeviceError):
        samples.read_times(content)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(texts.times("8.2.1")[0])), inner),
    max_leaves=12,
)


@settings(max_examples=150, deadline=1000)
@given(st.binary(max_size=400) | anything.map(lambda value: json.dumps(value).encode()))
def test_any_file_is_read_or_refused(content):
    for read in (samples.read_times, samples.read_profile):
        try:
            read(content)
        except ZooError as error:
            assert str(error).isprintable()


pieces = st.sampled_from(
    [
        "&&&& PASSED",
        "&&&& FAILED",
        "[E] ",
        "[TensorRT v",
        "8201]",
        "Latency: ",
        "min = ",
        "1e9 ms",
        ", ",
        "\n",
        "9" * 40,
    ]
)


@settings(max_examples=150, deadline=1000)
@given(st.lists(pieces | st.text(max_size=10), max_size=60).map("".join), st.none() | st.integers(0, 255))
def test_any_text_is_read_or_refused(text, code):
    assert trtexec.outcome(text, code).reason.isprintable()
    for figures in samples.read_summary(text).values():
        assert all(isinstance(value, float) for value in figures.values())
    try:
        assert len(trtexec.identify("/x", text).version) == 3
    except ZooError as error:
        assert str(error).isprintable()


def test_long_hostile_lines_take_no_time():
    import time

    start = time.perf_counter()
    for text in ("A" * 1_000_000, "Latency: min = " * 60_000, "percentile(9%) = 1" * 50_000, "[E]" + " " * 1_000_000):
        samples.read_summary(text)
        trtexec.outcome(text, 1)
    assert time.perf_counter() - start < 3
