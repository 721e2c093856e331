"""Replies of many elements are written in parts: a client that does not read one costs little, others
run meanwhile, and what it reads in the end is the value as it was when it asked."""

import pytest

from harness import Closed, client_lines, eventually

pytestmark = pytest.mark.hark_only("it writes a reply in one piece")

COUNT = 20_000  # of 1,000 bytes: more than sockets hold
PADDING = 1000 * "-"
LITTLE, MUCH = 1_000_000, 5_000_000


def element(i):
    return f"{i:05d}{PADDING}"


ELEMENTS = [element(i) for i in range(COUNT)]
PAIRS = [word for e in ELEMENTS for word in (e, f"value of {e[:5]}")]


def fill(c, words_of, size=1):
    for at in range(0, COUNT, 1000):
        c(*words_of(range(at, at + 1000)))


def fill_list(c):
    fill(c, lambda r: ["RPUSH", "k", *(element(i) for i in r)])


def fill_set(c):
    fill(c, lambda r: ["SADD", "k", *(element(i) for i in r)])


def fill_zset(c):
    fill(c, lambda r: ["ZADD", "k", *(word for i in r for word in (str(i), element(i)))])


def fill_hash(c):
    fill(c, lambda r: ["HSET", "k", *PAIRS[2 * r[0]:2 * r[-1] + 2]])


def as_it_is(reply):
    return reply


def in_pairs(reply):
    return sorted(zip(reply[::2], reply[1::2]))


READS = {
    "LRANGE": (fill_list, ["LRANGE", "k", "0", "-1"], as_it_is, ELEMENTS),
    "LRANGE some": (fill_list, ["LRANGE", "k", "100", "-101"], as_it_is, ELEMENTS[100:-100]),
    "SMEMBERS": (fill_set, ["SMEMBERS", "k"], sorted, ELEMENTS),
    "ZRANGE": (fill_zset, ["ZRANGE", "k", "0", "-1"], as_it_is, ELEMENTS),
    "ZRANGE by score": (fill_zset, ["ZRANGE", "k", "100", "(19900", "BYSCORE"], as_it_is,
                        ELEMENTS[100:-100]),
    "ZREVRANGE": (fill_zset, ["ZREVRANGE", "k", "0", "-1", "WITHSCORES"], as_it_is,
                  [word for i in reversed(range(COUNT)) for word in (element(i), str(i))]),
    "HGETALL": (fill_hash, ["HGETALL", "k"], in_pairs, list(zip(PAIRS[::2], PAIRS[1::2]))),
    "HKEYS": (fill_hash, ["HKEYS", "k"], sorted, PAIRS[::2]),
}


@pytest.fixture
def c(connect):
    return connect()


@pytest.fixture
def reader(server):
    return server.connect()


def queued(c, client_id):
    return int(client_lines(c("CLIENT", "LIST", "ID", client_id))[0]["omem"])


def ask(c, reader, words):
    """Asks, and reads nothing; PING behind it."""
    client_id = reader.id
    reader.send(*words)
    reader.send("PING")
    eventually(lambda: queued(c, client_id))
    return client_id


def heard(reader):
    reply = reader.reply()
    assert reader.reply() == "PONG"
    return reply


@pytest.mark.parametrize("name", READS)
def test_it_waits_for_its_reader(c, reader, name):
    fill_key, words, order, expected = READS[name]
    fill_key(c)
    client_id = ask(c, reader, words)
    for _ in range(100):
        assert queued(c, client_id) < LITTLE
    assert order(heard(reader)) == expected


CHANGES = {
    "change": [["RPUSH", "k", "one more"]],
    "removal of elements": [["LTRIM", "k", "5", "6"]],
    "deletion": [["DEL", "k"]],
    "overwriting": [["SET", "k", "v"]],
    "another name": [["RENAME", "k", "other"], ["RPUSH", "other", "one more"]],
    "another name over it": [["RENAME", "small", "k"]],
    "another database": [["MOVE", "k", "1"]],
    "deadline": [["EXPIRE", "k", "100"], ["DEL", "k"]],
    "flush": [["FLUSHALL"]],
    "swap": [["SWAPDB", "0", "1"], ["FLUSHALL"]],
    "transaction": [["MULTI"], ["LPOP", "k"], ["DEL", "k"], ["EXEC"]],
}


@pytest.mark.parametrize("name", CHANGES)
def test_it_tells_what_was_there(c, reader, name):
    fill_list(c)
    c("SET", "small", "value")
    client_id = ask(c, reader, ["LRANGE", "k", "0", "-1"])
    assert queued(c, client_id) < LITTLE
    c.pipeline(*CHANGES[name])
    assert queued(c, client_id) > MUCH
    assert heard(reader) == ELEMENTS


def test_expiry(c, reader):
    fill_list(c)
    c("PEXPIRE", "k", "300")
    ask(c, reader, ["LRANGE", "k", "0", "-1"])
    eventually(lambda: not c("EXISTS", "k"))
    assert heard(reader) == ELEMENTS


def test_expiry_of_a_field(c, reader):
    """The head of the reply has counted it."""
    fill_hash(c)
    c("HPEXPIRE", "k", "300", "FIELDS", "1", element(7))
    ask(c, reader, ["HGETALL", "k"])
    eventually(lambda: c("HLEN", "k") == COUNT - 1)
    assert len(heard(reader)) == 2 * COUNT


@pytest.mark.parametrize("kind", ["set", "zset", "hash"])
def test_other_types_change(c, reader, kind):
    fill_key, words, order, expected = READS[{"set": "SMEMBERS", "zset": "ZRANGE",
                                              "hash": "HGETALL"}[kind]]
    fill_key(c)
    client_id = ask(c, reader, words)
    c({"set": "SREM", "zset": "ZREM", "hash": "HDEL"}[kind], "k", element(3), element(COUNT - 3))
    assert queued(c, client_id) > MUCH
    assert order(heard(reader)) == expected


def test_several_read(c, server):
    fill_list(c)
    readers = [server.connect() for _ in range(10)]
    ids = [ask(c, r, ["LRANGE", "k", "0", "-1"]) for r in readers]
    for r in readers[:5]:
        assert heard(r) == ELEMENTS
    c("CLIENT", "KILL", "ID", ids[5])
    readers[6].close()
    c("LPOP", "k")
    for r in readers[7:]:
        assert heard(r) == ELEMENTS
    assert c("LLEN", "k") == COUNT - 1


def test_snapshot_meanwhile(c, reader):
    """It reads the value too, and may be the one to free it."""
    fill_list(c)
    ask(c, reader, ["LRANGE", "k", "0", "-1"])
    c("BGREWRITEAOF")
    c("DEL", "k")
    assert heard(reader) == ELEMENTS
    eventually(lambda: c.info("persistence")["aof_rewrite_in_progress"] == "0")


def test_at_once_in_a_transaction(c, reader):
    fill_list(c)
    client_id = reader.id
    for words in (["MULTI"], ["LRANGE", "k", "0", "-1"], ["LLEN", "k"]):
        reader(*words)
    reader.send("EXEC")
    eventually(lambda: queued(c, client_id) > MUCH)
    assert reader.reply() == [ELEMENTS, COUNT]


def test_messages_come_behind_it(c, server):
    """In RESP3 others can have a client be told something."""
    fill_list(c)
    reader = server.connect(proto=3)
    tracking = server.connect()
    tracking("CLIENT", "TRACKING", "ON", "REDIRECT", reader.id)
    tracking("GET", "other")
    client_id = ask(c, reader, ["LRANGE", "k", "0", "-1"])
    c("SET", "other", "changed")
    assert queued(c, client_id) < LITTLE
    assert heard(reader) == ELEMENTS
    assert reader.push() == ["invalidate", ["other"]]


def test_no_reply_is_wanted(c, reader):
    fill_list(c)
    reader.send("CLIENT", "REPLY", "SKIP")
    reader.send("LRANGE", "k", "0", "-1")
    assert reader("PING") == "PONG"


@pytest.mark.settings(**{"client-output-buffer-limit": ["normal", "2mb", "0", "0"]})
@pytest.mark.parametrize("change", ["LPOP", "DEL", "FLUSHALL"])
def test_more_than_it_may_have(c, server, change):
    """The rest is too much for a client that does not read: it is cut off, in the middle of the command
    of another."""
    fill_list(c)
    readers = [server.connect() for _ in range(3)]
    for r in readers:
        ask(c, r, ["LRANGE", "k", "0", "-1"])
    c(*([change] if change == "FLUSHALL" else [change, "k"]))
    for r in readers:
        with pytest.raises(Closed):
            r.reply()
    assert c("PING") == "PONG"
