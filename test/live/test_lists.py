"""Lists across the life of a server, and workers that wait for them."""

import os
import random

import pytest

from harness import client_lines, eventually, is_redis


@pytest.fixture
def c(connect):
    return connect()


def blocked(c, count):
    eventually(lambda: int(c.info("clients")["blocked_clients"]) == count)


# ---- waiting ----


def test_blocked_clients_are_told_of(c, connect):
    waiter = connect()
    waiter.send("BLPOP", "q", "r", "0")
    blocked(c, 1)
    clients = c("CLIENT", "LIST")
    assert " cmd=blpop " in clients and " flags=b " in clients
    if not is_redis():
        assert c.info("clients")["total_blocking_keys"] == "2"
        assert c.info("clients")["total_blocking_keys_on_nokey"] == "0"
    c("LPUSH", "r", "x")
    assert waiter.reply() == ["r", "x"]
    blocked(c, 0)


def test_served_events_follow_those_of_the_push(c, connect):
    c("CONFIG", "SET", "notify-keyspace-events", "EA")
    ear, waiter = connect(3), connect()
    ear("PSUBSCRIBE", "__keyevent@0__:*")
    waiter.send("BLMOVE", "q", "done", "LEFT", "RIGHT", "0")
    blocked(c, 1)
    c.pipeline(("RPUSH", "q", "x"), ("SET", "k", "v"))
    heard = [(m[2].split(":")[1], m[3]) for m in ear.pushes(5)]
    assert heard == [("rpush", "q"), ("rpush", "done"), ("lpop", "q"), ("del", "q"), ("set", "k")]
    assert waiter.reply() == "x"


def test_time_out_and_unblock(c, connect):
    waiter = connect()
    assert waiter("BLPOP", "q", "0.01") is None
    client = waiter("CLIENT", "ID")
    waiter.send("BRPOP", "q", "0")
    blocked(c, 1)
    assert c("CLIENT", "UNBLOCK", client) == 1
    assert waiter.reply() is None
    waiter.send("BRPOP", "q", "0")
    blocked(c, 1)
    assert c("CLIENT", "UNBLOCK", client, "ERROR") == 1
    assert waiter.reply().startswith("UNBLOCKED")


def test_each_job_is_done_once(c, connect):
    """Workers that take jobs by BLMOVE, some of which leave while they wait."""
    seed = int(os.environ.get("SEED", 0)) or random.randrange(1 << 32)
    print("SEED", seed)
    rng = random.Random(seed)
    count, jobs, pushed = 12, 600, 0
    workers, got = [], []

    def wait(worker):
        worker.send("BLMOVE", "jobs", "done", "LEFT", "RIGHT", "0")
        workers.append(worker)
        blocked(c, len(workers))

    while pushed < jobs:
        while len(workers) < count:
            wait(connect())
        if rng.randrange(3) == 0:
            workers.pop(rng.randrange(count)).close()
            blocked(c, len(workers))
        n = min(rng.randrange(1, 2 * count), jobs - pushed)
        c("RPUSH", "jobs", *range(pushed, pushed + n))
        pushed += n
        served, workers[:] = workers[:n], workers[n:]
        got += [int(worker.reply()) for worker in served]
        while (job := c("LMOVE", "jobs", "done", "LEFT", "RIGHT")) is not None:
            got.append(int(job))
        for worker in served:
            wait(worker)
    assert got == list(range(jobs))
    assert c("LRANGE", "done", 0, -1) == [str(i) for i in range(jobs)]


# ---- what is kept ----

LISTS = {
    "short": ["a", "", "007", "-1", str(1 << 40)],
    "nodes": [str(i) for i in range(30000)],
    "large": ["x" * 100_000, "y", "z" * 9000],
}


def fill(c):
    c("CONFIG", "SET", "list-compress-depth", "1")
    for name, elements in LISTS.items():
        for i in range(0, len(elements), 1000):
            c("RPUSH", name, *elements[i : i + 1000])
    c("CONFIG", "SET", "list-compress-depth", "0")


def check(c):
    for name, elements in LISTS.items():
        assert c("LRANGE", name, 0, -1) == elements
    encodings = [c("OBJECT", "ENCODING", name) for name in LISTS]
    assert encodings == ["listpack", "quicklist", "quicklist"]


@pytest.mark.hark_only("of Hark's own files")
def test_lists_survive_kill_and_snapshot(start):
    server = start()
    with server.connect() as c:
        fill(c)
        check(c)
    server.kill()
    server.start()
    with server.connect() as c:
        eventually(lambda: c.info("persistence")["loading"] == "0")
        check(c)
        had = int(c.info("persistence")["aof_rewrites"])
        c("BGREWRITEAOF")
        eventually(lambda: int(c.info("persistence")["aof_rewrites"]) == had + 1)
        c("RPUSH", "behind", "it")
    server.kill()
    server.start()
    with server.connect() as c:
        eventually(lambda: c.info("persistence")["loading"] == "0")
        check(c)
        assert c("LPOP", "behind") == "it"


@pytest.mark.hark_only("7.0 has quicklists only")
def test_directives(c):
    assert c("CONFIG", "GET", "list-*") == [
        "list-max-listpack-size", "-2", "list-max-ziplist-size", "-2", "list-compress-depth", "0",
    ]  # fmt: skip
    c("CONFIG", "SET", "list-max-ziplist-size", "3")
    assert c("CONFIG", "GET", "list-max-listpack-size")[1] == "3"
    assert c("RPUSH", "l", 1, 2, 3) == 3
    assert c("OBJECT", "ENCODING", "l") == "listpack"
    assert c("RPUSH", "l", 4) == 4
    assert c("OBJECT", "ENCODING", "l") == "quicklist"
    assert "must be between" in c.error("CONFIG", "SET", "list-compress-depth", "-1")


def test_pressed_lists_take_less(c):
    text = "a text that comes again and again, "
    c("CONFIG", "SET", "list-compress-depth", "1")
    c.pipeline(*(["RPUSH", "pressed", *[text] * 100] for _ in range(100)))
    c("CONFIG", "SET", "list-compress-depth", "0")
    c.pipeline(*(["RPUSH", "open", *[text] * 100] for _ in range(100)))
    pressed, opened = (c("MEMORY", "USAGE", k, "SAMPLES", 0) for k in ("pressed", "open"))
    assert pressed * 5 < opened
    assert c("LINDEX", "pressed", 5000) == text
    assert c("LRANGE", "pressed", 0, -1) == c("LRANGE", "open", 0, -1)


def test_what_a_client_waits_for_counts_as_its_memory(connect):
    c, waits = connect(), connect()
    def memory():
        return int(next(line for line in client_lines(c("CLIENT", "LIST"))
                        if line["id"] == str(waits_id))["tot-mem"])
    waits_id = waits("CLIENT", "ID")
    before = memory()
    for command in (["BLPOP", *(f"{i:0200}" for i in range(100)), 0],
                    ["XREAD", "BLOCK", 0, "STREAMS", *(f"{i:0200}" for i in range(100)),
                     *["$"] * 100]):  # fmt: skip
        waits.send(*command)
        blocked(c, 1)
        # The words of the request, and the keys once more.
        assert is_redis() or before + 2 * 20000 < memory() < before + 3 * 20000 + 40000
        c("CLIENT", "UNBLOCK", waits_id)
        assert waits.reply() is None
        eventually(lambda: memory() < before + 10000)
