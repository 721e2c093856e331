"""Readers and subscribers that are away for seconds at 50,000 writes a second: they miss nothing, and
the server does not grow for their sake."""

import os
import re
import threading
import time

import pytest

from harness import PATIENCE_S, eventually, request

pytestmark = [pytest.mark.hark_only("Redis has no views, and cuts subscribers off")]

RATE = 50_000
KEYS = 10_000  # written over and over: what is stored does not grow
BATCH = 500
VIEW = "__keyevent@0__:set"
MB = 1 << 20
# How much more the server may take meanwhile. What may grow is bounded by the settings of the test:
# the tail of the journal (1 MB) and the segment that is written, the subscriber's queue (256 KB);
# the rest is what allocator and summaries of finished segments take (some KB for each MB).
GROWTH_MAX = 8 * MB

SECONDS = [pytest.param(1.5, id="short"), pytest.param(10, id="10s", marks=pytest.mark.long)]


def key_of(n):
    return f"key:{n % KEYS:05d}"


class Writer:
    """SETs at a steady rate, the n-th one of key_of(n)."""

    PARTS = [b"".join(request("SET", key_of(n), "v" * 20) for n in range(at, at + BATCH))
             for at in range(0, KEYS, BATCH)]

    def __init__(self, server):
        self.socket = server.connect().socket
        self.count = 0

    def write(self, seconds):
        """Returns the rate that was reached."""
        begin, first = time.monotonic(), self.count
        while self.count - first < seconds * RATE:
            self.socket.sendall(self.PARTS[self.count // BATCH % len(self.PARTS)])
            self.await_replies()
            self.count += BATCH
            time.sleep(max(0, begin + (self.count - first) / RATE - time.monotonic()))
        return (self.count - first) / (time.monotonic() - begin)

    def await_replies(self):
        left = len(b"+OK\r\n") * BATCH
        while left:
            data = self.socket.recv(left)
            assert data and b"-" not in data, data
            left -= len(data)


class Memory:
    """The largest resident size of a process while this is entered."""

    def __init__(self, pid):
        self.path = f"/proc/{pid}/statm"
        self.over = threading.Event()

    def now(self):
        with open(self.path) as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def watch(self):
        while not self.over.wait(0.02):
            self.most = max(self.most, self.now())

    def __enter__(self):
        self.first = self.most = self.now()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    @property
    def growth(self):
        return self.most - self.first


def check_absence(server, rate, memory, seconds):
    print(f"{rate:,.0f} writes a second, {memory.growth / MB:.1f} MB more than before")
    if "asan" not in server.binary:  # it keeps what was freed for a while
        assert memory.growth < GROWTH_MAX
    if seconds >= 10:
        assert rate > 0.95 * RATE, "the machine is too slow for this test, or the server is"


@pytest.fixture
def writer(server):
    w = Writer(server)
    w.write(1)  # all keys are there, the tail of the journal is full
    return w


@pytest.mark.parametrize("seconds", SECONDS)
def test_a_reader_goes_on_where_it_was(server, connect, writer, seconds):
    reader = connect()
    [[last, fields]] = reader("XREVRANGE", VIEW, "+", "-", "COUNT", "1")
    n = writer.count
    assert fields[3] == key_of(n - 1)
    with Memory(server.pid) as memory:
        rate = writer.write(seconds)
    check_absence(server, rate, memory, seconds)
    with Memory(server.pid) as memory:
        while reply := reader("XREAD", "COUNT", "1000", "STREAMS", VIEW, last):
            for last, fields in reply[0][1]:
                assert fields[3] == key_of(n)
                n += 1
    assert n == writer.count
    if "asan" not in server.binary:
        assert memory.growth < GROWTH_MAX  # nor does reading it all


PMESSAGE = re.compile(
    rb"\*4\r\n\$8\r\npmessage\r\n\$18\r\n__keyevent@\*__:set\r\n\$18\r\n__keyevent@0__:set\r\n"
    rb"\$9\r\n(key:\d{5})\r\n")


class Subscriber:
    """Of all sets; reads when it is told to."""

    def __init__(self, server):
        client = server.connect()
        client("PSUBSCRIBE", "__keyevent@*__:set")
        self.socket = client.socket
        self.data = b""

    def hear(self, first, last):
        """The messages of writes number `first` to `last`, and nothing else before or between."""
        while first < last:
            received = self.socket.recv(MB)
            assert received, f"cut off, {last - first} short"
            self.data += received
            at = 0
            while first < last and (m := PMESSAGE.match(self.data, at)):
                assert m[1].decode() == key_of(first)
                first, at = first + 1, m.end()
            assert first == last or len(self.data) - at < 200, self.data[at : at + 200]
            self.data = self.data[at:]


@pytest.mark.settings(**{"notify-keyspace-events": "KEA",
                         "client-output-buffer-limit": ["pubsub", "256kb", "128kb", "60"]})
@pytest.mark.parametrize("seconds", SECONDS)
def test_a_subscriber_is_continued(server, connect, writer, seconds):
    c, subscriber = connect(), Subscriber(server)
    n = writer.count
    with Memory(server.pid) as memory:
        rate = writer.write(seconds)
    check_absence(server, rate, memory, seconds)
    assert c.info("clients")["pubsub_clients_behind"] == "1"
    more = threading.Thread(target=writer.write, args=(1,))  # while it is told what was before
    last = writer.count + RATE
    more.start()
    subscriber.hear(n, last)
    more.join(PATIENCE_S)
    assert writer.count == last
    eventually(lambda: c.info("clients")["pubsub_clients_behind"] == "0")
    writer.write(0.1)
    subscriber.hear(last, writer.count)
    assert not subscriber.data
