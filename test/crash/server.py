"""The server of a crash test: started in a moment, killed in any."""

import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from disk import Disk
from wire import Asker, Error

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
PATIENCE_S = float(os.environ.get("HARK_PATIENCE", "20"))


EXIT_OF_MEMORY = 71  # there is none (src/base/mem.h)
EXIT_OF_DISK_FAILURE = 74  # a write or a sync of the journal failed (src/server/store.h)


def server_binary():
    return os.environ.get("HARK_SERVER") or os.path.join(ROOT, "build", "hark-server")


def is_sanitized():
    """Then the allocator is not ours, and ends the process in its own way."""
    return "asan" in server_binary() or "tsan" in server_binary()


def is_redis():
    """To see what the same rounds find in Redis, by HARK_SERVER=/usr/bin/redis-server."""
    return "redis-server" in os.path.basename(server_binary())


def free_port():
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Ended(AssertionError):
    """The server ended before it served; args: exit status, log."""


class Server:
    """`faulty`: on a disk that can fail and lose power."""

    def __init__(self, settings, faulty, binary=None):
        self.binary = binary or server_binary()
        self.folder = tempfile.mkdtemp(prefix="hark-crash-")
        self.data = os.path.join(self.folder, "data")
        os.mkdir(self.data)
        self.log_path = os.path.join(self.folder, "log")
        self.socket_path = os.path.join(self.folder, "socket")
        self.settings = settings
        self.disk = Disk(self.data) if faulty else None
        self.process = None
        self.port = free_port()

    def launch(self):
        """Starts the process, and waits for nothing."""
        words = [self.binary, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", self.data,
                 "--unixsocket", self.socket_path]
        for name, value in self.settings.items():
            words += [f"--{name}", str(value)]
        if os.path.exists(self.socket_path):
            os.unlink(self.socket_path)
        if self.disk:
            self.disk.mend()
        with open(self.log_path, "ab") as log:
            self.log_from = log.tell()
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.disk.env() if self.disk else None)

    def wait_until_serving(self):
        """An Asker; Ended when the process ended instead."""
        deadline = time.monotonic() + PATIENCE_S
        asker = None
        while True:
            try:
                asker = asker or Asker(self.socket_path, PATIENCE_S)
                reply = asker("PING")
                if not isinstance(reply, Error):
                    return asker
            except OSError:
                asker = None
            status = self.process.poll()
            if status is not None:
                raise Ended(status, self.log())
            assert time.monotonic() < deadline, f"does not serve:\n{self.log()}"
            time.sleep(0.001)

    def start(self):
        while True:
            self.launch()
            try:
                return self.wait_until_serving()
            except Ended as e:
                if "Address already in use" not in e.args[1] and "is taken" not in e.args[1]:
                    raise
                self.port = free_port()

    def starve(self, bytes_more):
        """From now on the system gives it no more address space than so much beyond what it has."""
        with open(f"/proc/{self.process.pid}/statm") as f:
            has = int(f.read().split()[0]) * resource.getpagesize()
        resource.prlimit(self.process.pid, resource.RLIMIT_AS, (has + bytes_more,) * 2)

    def kill(self):
        """At once; `wait` is for what comes after."""
        self.process.send_signal(signal.SIGKILL)

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def outlives(self):
        """Does it go on, although the disk has failed it?"""
        try:
            self.process.wait(5)
            return False
        except subprocess.TimeoutExpired:
            return "cannot be written" not in self.log()

    def wait(self):
        return self.process.wait(PATIENCE_S)

    def ended(self):
        return self.process.poll() is not None

    def addresses(self):
        return (("127.0.0.1", self.port), self.socket_path)

    def log(self):
        with open(self.log_path, "rb") as f:
            f.seek(self.log_from)
            return f.read().decode(errors="replace")

    def remove(self, keep=False):
        if self.process and not self.ended():
            self.kill()
            self.wait()
        if self.disk:
            self.disk.close()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
