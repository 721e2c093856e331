"""Subscribers that do not keep up: they are told the rest from the journal, each message once and in
order, and are cut off only for what no journal has."""

import pytest

from harness import Closed, eventually, is_redis

pytestmark = [pytest.mark.skipif(is_redis(), reason="Redis cuts them off"), pytest.mark.settings(**{
    "notify-keyspace-events": "KEA",
    "client-output-buffer-limit": ["pubsub", "256kb", "128kb", "60"],
})]

KEYS = 30_000
KEY = "key" + 250 * "-"  # so that they are more than what sockets hold


@pytest.fixture
def c(connect):
    return connect()


@pytest.fixture
def slow(server):
    """A subscriber of all sets, which reads when it is told to."""
    client = server.connect()
    client("PSUBSCRIBE", "__keyevent@*__:set")
    return client


def behind(c):
    return int(c.info("clients")["pubsub_clients_behind"])


def write(c, first, count, prefix=KEY):
    for at in range(first, first + count, 1000):
        c.pipeline(*(["SET", f"{prefix}:{i:07d}", "v"] for i in range(at, at + 1000)))


def heard(slow, count):
    return [slow.push()[3] for _ in range(count)]


def test_it_hears_everything(c, slow):
    write(c, 0, KEYS)
    eventually(lambda: behind(c) == 1)
    assert heard(slow, KEYS // 2) == [f"{KEY}:{i:07d}" for i in range(KEYS // 2)]
    write(c, KEYS, 1000)  # while it is told what was before
    assert heard(slow, KEYS // 2 + 1000) == [f"{KEY}:{i:07d}" for i in range(KEYS // 2, KEYS + 1000)]
    eventually(lambda: behind(c) == 0)
    write(c, 0, 1000, "live")
    assert heard(slow, 1000) == [f"live:{i:07d}" for i in range(1000)]
    assert int(c.info("clients")["pubsub_clients_fell_behind"]) >= 1


def test_in_the_middle_of_a_record(c, slow):
    """A transaction is one record: the part that was told is not told again."""
    write(c, 0, 1000)
    for start in range(0, 20_000, 5000):
        c.pipeline(["MULTI"], *(["SET", f"{KEY}{i:07d}", "v"] for i in range(start, start + 5000)),
                   ["EXEC"])
    eventually(lambda: behind(c) == 1)
    assert heard(slow, 1000) == [f"{KEY}:{i:07d}" for i in range(1000)]
    assert heard(slow, 20_000) == [f"{KEY}{i:07d}" for i in range(20_000)]
    eventually(lambda: behind(c) == 0)


def test_several_of_them(c, server, slow):
    others = [server.connect() for _ in range(5)]
    for i, other in enumerate(others):
        other("PSUBSCRIBE", f"__keyspace@0__:*{i}")
    write(c, 0, KEYS)
    eventually(lambda: behind(c) >= 1)
    for i, other in enumerate(others):
        got = [other.push()[2] for _ in range(KEYS // 10)]
        assert got == [f"__keyspace@0__:{KEY}:{n:07d}" for n in range(i, KEYS, 10)]
    assert heard(slow, KEYS) == [f"{KEY}:{i:07d}" for i in range(KEYS)]


def test_notify_flags_of_then(c, slow):
    """What was switched on when it fell behind is what it hears of that time."""
    write(c, 0, KEYS)
    eventually(lambda: behind(c) == 1)
    c("CONFIG", "SET", "notify-keyspace-events", "")
    assert heard(slow, KEYS) == [f"{KEY}:{i:07d}" for i in range(KEYS)]
    eventually(lambda: behind(c) == 0)


def test_fields_too(c, server):
    """The subkey channels are continued from the journal as well, with all fields."""
    c("CONFIG", "SET", "notify-keyspace-events", "AT")
    slow = server.connect()
    slow("PSUBSCRIBE", "__subkeyevent@*__:h*")
    field = "f" * 250
    for at in range(0, KEYS, 1000):
        c.pipeline(*(["HSET", f"h{i % 7}", f"{field}{i:07d}", "v"] for i in range(at, at + 1000)))
    eventually(lambda: behind(c) == 1)
    c("HDEL", "h0", f"{field}{0:07d}", f"{field}{7:07d}")
    size = len(field) + 7
    assert heard(slow, KEYS) == [f"2:h{i % 7}|{size}:{field}{i:07d}" for i in range(KEYS)]
    assert heard(slow, 1) == [f"2:h0|{size}:{field}{0:07d},{size}:{field}{7:07d}"]


def test_messages_that_no_journal_has(c, server):
    """They end it, as in Redis."""
    slow = server.connect()
    slow("SUBSCRIBE", "news")
    with pytest.raises(Closed):
        while True:
            c("PUBLISH", "news", "x" * 100_000)
            if not c("PUBSUB", "NUMSUB", "news")[1]:
                while True:
                    slow.push()


def test_classic_behaviour(c, slow):
    c("CONFIG", "SET", "pubsub-overflow", "disconnect")
    write(c, 0, KEYS)
    with pytest.raises(Closed):
        heard(slow, KEYS)
    assert behind(c) == 0


def test_unsubscribing_and_leaving_meanwhile(c, slow, server):
    write(c, 0, KEYS)
    eventually(lambda: behind(c) == 1)
    other = server.connect()
    other("PSUBSCRIBE", "__keyevent@*__:set")
    write(c, KEYS, KEYS)
    eventually(lambda: behind(c) == 2)
    other.close()
    eventually(lambda: behind(c) == 1)
    slow.send("PUNSUBSCRIBE")
    eventually(lambda: c("PUBSUB", "NUMPAT") == 0 or slow.push())
    eventually(lambda: behind(c) == 0 or slow.push())
