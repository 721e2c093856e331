"""Streams that are stored: client libraries, waiting, views beside them, and what a crash leaves."""

import os
import random
import time

import pytest
import redis

from harness import CommandError, eventually, take_snapshot

SEED = int(os.environ.get("SEED", time.time()))


@pytest.fixture
def c(connect):
    return connect()


def blocked(c, count):
    """Waits until so many clients are blocked."""
    eventually(lambda: int(c.info("clients")["blocked_clients"]) == count)


def pairs(reply):
    """A reply of pairs in a row, deeply, as dictionaries."""
    return dict(zip(reply[::2], reply[1::2]))


# ---- a client library ----


def test_library_reads_groups_and_facts(server):
    r = redis.Redis(port=server.port, decode_responses=True)
    ids = [r.xadd("s", {"n": i, "v": "x" * i}) for i in range(5)]
    assert r.xlen("s") == 5
    assert r.xrange("s", count=2) == [(ids[0], {"n": "0", "v": ""}), (ids[1], {"n": "1", "v": "x"})]
    assert [i for i, _ in r.xrevrange("s")] == ids[::-1]
    assert r.xread({"s": ids[3]}) == [["s", [(ids[4], {"n": "4", "v": "xxxx"})]]]
    assert r.xgroup_create("s", "g", "0")
    assert len(r.xreadgroup("g", "c", {"s": ">"}, count=3)[0][1]) == 3
    assert r.xpending("s", "g") == {"pending": 3, "min": ids[0], "max": ids[2],
                                    "consumers": [{"name": "c", "pending": 3}]}  # fmt: skip
    assert r.xack("s", "g", ids[0]) == 1
    next_id, claimed, deleted = r.xautoclaim("s", "g", "d", 0)
    assert (next_id, [i for i, _ in claimed], deleted) == ("0-0", ids[1:3], [])
    assert [e["consumer"] for e in r.xpending_range("s", "g", "-", "+", 10)] == ["d", "d"]
    assert r.xclaim("s", "g", "c", 0, [ids[1]], justid=True) == [ids[1]]
    info = r.xinfo_stream("s")
    assert (info["length"], info["last-generated-id"], info["groups"]) == (5, ids[4], 1)
    assert info["first-entry"] == (ids[0], {"n": "0", "v": ""})
    (group,) = r.xinfo_groups("s")
    assert (group["entries-read"], group["lag"], group["pending"]) == (3, 2, 2)
    assert {x["name"]: x["pending"] for x in r.xinfo_consumers("s", "g")} == {"c": 1, "d": 1}
    full = r.xinfo_stream("s", full=True)
    assert len(full["entries"]) == 5 and full["groups"][0]["pel-count"] == 2
    assert r.xtrim("s", maxlen=1, approximate=False) == 4
    assert r.xdel("s", ids[4]) == 1 and r.exists("s") == 1


def test_resp3_has_maps(connect):
    c = connect(3)
    c("XADD", "s", "1-1", "a", "b")
    c("XGROUP", "CREATE", "s", "g", "0")
    assert c("XREAD", "STREAMS", "s", "0") == {"s": [["1-1", ["a", "b"]]]}
    assert c("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">") == {"s": [["1-1", ["a", "b"]]]}
    assert c("XINFO", "GROUPS", "s")[0]["lag"] == 0
    assert c("XINFO", "STREAM", "s")["first-entry"] == ["1-1", ["a", "b"]]


# ---- waiting ----


def test_waiting_for_several_streams(connect):
    c, waits = connect(), connect()
    waits.send("XREAD", "BLOCK", "0", "STREAMS", "a", "b", "$", "0")
    blocked(c, 1)
    c("SET", "a", "no stream")  # which is not what it waits for
    c("DEL", "a")
    c.pipeline(["XADD", "b", "1-1", "x", "1"], ["XADD", "a", "1-1", "x", "2"])
    assert waits.reply() == [["b", [["1-1", ["x", "1"]]]]]
    blocked(c, 0)


def test_all_who_read_are_served_at_once(connect):
    c = connect()
    readers = [connect() for _ in range(5)]
    for reader in readers:
        reader.send("XREAD", "BLOCK", "0", "STREAMS", "s", "$")
    blocked(c, 5)
    c("XADD", "s", "1-1", "x", "1")
    assert [r.reply() for r in readers] == [[["s", [["1-1", ["x", "1"]]]]]] * 5


def test_a_group_serves_who_came_first(connect):
    c = connect()
    c("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")
    workers = [connect() for _ in range(4)]
    for i, worker in enumerate(workers):
        worker.send("XREADGROUP", "GROUP", "g", f"w{i}", "COUNT", "1", "BLOCK", "0", "STREAMS", "s", ">")
        blocked(c, i + 1)
    c("MULTI")
    for i in range(3):
        c("XADD", "s", f"{i + 1}-1", "x", i)
    c("EXEC")
    for i in range(3):
        assert workers[i].reply() == [["s", [[f"{i + 1}-1", ["x", str(i)]]]]]
    blocked(c, 1)
    assert [row[:2] for row in c("XPENDING", "s", "g", "-", "+", 9)] == [
        [f"{i + 1}-1", f"w{i}"] for i in range(3)]  # fmt: skip


@pytest.mark.parametrize(
    "end",
    [
        ["DEL", "s"], ["SET", "s", "x"], ["RENAME", "s", "t"], ["RENAME", "text", "s"],
        ["FLUSHALL"], ["XGROUP", "DESTROY", "s", "g"], ["MOVE", "s", "1"],
    ],
    ids=lambda words: " ".join(words),
)  # fmt: skip
def test_group_readers_hear_of_the_end(connect, end):
    c, waits = connect(), connect()
    c("SET", "text", "x")
    c("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")
    waits.send("XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "s", ">")
    blocked(c, 1)
    c(*end)
    words = "NOGROUP the consumer" if end[0] == "XGROUP" else "UNBLOCKED the stream key"
    assert str(waits.reply()).startswith(words)


def both_at_once(c, waits, given, lost, bring):
    """`waits` reads two streams; one is given something when the group of the other ends."""
    waits.send("XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", given, lost, ">", ">")
    blocked(c, 1)
    c("MULTI")
    c(*bring)
    c("XGROUP", "DESTROY", lost, "g")
    c("EXEC")
    ((name, ((_, fields),)),) = waits.reply()
    assert name == given
    assert "NOGROUP" in waits.error("XREADGROUP", "GROUP", "g", "c", "STREAMS", given, lost, ">", ">")
    return fields


def test_what_was_given_is_not_lost_with_another_group(connect):
    c, waits = connect(), connect()
    for name in ("s", "t"):
        c("XGROUP", "CREATE", name, "g", "$", "MKSTREAM")
    assert both_at_once(c, waits, "s", "t", ["XADD", "s", "1-1", "a", "b"]) == ["a", "b"]


@pytest.mark.hark_only("Redis has no views")
def test_nor_is_what_a_view_has_given(connect):
    c, waits = connect(), connect()
    view = "__keyevent@0__:set"
    c("XGROUP", "CREATE", view, "g", "$")
    for lost in ("t", "__keyevent@0__:del"):
        c("XGROUP", "CREATE", lost, "g", "$", "MKSTREAM")
        fields = both_at_once(c, waits, view, lost, ["SET", "k", "v"])
        assert fields[:4] == ["event", "set", "key", "k"]


def test_time_out_and_multi(connect):
    c = connect()
    assert c("XREAD", "BLOCK", "1", "STREAMS", "s", "$") is None
    c("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")
    assert c("XREADGROUP", "GROUP", "g", "c", "BLOCK", "1", "STREAMS", "s", ">") is None
    c("MULTI")
    c("XREAD", "BLOCK", "0", "STREAMS", "s", "$")
    assert c("EXEC") == [None]


@pytest.mark.hark_only("Redis has no views")
def test_views_beside_streams(connect):
    c, waits = connect(), connect()
    view = "__keyevent@0__:set"
    for bring, served in [(["SET", "k", "v"], view), (["XADD", "s", "*", "a", "b"], "s")]:
        waits.send("XREAD", "BLOCK", "0", "STREAMS", view, "s", "$", "$")
        blocked(c, 1)
        c(*bring)
        assert [name for name, _ in waits.reply()] == [served]
    both = c("XREAD", "STREAMS", "s", view, "0", "0")
    assert [name for name, _ in both] == ["s", view]
    c("XGROUP", "CREATE", view, "g", "$")
    c("XGROUP", "CREATE", "s", "g", "$")
    waits.send("XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", view, "s", ">", ">")
    blocked(c, 1)
    c("XADD", "s", "*", "a", "b")
    assert [name for name, _ in waits.reply()] == ["s"]
    waits.send("XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", view, "s", ">", ">")
    blocked(c, 1)
    c("SET", "k", "v")
    assert [name for name, _ in waits.reply()] == [view]


# ---- WATCH ----


@pytest.mark.parametrize(
    "words, heard",
    [
        (["XADD", "s", "9-9", "a", "b"], True), (["XDEL", "s", "1-1"], True),
        (["XTRIM", "s", "MAXLEN", "0"], True), (["XACK", "s", "g", "1-1"], False),
        (["XREADGROUP", "GROUP", "g", "d", "STREAMS", "s", ">"], False),
        (["XCLAIM", "s", "g", "e", "0", "1-1"], False), (["XGROUP", "SETID", "s", "g", "0"], False),
        (["XGROUP", "CREATE", "s", "h", "0"], False), (["XGROUP", "DESTROY", "s", "g"], False),
        (["XSETID", "s", "10-1"], False),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)  # fmt: skip
def test_what_watch_hears(connect, words, heard):
    c, other = connect(), connect()
    c("XADD", "s", "1-1", "a", "b")
    c("XGROUP", "CREATE", "s", "g", "0")
    c("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">")
    c("WATCH", "s")
    other(*words)
    c("MULTI")
    c("PING")
    assert (c("EXEC") is None) == heard


def test_directives(connect):
    c = connect()
    c("CONFIG", "SET", "stream-node-max-entries", "3")
    for i in range(10):
        c("XADD", "s", f"{i + 1}-0", "a", i)
    assert pairs(c("XINFO", "STREAM", "s"))["radix-tree-keys"] == 4
    assert c("XTRIM", "s", "MAXLEN", "~", "5") == 3
    assert c("XLEN", "s") == 7


# ---- what a crash leaves ----


def random_words(rng, key):
    def an_id():
        return f"{rng.randrange(1, 60)}-{rng.randrange(3)}"

    group, who = rng.choice("gh"), rng.choice("cde")
    return rng.choice([
        ["XADD", key, "*", "f", rng.randrange(1000), "g", "v" * rng.randrange(30)],
        ["XADD", key, "*", "f", rng.randrange(1000), "g", "v" * rng.randrange(30)],
        ["XADD", key, "*", rng.randrange(10), rng.randrange(1000)],
        ["XADD", key, "MAXLEN", "~", rng.randrange(300), "*", "f", "v"],
        ["XTRIM", key, "MAXLEN", rng.randrange(100, 400)],
        ["XTRIM", key, "DELREF", "MAXLEN", rng.randrange(100, 400)],
        ["XTRIM", key, "ACKED", "MAXLEN", rng.randrange(400)],
        ["XGROUP", "CREATE", key, group, rng.choice("0$"), "MKSTREAM"],
        ["XGROUP", "DELCONSUMER", key, group, who],
        ["XREADGROUP", "GROUP", group, who, "COUNT", rng.randrange(1, 20), "STREAMS", key, ">"],
        ["XREADGROUP", "GROUP", group, who, "COUNT", rng.randrange(1, 20), "STREAMS", key, ">"],
        ["XREADGROUP", "GROUP", group, who, "NOACK", "STREAMS", key, ">"],
        ["XREADGROUP", "GROUP", group, who, "COUNT", 5, "STREAMS", key, "0"],
        ["XAUTOCLAIM", key, group, who, "0", "0", "COUNT", rng.randrange(1, 30)],
        ["XCLAIM", key, group, who, "0", an_id(), "FORCE"],
        ["COPY", key, rng.choice("st"), "REPLACE"],
    ])  # fmt: skip


def one_of_what_is_pending(c, rng, key, group):
    rows = c("XPENDING", key, group, "-", "+", 50)
    return [row[0] for row in rng.sample(rows, min(len(rows), 8))]


def all_of(c, key):
    """All that is told of a stream, but for when somebody was seen."""

    def unseen(value):
        if not isinstance(value, list):
            return value
        value = [unseen(item) for item in value]
        if "seen-time" in value:
            value[value.index("seen-time") + 1] = None
        return value

    return unseen(c("XINFO", "STREAM", key, "FULL", "COUNT", "0"))


@pytest.mark.hark_only("Redis forgets what its file has not got yet")
@pytest.mark.settings(appendfsync="everysec")
def test_a_crash_leaves_all_of_it(server):
    print(f"SEED={SEED}")
    rng = random.Random(SEED)
    for _ in range(3):
        c = server.connect()
        for i in range(1200):
            key = rng.choice("st")
            try:
                c(*random_words(rng, key))
                if i % 7 == 0:
                    group = rng.choice("gh")
                    ids = one_of_what_is_pending(c, rng, key, group)
                    if ids:
                        c("XACK", key, group, *ids)
            except CommandError as why:
                assert any(code in str(why) for code in ("BUSYGROUP", "NOGROUP", "The XGROUP", "the same")), why
            if i == 500 and rng.random() < 0.7:
                take_snapshot(c)
        before = {key: all_of(c, key) for key in "st"}
        server.kill()
        server.start()
        c = server.connect()
        assert {key: all_of(c, key) for key in "st"} == before
