"""What board is it, out of what real boards say of themselves and out of what none would."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bench.jetson_stand_in import stand_in
from zoo.bench.jetson import board
from zoo.bench.jetson.remote import Shell
from zoo.errors import DeviceError

NANO = """release=# R32 (release), REVISION: 7.1, GCID: 29818004, BOARD: t210ref, EABI: aarch64, DATE: 2022
model=NVIDIA Jetson Nano Developer Kit,
compatible=nvidia,p3449-0000-b00+p3448-0000-b00,nvidia,jetson-nano,nvidia,tegra210,
l4t=32.7.1-20220219090432
trtexec=/usr/src/tensorrt/bin/trtexec,
tegrastats=/usr/bin/tegrastats,
power_mode=NV Power Mode: MAXN,0,
governor=schedutil,
load=0.15 0.20 0.11 1/245 9231,
system=Linux 4.9.253-tegra aarch64,
"""


def test_a_nano():
    found = board.parse(NANO)
    assert found.is_jetson and found.release == "32.7.1"
    assert found.name == "NVIDIA Jetson Nano Developer Kit"
    assert found.trtexec == "/usr/src/tensorrt/bin/trtexec" and found.tegrastats == "/usr/bin/tegrastats"
    assert found.power_mode == "NV Power Mode: MAXN 0" and found.governor == "schedutil" and found.load == "0.15"
    assert found.to_dict()["jetson"] is True


@pytest.mark.parametrize(
    ("text", "release", "jetson"),
    [
        ("release=# R36 (release), REVISION: 4.3, GCID: 1", "36.4.3", True),
        ("l4t=38.2.0-20250821174705", "38.2.0", True),
        ("compatible=nvidia,p3834-0008,nvidia,tegra264", "", True),
        ("compatible=raspberrypi,4-model-b", "", False),
        ("", "", False),
    ],
)
def test_other_boards(text, release, jetson):
    found = board.parse(text)
    assert found.release == release and found.is_jetson == jetson


@pytest.mark.parametrize(
    "path", ["/tmp/../etc/x", "trtexec", "/bin/x; reboot", "/a b", "$(reboot)", "/x`id`", "//", "/bin/\u202ex"]
)
def test_a_path_that_is_none_is_not_believed(path):
    assert board.parse(f"trtexec={path}\ntegrastats={path}").trtexec == ""


@settings(max_examples=150, deadline=1000)
@given(st.lists(st.sampled_from(NANO.splitlines()) | st.text(max_size=20), max_size=30).map("\n".join))
def test_any_answer_is_read(text):
    found = board.parse(text)
    assert all(str(value).isprintable() for value in found.to_dict().values())
    assert ".." not in found.trtexec


def test_this_machine_answers(tmp_path, monkeypatch):
    programs = stand_in(tmp_path)
    programs.install("8.2.1")
    monkeypatch.setenv("PATH", programs.path)
    found = board.look(Shell())
    assert found.trtexec == str(programs.folder / "trtexec") and found.system.startswith("Linux")
    tool = board.find_trtexec(Shell(), found)
    assert tool.version == (8, 2, 1) and "workspace" in tool.options


def test_no_trtexec_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", stand_in(tmp_path).path)
    with pytest.raises(DeviceError, match=r"no trtexec on this machine.*apt-get install"):
        board.find_trtexec(Shell(), board.look(Shell()))
