"""maxmemory: memory stays bounded under every policy, the right keys go, and each is told of."""

import os
import random
import time

import pytest

from harness import Error, eventually
from hostile import MB

LIMIT = 8 * MB
SLACK = 1 * MB  # buffers of a pipeline, growth between two looks

EVICTING = ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl",
            "allkeys-lru", "allkeys-lfu", "allkeys-random"]
VOLATILE = EVICTING[:4]

pytestmark = pytest.mark.settings(maxmemory=LIMIT)


@pytest.fixture
def c(connect):
    return connect()


@pytest.fixture
def rng():
    seed = int(os.environ.get("SEED", 0)) or random.randrange(1 << 32)
    print("SEED", seed)
    return random.Random(seed)


class Evictions:
    """Hears of every eviction, and knows by that which keys must be there."""

    def __init__(self, c, connect):
        self.c = c
        c("CONFIG", "SET", "notify-keyspace-events", "Ee")
        self.ear = connect(3)
        self.ear("SUBSCRIBE", "__keyevent@0__:evicted")

    def heard(self):
        """The keys that were evicted since the last call, in order."""
        self.ear.send("PING")
        keys = []
        while (value := self.ear.read()) != "PONG":
            assert value[:2] == ["message", "__keyevent@0__:evicted"]
            keys.append(value[2])
        return keys


@pytest.fixture
def evictions(c, connect):
    return Evictions(c, connect)


def used(c):
    """What counts for maxmemory."""
    memory = c.info("memory")
    return int(memory["used_memory"]) - int(memory["mem_not_counted_for_evict"])


def policy(c, name):
    c("CONFIG", "SET", "maxmemory-policy", name)


def fill(c, prefix, until, size=200, ttl=None):
    """Sets keys until so many bytes are used; returns them."""
    keys = []
    while used(c) < until:
        batch = [f"{prefix}:{len(keys) + i}" for i in range(200)]
        extra = [] if ttl is None else ["EX", ttl]
        assert set(c.pipeline(*(["SET", key, "v" * size, *extra] for key in batch))) == {"OK"}
        keys += batch
    return keys


# ---- all policies ----


@pytest.mark.parametrize("name", EVICTING)
def test_stream_of_writes_stays_bounded(c, evictions, rng, name):
    """Three times what fits. Whoever goes is told of, once, and all others are there."""
    policy(c, name)
    there, highest = set(), 0
    for batch in range(100):
        keys = [f"{batch}:{i}" for i in range(250)]
        requests = [["SET", key, "v" * rng.randrange(1, 2000), "EX", rng.randrange(1000, 100_000)]
                    for key in keys]
        assert set(c.pipeline(*requests)) == {"OK"}
        there |= set(keys)
        gone = evictions.heard()
        assert len(set(gone)) == len(gone) and set(gone) <= there
        there -= set(gone)
        highest = max(highest, used(c))
    assert highest <= LIMIT + SLACK, highest
    assert used(c) > LIMIT * 0.7  # nor was more thrown away than had to be
    c("CONFIG", "SET", "maxmemory", 0)  # or the questions below would take the place of keys
    there -= set(evictions.heard())
    assert c("DBSIZE") == len(there)
    assert int(c.info("stats")["evicted_keys"]) == 100 * 250 - len(there)
    assert c("EXISTS", *there) == len(there)


@pytest.mark.parametrize("name", VOLATILE)
def test_volatile_policies_spare_keys_without_deadline(c, evictions, name):
    kept = fill(c, "kept", LIMIT // 2)
    policy(c, name)
    for batch in range(40):
        replies = c.pipeline(*(["SET", f"volatile:{batch}:{i}", "v" * 500, "EX", 10_000 + i]
                               for i in range(250)))
        assert set(replies) == {"OK"}
    gone = evictions.heard()
    assert len(gone) > 1000
    assert all(key.startswith("volatile:") for key in gone)
    assert used(c) <= LIMIT + SLACK
    assert c("EXISTS", *kept) == len(kept)


@pytest.mark.parametrize("name", VOLATILE)
def test_nothing_volatile_left(c, evictions, name):
    """Then it is as without eviction."""
    policy(c, name)
    kept = []
    while True:
        replies = c.pipeline(*(["SET", f"kept:{len(kept) + i}", "v" * 500] for i in range(100)))
        kept += [f"kept:{len(kept) + i}" for i, reply in enumerate(replies) if reply == "OK"]
        if isinstance(replies[-1], Error):
            break
    assert replies[-1] == "OOM command not allowed when used memory > 'maxmemory'."
    assert c("EXISTS", *kept) == len(kept)
    assert evictions.heard() == []
    assert used(c) <= LIMIT + SLACK


def test_noeviction_refuses_what_needs_memory(c, evictions):
    keys = fill(c, "k", LIMIT // 2, size=2_000)
    for size in (20_000, 100, 1):  # to the last byte: what refused requests took is free again
        while not isinstance(c.pipeline(["SET", f"more:{len(keys)}", "v" * size])[0], Error):
            keys.append(f"more:{len(keys)}")
    oom = "OOM command not allowed when used memory > 'maxmemory'."
    for words in (["SET", "k", "v"], ["APPEND", keys[0], "v"], ["SETRANGE", keys[0], 1 << 20, "v"],
                  ["INCR", "n"], ["COPY", keys[0], "n"], ["BITOP", "NOT", "n", keys[0]],
                  ["MSET", "a", "1"], ["SETBIT", "b", 1, 1], ["GETSET", "k", "v"]):
        assert c.error(*words) == oom
    assert c("GET", keys[0]) == "v" * 2_000
    assert c("TTL", keys[0]) == -1
    assert c("PUBLISH", "c", "m") == 0
    # A transaction takes memory while it is queued, whatever is in it.
    for words in (["SET", "k", "v"], ["GET", "k"]):
        assert c.pipeline(["MULTI"], words, ["EXEC"])[1:] == [
            oom, "EXECABORT Transaction discarded because of previous errors."]
    assert c("DEL", *keys[2:100]) == 98
    assert c("SET", "k", "v") == "OK"
    assert evictions.heard() == []


# ---- who goes ----


@pytest.mark.hark_only("Redis samples")
def test_volatile_ttl_takes_the_nearest_deadlines(c, evictions, rng):
    policy(c, "volatile-ttl")
    deadlines = {}
    while used(c) < LIMIT - MB:
        batch = {f"k{len(deadlines) + i}": rng.randrange(1_000, 1_000_000) for i in range(200)}
        c.pipeline(*(["SET", key, "v" * 200, "EX", ttl] for key, ttl in batch.items()))
        deadlines.update(batch)
    assert evictions.heard() == []
    fill_more = [["SET", f"later{i}", "v" * 200, "EX", 2_000_000] for i in range(8_000)]
    c.pipeline(*fill_more)
    gone = evictions.heard()
    assert 1000 < len(gone) < len(deadlines)
    nearest = set(sorted(deadlines, key=deadlines.get)[:len(gone)])
    hits = len(nearest & set(gone))
    print(f"{len(gone)} of {len(deadlines)} evicted, {hits} of them the nearest")
    assert hits >= 0.97 * len(gone)


def used_and_unused(c, use, ttl):
    """Fills the memory with keys, uses every fourth; returns those and the others."""
    keys = fill(c, "k", LIMIT - MB, size=300, ttl=ttl)
    hot, cold = keys[::4], [key for i, key in enumerate(keys) if i % 4]
    use(hot, cold)
    return set(hot), set(cold)


@pytest.mark.parametrize("name", ["allkeys-lru", "volatile-lru"])
def test_lru_keeps_what_was_used_recently(c, evictions, name):
    policy(c, name)

    def use(hot, cold):
        eventually(lambda: c("OBJECT", "IDLETIME", cold[-1]) >= 2)
        c.pipeline(*(["GET", key] for key in hot))

    hot, cold = used_and_unused(c, use, ttl=100_000)
    c.pipeline(*(["SET", f"new{i}", "v" * 300, "EX", 100_000] for i in range(8_000)))
    gone = set(evictions.heard())
    assert len(gone) > 2000
    print(f"{len(gone)} gone, {len(gone & hot)} of {len(hot)} hot ones")
    assert len(gone & hot) < 0.1 * len(hot)
    assert len(gone & cold) > 0.8 * len(gone)


@pytest.mark.parametrize("name", ["allkeys-lfu", "volatile-lfu"])
def test_lfu_keeps_what_is_used_often(c, evictions, name):
    policy(c, name)

    def use(hot, cold):
        for _ in range(30):
            c.pipeline(*(["GET", key] for key in hot))
        assert c("OBJECT", "FREQ", hot[0]) > c("OBJECT", "FREQ", cold[0])

    hot, cold = used_and_unused(c, use, ttl=100_000)
    c.pipeline(*(["SET", f"new{i}", "v" * 300, "EX", 100_000] for i in range(8_000)))
    gone = set(evictions.heard())
    assert len(gone) > 2000
    print(f"{len(gone)} gone, {len(gone & hot)} of {len(hot)} hot ones")
    assert len(gone & hot) < 0.05 * len(hot)


@pytest.mark.parametrize("name", ["allkeys-random", "volatile-random"])
def test_random_takes_from_everywhere(c, evictions, name):
    policy(c, name)
    keys = fill(c, "k", LIMIT - MB, size=300, ttl=100_000)
    c.pipeline(*(["SET", f"new{i}", "v" * 300, "EX", 100_000] for i in range(8_000)))
    gone = set(evictions.heard()) & set(keys)
    assert len(gone) > 2000
    first_half = len(gone & set(keys[:len(keys) // 2]))
    assert 0.4 < first_half / len(gone) < 0.6


def test_keys_of_all_databases_are_candidates(c, connect):
    policy(c, "allkeys-random")
    c("CONFIG", "SET", "notify-keyspace-events", "Ee")
    ear = connect(3)
    ear("PSUBSCRIBE", "__keyevent@*__:evicted")
    for db in (0, 3, 15):
        c("SELECT", db)
        c.pipeline(*(["SET", f"{db}:{i}", "v" * 300] for i in range(10_000)))
    ear.send("PING")
    channels = set()
    while (value := ear.read()) != "PONG":
        channels.add(value[2])
        assert value[3].startswith(value[2][len("__keyevent@"):].split("_")[0] + ":")
    assert channels == {f"__keyevent@{db}__:evicted" for db in (0, 3, 15)}


# ---- bounds ----


@pytest.mark.hark_only("Redis has half a millisecond for it, and goes on")
def test_large_values_among_small_ones(c):
    """A large value takes the place of thousands of small ones; room is made for all of it."""
    policy(c, "allkeys-random")
    fill(c, "small", LIMIT - MB, size=10)
    for i in range(40):
        assert c("SET", f"large:{i}", "v" * MB) == "OK"
        assert used(c) <= LIMIT + 3 * MB
    for i in range(40):
        assert c("COPY", f"large:{39 - i}", f"copy:{i}") in (0, 1)
        assert used(c) <= LIMIT + 3 * MB


def test_lower_limit_is_reached_without_a_write(c, evictions):
    policy(c, "allkeys-lru")
    keys = fill(c, "k", LIMIT - MB)
    assert evictions.heard() == []
    c("CONFIG", "SET", "maxmemory", LIMIT // 2)
    eventually(lambda: used(c) <= LIMIT // 2)
    gone = evictions.heard()

    def all_heard():  # what is told of evictions takes memory, too, and may cost some more
        gone.extend(evictions.heard())
        return c("DBSIZE") == len(keys) - len(gone)

    eventually(all_heard)


def test_evicted_comes_before_the_command_that_needed_room(c, evictions, connect):
    policy(c, "allkeys-random")
    fill(c, "k", LIMIT - MB // 2, size=2_000)
    c("CONFIG", "SET", "notify-keyspace-events", "KA")
    ear = connect(3)
    ear("PSUBSCRIBE", "__keyspace@0__:*")
    c("SET", "large", "v" * (2 * MB))
    c("SET", "then", "v")
    ear.send("PING")
    heard = []
    while (value := ear.read()) != "PONG":
        heard.append((value[2].split(":", 1)[1], value[3]))
    assert heard[-1] == ("then", "set")
    assert [event for _, event in heard].index("evicted") < heard.index(("large", "set"))
    assert {event for _, event in heard} == {"evicted", "set"}
    assert len(set(heard)) == len(heard)


@pytest.mark.parametrize("churn", ["SET", "DEL", "APPEND", "EXPIRE"])
def test_memory_does_not_creep(c, churn):
    """The same keys, over and over: what is used afterwards is what was used before."""
    c("CONFIG", "SET", "maxmemory", 0)
    keys = [f"k{i}" for i in range(2_000)]

    def once(round_number):
        size = 50 + round_number * 37 % 400
        requests = {
            "SET": [["SET", key, "v" * size] for key in keys],
            "DEL": [words for key in keys for words in (["SET", key, "v" * size], ["DEL", key])],
            "APPEND": [words for key in keys for words in (
                ["SET", key, "v"], ["APPEND", key, "w" * size])],
            "EXPIRE": [words for key in keys for words in (
                ["SET", key, "v", "EX", 1000 + size], ["PEXPIRE", key, 900_000 + size])],
        }[churn]
        c.pipeline(*requests)

    for i in range(5):
        once(i)
    once(7)
    before = used(c)
    for i in range(20):
        once(i)
    once(7)
    eventually(lambda: used(c) < before + MB // 2)
    c("FLUSHALL")
    eventually(lambda: used(c) < 3 * MB)
