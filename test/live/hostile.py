"""What tests with ill-meant clients share: a bystander who must notice nothing, the server's
memory as the system sees it, and raw connections that say what they like."""

import os
import resource
import socket
import struct
import threading
import time

from harness import Closed, Client, server_binary

MB = 1024 * 1024

# Sanitizers keep freed memory and surround what is in use.
SANITIZED = "asan" in server_binary() or "tsan" in server_binary()
SLACK_BYTES = (700 if SANITIZED else 24) * MB
FACTOR = 3 if SANITIZED else 1


def raise_file_limit():
    """As many files as the system lets this process have; returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Memory:
    """The highest resident size of the server since this object was made."""

    def __init__(self, pid):
        self.pid = pid
        with open(f"/proc/{pid}/clear_refs", "w") as refs:
            refs.write("5")  # resets the high-water mark
        self.before = self.status("VmRSS")

    def status(self, name):
        with open(f"/proc/{self.pid}/status") as status:
            for line in status:
                if line.startswith(name + ":"):
                    return int(line.split()[1]) * 1024
        raise AssertionError(f"no {name}")

    @property
    def grown(self):
        return self.status("VmHWM") - self.before


class Bystander(threading.Thread):
    """An honest client. Asks all the time, and remembers the longest wait for an answer."""

    def __init__(self, server, password=None):
        super().__init__(daemon=True)
        self.client = server.connect(password=password)
        self.client.socket.settimeout(60)
        self.over = threading.Event()
        self.asked = 0
        self.longest_s = 0
        self.failure = None

    def ask(self):
        word = f"word {self.asked}"
        before = time.monotonic()
        answers = self.client.pipeline(["PING"], ["ECHO", word])
        self.longest_s = max(self.longest_s, time.monotonic() - before)
        self.asked += 1
        if answers != ["PONG", word]:
            self.failure = f"got {answers!r}"

    def run(self):
        try:
            while not self.over.wait(0.002) and not self.failure:
                self.ask()
        except (OSError, Closed, AssertionError) as failure:
            self.failure = repr(failure)

    def check(self, longest_s):
        """Ends it; fails if it had to wait for longer than this, or was not served."""
        self.over.set()
        self.join(60)
        assert not self.failure, f"the bystander: {self.failure}"
        self.ask()
        assert not self.failure, f"the bystander: {self.failure}"
        assert self.longest_s <= longest_s, f"the bystander waited for {self.longest_s:.2f} s"


class Raw(Client):
    """A connection on which anything may be said."""

    def __init__(self, server):
        super().__init__(("127.0.0.1", server.port))

    def say(self, data):
        """Sends as far as the server takes it; false when it has closed the connection."""
        try:
            self.socket.sendall(data)
            return True
        except ConnectionError:
            return False

    def say_until_closed(self, piece, most):
        """Sends the piece again and again, up to `most` bytes; returns how many were taken, and
        whether the server closed the connection."""
        said = 0
        while said < most:
            if not self.say(piece):
                return said, True
            said += len(piece)
        return said, False

    def say_without_listening(self, data, quiet_s=0.3):
        """Sends, and gives up when the server takes no more for a while. True when all was sent."""
        self.socket.settimeout(quiet_s)
        try:
            self.socket.sendall(data)
            return True
        except (ConnectionError, socket.timeout):
            return False

    def reset(self):
        """Closes at once, with a reset instead of a farewell."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def hang_up(self):
        """Says that no more will come, unless the server has closed before."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def rest(self):
        """Every byte until the server closes."""
        data = bytes(self.buffer)
        self.buffer.clear()
        try:
            while piece := self.socket.recv(1 << 20):
                data += piece
        except ConnectionError:
            pass
        return data


def parses(data):
    """Checks that bytes are whole replies, one behind the other; returns how many."""
    at = count = 0
    while at < len(data):
        at = parse_one(data, at)
        count += 1
    return count


def parse_one(data, at):
    """Returns where the value that starts at `at` ends."""
    end = data.index(b"\r\n", at)
    kind, rest = data[at:at + 1], data[at + 1:end]
    at = end + 2
    if kind in b"+-":
        assert b"\n" not in rest and b"\r" not in rest
    elif kind in b"_#,(:":
        assert len(rest) < 40
    elif kind in b"$=":
        size = int(rest)
        if size >= 0:
            at += size + 2
            assert data[at - 2:at] == b"\r\n", data[end - 80:end + 80]
    else:
        assert kind in b"*%>~", data[end - 80:end + 80]
        for _ in range(int(rest) * (2 if kind == b"%" else 1)):
            at = parse_one(data, at)
    return at


def pid_files(pid):
    """Its sockets: the journal opens files of its own."""
    folder = f"/proc/{pid}/fd"
    return sum(os.readlink(f"{folder}/{name}").startswith("socket:") for name in os.listdir(folder))
