"""A board over ssh: a real sshd on the loopback with stand-in programs, and all that can go wrong on the way."""

import getpass
import shlex
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.bench import jetson_stand_in as texts
from tests.bench.jetson_stand_in import free_port, sshd, stand_in
from zoo.bench.jetson.board import find_trtexec, look
from zoo.bench.jetson.measure import Settings, measure
from zoo.bench.jetson.remote import Shell, bounded, connected, folder
from zoo.bench.jetson.ssh_errors import explain
from zoo.errors import DeviceError, UsageError

# a machine that is busy otherwise takes long to start the program that reads the power
QUICK = Settings(runs=60, seconds=1, idle_s=0.8, interval_ms=20, build_limit_s=20, run_limit_s=20)
WINDOW_S = 20.0


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("sshd")
    programs = stand_in(root)
    with sshd(root, programs) as port:
        yield root, programs, port


@pytest.fixture(scope="module")
def held(server):
    with connected(shell_of(server)) as shell:
        assert Path(shell.control).exists()
        yield shell


@pytest.fixture
def programs(server):
    made = server[1]
    made.install()
    made.remove("calls", "mktemp")
    yield made
    made.remove("mktemp")


def shell_of(server, key="key", hosts="known_hosts", port=None):
    root, _, own = server
    options = (
        *(f"IdentityFile={root / key}", "IdentitiesOnly=yes", f"UserKnownHostsFile={root / hosts}"),
        *("GlobalKnownHostsFile=/dev/null", f"User={getpass.getuser()}", "KexAlgorithms=curve25519-sha256"),
    )
    return Shell("127.0.0.1", port or own, options)


@pytest.fixture
def shell(held):
    return held


@pytest.fixture
def onnx(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"\x08\x07\x12\x08rppg-zoo" + bytes(range(256)) * 40)
    return path


def run(shell, onnx, settings=QUICK):
    board = look(shell)
    return measure(shell, board, find_trtexec(shell, board), onnx, WINDOW_S, settings)


@pytest.mark.parametrize(
    ("version", "board"), [("8.2.1", "nano"), ("10.3.0", "orin nano"), ("10.3.0", "agx orin"), ("11.1.0", "thor")]
)
def test_a_model_is_measured(shell, programs, onnx, version, board):
    programs.install(version, board)
    row = run(shell, onnx)
    assert row["state"] == "ok", row
    assert row["tensorrt"] == version and row["precision"] == "fp32"
    assert [row[f"p{p}_ms"] for p in (50, 90, 99)] == pytest.approx([texts.LATENCY] * 3) and row["runs"] == texts.RUNS
    assert row["includes"].startswith("copy") and row["compute"]["p50_ms"] == 8 and row["copy_to_gpu"]["p50_ms"] == 1
    assert row["ms_per_second"] == pytest.approx(texts.LATENCY / WINDOW_S) and row[
        "windows_per_second"
    ] == pytest.approx(100)
    assert ("end_to_end" in row) == (version == "8.2.1")
    assert row["layers"][0]["average_ms"] == 1.5
    power = row["power"]
    assert row["energy_j"] == power["joule_per_window"]
    # a machine that is busy otherwise may stamp a line late
    assert power["idle_w"] == pytest.approx(2, rel=0.1) and power["run_w"] == pytest.approx(5, rel=0.1)
    # 3 W above idle for 0.6 s, over 60 windows
    assert power["joule_per_window"] == pytest.approx((power["run_w"] - power["idle_w"]) * 0.01)
    assert power["joule_per_window_total"] == pytest.approx(0.05, rel=0.1)
    assert max(row["temperature_c"].values()) == pytest.approx(46.2 if board == "orin nano" else 43.1, abs=4)
    assert row["peak_memory_bytes"] == 100_000_000
    assert row.get("gpu_load_percent") == (None if board == "thor" else pytest.approx(97, rel=0.1))
    assert len(programs.calls()) == 3
    assert programs.left() == [] and "left_behind" not in row


def test_without_tegrastats_there_is_no_power(shell, programs, onnx):
    programs.remove("tegrastats")
    row = run(shell, onnx, Settings(runs=60, seconds=1, profile=False))
    assert row["state"] == "ok" and row["power"] is None and "no tegrastats" in row["power_reason"]
    assert "peak_memory_bytes" not in row


def test_a_model_that_tensorrt_refuses(shell, programs, onnx):
    programs.install("8.2.1", does=texts.FAIL)
    row = run(shell, onnx)
    assert row["state"] == "failed"
    assert "TensorRT 8.2.1 failed: [TRT] ModelImporter.cpp:773: No importer registered" in row["reason"]
    assert len(programs.calls()) == 1 and programs.left() == []


def test_killed_for_want_of_memory(shell, programs, onnx):
    programs.install("8.2.1", does=texts.KILLED)
    row = run(shell, onnx)
    assert row["state"] == "failed" and "killed" in row["reason"] and "signal 9" in row["reason"]
    assert "add swap" in row["reason"] and programs.left() == []


def test_no_trtexec(shell, programs):
    programs.remove("trtexec")
    with pytest.raises(DeviceError, match=r"no trtexec on 127\.0\.0\.1: install"):
        find_trtexec(shell, look(shell))


def test_no_route(server):
    with pytest.raises(DeviceError, match=r"no way to 127\.0\.0\.1 \(.*refused.*\): check"):
        look(shell_of(server, port=free_port()))


def test_no_such_name(server):
    with pytest.raises(DeviceError, match="no machine called nowhere"):
        Shell("nowhere.invalid", 22, ("ConnectionAttempts=1",)).run("true")


def test_wrong_host_key(server):
    with pytest.raises(DeviceError, match="another host key"):
        look(shell_of(server, hosts="wrong_hosts"))


def test_unknown_host_key_is_not_accepted_whatever_the_options(server):
    root = server[0]
    stranger = shell_of(server, hosts="no_hosts")
    loose = Shell(stranger.host, stranger.port, ("StrictHostKeyChecking=no", *stranger.options))
    for each in (stranger, loose):
        with pytest.raises(DeviceError, match=r"is not known here: connect once with 'ssh 127\.0\.0\.1'"):
            look(each)
    assert not (root / "no_hosts").exists()


def test_a_key_that_is_not_let_in(server):
    with pytest.raises(DeviceError, match="ssh-copy-id"):
        look(shell_of(server, key="stranger"))


@pytest.mark.parametrize("hold", [True, False])
def test_disconnect_in_mid_run(server, programs, onnx, hold):
    programs.install(does=texts.DISCONNECT)
    with connected(shell_of(server)) if hold else nullcontext(shell_of(server)) as shell:
        row = run(shell, onnx)
    assert row["state"] == "failed" and "broke off in mid-run" in row["reason"], row
    assert programs.left() == [], "a second connection cleans up"


@pytest.mark.parametrize(
    ("does", "says"),
    [
        (texts.HUGE, "sent more than 0.5 MB"),
        (texts.BINARY + "kill -9 $$\n", "killed"),
        (texts.ENDLESS_TIMES, "not JSON"),
        (texts.DEEP_TIMES, "not JSON"),
        (texts.SLOW, "did not finish within 4 s"),
    ],
)
def test_hostile_output(shell, programs, onnx, does, says):
    programs.install(does=does)
    start = time.monotonic()
    row = run(
        shell,
        onnx,
        Settings(runs=60, seconds=1, idle_s=0.1, build_limit_s=4 if does == texts.SLOW else 30, run_limit_s=10),
    )
    assert row["state"] == "failed" and says in row["reason"], row
    assert row["reason"].isprintable() and len(row["reason"]) < 500
    assert time.monotonic() - start < 25
    assert programs.left() == []


def test_what_is_printed_and_what_is_written_must_agree(shell, programs, onnx):
    programs.install(latency=20)
    row = run(shell, onnx)
    assert row["state"] == "failed" and "printed a median of 20.000 ms but wrote samples of 10.000 ms" in row["reason"]


@pytest.mark.parametrize(
    "path", ["/tmp/../etc/zoo-bench.abcdefghij", "/home", "", "x" * 9000, "/tmp/zoo-bench.a b; id"]
)
def test_a_board_that_names_somewhere_else_as_its_folder(shell, programs, path):
    programs.program("mktemp", f"echo {shlex.quote(path)}\n")
    with pytest.raises(DeviceError, match=r"gives no temporary folder|sent more than"), folder(shell):
        pass


def test_folder_is_private_and_goes_with_its_processes(shell, programs):
    with pytest.raises(RuntimeError), folder(shell) as made:
        assert programs.left()[0].stat().st_mode & 0o077 == 0
        shell.run(f"cd {made.path}; sleep 60 > /dev/null 2>&1 & echo $! > {made.path}/pids")
        process = int((programs.left()[0] / "pids").read_text())
        raise RuntimeError
    assert programs.left() == []
    state = Path(f"/proc/{process}/status")
    assert not state.exists() or "zombie" in state.read_text(), "nobody may have fetched its exit status yet"


def test_files_there_and_back_whole(shell, programs, onnx):
    with folder(shell) as made:
        shell.put(onnx, made / "a b'c.onnx")
        assert shell.get(made / "a b'c.onnx") == onnx.read_bytes()
        assert shell.get(made / "nothing") == b""
        with pytest.raises(DeviceError, match="sent more than"):
            shell.get(made / "a b'c.onnx", most=100)
        with pytest.raises(DeviceError, match="cannot be written"):
            shell.put(onnx, made / "no folder/x")


@pytest.mark.parametrize("host", ["-oProxyCommand=reboot", "a b", "x;reboot", "$(id)", ""])
def test_hosts_that_are_none(host):
    with pytest.raises(UsageError, match="is not a host"):
        Shell(host)


def test_ports_and_options_that_are_none():
    with pytest.raises(UsageError, match="is not a port"):
        Shell("nano", 70000)
    with pytest.raises(UsageError, match="not an option of ssh"):
        Shell("nano", None, ("-v",))
    with pytest.raises(DeviceError, match="check --ssh-option"):
        Shell("nano.invalid", None, ("NoSuchThing=1",)).run("true")


def test_a_process_is_held_to_time_and_size():
    assert bounded(["/bin/sh", "-c", "echo a; echo b >&2; exit 3"], 5, 10) == (3, b"a\n", b"b\n")
    with pytest.raises(TimeoutError):
        bounded(["/bin/sh", "-c", "sleep 20"], 0.2, 10)
    with pytest.raises(OverflowError):
        bounded(["/bin/sh", "-c", "yes"], 5, 100)
    with pytest.raises(FileNotFoundError):
        bounded(["/no/such/program"], 5, 100)


def test_no_ssh_client(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeviceError, match="install the OpenSSH client"):
        Shell("nano").run("true")


def test_an_unheard_error_is_shown_fit_for_a_terminal():
    said = explain("nano", "kex_exchange: \x1b[31mboo\x07\n")
    assert said == "ssh to nano failed (kex_exchange:  [31mboo): try 'ssh nano true'."
