"""Sets in a running server: after kill -9, under changed limits, while they are scanned."""

import random

import pytest
from harness import Closed, Server, eventually, is_redis

SETTINGS = {"enable-debug-command": "yes", "auto-aof-rewrite-percentage": "0"}
KEYS = [f"set:{i}" for i in range(8)]


def change(c, rng, times):
    for _ in range(times):
        key, other, third = rng.sample(KEYS, 3)
        words = [str(rng.randrange(900)) for _ in range(rng.randrange(1, 40))]
        if rng.random() < 0.1:
            words.append(rng.choice(["a", "b", "x" * 65, ""]))
        rng.choice([
            lambda: c("SADD", key, *words), lambda: c("SADD", key, *words),
            lambda: c("SADD", key, *words), lambda: c("SREM", key, *words),
            lambda: c("SPOP", key), lambda: c("SPOP", key, rng.randrange(100)),
            lambda: c("SMOVE", key, other, words[0]), lambda: c("EXPIRE", key, 1000),
            lambda: c("SUNIONSTORE", key, other, third), lambda: c("SDIFFSTORE", key, other, third),
            lambda: c("COPY", key, other, "REPLACE"),
        ])()  # fmt: skip


def state(c):
    return {key: (sorted(c("SMEMBERS", key)), c("OBJECT", "ENCODING", key), c("TTL", key) > 0)
            for key in KEYS}


@pytest.mark.skipif(is_redis(), reason="takes snapshots of Hark's own")
def test_kill_loses_nothing():
    rng = random.Random(7)
    with Server(SETTINGS) as server:
        for round in range(3):
            c = server.connect()
            eventually(lambda: c.info("persistence")["loading"] == "0")
            change(c, rng, 600)
            if round:
                assert c("BGREWRITEAOF").startswith("Background")
            change(c, rng, 600)
            before = state(c)
            assert {kept for _, kept, _ in before.values()} >= {"intset", "hashtable"}
            server.kill()
            server.start()
            c = server.connect()
            eventually(lambda: c.info("persistence")["loading"] == "0")
            assert state(c) == before


def test_limits(server):
    c = server.connect()
    c("CONFIG", "SET", "set-max-intset-entries", "3")
    c("SADD", "ints", *range(3))
    assert c("OBJECT", "ENCODING", "ints") == "intset"
    c("SADD", "ints", 3)
    assert c("OBJECT", "ENCODING", "ints") == "hashtable"
    if is_redis():
        return
    c("CONFIG", "SET", "set-max-listpack-entries", "3", "set-max-listpack-value", "2")
    c("SADD", "few", "a", "b", "cd")
    assert c("OBJECT", "ENCODING", "few") == "listpack"
    c("COPY", "few", "many")
    c("SADD", "few", "abc")
    c("SADD", "many", "d")
    assert [c("OBJECT", "ENCODING", key) for key in ("few", "many")] == ["hashtable"] * 2
    assert c("CONFIG", "GET", "set-max-*") == [
        "set-max-intset-entries", "3", "set-max-listpack-entries", "3", "set-max-listpack-value",
        "2",
    ]  # fmt: skip


def test_scan_while_the_set_changes(server):
    """What stays is found, and in Hark once, while the table grows and shrinks under the scan."""
    c = server.connect()
    c("SADD", "s", *[f"stay:{i}" for i in range(2000)])
    found, cursor, wave = [], "0", 0
    while True:
        cursor, members = c("SSCAN", "s", cursor, "COUNT", 50)
        found += [m for m in members if m.startswith("stay:")]
        if cursor == "0":
            break
        others = [f"other:{i}" for i in range(3000)]
        c("SADD" if wave % 2 == 0 else "SREM", "s", *others)
        wave += 1
    assert set(found) == {f"stay:{i}" for i in range(2000)}
    assert is_redis() or len(found) == 2000


@pytest.mark.skipif(is_redis(), reason="of Hark's own bounds")
def test_a_reply_beyond_the_limit_is_not_made(server):
    c = server.connect()
    c("CONFIG", "SET", "client-output-buffer-limit", "normal 100000 0 0")
    c("SADD", "s", *[f"member:{i}" for i in range(20000)])
    for command in (("SMEMBERS", "s"), ("SUNION", "s", "s"), ("SRANDMEMBER", "s", "-4000000"),
                    ("SSCAN", "s", "0", "COUNT", "1000000")):
        with pytest.raises(Closed):
            server.connect()(*command)
    assert c("SCARD", "s") == 20000
