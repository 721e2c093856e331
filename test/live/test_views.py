"""Views: keyspace channels read as streams, and consumer groups on them, over real connections.

What Redis does with a stored stream is asked of Redis itself, with the same words."""

import os
import random
import signal
import threading
import time

import pytest
import redis

from harness import CommandError, Server, eventually, is_redis, take_snapshot

pytestmark = pytest.mark.hark_only("Redis has no views")

SETS = "__keyevent@0__:set"
SEED = int(os.environ.get("SEED", time.time()))


@pytest.fixture
def c(connect):
    return connect()


def fields(entry):
    names = entry[1]
    return dict(zip(names[::2], names[1::2]))


def keys(entries):
    return [fields(entry)["key"] for entry in entries]


def ids(entries):
    return [entry[0] for entry in entries]


def number(entry_id):
    return tuple(map(int, entry_id.split("-")))


def write(c, count, size=100, first=0):
    """Sets `count` keys, k<first> and so on."""
    value = "v" * size
    for start in range(first, first + count, 500):
        part = range(start, min(start + 500, first + count))
        c.pipeline(*[("SET", f"k{i}", value) for i in part])


def read_all(c, view, page=1000):
    """Every entry of a view, by pages."""
    last, entries = "0", []
    while True:
        reply = c("XREAD", "COUNT", page, "STREAMS", view, last)
        if not reply:
            return entries
        entries += reply[0][1]
        last = entries[-1][0]


# ---- reading ----


def test_what_was_written_is_read(c):
    c("SET", "a", "1")
    c("SET", "b", "2", "PX", "1")
    eventually(lambda: c("EXISTS", "b") == 0)
    c("DEL", "a")
    entries = c("XRANGE", "__keyevent@0__:*", "-", "+")
    assert [fields(e)["event"] for e in entries] == ["set", "set", "expire", "expired", "del"]
    assert keys(entries) == ["a", "b", "b", "b", "a"]
    assert keys(c("XRANGE", "__keyspace@0__:a", "-", "+")) == ["a", "a"]
    assert c("XREVRANGE", "__keyevent@0__:*", "+", "-") == entries[::-1]
    assert c("XRANGE", "__keyevent@0__:*", "(" + entries[0][0], entries[2][0]) == entries[1:3]
    assert c("XLEN", "__keyevent@0__:*") == 5
    assert c("XREAD", "STREAMS", SETS, entries[0][0]) == [[SETS, [entries[1]]]]
    assert c("XREAD", "STREAMS", SETS, "+") == [[SETS, [entries[1]]]]
    assert c("XREAD", "STREAMS", SETS, "$") is None


def test_resp3_has_maps(connect):
    c = connect(proto=3)
    c("SET", "a", "1")
    entry = c("XRANGE", SETS, "-", "+")[0]
    assert c("XREAD", "STREAMS", SETS, "nokey", "__keyspace@0__:a", "0", "0", "0") == {
        SETS: [entry], "__keyspace@0__:a": [entry]}
    assert c("XINFO", "STREAM", SETS)["first-entry"] == entry
    assert c("XREAD", "STREAMS", SETS, "$") is None


def test_what_is_on_disk_is_read_and_others_go_on(c, connect):
    write(c, 12000, size=300)  # several segments beyond the tail
    other = connect()
    other("SET", "last", "1")
    entries = read_all(c, SETS)
    assert keys(entries) == [f"k{i}" for i in range(12000)] + ["last"]
    assert sorted(map(number, ids(entries))) == [number(i) for i in ids(entries)]
    assert len(c("XREAD", "STREAMS", SETS, "0")[0][1]) == 10000
    assert c("XLEN", SETS) == 12001
    assert keys(c("XREAD", "COUNT", "2", "STREAMS", "__keyspace@0__:k7", "0")[0][1]) == ["k7"]
    info = c("XINFO", "STREAM", SETS)
    described = dict(zip(info[::2], info[1::2]))
    assert described["length"] == 12001
    assert described["first-entry"] == entries[0]
    assert described["last-entry"] == entries[-1]


def test_within_a_transaction_only_memory_is_read(c):
    write(c, 12000, size=300)
    c("MULTI")
    c("XREAD", "COUNT", "1", "STREAMS", SETS, "0")
    c("XREVRANGE", SETS, "+", "-", "COUNT", "1")
    c("XREAD", "BLOCK", "0", "STREAMS", SETS, "$")
    old, last, blocked = c("EXEC")
    assert "ERR only what is in memory can be read here" in old
    assert keys(last) == ["k11999"]
    assert blocked is None


def test_a_reply_has_a_bound(c):
    c("CONFIG", "SET", "view-reply-bytes-max", "1mb")
    write(c, 20000, size=10)
    text = c.error("XRANGE", SETS, "-", "+")
    assert text.startswith("ERR the reply would be longer than view-reply-bytes-max"), text
    assert len(c("XRANGE", SETS, "-", "+", "COUNT", "1000")) == 1000
    assert c("XLEN", SETS) == 20000


@pytest.mark.settings(appendonly="no")
def test_without_a_journal_there_are_no_views(c):
    for words in [("XREAD", "STREAMS", SETS, "0"), ("XLEN", SETS), ("XACK", SETS, "g", "1-1"),
                  ("XGROUP", "CREATE", SETS, "g", "$")]:
        assert "appendonly no" in c.error(*words)


# ---- blocking ----


def test_blocked_readers_are_woken(connect):
    c, reader = connect(), connect(proto=3)
    c("SET", "a", "1")
    reader.send("XREAD", "BLOCK", "0", "STREAMS", "__keyevent@0__:expired", SETS, "$", "$")
    eventually(lambda: c.info("clients")["blocked_clients"] == "1")
    c("DEL", "a")
    c("SET", "b", "1")
    reply = reader.reply()
    assert list(reply) == [SETS] and keys(reply[SETS]) == ["b"]
    assert reader("XREAD", "BLOCK", "20", "STREAMS", SETS, "$") is None
    reader.send("XREAD", "BLOCK", "0", "STREAMS", SETS, "$")
    eventually(lambda: c("CLIENT", "UNBLOCK", reader_id(c, reader), "ERROR") == 1)
    assert reader.reply().startswith("UNBLOCKED")


def reader_id(c, reader):
    port = reader.socket.getsockname()[1]
    for line in c("CLIENT", "LIST").splitlines():
        words = dict(w.split("=", 1) for w in line.split(" "))
        if words["addr"].endswith(f":{port}"):
            return words["id"]
    return "0"


def test_one_transaction_wakes_once_with_all(connect):
    c, reader = connect(), connect()
    reader.send("XREAD", "BLOCK", "0", "STREAMS", SETS, "$")
    eventually(lambda: c.info("clients")["blocked_clients"] == "1")
    c("MULTI")
    for i in range(5):
        c("SET", f"k{i}", "v")
    c("EXEC")
    assert keys(reader.reply()[0][1]) == [f"k{i}" for i in range(5)]


# ---- groups ----


def deliver(c, consumer="w", group="g", view=SETS, count=None, start=">", block=None, more=()):
    words = ["XREADGROUP", "GROUP", group, consumer]
    if count:
        words += ["COUNT", count]
    if block is not None:
        words += ["BLOCK", block]
    reply = c(*words, *more, "STREAMS", view, start)
    return reply[0][1] if reply else []


def test_a_group_delivers_each_once(connect):
    c = connect()
    c("XGROUP", "CREATE", SETS, "g", "$")
    write(c, 10)
    first = deliver(c, "a", count=4)
    second = deliver(c, "b")
    assert keys(first + second) == [f"k{i}" for i in range(10)]
    assert deliver(c, "a") == []
    assert deliver(c, "a", start="0") == first
    assert c("XACK", SETS, "g", *ids(first)[:2], ids(first)[0], "1-1") == 2
    assert deliver(c, "a", start="0") == first[2:]
    assert c("XPENDING", SETS, "g") == [8, first[2][0], second[-1][0], [["a", "2"], ["b", "6"]]]
    rows = c("XPENDING", SETS, "g", "-", "+", "10", "a")
    assert [(row[0], row[1], row[3]) for row in rows] == [(first[2][0], "a", 3), (first[3][0], "a", 3)]
    assert c("XCLAIM", SETS, "g", "b", "0", first[2][0]) == [first[2]]
    assert c("XAUTOCLAIM", SETS, "g", "c", "0", "0", "COUNT", "1") == [
        first[3][0], [first[2]], []]
    assert c("XAUTOCLAIM", SETS, "g", "c", "0", first[3][0], "JUSTID") == [
        "0-0", ids(first[3:] + second), []]
    assert c("XGROUP", "DELCONSUMER", SETS, "g", "c") == 8
    assert c("XPENDING", SETS, "g") == [0, None, None, None]


def test_noack_leaves_nothing_pending(c):
    c("XGROUP", "CREATE", SETS, "g", "$", "ENTRIESREAD", "5")
    write(c, 3)
    assert len(deliver(c, more=("NOACK",))) == 3
    assert c("XPENDING", SETS, "g")[0] == 0
    assert deliver(c) == []
    info = c("XINFO", "GROUPS", SETS)[0]
    described = dict(zip(info[::2], info[1::2]))
    assert described["entries-read"] == 8 and described["lag"] == 0


@pytest.mark.parametrize("end", ["kill", "halt"])
def test_groups_outlive_the_server(server, end):
    c = server.connect()
    c("XGROUP", "CREATE", SETS, "g", "0")
    c("XGROUP", "CREATE", "__keyspace@0__:k*", "other", "$")
    write(c, 20)
    entries = deliver(c, "a", count=12)
    assert c("XACK", SETS, "g", *ids(entries)[:5]) == 5
    c("XCLAIM", SETS, "g", "b", "0", entries[6][0], "IDLE", "5000", "RETRYCOUNT", "7")
    write(c, 1, first=20)  # later than the delivery: when this is there, so is that
    getattr(server, end)()
    server.start()
    c = server.connect()
    assert [row[1] for row in c("XINFO", "GROUPS", SETS)] == ["g"]
    assert [row[1] for row in c("XINFO", "GROUPS", "__keyspace@0__:k*")] == ["other"]
    rows = c("XPENDING", SETS, "g", "-", "+", "100")
    assert [row[0] for row in rows] == ids(entries[5:])
    assert [row[1] for row in rows] == ["a", "b"] + ["a"] * 5
    assert [row[3] for row in rows] == [1, 7] + [1] * 5
    assert rows[1][2] >= 5000
    assert keys(deliver(c, "b")) == [f"k{i}" for i in range(12, 21)]
    assert deliver(c, "b", start="0")[0] == entries[6]


def test_a_position_is_a_time(c):
    write(c, 5)
    middle = c("XRANGE", SETS, "-", "+")[2][0]
    c("XGROUP", "CREATE", SETS, "g", middle)
    assert keys(deliver(c)) == ["k3", "k4"]
    c("XGROUP", "SETID", SETS, "g", "0")
    assert keys(deliver(c, "again")) == [f"k{i}" for i in range(5)]
    assert [row[1] for row in c("XPENDING", SETS, "g", "-", "+", "9")] == ["again"] * 5


def test_workers_share_what_is_on_disk(server):
    """Reads take their time, and are asked for at once: nothing comes twice or out of order."""
    c = server.connect()
    c("XGROUP", "CREATE", SETS, "g", "$")
    write(c, 15000, size=300)
    got, failed = [[] for _ in range(6)], []
    rnd = random.Random(SEED)
    counts = [rnd.randrange(1, 700) for _ in got]

    def work(i):
        try:
            with server.connect() as w:
                while entries := deliver(w, f"w{i}", count=counts[i]):
                    got[i].append(ids(entries))
                    w("XACK", SETS, "g", *ids(entries))
        except Exception as e:  # told by the main thread
            failed.append(e)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(got))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed, failed
    batches = sorted((batch for mine in got for batch in mine), key=lambda b: number(b[0]))
    all_ids = [number(i) for batch in batches for i in batch]
    assert len(all_ids) == 15000, f"SEED={SEED}"
    assert all_ids == sorted(set(all_ids)), f"SEED={SEED}"
    for mine in got:  # each worker got later ones each time
        firsts = [number(batch[0]) for batch in mine]
        assert firsts == sorted(firsts)
    assert c("XPENDING", SETS, "g")[0] == 0


def blocked(c, count):
    eventually(lambda: c.info("clients")["blocked_clients"] == str(count))


def test_blocked_workers_are_served_in_turn(connect):
    c, workers = connect(), [connect() for _ in range(3)]
    c("XGROUP", "CREATE", SETS, "g", "$")
    for i, w in enumerate(workers):
        w.send("XREADGROUP", "GROUP", "g", f"w{i}", "COUNT", "2", "BLOCK", "0", "STREAMS", SETS, ">")
        blocked(c, i + 1)
    c("SET", "k0", "v")
    assert keys(workers[0].reply()[0][1]) == ["k0"]
    blocked(c, 2)
    c("MULTI")
    for i in range(1, 4):  # more than one of them takes
        c("SET", f"k{i}", "v")
    c("EXEC")
    assert keys(workers[1].reply()[0][1]) == ["k1", "k2"]
    assert keys(workers[2].reply()[0][1]) == ["k3"]
    blocked(c, 0)


def test_who_leaves_does_not_hold_up_others(connect):
    c, first, second = connect(), connect(), connect()
    c("XGROUP", "CREATE", SETS, "g", "$")
    first.send("XREADGROUP", "GROUP", "g", "a", "BLOCK", "0", "STREAMS", SETS, ">")
    blocked(c, 1)
    second.send("XREADGROUP", "GROUP", "g", "b", "BLOCK", "0", "STREAMS", SETS, ">")
    blocked(c, 2)
    first.close()
    blocked(c, 1)
    c("SET", "k", "v")
    assert keys(second.reply()[0][1]) == ["k"]


def die_amid(server, *words):
    """Asks for something and is gone, before the server has seen either."""
    with server.connect() as dead:
        server.signal(signal.SIGSTOP)
        dead.send(*words)
    server.signal(signal.SIGCONT)


def test_a_worker_that_has_died_is_given_nothing(server):
    """It is killed amid a read of the disk. Its next life asks what is pending for it, and from then
    on for what is new: nothing may go to the former one behind that."""
    c, view = server.connect(), "__keyspace@0__:*rare"
    c("XGROUP", "CREATE", view, "g", "$")
    write(c, 60000, size=20)  # a pattern that begins with a star is looked for everywhere
    c("SET", "rare", "v")
    write(c, 30000, size=20)
    read = ["XREADGROUP", "GROUP", "g", "w"]
    die_amid(server, *read, "STREAMS", view, ">")
    w = server.connect()
    assert w(*read, "STREAMS", view, "0") == [[view, []]]
    assert keys(w(*read, "BLOCK", "1000", "STREAMS", view, ">")[0][1]) == ["rare"]


def test_a_worker_that_has_died_claims_nothing(server):
    c = server.connect()
    c("XGROUP", "CREATE", SETS, "g", "$")
    write(c, 10000, size=20)
    assert len(deliver(c, "other", count=10000)) == 10000
    write(c, 30000, size=20)
    die_amid(server, "XAUTOCLAIM", SETS, "g", "w", "0", "0", "COUNT", "10000")
    w = server.connect()
    assert w("XREADGROUP", "GROUP", "g", "w", "STREAMS", SETS, "0") == [[SETS, []]]
    eventually(lambda: c.info("clients")["connected_clients"] == "2")
    assert c("XPENDING", SETS, "g")[3] == [["other", "10000"]]
    assert len(w("XAUTOCLAIM", SETS, "g", "w", "0", "0", "COUNT", "10")[1]) == 10


def test_a_group_that_ends_unblocks(connect):
    c, worker = connect(), connect()
    c("XGROUP", "CREATE", SETS, "g", "$")
    worker.send("XREADGROUP", "GROUP", "g", "a", "BLOCK", "0", "STREAMS", SETS, ">")
    blocked(c, 1)
    assert c("XGROUP", "DESTROY", SETS, "g") == 1
    assert worker.reply() == (
        "NOGROUP the consumer group this client was blocked on no longer exists")
    assert worker("PING") == "PONG"


def test_several_groups_views_and_history(connect):
    c, other = connect(), "__keyspace@0__:b*"
    c("XGROUP", "CREATE", SETS, "g", "$")
    c("XGROUP", "CREATE", other, "g", "$")
    c("SET", "a", "1")
    c("SET", "b", "1")
    reply = c("XREADGROUP", "GROUP", "g", "w", "STREAMS", SETS, other, ">", ">")
    assert [(name, keys(entries)) for name, entries in reply] == [(SETS, ["a", "b"]), (other, ["b"])]
    reply = c("XREADGROUP", "GROUP", "g", "w", "BLOCK", "0", "STREAMS", SETS, other, ">", "0")
    assert [(name, keys(entries)) for name, entries in reply] == [(other, ["b"])]


def drop_what_was(c):
    """Writes, and takes snapshots, until retention has dropped what was there before."""
    [[last, _]] = c("XREVRANGE", SETS, "+", "-", "COUNT", "1")
    while number(c("XRANGE", SETS, "-", "+", "COUNT", "1")[0][0]) <= number(last):
        write(c, 2000, size=500)
        take_snapshot(c)


@pytest.mark.settings(journal_retention_bytes="1mb")
@pytest.mark.parametrize("since", ["$", "0"])
def test_a_group_that_has_had_nothing_yet_is_told_of_its_gap(server, since):
    """Also one that was made when there was nothing: `0` is what was kept then."""
    c, view = server.connect(), "__keyspace@0__:rare"
    c("XGROUP", "CREATE", view, "g", since)
    c("SET", "rare", "1")
    drop_what_was(c)
    c("XGROUP", "CREATE", view, "later", "0")
    [gap] = deliver(c, view=view)
    assert fields(gap)["event"] == "gap"
    assert deliver(c, view=view) == [] and deliver(c, view=view, group="later") == []
    c("SET", "rare", "2")
    assert keys(deliver(c, view=view)) == keys(deliver(c, view=view, group="later")) == ["rare"]
    drop_what_was(c)
    c("XGROUP", "SETID", view, "g", "0")
    assert deliver(c, view=view) == []


# ---- views as keys ----


def test_views_are_no_keys(c):
    c("SET", "a", "1")
    assert c("TYPE", SETS) == "stream"
    assert c("EXISTS", SETS, "a", SETS, "b") == 3
    assert [c(w, SETS) for w in ("TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME")] == [-1] * 4
    assert c("OBJECT", "ENCODING", SETS) == "stream"
    wrong = "WRONGTYPE Operation against a key holding the wrong kind of value"
    for words in [("GET", SETS), ("STRLEN", SETS), ("MGET", "a", SETS), ("GETRANGE", SETS, 0, 1)]:
        assert c.error(*words) == wrong
    for words in [("SET", SETS, "1"), ("DEL", "a", SETS), ("RENAME", "a", SETS), ("WATCH", SETS),
                  ("RENAME", SETS, "a"), ("COPY", SETS, "b"), ("COPY", "a", SETS),
                  ("EXPIRE", SETS, "10"), ("MSET", "b", "1", SETS, "2"), ("UNLINK", SETS),
                  ("INCR", SETS), ("APPEND", SETS, "x"), ("MOVE", SETS, "1"), ("TOUCH", SETS),
                  ("GETDEL", SETS), ("BITOP", "NOT", SETS, "a"), ("PERSIST", SETS)]:
        assert "is a view" in c.error(*words), words
    assert c("KEYS", "*") == ["a"] and c("DBSIZE") == 1
    assert c("SCAN", "0")[1] == ["a"]
    assert c("SET", "b", SETS) == "OK"  # as a value it is any text
    assert c("SET", "__keyspace", "1") == "OK"
    assert c("PUBLISH", SETS, "x") == 0
    c("MULTI")
    c("GET", SETS)
    c("SET", "after", "1")
    assert [str(r)[:9] for r in c("EXEC")] == ["WRONGTYPE", "OK"]


# ---- as in Redis ----

SAME = """
XREAD COUNT x STREAMS {s} 0 | XREAD STREAMS {s} | XREAD STREAMS {s} t 0 | XREAD STREAMS {s} $
XREAD STREAMS nokey 0 | XREAD STREAMS {s} 0 FOO | XREAD FOO STREAMS {s} 0 | XREAD STREAMS
XREAD COUNT 1 {s} 0 | XREAD BLOCK 5 STREAMS nokey 0 | XREAD BLOCK -1 STREAMS {s} $
XREAD BLOCK x STREAMS {s} $ | XREAD STREAMS str 0 | XREAD STREAMS {s} abc | XREAD STREAMS {s} (1
XREAD STREAMS {s} - | XREAD STREAMS {s} > | XREAD NOACK STREAMS {s} 0
XREAD GROUP g c STREAMS {s} 0 | XREADGROUP GROUP no c STREAMS {s} >
XREADGROUP GROUP g c STREAMS nokey > | XREADGROUP COUNT 1 STREAMS {s} x y
XREADGROUP COUNT 1 BLOCK 1 STREAMS {s} > | XREADGROUP GROUP g c STREAMS {s} $
XREADGROUP GROUP g c COUNT 1 STREAMS str > | XREADGROUP GROUP g c STREAMS {s} + | XREADGROUP x
XREADGROUP GROUP g c STREAMS {s} 0 | XREADGROUP GROUP g c BLOCK 5 STREAMS {s} 0
XREADGROUP GROUP g c NOACK COUNT 5 STREAMS {s} 0 | XRANGE {s} + - | XRANGE {s} ( +
XRANGE {s} - + COUNT 0 | XRANGE {s} - + COUNT -1 | XRANGE {s} - + COUNT | XRANGE {s} - + FOO 1
XRANGE {s} x + | XRANGE {s} (18446744073709551615-18446744073709551615 + | XRANGE {s} - (0-0
XRANGE {s} (- + | XRANGE nokey - + | XRANGE nokey x + | XRANGE str - + | XRANGE {s} 1-x +
XRANGE {s} 99999999999999999999 + | XREVRANGE nokey + - | XRANGE nokey - + COUNT 0
XLEN nokey | XLEN str | XLEN | XINFO | XINFO FOO | XINFO HELP | XINFO STREAM nokey
XINFO STREAM str | XINFO STREAM {s} FOO | XINFO STREAM {s} FULL COUNT | XINFO STREAM {s} FULL COUNT x
XINFO GROUPS nokey | XINFO GROUPS str | XINFO GROUPS {s} | XINFO CONSUMERS {s} no
XINFO CONSUMERS nokey g | XGROUP HELP | XGROUP CREATE nokey g $ | XGROUP CREATE nokey g $ FOO
XGROUP CREATE str g $ | XGROUP CREATE {s} g $ ENTRIESREAD | XGROUP CREATE {s} g $ ENTRIESREAD x
XGROUP CREATE {s} g $ ENTRIESREAD -2 | XGROUP CREATE {s} g $ | XGROUP CREATE {s} i x
XGROUP CREATE {s} i - | XGROUP CREATE {s} i > | XGROUP SETID {s} no 0 | XGROUP SETID nokey g 0
XGROUP SETID {s} g 0 FOO 1 | XGROUP SETID {s} g 0 MKSTREAM | XGROUP CREATECONSUMER {s} g c1
XGROUP CREATECONSUMER {s} g c1 | XGROUP CREATECONSUMER {s} no c1 | XGROUP DELCONSUMER {s} g c1
XGROUP DELCONSUMER {s} g c1 | XGROUP DELCONSUMER {s} no c1 | XGROUP DESTROY {s} no
XGROUP DESTROY nokey no | XGROUP FOO {s} i | XGROUP | XGROUP CREATE {s} | XPENDING {s} g
XPENDING {s} no | XPENDING nokey g | XPENDING str g | XPENDING {s} g - + 10 nosuch
XPENDING {s} g IDLE 100000 - + 10 | XPENDING {s} g IDLE x - + 10 | XPENDING {s} g IDLE 0 -
XPENDING {s} g - + | XPENDING {s} g - + x | XPENDING {s} g - + -1 | XPENDING {s} g FOO 0 - + 10
XPENDING {s} g x + 10 | XPENDING {s} g IDLE | XPENDING {s} g IDLE 5 - + x c | XPENDING
XCLAIM {s} g d x 3-1 | XCLAIM {s} g d 0 abc | XCLAIM {s} g d 0 3-1 TIME | XCLAIM {s} g d 0 3-1 FOO
XCLAIM {s} no d 0 3-1 | XCLAIM nokey no d 0 3-1 | XCLAIM {s} g d 0 JUSTID | XCLAIM {s} g d 0 3-1
XCLAIM {s} g d 0 3-1 FORCE | XCLAIM {s} g d 0 3-1 IDLE x | XCLAIM {s} g d 0 3-1 RETRYCOUNT x
XCLAIM {s} g d 0 3-1 TIME x | XCLAIM {s} g d 0 3-1 LASTID x | XCLAIM {s} g d 0 3-1 1-x JUSTID
XAUTOCLAIM {s} g e 0 0 COUNT 0 | XAUTOCLAIM {s} g e 0 0 COUNT x | XAUTOCLAIM {s} g e 0 0 COUNT
XAUTOCLAIM {s} g e x 0 | XAUTOCLAIM {s} g e 0 x | XAUTOCLAIM {s} g e 0 0 FOO | XAUTOCLAIM {s} g e 0 0
XAUTOCLAIM {s} no e 0 0 | XAUTOCLAIM nokey no e 0 0 | XAUTOCLAIM {s} g e 0 0 COUNT 9223372036854775807
XAUTOCLAIM {s} g e -5 (0 JUSTID | XAUTOCLAIM {s} g e 0 + | XACK {s} g x | XACK {s} no 1-1
XACK nokey no 1-1 | XACK str no 1-1 | XACK {s} g - | XACK {s} g 5-5 | XACK {s} g
XREADGROUP GROUP g c STREAMS {s} > | XREADGROUP GROUP g c BLOCK 5 STREAMS {s} >
TYPE {s} | OBJECT ENCODING {s} | EXISTS {s} {s} | TTL {s} | GET {s}
"""


@pytest.mark.parametrize("proto", [2, 3])
def test_words_and_errors_are_those_of_redis(server, proto):
    """On an empty stream, where nothing depends on ids: replies are the same."""
    with Server(binary="/usr/bin/redis-server") as other:
        mine, theirs = server.connect(proto), other.connect(proto)
        for c in mine, theirs:
            c("SET", "str", "x")
        theirs("XGROUP", "CREATE", "stream", "g", "$", "MKSTREAM")
        mine("XGROUP", "CREATE", "__keyevent@0__:nothing", "g", "$", "MKSTREAM")
        for line in SAME.replace("\n", "|").split("|"):
            words = line.split()
            if not words:
                continue
            mine.send(*[w.format(s="__keyevent@0__:nothing") for w in words])
            theirs.send(*[w.format(s="stream") for w in words])
            reply, expected = mine.reply(), theirs.reply()
            reply = repr(reply).replace("__keyevent@0__:nothing", "stream")
            if words[:2] == ["XINFO", "GROUPS"]:
                continue
            assert reply == repr(expected), line


# ---- through a client library ----


def test_redis_py(server):
    r = redis.Redis(port=server.port, decode_responses=True)
    r.xgroup_create(SETS, "g", "$")
    for i in range(5):
        r.set(f"k{i}", i)
    [[name, entries]] = r.xreadgroup("g", "w", {SETS: ">"}, count=3)
    assert name == SETS and [e[1]["key"] for e in entries] == ["k0", "k1", "k2"]
    assert r.xack(SETS, "g", entries[0][0]) == 1
    assert [e[0] for e in r.xrange(SETS)][:3] == [e[0] for e in entries]
    assert r.xpending(SETS, "g")["pending"] == 2
    assert [p["message_id"] for p in r.xpending_range(SETS, "g", "-", "+", 10)] == [
        e[0] for e in entries[1:]]
    claimed = r.xautoclaim(SETS, "g", "other", 0)
    assert [e[0] for e in claimed[1]] == [e[0] for e in entries[1:]]
    assert r.xinfo_stream(SETS)["length"] == 5
    assert r.xinfo_groups(SETS)[0]["pending"] == 2
    assert {c["name"] for c in r.xinfo_consumers(SETS, "g")} == {"w", "other"}
    assert r.xinfo_stream(SETS, full=True)["groups"][0]["name"] == "g"
    assert r.xread({SETS: entries[-1][0]}, block=1000)[0][1][0][1]["key"] == "k3"
    r.close()
