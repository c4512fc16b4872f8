"""Child processes with a log file each, that can be stopped in order or killed on purpose."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Process", "inherited"]


@dataclass(eq=False)
class Process:
    """One `python -m <module> <command>`.

    Attributes:
        name: of its log file.
        ready_url: answers 200 once it is up.
    """

    name: str
    module: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    ready_url: str
    _child: "subprocess.Popen[bytes] | None" = None

    @property
    def _pid_file(self) -> Path:
        return self.log.with_suffix(".pid")

    @property
    def pid(self) -> int | None:
        """Of the running process, also when another command of ours started it; None if it does not run."""
        if self._child is not None:
            return self._child.pid if self._child.poll() is None else None
        try:
            pid = int(self._pid_file.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        return pid if self.module.encode() in command else None

    def start(self, **extra: str) -> None:
        """Start it in a session of its own; `extra` is added to its environment this once."""
        with self.log.open("ab") as out:
            self._child = subprocess.Popen(
                [sys.executable, "-m", self.module, *self.arguments],
                env={**inherited(), **self.environment, **extra},
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._pid_file.write_text(str(self._child.pid))

    def wait_ready(self, seconds: float = 60) -> None:
        """Wait until `ready_url` answers 200.

        Raises:
            RuntimeError: it ended, or did not get ready in time; with the end of its log.
        """
        deadline = time.monotonic() + seconds
        while not self.ready():
            if not self.running() or time.monotonic() > deadline:
                tail = self.log.read_text(errors="replace")[-3000:]
                raise RuntimeError(f"{self.name} did not get ready; its log ends with:\n{tail}")
            time.sleep(0.05)

    def ready(self) -> bool:
        """Whether `ready_url` answers 200 now."""
        try:
            with urllib.request.urlopen(self.ready_url, timeout=2) as answer:  # noqa: S310 - loopback
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def running(self) -> bool:
        """Whether the process is alive."""
        return self.pid is not None

    def signal(self, what: signal.Signals) -> None:
        """Send a signal, if it runs."""
        pid = self.pid
        if pid is not None:
            try:
                os.kill(pid, what)
            except ProcessLookupError:
                return

    def join(self, seconds: float) -> int | None:
        """Wait for its end; the exit code (0 if another command started it), or None if it did not end in time."""
        if self._child is not None:
            try:
                return self._child.wait(seconds)
            except subprocess.TimeoutExpired:
                return None
        deadline = time.monotonic() + seconds
        while self.running():
            if time.monotonic() > deadline:
                return None
            time.sleep(0.05)
        return 0

    def kill(self) -> None:
        """`kill -9`."""
        self.signal(signal.SIGKILL)
        self.join(10)

    def stop(self, seconds: float = 30) -> int | None:
        """SIGTERM, then `kill -9` if it does not end in time; the exit code."""
        self.signal(signal.SIGTERM)
        code = self.join(seconds)
        if code is None:
            self.kill()
        self._pid_file.unlink(missing_ok=True)
        return code


def inherited() -> dict[str, str]:
    """Our environment without anybody's settings of a service: what a service reads is what we say."""
    prefixes = ("BOOKING_", "MESSAGING_", "PAYMENTS_", "DIALOG_", "LLM_", "SCHEDULER_", "SANDBOX_", "COV_")
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
