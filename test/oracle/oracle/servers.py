"""The servers under comparison: started on free ports in temporary folders, stopped at the end."""

import os
import shutil
import socket
import subprocess
import tempfile
import time

from .resp import Connection, Silence

ORACLE = "/usr/bin/redis-server"
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", "..", ".."))


def hark():
    """The server to be tested: HARK_SERVER, or what `make` builds."""
    return os.environ.get("HARK_SERVER") or os.path.join(ROOT, "build", "hark-server")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """One server process. Both servers understand the same few settings."""

    def __init__(self, binary, name):
        self.binary, self.name = binary, name
        self.folder = tempfile.mkdtemp(prefix=f"oracle-{name}-")
        self.process = None
        self.start()

    def start(self):
        self.port = free_port()
        self.log = open(os.path.join(self.folder, "log"), "ab")
        settings = {
            "port": self.port, "bind": "127.0.0.1", "dir": self.folder,
            "enable-debug-command": "yes", "loglevel": "warning",
        }  # fmt: skip
        if self.name == "hark":
            settings["journal-segment-bytes"] = "1mb"  # follow each other often
        command = [self.binary]
        for key, value in settings.items():
            command += [f"--{key}", str(value)]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, cwd=self.folder)
        deadline = time.monotonic() + 20
        while True:
            try:
                connection = Connection(self.port, 1)
                connection.call("PING")
                connection.call("CONFIG", "SET", "save", "")
                connection.close()
                return
            except (OSError, Silence) as why:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    text = f"{self.binary} does not start: {why}\n{self.tail()}"
                    raise RuntimeError(text) from why
                time.sleep(0.01)

    def alive(self):
        return self.process.poll() is None

    def tail(self, lines=30):
        """The end of its log, for reports."""
        with open(os.path.join(self.folder, "log"), "rb") as log:
            return b"\n".join(log.read()[-20000:].splitlines()[-lines:]).decode(errors="replace")

    def halt(self):
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()

    def restart(self):
        self.halt()
        self.start()

    def stop(self):
        self.halt()
        shutil.rmtree(self.folder, ignore_errors=True)


class Pair:
    """Left is the server under test, right the oracle."""

    def __init__(self, left=None, right=ORACLE):
        self.left = Server(left or hark(), "left")
        try:
            self.right = Server(right, "right")
        except BaseException:
            self.left.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.left.stop()
        self.right.stop()

    def both(self):
        return self.left, self.right

    def revive(self):
        """Starts again what died; returns a text about it, or None."""
        fallen = [server for server in self.both() if not server.alive()]
        told = "\n".join(
            f"{server.name} ({server.binary}) died, exit code {server.process.returncode}:\n"
            f"{server.tail()}" for server in fallen)
        for server in fallen:
            server.restart()
        return told or None
