"""RESP as a test wants it: requests encoded, streams of replies cut into frames, frames read.

Most replies of two servers are equal byte for byte, so the work is done on bytes: `split` cuts a
stream into top-level frames without looking into them, and only a frame that differs is parsed.

A message of Pub/Sub is told from a reply by its first word (`message`, `pmessage`, `smessage`) and
taken out of the stream wherever it stands, in RESP3 and in RESP2 alike: Redis 7.0 pushes a
client's own messages even inside the array of EXEC. Confirmations of SUBSCRIBE and its kin count
as replies.
"""

import socket
import time


class ProtocolError(Exception):
    """The stream is not RESP."""


class Silence(Exception):
    """The server did not answer in time, or closed the connection. `got` is what came before."""

    def __init__(self, why, got=b""):
        super().__init__(why)
        self.why, self.got = why, got


def encode(args):
    out = [b"*%d\r\n" % len(args)]
    for arg in args:
        out.append(b"$%d\r\n%b\r\n" % (len(arg), arg))
    return b"".join(out)


_STRINGS = frozenset(b"$=!")
_LINES = frozenset(b"+-:_,#(")
_ARRAYS = frozenset(b"*~>")


def _is_message(buf, pos, eol):
    """Is the aggregate whose header is buf[pos:eol] a message? (Its first word may be missing.)"""
    return buf[eol + 2 : eol + 4] in (b"$7", b"$8") and (
        buf.startswith(b"$7\r\nmessage\r\n", eol + 2)
        or buf.startswith(b"$8\r\npmessage\r\n", eol + 2)
        or buf.startswith(b"$8\r\nsmessage\r\n", eol + 2)
    )


def frame_end(buf, pos, holes=None):
    """Where the frame at `pos` ends; -1 if it is not all there.

    Messages inside an aggregate do not count as its elements; their spans go to `holes`."""
    todo = 1
    top = True
    while todo:
        eol = buf.find(b"\r\n", pos)
        if eol < 0:
            return -1
        kind = buf[pos]
        if kind in _STRINGS:
            size = int(buf[pos + 1 : eol])
            pos = eol + 2 if size < 0 else eol + 4 + size
            if pos > len(buf):
                return -1
        elif kind in _LINES:
            pos = eol + 2
        elif kind in _ARRAYS:
            count = int(buf[pos + 1 : eol])
            if not top and 3 <= count <= 4 and _is_message(buf, pos, eol):
                end = frame_end(buf, pos)
                if end < 0:
                    return -1
                if holes is not None:
                    holes.append((pos, end))
                pos = end
                continue
            if count > 0:
                todo += count
            pos = eol + 2
        elif kind == 37:  # '%', a map
            todo += 2 * int(buf[pos + 1 : eol])
            pos = eol + 2
        elif kind == 124:  # '|', attributes: the value itself follows
            todo += 2 * int(buf[pos + 1 : eol]) + 1
            pos = eol + 2
        else:
            raise ProtocolError(f"frame starts with {bytes(buf[pos:pos + 20])!r}")
        todo -= 1
        top = False
    return pos


def split(buf):
    """Cuts a stream into (replies, messages, rest).

    replies: raw frames; messages: (number of replies before it, raw frame); rest: what is there
    of an unfinished frame."""
    replies, messages = [], []
    pos, size = 0, len(buf)
    while pos < size:
        holes = []
        end = frame_end(buf, pos, holes)
        if end < 0:
            break
        if buf[pos] in b"*>" and _is_message(buf, pos, buf.find(b"\r\n", pos)):
            messages.append((len(replies), buf[pos:end]))
        elif holes:
            parts = []
            for start, stop in holes:
                messages.append((len(replies), buf[start:stop]))
                parts.append(buf[pos:start])
                pos = stop
            parts.append(buf[pos:end])
            replies.append(b"".join(parts))
        else:
            replies.append(buf[pos:end])
        pos = end
    return replies, messages, buf[pos:]


def parse(frame):
    """A whole frame as (kind, value): kind the type's character, value bytes, int, list or None."""
    value, _ = _parse(frame, 0)
    return value


def _parse(buf, pos):
    eol = buf.find(b"\r\n", pos)
    if eol < 0:
        raise ProtocolError("unfinished frame")
    kind, line, pos = chr(buf[pos]), buf[pos + 1 : eol], eol + 2
    if kind in "$=!":
        size = int(line)
        return ((kind, None), pos) if size < 0 else ((kind, buf[pos : pos + size]), pos + size + 2)
    if kind == ":":
        return (kind, int(line)), pos
    if kind in "*~>%":
        count = int(line)
        if count < 0:
            return (kind, None), pos
        items = []
        for _ in range(count * 2 if kind == "%" else count):
            item, pos = _parse(buf, pos)
            items.append(item)
        return (kind, items), pos
    if kind in "+-_,#(":
        return (kind, line), pos
    raise ProtocolError(f"type {kind!r}")


def plain(value):
    """A parsed frame without its types: text, ints, lists. For probes that look inside."""
    kind, inner = value
    return [plain(item) for item in inner] if isinstance(inner, list) else inner


class Connection:
    """A socket to one server. Reads are whole exchanges: up to a mark, a number of replies, EOF."""

    def __init__(self, port, timeout_s=10.0):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout_s = timeout_s

    def close(self):
        self.socket.close()

    def send(self, payload):
        try:
            self.socket.sendall(payload)
        except OSError as why:
            raise Silence(f"send: {why}") from why

    def _more(self, got):
        try:
            data = self.socket.recv(1 << 18)
        except OSError as why:
            raise Silence(f"no answer: {why}", bytes(got)) from why
        if not data:
            raise Silence("connection closed by the server", bytes(got))
        return data

    def read_to(self, tail):
        """Reads until the stream ends with `tail`."""
        got = self._more(b"")
        if not got.endswith(tail):
            deadline = time.monotonic() + self.timeout_s
            got = bytearray(got)
            while not got.endswith(tail):
                if time.monotonic() > deadline:
                    raise Silence("the mark did not come", bytes(got))
                got += self._more(got)
            got = bytes(got)
        return got

    def read_replies(self, count):
        """Reads until `count` replies are there, messages among them not counted."""
        got = b""
        deadline = time.monotonic() + self.timeout_s
        while True:
            got += self._more(got)
            replies, _, rest = split(got)
            if len(replies) >= count and not rest:
                return got
            if time.monotonic() > deadline:
                raise Silence("too few replies", got)

    def read_eof(self):
        """Reads all there is until the server closes."""
        got = bytearray()
        try:
            while True:
                data = self.socket.recv(1 << 18)
                if not data:
                    return bytes(got)
                got += data
        except ConnectionResetError:
            return bytes(got)
        except OSError as why:
            raise Silence(f"not closed: {why}", bytes(got)) from why

    def call(self, *args):
        """One command, its reply as (kind, value); for set-up, not for what is compared."""
        self.send(encode([arg if isinstance(arg, bytes) else str(arg).encode() for arg in args]))
        replies, _, _ = split(self.read_replies(1))
        return parse(replies[0])
