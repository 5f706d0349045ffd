"""Where commands run: this machine, or a board behind the system's OpenSSH client.

A board is a stranger: its host key is checked strictly, what it sends is bounded in size and time, no path that it
names is believed before it has been checked, and nothing but sh is expected on it.
"""

from __future__ import annotations

import os
import re
import selectors
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from zoo.bench.jetson.ssh_errors import explain
from zoo.bench.jetson.text import plain
from zoo.errors import DeviceError, UsageError

MOST_BYTES = 8 << 20
_STDERR_BYTES = 1 << 16
_SSH_FAILED = 255
_CONNECT_S = 15.0
# given first, since ssh keeps the first value of an option: no configuration can loosen them
_SSH_OPTIONS = (
    *("BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=10", "ServerAliveInterval=10"),
    *("ServerAliveCountMax=3", "ForwardAgent=no", "ForwardX11=no", "ClearAllForwardings=yes"),
    *("PermitLocalCommand=no", "ControlPersist=no", "EscapeChar=none"),
)
_FOLDER = re.compile(r"/(?:[\w.+-]+/)*zoo-bench\.[A-Za-z0-9]{8,20}", re.ASCII)


@dataclass(frozen=True)
class Done:
    """A command that ended: exit status and what it printed."""

    code: int
    out: bytes

    @property
    def text(self) -> str:
        """What it printed, whatever bytes there are in it."""
        return self.out.decode("utf-8", "replace")


@dataclass(frozen=True)
class Shell:
    """A POSIX shell here or on a board.

    Args:
        host: `user@board`, or a name of the ssh configuration; None is this machine.
        port: of its ssh server.
        options: further `Key=value` options of ssh.
        control: socket of a connection that is held open for it (`connected`).
    """

    host: str | None = None
    port: int | None = None
    options: tuple[str, ...] = ()
    control: str = "none"

    def __post_init__(self) -> None:
        if self.host is not None and not re.fullmatch(r"[A-Za-z0-9_][\w.@:%+-]*", self.host):
            raise UsageError(f"'{self.host}' is not a host: write user@board.")
        if self.port is not None and not 0 < self.port < 65536:
            raise UsageError(f"{self.port} is not a port: choose 1 to 65535.")
        for option in self.options:
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*=[^\n\0]+", option):
                raise UsageError(f"'{option}' is not an option of ssh: write Key=value, as in its configuration.")

    @property
    def name(self) -> str:
        """The machine in words."""
        return self.host or "this machine"

    def arguments(self, script: str) -> list[str]:
        """Arguments that run a script of sh there."""
        if self.host is None:
            return ["/bin/sh", "-c", script]
        return [*self._ssh("ControlMaster=no"), "--", self.host, f"exec sh -c {shlex.quote(script)}"]

    def _ssh(self, master: str) -> list[str]:
        every = (*_SSH_OPTIONS, master, f"ControlPath={self.control}", *self.options)
        port = ["-p", str(self.port)] if self.port else []
        return ["ssh", "-T", *(part for option in every for part in ("-o", option)), *port]

    def run(self, script: str, limit_s: float = 60.0, most: int = MOST_BYTES, stdin: BinaryIO | None = None) -> Done:
        """Run a script of sh and wait for it.

        Args:
            limit_s: seconds that it may take.
            most: bytes that it may print.

        Raises:
            DeviceError: no way to the board, it broke off, took too long or printed too much.
        """
        try:
            code, out, err = bounded(self.arguments(script), limit_s, most, stdin)
        except FileNotFoundError as error:
            raise DeviceError("There is no ssh here: install the OpenSSH client.") from error
        except TimeoutError as error:
            raise DeviceError(
                f"{self.name} did not finish within {limit_s:.0f} s: look whether it is overloaded, then try again."
            ) from error
        except OverflowError as error:
            raise DeviceError(
                f"{self.name} sent more than {most / 1e6:.1f} MB where a report was expected: its trtexec or "
                "tegrastats is not NVIDIA's."
            ) from error
        if self.host is not None and code == _SSH_FAILED:
            raise DeviceError(explain(self.host, err.decode("utf-8", "replace")))
        return Done(code, out)

    def put(self, path: Path, target: str, limit_s: float = 300.0) -> None:
        """Copy a file there."""
        with path.open("rb") as file:
            done = self.run(f"umask 077; cat > {shlex.quote(target)}", limit_s, stdin=file)
        if done.code != 0:
            raise DeviceError(f"'{path.name}' cannot be written on {self.name}: make room on its disk.")

    def get(self, target: str, most: int = MOST_BYTES, limit_s: float = 120.0) -> bytes:
        """Fetch a file from there; empty where it does not exist.

        Raises:
            DeviceError: it is larger than `most` bytes.
        """
        quoted = shlex.quote(target)
        return self.run(f"[ -f {quoted} ] && head -c {most + 1} {quoted}", limit_s, most).out


def bounded(arguments: list[str], limit_s: float, most: int, stdin: BinaryIO | None = None) -> tuple[int, bytes, bytes]:
    """Run a process within a time and a number of bytes.

    Returns:
        Exit status, what it printed, and the beginning of its error output.

    Raises:
        TimeoutError, OverflowError: it was ended for one of them; FileNotFoundError: there is no such program.
    """
    end = time.monotonic() + limit_s
    process = subprocess.Popen(
        arguments,
        stdin=stdin or subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stderr is not None
    printed: dict[int, bytearray] = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    try:
        with process.stdout, process.stderr, selectors.DefaultSelector() as selector:
            for pipe in (process.stdout, process.stderr):
                selector.register(pipe, selectors.EVENT_READ)
            while selector.get_map():
                ready = selector.select(max(end - time.monotonic(), 0.0))
                if not ready:
                    raise TimeoutError
                for key, _ in ready:
                    chunk = os.read(key.fd, 1 << 16)
                    if not chunk:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is process.stdout or len(printed[key.fd]) < _STDERR_BYTES:
                        printed[key.fd] += chunk
                if any(len(content) > most + _STDERR_BYTES for content in printed.values()):
                    raise OverflowError
            out, err = (bytes(content) for content in printed.values())
            if len(out) > most:
                raise OverflowError
            try:
                return process.wait(max(end - time.monotonic(), 0.1)), out, err
            except subprocess.TimeoutExpired as error:
                raise TimeoutError from error
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@dataclass
class Folder:
    """A private folder on a board.

    Args:
        path: where.
        left: the same path once it could not be removed.
    """

    path: str
    left: str | None = None

    def __truediv__(self, name: str) -> str:
        return f"{self.path}/{name}"


@contextmanager
def connected(shell: Shell) -> Iterator[Shell]:
    """Hold one connection open for all commands, since a handshake costs a small board a second each time.

    Where it cannot be held, or breaks off, every command makes its own, and says what is wrong.
    """
    if shell.host is None:
        yield shell
        return
    with tempfile.TemporaryDirectory(prefix="zoo-ssh-") as private:
        held = replace(shell, control=f"{private}/control")
        # a socket's name has at most 107 bytes, some of which ssh takes for a temporary suffix
        if len(held.control) > 85:
            yield shell
            return
        quiet = subprocess.DEVNULL
        arguments = [*held._ssh("ControlMaster=yes"), "-N", "--", shell.host]
        master = subprocess.Popen(arguments, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
        try:
            end = time.monotonic() + _CONNECT_S
            while master.poll() is None and not Path(held.control).exists() and time.monotonic() < end:
                time.sleep(0.02)
            yield held
        finally:
            master.terminate()
            master.wait()


@contextmanager
def folder(shell: Shell) -> Iterator[Folder]:
    """Make a private folder; at the end, however it comes, end what still runs in it and remove it.

    Processes that must not outlive it write their ids into its file `pids`.

    Raises:
        DeviceError: it cannot be made, or the board names a place that is no such folder.
    """
    done = shell.run('umask 077; mktemp -d "${TMPDIR:-/tmp}/zoo-bench.XXXXXXXXXX"', most=4096)
    path = done.text.strip()
    if done.code != 0 or not _FOLDER.fullmatch(path) or ".." in path:
        raise DeviceError(
            f"{shell.name} gives no temporary folder ('{plain(path)[:80]}'): check that its /tmp can be written."
        )
    made = Folder(path)
    try:
        yield made
    finally:
        quoted = shlex.quote(path)
        script = f"cd {quoted} && while read -r id; do kill -9 $id; done < pids; cd / && rm -rf -- {quoted}"
        try:
            if shell.run(f"{{ {script}; }} 2>/dev/null", most=4096).code != 0:
                made.left = path
        except DeviceError:
            # the run's own error says more than this one
            made.left = path
