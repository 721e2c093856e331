"""The end by a signal, whatever the clients are doing: in time, with status 0, and in order."""

import signal
import threading
import time

import pytest

from harness import Closed, eventually, is_redis, request
from hostile import FACTOR, MB, Raw

END_S = 5 * FACTOR


def ends_cleanly(server, number=signal.SIGTERM):
    started = time.monotonic()
    server.signal(number)
    assert server.wait() == 0
    assert time.monotonic() - started < END_S
    log = server.log()
    assert "ready to exit, bye bye" in log
    assert "Sanitizer" not in log


class Busy(threading.Thread):
    """Sends the same pipeline again and again until the server is gone."""

    def __init__(self, server, words):
        super().__init__(daemon=True)
        self.client = Raw(server)
        self.data = request(*words) * 100
        self.rounds = 0

    def run(self):
        try:
            while True:
                self.client.send_raw(self.data)
                for _ in range(100):
                    self.client.read()
                self.rounds += 1
        except (OSError, Closed):
            pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
def test_idle_server_ends(server, number):
    ends_cleanly(server, number)


@pytest.mark.settings(notify_keyspace_events="KEA")
def test_busy_server_ends(server, connect):
    ear = connect(3)
    ear("PSUBSCRIBE", "*")
    busy = [Busy(server, words) for words in (
        ["SET", "k", "x" * 1000], ["INCR", "n"], ["GET", "k"], ["PUBLISH", "c", "m"],
        ["PSETEX", "short", "1", "v"], ["KEYS", "*"])]
    for one in busy:
        one.start()
    eventually(lambda: all(one.rounds > 3 for one in busy))
    ends_cleanly(server)
    for one in busy:
        one.join(END_S)
        assert not one.is_alive()


def test_ends_beside_clients_that_do_not_read(server, connect):
    c = connect()
    c("SET", "k", "x" * MB)
    deaf = [Raw(server) for _ in range(10)]
    for one in deaf[:5]:
        one.say(request("GET", "k") * 20)
    for one in deaf[5:]:
        one("SUBSCRIBE", "news")
    c.pipeline(*[["PUBLISH", "news", "x" * 10_000]] * 500)
    ends_cleanly(server)


def test_ends_amid_half_requests(server):
    half = [Raw(server) for _ in range(50)]
    for i, one in enumerate(half):
        one.say(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100\r\nabc"[:5 + i % 30])
    ends_cleanly(server)
    for one in half:
        assert one.rest() == b""


def test_ends_amid_a_transaction(server, connect):
    c = connect()
    assert c.pipeline(["MULTI"], ["SET", "k", "v"]) == ["OK", "QUEUED"]
    blocked = connect()
    blocked("CLIENT", "PAUSE", "100000", "ALL")
    c.send("EXEC")
    ends_cleanly(server)
    with pytest.raises(Closed):
        c.read()


def test_two_signals_end_it_once(server):
    server.signal(signal.SIGTERM)
    server.signal(signal.SIGTERM)
    assert server.wait() == 0


def test_what_was_answered_had_been_read_before_the_end(server):
    """Replies of the last turn still leave."""
    if is_redis():
        pytest.skip("Redis promises nothing of the kind")
    client = Raw(server)
    client.say(request("ECHO", "x" * 100) * 300 + request("SHUTDOWN", "NOSAVE"))
    assert client.rest().count(b"x" * 100) == 300
    assert server.wait() == 0


def test_nothing_runs_behind_it(server):
    client = Raw(server)
    client.say(request("SHUTDOWN", "NOSAVE") + request("PING") * 100)
    assert client.rest() == b""
    assert server.wait() == 0
