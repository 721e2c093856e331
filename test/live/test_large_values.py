"""Large values while they are saved: in snapshots and RDB files they are as they were at the begin,
whatever clients do to them meanwhile; who changes one waits a little, all others do not."""

import os
import shutil

import pytest
from harness import Server, eventually, is_redis

pytestmark = pytest.mark.skipif(is_redis(), reason="of Hark's own files")

REDIS = "/usr/bin/redis-server"
SETTINGS = {"auto-aof-rewrite-percentage": "0"}
COUNT = 60_000

# How each is read as a whole, in an order of its own.
READS = {
    "list": lambda c, key: c("LRANGE", key, 0, -1),
    "set": lambda c, key: sorted(c("SMEMBERS", key)),
    "zset": lambda c, key: c("ZRANGE", key, 0, -1, "WITHSCORES"),
    "hash": lambda c, key: sorted(c("HGETALL", key)),
    "stream": lambda c, key: c("XRANGE", key, "-", "+"),
    "string": lambda c, key: c("GET", key),
}


def populate(c, prefix=""):
    for at in range(0, COUNT, 1000):
        some = range(at, at + 1000)
        c("RPUSH", prefix + "list", *[f"element {i}" for i in some])
        c("SADD", prefix + "set", *[f"member {i}" for i in some])
        c("ZADD", prefix + "zset", *[w for i in some for w in (i * 7919 % 1000, f"member {i}")])
        c("HSET", prefix + "hash", *[w for i in some for w in (f"field {i}", f"value {i}")])
    c.pipeline(*[("XADD", prefix + "stream", f"{i + 1}-0", "f", f"v{i}") for i in range(COUNT // 4)])
    c("SETRANGE", prefix + "string", 3_000_000, "end")


def everything(c):
    """All there is: {(db, key): (whether it ends, value)}."""
    found = {}
    for db in (0, 1):
        c("SELECT", db)
        for key in c("KEYS", "*"):
            found[db, key] = c("TTL", key) > 0, READS[c("TYPE", key)](c, key)
    c("SELECT", 0)
    return found


# What clients say right behind the begin; every kind of change, of values that the walk has not had.
CHANGES = [
    ("RPUSH", "list", "more"),
    ("LPOP", "list"),
    ("SADD", "set", "more"),
    ("ZADD", "zset", 5, "member 1", 6, "more"),
    ("HSET", "hash", "field 1", "other", "more", "x"),
    ("XADD", "stream", "999999-0", "f", "more"),
    ("APPEND", "string", "more"),
    ("PEXPIRE", "hash", 10_000_000),
    ("MULTI",),
    ("HDEL", "hash", "field 2"),
    ("ZREM", "zset", "member 3"),
    ("EXEC",),
    ("RENAME", "set", "renamed"),
    ("DEL", "b:list", "b:zset"),
    ("SET", "b:hash", "small now"),
    ("SET", "b:string", "small now"),
    ("SORT", "list", "BY", "nosort", "LIMIT", 0, 3, "STORE", "b:set"),
    ("SELECT", 1),
    ("FLUSHDB",),
    ("RPUSH", "list", "after the flush"),
    ("SELECT", 0),
]


def fill(c):
    populate(c)
    populate(c, "b:")
    c("SELECT", 1)
    populate(c)
    c("SELECT", 0)


def over(c):
    info = c.info("persistence")
    return info["rdb_bgsave_in_progress"] == info["aof_rewrite_in_progress"] == "0"


def change_during(c, command):
    c(command)  # it has begun when that is answered
    c.pipeline(*CHANGES)
    eventually(lambda: over(c))
    info = c.info("persistence")
    assert info["rdb_last_bgsave_status"] == info["aof_last_bgrewrite_status"] == "ok"


def test_snapshot_and_journal_give_what_there_was():
    with Server(SETTINGS) as server:
        c = server.connect()
        fill(c)
        change_during(c, "BGREWRITEAOF")
        expected = everything(c)
        server.kill()
        server.start()
        c = server.connect()
        eventually(lambda: c.info("persistence")["loading"] == "0")
        assert "from the snapshot" in server.log(server.log_from)
        assert everything(c) == expected


@pytest.mark.skipif(not os.path.exists(REDIS), reason="needs redis-server")
def test_rdb_file_is_as_of_the_begin():
    with Server({**SETTINGS, "appendonly": "no"}) as server:
        c = server.connect()
        fill(c)
        expected = everything(c)
        change_during(c, "BGSAVE")
        assert everything(c) != expected
        with Server(binary=REDIS) as redis:
            redis.kill()
            shutil.copy(server.path("dump.rdb"), redis.path("dump.rdb"))
            redis.start()
            r = redis.connect()
            eventually(lambda: r.info("persistence")["loading"] == "0")
            assert everything(r) == expected


def test_a_save_that_fails_holds_nobody():
    with Server({**SETTINGS, "appendonly": "no", "dbfilename": "no"}) as server:
        c = server.connect()
        populate(c)
        os.mkdir(server.path("no"))  # whose place cannot be taken
        for _ in range(3):
            c("BGSAVE")
            c.pipeline(("HSET", "hash", "more", "x"), ("SADD", "set", "y"))
            eventually(lambda: over(c))
        assert c("HGET", "hash", "more") == "x"
        assert c.info("persistence")["rdb_last_bgsave_status"] == "err"
        c("BGSAVE")  # and the server may end while somebody waits
        c.send("HSET", "hash", "more", "y")
