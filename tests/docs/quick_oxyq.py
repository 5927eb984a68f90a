"""`oxyq` for the reader of pages: the real program, of which each command is a fork instead of a new Python.

Half a second of every command goes into loading what all of them load. A process that has loaded it waits behind a
socket; what stands in front as `oxyq` hands over arguments, folder, environment and files, and ends as the fork does.
What goes on in the background, and gets signals, is started as everywhere.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: In front of it: no site-packages, so that it is there at once.
_IN_FRONT = """#!{python} -IS
import json, os, socket, sys
door = socket.socket(socket.AF_UNIX)
door.connect({path!r})
asked = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(door, [len(asked).to_bytes(4, "big")], [0, 1, 2])
door.sendall(asked)
sys.exit(int.from_bytes(door.recv(1), "big"))
"""


@contextmanager
def quick_oxyq(folder: Path) -> Iterator[Path]:
    """While the block runs there is a quick `oxyq` in the folder that it yields; put that first on the PATH."""
    path = folder / "door"
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2],
        start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None and process.stdout.readline() == b"loaded\n"
        program = folder / "oxyq"
        program.write_text(_IN_FRONT.format(python=sys.executable, path=str(path)))
        program.chmod(0o700)
        yield folder
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _serve(path: str) -> None:
    """Fork for whoever comes, for ever."""
    import oxyq.app
    import oxyq.cli.program  # noqa: F401 - loaded here, once, for all forks

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks here
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(path)
        door.listen()
        print("loaded", flush=True)
        while True:
            caller, _ = door.accept()
            if os.fork() == 0:
                door.close()
                _answer(caller)
            caller.close()


def _answer(caller: socket.socket) -> None:
    """Be one command, and never return."""
    from oxyq.cli import main

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    code = 1
    try:
        size, files, _, _ = socket.recv_fds(caller, 4, 3)
        arguments, folder, environment = json.loads(_all_of(caller, int.from_bytes(size, "big")))
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        # What Python opened at its start knows the files that were there then.
        sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv[1:] = arguments
        code = main()
    except BaseException:
        traceback.print_exc()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    caller.sendall(code.to_bytes(1, "big"))
    os._exit(code)


def _all_of(caller: socket.socket, size: int) -> bytes:
    read = b""
    while len(read) < size:
        read += caller.recv(size - len(read))
    return read


if __name__ == "__main__":
    _serve(sys.argv[1])
