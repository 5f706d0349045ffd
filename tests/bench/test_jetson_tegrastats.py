"""tegrastats: every board's line, its traps, and energy that can be computed by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bench import jetson_stand_in as texts
from zoo.bench.jetson import tegrastats


@pytest.mark.parametrize("board", texts.TEGRASTATS)
@pytest.mark.parametrize("busy", [False, True])
def test_total_power_of_every_board(board, busy):
    sample = tegrastats.parse(texts.line(board, busy))
    assert sample.total_mw == (texts.BUSY_MW if busy else texts.IDLE_MW)
    assert sample.ram_mb == (1547 if busy else 1447)
    assert sample.temperatures["gpu" if board in ("orin nano", "thor") else "GPU"] == (41.5 if busy else 31.0)
    assert not {"RAM", "SWAP", "IRAM", "NC"} & set(sample.rails)


def test_a_nano():
    sample = tegrastats.parse(texts.line("nano", True))
    assert sample.rails == {"POM_5V_IN": 5000, "POM_5V_GPU": 900, "POM_5V_CPU": 366}
    assert sample.cpu_load == (13, 3, None, None)
    assert sample.gpu_load == 97 and sample.gpu_mhz == (76,)
    assert sample.ram_total_mb == 3964
    assert "PMIC" not in sample.temperatures and sample.temperatures["CPU"] == 26.5


def test_an_orin_nano():
    sample = tegrastats.parse(texts.line("orin nano", False))
    assert sample.rails == {"VDD_IN": 2000, "VDD_CPU_GPU_CV": 300, "VDD_SOC": 1451}
    assert "cv0" not in sample.temperatures, "a sensor that is off"
    assert sample.gpu_mhz == (305,) and sample.cpu_load[1] is None


def test_an_agx_orin_is_the_sum_of_three():
    sample = tegrastats.parse(texts.line("agx orin", False))
    assert sample.total_mw == sum(sample.rails[name] for name in ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"))
    assert sample.gpu_mhz == (611, 0)


def test_a_thor_tells_no_load():
    sample = tegrastats.parse(texts.line("thor", True))
    assert sample.gpu_load is None and sample.gpu_mhz == (1000, 1000, 1000)


def test_rails_that_do_not_add_up_are_no_total():
    assert tegrastats.parse("RAM 1/2MB VDD_GPU_SOC 3205mW/3205mW").total_mw is None


def test_foreign_and_cut_lines_are_left_out():
    good = texts.line("nano", True)
    read = tegrastats.read(
        f"12.34 {good}\n{good}\n12.5 hello\n12.6 {good[:9]}\nx 1\n99999999999999 {good}\n12.70 {good}\n"
    )
    assert [at for at, _ in read] == [12.34, 12.7]


def test_energy_by_hand():
    def sample(watts):
        return tegrastats.parse(f"RAM 1/2MB VDD_IN {watts}000mW/1mW VDD_SOC 1000mW/1mW")

    stamped = [(0.1 * i, sample(2 if i < 50 else 6)) for i in range(100)]
    energy = tegrastats.energy(stamped, (0.0, 4.9), (5.0, 9.9), windows=49)
    assert energy.idle_w == 2 and energy.run_w == 6
    # 4 W above idle for 4.9 s, over 49 windows
    assert energy.joule_per_window == pytest.approx(0.4)
    assert energy.joule_per_window_total == pytest.approx(0.6)
    assert energy.rails_w == {"VDD_IN": 6.0, "VDD_SOC": 1.0}


def test_no_power_no_energy():
    energy = tegrastats.energy([], (0, 1), (1, 2), windows=3)
    assert energy.run_w is None and energy.joule_per_window is None and energy.joule_per_window_total is None
    unknown = [(0.5, tegrastats.parse("RAM 1/2MB")), (1.5, tegrastats.parse("RAM 1/2MB VDD_IN 5mW/5mW"))]
    assert tegrastats.energy(unknown, (0, 1), (1, 2), windows=3).joule_per_window is None


words = st.sampled_from(
    [
        *("RAM ", "2147/7620MB ", "CPU [", "off,", "13%@102", "]", "GR3D_FREQ ", "@[", "1000,", "0%@76 ", "GPU@-256C "),
        *("NC 0mW/0mW ", "VDD_IN ", "1/2 ", "mW/", "9" * 30, "@", "C ", " ", ",", "\n", "12.3 ", "PMIC@100C "),
    ]
)


@settings(max_examples=200, deadline=1000)
@given(st.lists(words | st.text(max_size=6), max_size=60).map("".join))
def test_any_text_is_read(text):
    for at, sample in tegrastats.read(text):
        assert at >= 0 and (sample.total_mw is None or isinstance(sample.total_mw, float))
        assert all(value > -200 for value in sample.temperatures.values())
    tegrastats.parse(text)


def test_long_hostile_lines_take_no_time():
    import time

    start = time.perf_counter()
    for text in ("A" * 1_000_000, "CPU [" * 200_000, "RAM 1/" * 100_000, "\n".join(["1.0 " + "@" * 4000] * 250)):
        tegrastats.read(text)
        tegrastats.parse(text)
    assert time.perf_counter() - start < 3
