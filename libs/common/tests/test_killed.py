"""A test run that is killed leaves nothing running."""

import signal
import subprocess
import sys
from pathlib import Path

from booka_common.testing.plugin import watch

#: As a postmaster, it takes a SIGQUIT though whoever started the tests ignores it, as a shell does for what it runs behind.
POSTMASTER = "import signal; signal.signal(signal.SIGQUIT, signal.SIG_DFL); print(flush=True); signal.pause()"


def test_the_servers_of_a_run_that_was_killed_end_with_all_their_children(tmp_path: Path):
    folder = tmp_path / "servers"
    (folder / "rabbitmq").mkdir(parents=True)
    (folder / "postgres" / "data").mkdir(parents=True)
    node = subprocess.Popen(["sh", "-c", "sleep 600 & echo; wait"], start_new_session=True, stdout=subprocess.PIPE)
    postmaster = subprocess.Popen([sys.executable, "-c", POSTMASTER], stdout=subprocess.PIPE)
    owner = subprocess.Popen(["sleep", "600"])
    try:
        assert node.stdout is not None
        assert postmaster.stdout is not None
        node.stdout.readline()
        postmaster.stdout.readline()
        (folder / "rabbitmq" / "pid").write_text(f"{node.pid}\n")
        (folder / "postgres" / "data" / "postmaster.pid").write_text(f"{postmaster.pid}\n{folder}\n")
        watch(owner.pid, folder)
        assert (node.poll(), postmaster.poll()) == (None, None)
        owner.kill()
        owner.wait()  # before, its id is still somebody's
        assert node.wait(10) == -signal.SIGKILL
        assert postmaster.wait(10) == -signal.SIGQUIT
        assert node.stdout.read() == b""  # ends with the last process that has it open: the child, too
    finally:
        for process in (node, postmaster, owner):
            process.kill()
            process.wait()
