"""What a live test needs: a server of its own, and clients that show every byte's meaning.

    with Server() as server:
        c = server.connect(proto=3)
        c("SET", "k", "v")                      "OK"
        c.error("INCR", "k")                    "ERR value is not an integer or out of range"
        c("CLIENT", "TRACKING", "ON")
        ...
        c.push()                                ["invalidate", ["k"]]
        c.quiet()                               fails if anything else has come

Nothing here sleeps to let something happen. A test waits for the message itself, with a time-out
that only a failing test reaches; that a message does *not* come is shown by a PING whose answer
arrives first (`quiet`), since a server answers on a connection in the order in which it queued.

Servers are build/hark-server or what HARK_SERVER names. With HARK_SERVER=/usr/bin/redis-server the
same tests run against Redis: what a test expects of behaviour that both share is checked that way.
"""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
PORT_TAKEN = re.compile("port is taken|Address already in use")
PATIENCE_S = float(os.environ.get("HARK_PATIENCE", "10"))


def server_binary():
    return os.environ.get("HARK_SERVER") or os.path.join(ROOT, "build", "hark-server")


def is_redis():
    """Is the server under test Redis itself, to check what the tests expect?"""
    return "redis-server" in os.path.basename(server_binary())


def free_port():
    """A port that nobody listens on, below those that the system gives to clients. Somebody may
    take it before the server does: Server tries another one then."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def eventually(question, patience=PATIENCE_S):
    """Asks until the answer is truthy and returns it. For states that no message announces."""
    deadline = time.monotonic() + patience
    while True:
        answer = question()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"after {patience} s still {answer!r}"
        time.sleep(0.005)


# ---- values ----


class Error(str):
    """An error reply inside an array, or one that `read` met: its text."""

    def __repr__(self):
        return f"Error({str(self)!r})"


class Push(list):
    """A push message of RESP3, or a Pub/Sub message of RESP2."""

    def __repr__(self):
        return f"Push({list(self)!r})"


class Simple(str):
    """A simple string (+OK); equal to the str, but its type tells it from a bulk string."""


class Verbatim(str):
    """A verbatim string; `format` is its three letters."""

    format = None


class Attributed:
    """A value with attributes before it."""

    def __init__(self, attributes, value):
        self.attributes, self.value = attributes, value


class CommandError(Exception):
    """`call` got an error reply."""


class Closed(Exception):
    """The server closed the connection."""


MESSAGES = (b"message", b"pmessage", b"smessage")


def text_of(data):
    return data.decode("utf-8", "surrogateescape")


def bytes_of(word):
    if isinstance(word, bytes):
        return word
    return str(word).encode("utf-8", "surrogateescape")


def request(*words):
    """The bytes of one request."""
    parts = [b"*%d\r\n" % len(words)]
    for word in map(bytes_of, words):
        parts.append(b"$%d\r\n%b\r\n" % (len(word), word))
    return b"".join(parts)


# ---- clients ----


class Client:
    """One connection. Calling it sends a request and returns its reply; what is pushed meanwhile
    is kept for `push`. Strings come as str (bytes that are no UTF-8 as surrogates, which go back
    the same way); `binary` makes them bytes."""

    def __init__(self, address, proto=2, binary=False, password=None):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(address)
        if family == socket.AF_INET:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.binary = binary
        self.proto = 2
        self.buffer = bytearray()
        self.waiting = []  # pushes that came while a reply was awaited
        if password:
            self("AUTH", password)
        if proto == 3:
            self("HELLO", "3")

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # -- sending

    def send_raw(self, data):
        self.socket.sendall(data)

    def send(self, *words):
        """Sends one request, leaves its reply to `reply`."""
        self.send_raw(request(*words))

    def pipeline(self, *requests):
        """Sends requests (sequences of words) in one go; returns their replies, errors included."""
        self.send_raw(b"".join(request(*words) for words in requests))
        return [self.reply() for _ in requests]

    def __call__(self, *words):
        self.send(*words)
        value = self.reply()
        if isinstance(value, Error):
            raise CommandError(f"{' '.join(map(str, words))[:200]}: {value}")
        if len(words) > 1 and bytes_of(words[0]).upper() == b"HELLO":
            self.proto = int(words[1])
        return value

    def error(self, *words):
        """Sends a request that must fail; returns the error's text."""
        self.send(*words)
        value = self.reply()
        assert isinstance(value, Error), f"no error but {value!r}"
        return str(value)

    # -- receiving

    def fill(self):
        try:
            data = self.socket.recv(65536)
        except socket.timeout:
            raise AssertionError(
                f"nothing more in {PATIENCE_S} s; unread: {bytes(self.buffer[:200])!r}, "
                f"pushes: {self.waiting!r}") from None
        except ConnectionError:
            raise Closed() from None
        if not data:
            raise Closed()
        self.buffer += data

    def line(self):
        while True:
            end = self.buffer.find(b"\r\n")
            if end >= 0:
                data = bytes(self.buffer[:end])
                del self.buffer[: end + 2]
                return data
            self.fill()

    def exactly(self, size):
        while len(self.buffer) < size + 2:
            self.fill()
        data = bytes(self.buffer[:size])
        assert self.buffer[size : size + 2] == b"\r\n", bytes(self.buffer[: size + 2])
        del self.buffer[: size + 2]
        return data

    def string(self, data):
        return data if self.binary else text_of(data)

    def blob(self, size):
        return self.string(self.exactly(size))

    def pairs(self, count):
        return {self.key(self.value()): self.value() for _ in range(count)}

    @staticmethod
    def key(value):
        return tuple(value) if isinstance(value, list) else value

    def value(self):
        """The next value off the wire, of any type."""
        header = self.line()
        kind, rest = header[:1], header[1:]
        if kind == b"+":
            return Simple(text_of(rest))
        if kind == b"-":
            return Error(text_of(rest))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.blob(int(rest))
        if kind == b"*":
            return None if rest == b"-1" else [self.value() for _ in range(int(rest))]
        if kind == b">":
            return Push(self.value() for _ in range(int(rest)))
        if kind == b"%":
            return self.pairs(int(rest))
        if kind == b"~":
            return {self.key(self.value()) for _ in range(int(rest))}
        if kind == b"_":
            return None
        if kind == b",":
            return float(rest)
        if kind == b"#":
            return rest == b"t"
        if kind == b"(":
            return int(rest)
        if kind == b"!":
            return Error(text_of(self.exactly(int(rest))))
        if kind == b"=":
            data = self.exactly(int(rest))
            value = Verbatim(text_of(data[4:]))
            value.format = text_of(data[:3])
            return value
        if kind == b"|":
            attributes = self.pairs(int(rest))
            return Attributed(attributes, self.value())
        raise AssertionError(f"no RESP: {header!r}")

    def is_message(self, value):
        return isinstance(value, list) and bool(value) and bytes_of(value[0]) in MESSAGES

    def read(self):
        """The next thing off the wire: a Push, or a reply."""
        value = self.value()
        if self.proto == 2 and self.is_message(value):
            return Push(value)
        return value

    def reply(self):
        """The next reply; pushes before it are kept. Confirmations of SUBSCRIBE and its like are
        pushes in RESP3: they are replies here, as they answer."""
        while True:
            value = self.read()
            if not isinstance(value, Push) or bytes_of(value[0]).endswith(b"subscribe"):
                return value
            self.waiting.append(value)

    def push(self):
        """The next pushed message, as a list."""
        if self.waiting:
            return list(self.waiting.pop(0))
        value = self.read()
        assert isinstance(value, Push), f"a reply where a push was awaited: {value!r}"
        return list(value)

    def pushes(self, count):
        return [self.push() for _ in range(count)]

    def quiet(self):
        """Fails if anything has been sent to this client that it has not read."""
        assert not self.waiting, f"unread: {self.waiting!r}"
        self.send("PING")
        value = self.read()
        assert value in ("PONG", ["pong", ""], [b"pong", b""]), f"unread: {value!r}"

    def raw(self, count):
        """The next `count` bytes as they come."""
        while len(self.buffer) < count:
            self.fill()
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def monitor_line(self):
        """The next line of MONITOR, the time cut off."""
        value = self.read()
        assert isinstance(value, Simple), value
        return value.split(" ", 1)[1]

    def ends(self):
        """Reads until the server closes the connection; returns what came before."""
        values = []
        try:
            while True:
                values.append(self.read())
        except Closed:
            return values

    # -- often needed

    @property
    def id(self):
        return self("CLIENT", "ID")

    def info(self, section):
        """A section of INFO as a dict."""
        lines = self("INFO", section).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def described(self):
        """Its own line of CLIENT LIST as a dict."""
        return client_line(self("CLIENT", "INFO"))


def client_line(line):
    """A line of CLIENT LIST as a dict."""
    return dict(word.split("=", 1) for word in line.rstrip("\n").split(" "))


def client_lines(text):
    return [client_line(line) for line in text.splitlines()]


def is_loading(c):
    """Does the server refuse what it is asked, as it does not have all its data yet?"""
    c.send("PING")
    reply = c.reply()  # also NOAUTH is an answer
    return isinstance(reply, Error) and reply.startswith("LOADING")


def take_snapshot(c):
    """Has the server take a snapshot of what is there now; one that it was taking by itself does not
    count."""
    def figures():
        return c.info("persistence")

    while True:
        eventually(lambda: figures()["aof_rewrite_in_progress"] == "0")
        had = int(figures()["aof_rewrites"])
        c.send("BGREWRITEAOF")
        if not isinstance(c.reply(), Error):
            eventually(lambda: int(figures()["aof_rewrites"]) > had)
            return


# ---- servers ----


class Server:
    """One server process in a temporary folder of its own. `settings` are directives; a list as a
    value gives the directive several words."""

    defaults = {"bind": "127.0.0.1", "save": "", "loglevel": "verbose"}

    def __init__(self, settings=None, binary=None):
        self.binary = binary or server_binary()
        self.settings = {**self.defaults, **(settings or {})}
        if "redis" not in os.path.basename(self.binary):
            self.settings.setdefault("journal-segment-bytes", "1mb")  # made often, and followed
            self.settings.setdefault("journal-tail-bytes", "1mb")
        self.folder = tempfile.mkdtemp(prefix="hark-live-")
        self.clients = []
        self.process = None
        self.end_was_awaited = False
        self.port = self.settings.pop("port", None)
        self.chose_port = self.port is None
        if self.chose_port:
            self.port = free_port()
        self.unix_path = self.settings.setdefault("unixsocket", self.path("socket"))
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def pid(self):
        return self.process.pid

    def path(self, name):
        return os.path.join(self.folder, name)

    def command(self):
        words = [self.binary, "--port", str(self.port), "--dir", self.folder]
        for name, value in self.settings.items():
            values = value if isinstance(value, (list, tuple)) else [value]
            words += [f"--{name}", *map(str, values)]
        return words

    def start(self):
        """Starts the process (again, on the same port and folder) and waits until it answers and
        has loaded its data, which on a busy machine can be later."""
        while not self.try_start():
            self.port = free_port()

    def try_start(self):
        """False when another process has taken the port meanwhile."""
        self.end_was_awaited = False
        with open(self.path("log"), "ab") as log:
            self.log_from = log.tell()
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, cwd=self.folder)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                # By its own socket, as whoever answers on the port could be another server.
                with Client(self.unix_path or ("127.0.0.1", self.port)) as client:
                    eventually(lambda: not is_loading(client))
                return True
            except (OSError, Closed):
                status = self.process.poll()
                if status and self.chose_port and PORT_TAKEN.search(self.log(self.log_from)):
                    return False
                assert status is None, f"exit status {status} at start:\n{self.log()}"
                assert time.monotonic() < deadline, f"no answer:\n{self.log()}"
                time.sleep(0.003)

    def connect(self, proto=2, **options):
        client = Client(("127.0.0.1", self.port), proto, **options)
        self.clients.append(client)
        return client

    def connect_unix(self, proto=2, **options):
        client = Client(self.unix_path, proto, **options)
        self.clients.append(client)
        return client

    def log(self, offset=0):
        with open(self.path("log"), "rb") as log:
            log.seek(offset)
            return text_of(log.read())

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """kill -9; the folder stays, `start` goes on with it."""
        if self.alive():
            self.process.kill()
        self.wait()

    def wait(self):
        """Waits for the process to end; returns its exit status."""
        self.end_was_awaited = True
        return self.process.wait(PATIENCE_S)

    def halt(self):
        """Ends it by SIGTERM; returns the exit status. The folder stays."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def stop(self):
        """Ends it and removes the folder. Fails if it crashed, had ended before (unless the test
        itself waited for that, by `wait`, `halt` or `kill`), or a sanitizer had something to say."""
        for client in self.clients:
            client.close()
        had_ended = self.process.poll() is not None
        if not had_ended:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        status, log = self.process.returncode, self.log(self.log_from)
        shutil.rmtree(self.folder, ignore_errors=True)
        as_told = had_ended and self.end_was_awaited
        assert as_told or (status == 0 and not had_ended), f"exit status {status}:\n{log[-4000:]}"
        assert "Sanitizer" not in log and "runtime error" not in log, log[-8000:]
