"""Deadlines: every key ends once, at its time and not before, and only if it still should."""

import os
import random
import time

import pytest

from harness import Error, eventually

FLAGS = "notify-keyspace-events"
SHORT = 80  # ms, for a key that is to end while the test looks on
FENCE = SHORT + 40
LONG = 1_000_000


@pytest.fixture
def c(connect):
    return connect()


@pytest.fixture
def ear(c, connect):
    """Hears every event of every database on the keyevent channels."""
    c("CONFIG", "SET", FLAGS, "EA")
    client = connect(3)
    client("PSUBSCRIBE", "__keyevent@*__:expired")
    return client


def ended(push):
    """(database, key) of an `expired` message."""
    kind, _, channel, key = push
    assert kind == "pmessage" and channel.endswith("__:expired")
    return int(channel[len("__keyevent@"):].split("_")[0]), key


# ---- every one, once, in time ----


def with_deadline(rng, key, ttl):
    """One of the ways to give a new key so many ms to live."""
    way = rng.randrange(5)
    if way == 0:
        return [["SET", key, "v", "PX", ttl]]
    if way == 1:
        return [["SET", key, "v", "PXAT", int(time.time() * 1000) + ttl]]
    if way == 2:
        return [["SET", key, "v"], ["PEXPIRE", key, ttl]]
    if way == 3:
        return [["PSETEX", key, LONG, "v"], ["PEXPIRE", key, ttl]]
    return [["PSETEX", key, 20_000 + rng.randrange(9_000), "v"], ["PEXPIRE", key, ttl]]


def test_every_key_ends_once_and_in_time(c, ear, connect):
    seed = int(os.environ.get("SEED", 0)) or random.randrange(1 << 32)
    print("SEED", seed)
    rng = random.Random(seed)
    for i in range(0, 20_000, 2_000):
        c.pipeline(*(["SET", f"long:{k}", "v", "PX", LONG + k] for k in range(i, i + 2_000)))

    earliest, latest = {}, {}
    asker = connect()
    for i in range(0, 2_000, 40):
        ttls = {f"short:{k}": rng.randint(50, 1500) for k in range(i, i + 40)}
        requests = [words for key, ttl in ttls.items() for words in with_deadline(rng, key, ttl)]
        before = time.time()
        replies = c.pipeline(*requests)
        after = time.time()
        assert set(replies) <= {"OK", 1}, replies
        for key, ttl in ttls.items():
            # Deadlines are whole ms of a clock that was read somewhere in between.
            earliest[key] = before + (ttl - 1) / 1000
            latest[key] = after + ttl / 1000

    seen, lateness = set(), []
    while len(seen) < 2_000:
        db, key = ended(ear.push())
        now = time.time()
        assert db == 0 and key in earliest and key not in seen
        assert now >= earliest[key], f"{key} ended {earliest[key] - now} s before its time"
        lateness.append(now - latest[key])
        seen.add(key)
        if len(seen) % 20 == 0:
            assert asker("EXISTS", key) == 0
    lateness.sort()
    print(f"late by: p50 {lateness[1000] * 1e3:.1f} ms, p99 {lateness[1980] * 1e3:.1f} ms, "
          f"max {lateness[-1] * 1e3:.1f} ms")
    assert lateness[1000] < 0.2 and lateness[-1] < 5
    assert c("DBSIZE") == 20_000
    ear.quiet()


def test_many_with_the_same_deadline(c, ear):
    when = int(time.time() * 1000) + 400
    keys = {f"k{i}" for i in range(5_000)}
    for key in keys:
        c.send("SET", key, "v", "PXAT", when)
    assert all(c.reply() == "OK" for _ in keys)
    assert {ended(push) for push in ear.pushes(5_000)} == {(0, key) for key in keys}
    assert time.time() * 1000 >= when
    assert c("DBSIZE") == 0
    ear.quiet()


def test_earlier_deadlines_come_first(c, ear):
    base = int(time.time() * 1000) + 150
    offsets = list(range(0, 400, 4))
    random.Random(7).shuffle(offsets)
    c.pipeline(*(["SET", f"{offset}", "v", "PXAT", base + offset] for offset in offsets))
    assert [int(ended(push)[1]) for push in ear.pushes(len(offsets))] == sorted(offsets)


# ---- what became of the deadline ----




@pytest.mark.parametrize("requests, expected", [
    # set again
    (["SET k v PX {S}", "SET k v"], []),
    (["SET k v PX {S}", "SET k v KEEPTTL"], [(0, "k")]),
    (["SET k v PX {S}", "GETSET k v"], []),
    (["SET k v PX {S}", "SET k v XX GET"], []),
    (["SET k v PX {S}", "SET k v NX"], [(0, "k")]),
    (["SET k v PX {S}", "MSET k w"], []),
    (["SET k v PX {S}", "SET k v PX {L}"], []),
    (["SET k v PX {L}", "SET k v PX {S}"], [(0, "k")]),
    # changed in place
    (["SET k 1 PX {S}", "INCR k", "APPEND k x", "SETRANGE k 5 yy", "SETBIT k 90 1"], [(0, "k")]),
    # persisted
    (["SET k v PX {S}", "PERSIST k"], []),
    (["SET k v PX {S}", "GETEX k PERSIST"], []),
    (["SET k v PX {S}", "GETEX k"], [(0, "k")]),
    (["SET k v PX {S}", "PERSIST k", "PEXPIRE k {S}"], [(0, "k")]),
    # later, earlier
    (["SET k v PX {S}", "PEXPIRE k {L}"], []),
    (["SET k v PX {S}", "PEXPIRE k {L}", "PEXPIRE k {S}"], [(0, "k")]),
    (["SET k v PX {L}", "PEXPIRE k {S}"], [(0, "k")]),
    (["SET k v PX {L}", "GETEX k PX {S}"], [(0, "k")]),
    (["SET k v PX 1000", "PEXPIRE k 500", "PEXPIRE k 200", "PEXPIRE k {S}"], [(0, "k")]),
    (["SET k v PX {S}", "PEXPIRE k {L} LT", "PEXPIRE k {L} NX"], [(0, "k")]),
    (["SET k v PX {S}", "PEXPIRE k {L} GT"], []),
    # removed, and there again
    (["SET k v PX {S}", "DEL k"], []),
    (["SET k v PX {S}", "UNLINK k", "SET k v"], []),
    (["SET k v PX {S}", "GETDEL k"], []),
    (["SET k v PX {S}", "DEL k", "SET k v PX {S}"], [(0, "k")]),
    (["SET k v PX {S}", "PEXPIRE k 0"], []),
    # by another name
    (["SET k v PX {S}", "RENAME k r"], [(0, "r")]),
    (["SET k v PX {S}", "RENAME k r", "SET k v"], [(0, "r")]),
    (["SET k v", "SET r v PX {S}", "RENAME k r"], []),
    (["SET k v PX {S}", "SET r v", "RENAMENX k r"], [(0, "k")]),
    (["SET k v PX {S}", "RENAME k r", "RENAME r k"], [(0, "k")]),
    (["SET k v PX {S}", "COPY k r"], [(0, "k"), (0, "r")]),
    (["SET k v PX {S}", "COPY k r", "PERSIST r"], [(0, "k")]),
    (["SET k v", "SET r v PX {S}", "COPY k r REPLACE"], []),
    (["SET k v PX {S}", "COPY k k DB 3", "DEL k"], [(3, "k")]),
    # in another database
    (["SET k v PX {S}", "MOVE k 9"], [(9, "k")]),
    (["SET k v PX {S}", "MOVE k 9", "SET k v"], [(9, "k")]),
    (["SET k v PX {S}", "SWAPDB 0 2"], [(2, "k")]),
    (["SET k v PX {S}", "SWAPDB 0 2", "SWAPDB 2 3", "SET k v"], [(3, "k")]),
    (["SET k v PX {S}", "SWAPDB 0 2", "SWAPDB 0 2"], [(0, "k")]),
    # flushed
    (["SET k v PX {S}", "FLUSHALL"], []),
    (["SET k v PX {S}", "FLUSHDB", "SET k v"], []),
    (["SET k v PX {S}", "SELECT 1", "FLUSHDB"], [(0, "k")]),
    (["SET k v PX {S}", "FLUSHALL ASYNC", "SET k v PX {S}"], [(0, "k")]),
    (["SET k v PX {S}", "SWAPDB 0 2", "FLUSHDB"], [(2, "k")]),
    # in one go
    (["MULTI", "SET k v PX {S}", "RENAME k r", "COPY r k", "PERSIST r", "EXEC"], [(0, "k")]),
], ids=lambda value: " ; ".join(value) if value and isinstance(value[0], str) else None)
def test_deadline_follows_the_key(c, ear, requests, expected):
    """One pipeline, so that all of it happens at one time; then a key that ends after all others
    (in a database that no test uses) tells that they have had their time."""
    words = [request.format(S=SHORT, L=LONG).split() for request in requests]
    words += [["SELECT", 15], ["SET", "fence", "v", "PX", FENCE]]
    for reply in c.pipeline(*words):
        assert not isinstance(reply, Error)
    heard = []
    while (event := ended(ear.push())) != (15, "fence"):
        heard.append(event)
    assert sorted(heard) == expected
    ear.quiet()


def test_values_that_stay_are_there(c, ear):
    c.pipeline(["SET", "a", "1", "PX", SHORT], ["SET", "b", "2", "PX", SHORT], ["PERSIST", "b"],
               ["SET", "c", "3", "PX", SHORT], ["PEXPIRE", "c", LONG])
    assert ended(ear.push()) == (0, "a")
    assert c.pipeline(["GET", "a"], ["GET", "b"], ["GET", "c"], ["PTTL", "b"], ["DBSIZE"]) == [
        None, "2", "3", -1, 2]
    assert 0 < c("PTTL", "c") <= LONG


def test_churn_of_deadlines_leaves_no_ghosts(c, ear):
    """A hundred keys whose deadlines change thousands of times: each ends once all the same."""
    rng = random.Random(11)
    requests = []
    for _ in range(20_000):
        key = f"k{rng.randrange(100)}"
        requests.append(rng.choice([
            ["SET", key, "v", "PX", rng.randint(20_000, 90_000)], ["SET", key, "v"],
            ["PEXPIRE", key, rng.randint(20_000, 90_000)], ["PERSIST", key], ["DEL", key]]))
    c.pipeline(*requests)
    keys = [f"k{i}" for i in range(100)]
    c.pipeline(*(["SET", key, "v", "PX", SHORT] for key in keys))
    assert sorted(ended(push)[1] for push in ear.pushes(100)) == sorted(keys)
    ear.quiet()
    assert c("DBSIZE") == 0


# ---- only when touched ----


@pytest.fixture
def lazy(c, connect):
    """Makes keys whose deadline is over and who are still there, and hears all that follows."""
    c("DEBUG", "SET-ACTIVE-EXPIRE", "0")

    def dead(*keys):
        when = int(time.time() * 1000) + 5
        c.pipeline(*(["SET", key, "v", "PXAT", when] for key in keys))
        eventually(lambda: time.time() * 1000 >= when + 1)
        c("CONFIG", "SET", FLAGS, "KAnm")
        ear = connect(3)
        ear("PSUBSCRIBE", "__keyspace@*__:*")
        return ear
    return dead


def events(ear):
    ear.send("PING")
    found = []
    while (value := ear.read()) != "PONG":
        found.append((value[2].split(":", 1)[1], value[3]))
    return found


@pytest.mark.settings(enable_debug_command="yes")
@pytest.mark.parametrize("request_, reply, expected", [
    ("GET k", None, ["expired", "keymiss"]),
    ("EXISTS k", 0, ["expired", "keymiss"]),
    ("TTL k", -2, ["expired", "keymiss"]),
    ("SET k w", "OK", ["expired", "new", "set"]),
    ("SET k w XX", None, ["expired"]),
    ("SETNX k w", 1, ["expired", "new", "set"]),
    ("APPEND k w", 1, ["expired", "new", "append"]),
    ("DEL k", 0, ["expired"]),
    ("PERSIST k", 0, ["expired"]),
    ("PEXPIRE k 1000", 0, ["expired"]),
    ("RENAME k r", Error("ERR no such key"), ["expired"]),
    ("TOUCH k", 0, ["expired", "keymiss"]),
    ("KEYS *", [], []),
    ("DBSIZE", 1, []),
])
def test_lazy_expiry(c, lazy, request_, reply, expected):
    ear = lazy("k")
    c.send(*request_.split())
    assert c.reply() == reply
    assert events(ear) == [("k", event) for event in expected]


@pytest.mark.settings(enable_debug_command="yes")
def test_scan_and_randomkey_reap(c, lazy):
    ear = lazy("a", "b", "c")
    assert c("SCAN", "0", "COUNT", "100") == ["0", []]
    assert sorted(events(ear)) == [(key, "expired") for key in "abc"]
    assert c("DBSIZE") == 0
    assert c("RANDOMKEY") is None


@pytest.mark.settings(enable_debug_command="yes")
def test_lazy_expiry_comes_before_what_exec_does(c, lazy):
    ear = lazy("k")
    c.pipeline(["MULTI"], ["SET", "other", "1"], ["GET", "k"], ["SET", "k", "1"], ["EXEC"])
    heard = events(ear)
    assert heard.index(("k", "expired")) < heard.index(("k", "set"))
    assert [event for event in heard if event[1] == "expired"] == [("k", "expired")]


@pytest.mark.settings(enable_debug_command="yes")
def test_active_expiry_takes_up_what_was_left(c, lazy):
    ear = lazy(*(f"k{i}" for i in range(300)))
    assert c("DBSIZE") == 300
    assert events(ear) == []
    c("DEBUG", "SET-ACTIVE-EXPIRE", "1")
    assert sorted(push[2] for push in ear.pushes(300)) == sorted(
        f"__keyspace@0__:k{i}" for i in range(300))
    assert c("DBSIZE") == 0


@pytest.mark.hark_only("7.0 looks for ever")
def test_randomkey_among_dead_keys_during_a_pause(c, connect):
    other = connect()
    c("MULTI")  # so that the key is there when the pause begins
    c("SET", "k", "v", "PX", "1")
    c("CLIENT", "PAUSE", "100000", "WRITE")
    c("EXEC")
    eventually(lambda: c("PTTL", "k") == -2)
    assert c("RANDOMKEY") == "k" and c("GET", "k") is None
    other("CLIENT", "UNPAUSE")
    assert c("RANDOMKEY") is None
