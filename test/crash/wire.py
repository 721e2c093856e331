"""Connections of a crash test: many at once in one thread, none of which may block."""

import errno
import socket

GONE = (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN)


class Error(str):
    """An error reply."""


def request(*words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        if not isinstance(word, bytes):
            word = str(word).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(word), word))
    return b"".join(parts)


def parse(data, at):
    """A value of RESP2 that begins at `at` and the place behind it; None when it is not all there.
    Bulk strings are bytes, simple ones str."""
    end = data.find(b"\r\n", at)
    if end < 0:
        return None
    kind, head = data[at], data[at + 1 : end]
    at = end + 2
    if kind == 43:  # +
        return head.decode(), at
    if kind == 58:  # :
        return int(head), at
    if kind == 45:  # -
        return Error(head.decode()), at
    size = int(head)
    if size < 0:
        return None if kind not in (36, 42) else (Nil, at)
    if kind == 36:  # $
        if len(data) < at + size + 2:
            return None
        return bytes(data[at : at + size]), at + size + 2
    assert kind == 42, f"no RESP2: {bytes(data[at - 10 : at + 40])!r}"
    values = []
    for _ in range(size):
        part = parse(data, at)
        if part is None:
            return None
        values.append(part[0])
        at = part[1]
    return values, at


class Nil:
    """A null reply."""


class Connection:
    """`take` gets each reply (or message) as it comes; `ready` fills `out` when there is room."""

    def __init__(self, address):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.connect(address)
        self.socket.setblocking(False)
        if family == socket.AF_INET:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data, self.out, self.gone = bytearray(), bytearray(), False

    def fileno(self):
        return self.socket.fileno()

    def close(self):
        self.socket.close()

    def flush(self):
        while self.out and not self.gone:
            try:
                del self.out[: self.socket.send(self.out)]
            except BlockingIOError:
                return
            except OSError as e:
                assert e.errno in GONE, e
                self.gone_for_writing()

    def gone_for_writing(self):
        """What the server had sent before can still be read."""
        self.out.clear()

    def receive(self):
        """Takes what has come."""
        while not self.gone:
            try:
                chunk = self.socket.recv(262144)
            except BlockingIOError:
                break
            except OSError as e:
                assert e.errno in GONE, e
                chunk = b""
            self.gone = not chunk
            self.data += chunk
            if len(chunk) < 262144:
                break
        at = 0
        while at < len(self.data):
            found = parse(self.data, at)
            if found is None:
                break
            value, at = found
            self.take(value)
        if at:
            del self.data[:at]

    def take(self, value):
        raise NotImplementedError

    def ready(self):
        pass

    def moment(self):
        """Called now and then, also when nothing has come."""


class Asker(Connection):
    """Asks and waits for the answer, for all that is not load."""

    def __init__(self, address, patience_s=20):
        super().__init__(address)
        self.socket.settimeout(patience_s)
        self.replies = []

    def take(self, value):
        self.replies.append(value)

    def all(self, requests):
        """The replies to several requests, sent at once."""
        requests = list(requests)
        self.socket.sendall(b"".join(request(*words) for words in requests))
        self.replies = []
        while len(self.replies) < len(requests):
            self.receive()
            if self.gone:
                raise ConnectionError("the server is gone")
        return self.replies

    def __call__(self, *words):
        return self.all([words])[0]
