"""Snapshots: taken while clients write, loaded at the start with the journal behind them."""

import glob
import os
import random
import re
import subprocess

import pytest
from harness import Server, eventually, is_redis

pytestmark = pytest.mark.skipif(is_redis(), reason="of Hark's own files")

SETTINGS = {"enable-debug-command": "yes", "auto-aof-rewrite-percentage": "0"}


def persistence(c):
    return c.info("persistence")


def take(c):
    """Takes a snapshot and waits for its end."""
    had = int(persistence(c)["aof_rewrites"])
    assert c("BGREWRITEAOF") == "Background append only file rewriting started"
    eventually(lambda: int(persistence(c)["aof_rewrites"]) == had + 1)
    assert persistence(c)["aof_last_bgrewrite_status"] == "ok"


def files(server):
    return sorted(os.path.basename(p) for p in glob.glob(server.path("journal/*.snapshot")))


def ready(server, **options):
    c = server.connect(**options)
    eventually(lambda: persistence(c)["loading"] == "0")
    return c


def restart(server):
    server.kill()
    server.start()
    return server.log_from


def refusal(server):
    """What a start says that is to fail."""
    server.wait()
    done = subprocess.run(server.command(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, cwd=server.folder, timeout=60)
    assert done.returncode > 0
    return done.stdout


SMALL_SEGMENTS = {**SETTINGS, "journal-segment-bytes": "1mb"}


def let_go(c):
    """Lets all segments go that a start does not need; until now none went, however long it took."""
    segments = lambda: int(c.info("journal")["journal_segments"])
    before = segments()
    c("CONFIG", "SET", "journal-retention-bytes", "1")
    eventually(lambda: segments() <= 2)
    c("CONFIG", "SET", "journal-retention-bytes", "1gb")
    return before


def populate(c, count):
    for i in range(count // 1000):
        c.pipeline(*[("SET", f"key:{i * 1000 + k}", f"value {k}") for k in range(1000)])


def test_data_comes_back_from_snapshot_and_journal():
    with Server(SETTINGS) as server:
        c = ready(server)
        c("SET", "int", "12345")
        c("SET", "raw", "x" * 100_000)
        c("SET", "ttl", "v", "PX", 10_000_000)
        c("SET", "appended", "in")
        c("APPEND", "appended", " place")
        c("SELECT", 7)
        c("SET", "elsewhere", "")
        take(c)
        c("SELECT", 0)
        c("SET", "after", "the snapshot")
        c("DEL", "int")
        digest = c("DEBUG", "DIGEST")
        at = restart(server)
        c = ready(server)
        assert c("DEBUG", "DIGEST") == digest
        assert c("OBJECT", "ENCODING", "appended") == "raw"
        assert "Loaded 5 keys from the snapshot" in server.log(at)
        assert re.search(r"Loaded 2 records of the journal", server.log(at))


def test_replies_are_those_of_redis():
    with Server({**SETTINGS, "appendonly": "no"}) as server:
        c = server.connect()
        assert c.error("BGREWRITEAOF").startswith("ERR There is no journal")
    with Server(SETTINGS) as server:
        c = ready(server)
        c("DEBUG", "POPULATE", 200_000)
        first, second = c.pipeline(["BGREWRITEAOF"], ["BGREWRITEAOF"])
        assert first == "Background append only file rewriting started"
        # Both run before the walk can begin.
        assert second in (first, "ERR Background append only file rewriting already in progress")
        eventually(lambda: persistence(c)["aof_rewrites"] == "1")
        info = persistence(c)
        assert info["aof_rewrite_in_progress"] == "0" and info["aof_rewrite_scheduled"] == "0"
        assert int(info["aof_last_rewrite_time_sec"]) >= 0
        assert int(info["aof_base_size"]) == os.path.getsize(
            server.path("journal/" + files(server)[0]))


def test_groups_of_views_come_back():
    with Server(SETTINGS) as server:
        c = ready(server)
        view = "__keyevent@0__:set"
        c("XGROUP", "CREATE", view, "workers", "$")
        for i in range(5):
            c("SET", f"k{i}", "v")
        took = c("XREADGROUP", "GROUP", "workers", "w1", "COUNT", 2, "STREAMS", view, ">")
        first = took[0][1][0][0]
        take(c)
        c("XACK", view, "workers", first)
        restart(server)
        c = ready(server)
        assert "Loaded 5 keys" in server.log()
        assert c("XPENDING", view, "workers")[0] == 1
        rest = c("XREADGROUP", "GROUP", "workers", "w2", "STREAMS", view, ">")
        assert len(rest[0][1]) == 3


def test_without_changes_there_is_nothing_to_take():
    with Server(SETTINGS) as server:
        c = ready(server)
        c("SET", "k", "v")
        take(c)
        had = files(server)
        assert c("BGREWRITEAOF") == "Background append only file rewriting started"
        eventually(lambda: persistence(c)["aof_rewrite_scheduled"] == "0")
        assert files(server) == had and persistence(c)["aof_rewrites"] == "1"


def test_clients_change_everything_meanwhile():
    """What is in the snapshot is the moment of its record: the journal after it gives the rest."""
    rng = random.Random(seed := random.randrange(1 << 32))
    print("SEED", seed)
    with Server(SETTINGS) as server:
        c = ready(server)
        c("DEBUG", "POPULATE", 300_000, "key", 30)
        c("SELECT", 3)
        c("DEBUG", "POPULATE", 50_000, "other", 30)
        during = changes = 0
        while during < 6 or changes < 45:  # where the machine is slow to us, in several of them
            info = persistence(c)
            if info["aof_rewrite_in_progress"] == info["aof_rewrite_scheduled"] == "0":
                c("BGREWRITEAOF")
            during += info["aof_rewrite_in_progress"] == "1"
            c("SELECT", rng.choice((0, 3)))
            n = [rng.randrange(300_000) for _ in range(8)]
            c.pipeline(["SET", f"key:{n[0]}", "new"], ["DEL", f"key:{n[1]}", f"other:{n[2] % 50000}"],
                       ["APPEND", f"key:{n[3]}", "more"], ["RENAME", f"key:{n[4]}", f"key:{n[5]}"],
                       ["MOVE", f"key:{n[6]}", 3], ["PEXPIRE", f"key:{n[7]}", 10_000_000])
            if changes == 20:
                c("SWAPDB", 0, 3)
            if changes == 40:
                c("SELECT", 0)
                c("FLUSHDB")
            changes += 1
        eventually(lambda: persistence(c)["aof_rewrite_in_progress"] == "0")
        digest = c("DEBUG", "DIGEST")
        restart(server)
        c = ready(server)
        assert c("DEBUG", "DIGEST") == digest


@pytest.mark.parametrize("round", range(6))
def test_killed_in_the_middle(round):
    """kill -9 at some moment around a snapshot: nothing acknowledged is lost."""
    rng = random.Random(seed := random.randrange(1 << 32))
    print("SEED", seed)
    with Server({**SETTINGS, "appendfsync": "always"}) as server:
        c = ready(server)
        populate(c, 20_000)
        take(c)
        c("DEBUG", "POPULATE", 100_000, "many", 100)
        acknowledged = {}
        c("BGREWRITEAOF")
        for i in range(rng.randrange(60)):
            key = f"key:{rng.randrange(20_000)}"
            c("SET", key, f"new {i}")
            acknowledged[key] = f"new {i}"
        restart(server)
        c = ready(server)
        assert c("DBSIZE") == 120_000
        for key, value in acknowledged.items():
            assert c("GET", key) == value
        assert not os.path.exists(server.path("journal/snapshot.temporary"))
        take(c) if acknowledged else None


def test_one_older_snapshot_is_kept():
    with Server({**SETTINGS, "journal-retention-bytes": "1gb"}) as server:
        c = ready(server)
        for i in range(5):
            c("SET", "k", i)
            take(c)
            names = files(server)
            assert len(names) == min(i + 1, 2)
        assert int(names[0].split(".")[0], 16) == 1  # with it, any moment since can be had
        restart(server)
        c = ready(server)
        assert c("GET", "k") == "4"
        c("SET", "k", "more")
        take(c)
        assert len(files(server)) == 2


def test_segments_that_are_not_needed_go():
    with Server(SMALL_SEGMENTS) as server:
        c = ready(server)
        for i in range(300):
            c("SET", f"k{i % 10}", "x" * 20_000)
        take(c)
        assert let_go(c) > 4
        digest = c("DEBUG", "DIGEST")
        restart(server)
        c = ready(server)
        assert c("DEBUG", "DIGEST") == digest
        # The first of the two snapshots is useless once its records are gone, and goes.
        for _ in range(2):
            for i in range(300):
                c("SET", f"k{i % 10}", "x" * 20_000)
            take(c)
            let_go(c)
        assert len(files(server)) <= 2


def test_taken_by_themselves_when_the_journal_has_grown():
    settings = {**SETTINGS, "auto-aof-rewrite-percentage": "100", "auto-aof-rewrite-min-size": "1mb"}
    with Server(settings) as server:
        c = ready(server)
        for i in range(40):
            c("SET", f"k{i}", "x" * 20_000)
        assert persistence(c)["aof_rewrites"] == "0"
        for i in range(40):
            c("SET", f"k{i}", "x" * 20_000)
        eventually(lambda: persistence(c)["aof_rewrites"] == "1")
        c("CONFIG", "SET", "auto-aof-rewrite-percentage", "0")
        for i in range(200):
            c("SET", f"k{i % 40}", "y" * 20_000)
        assert persistence(c)["aof_rewrites"] == "1"


def damage(path):
    with open(path, "r+b") as f:
        f.seek(os.path.getsize(path) // 2)
        byte = f.read(1)
        f.seek(-1, 1)
        f.write(bytes([byte[0] ^ 1]))


def test_a_damaged_one_is_told_and_an_older_one_taken():
    with Server(SETTINGS) as server:
        c = ready(server)
        for i in range(2):
            c("SET", "k", "value " * 1000 + str(i))
            take(c)
        c("SET", "after", "v")
        digest = c("DEBUG", "DIGEST")
        damage(server.path("journal/" + files(server)[1]))
        at = restart(server)
        c = ready(server)
        assert c("DEBUG", "DIGEST") == digest
        assert "A snapshot is damaged" in server.log(at) and "hark-check" in server.log(at)
        # Another is taken at once, and the damaged one goes.
        eventually(lambda: persistence(c)["aof_rewrites"] == "1")
        assert files(server) == [f"{n:016x}.snapshot" for n in (1, 3)]
        for name in files(server):
            damage(server.path("journal/" + name))
        restart(server)
        c = ready(server)  # the journal has everything, from its first record on
        assert c("DEBUG", "DIGEST") == digest
        eventually(lambda: persistence(c)["aof_rewrites"] == "1")
        assert files(server) == ["0000000000000003.snapshot"]
        restart(server)
        c = ready(server)
        assert c("DEBUG", "DIGEST") == digest


def test_no_start_without_what_is_needed():
    with Server(SMALL_SEGMENTS) as server:
        c = ready(server)
        for i in range(300):
            c("SET", "k", "x" * 20_000)
        take(c)
        let_go(c)
        assert int(c.info("journal")["journal_first_seq"]) > 1
        server.kill()
        name = server.path("journal/" + files(server)[0])
        os.rename(name, name + ".away")
        refused = refusal(server)
        assert "there is no whole snapshot from which it goes on" in refused
        os.rename(name + ".away", name)
        for segment in glob.glob(server.path("journal/*.journal")):
            os.unlink(segment)
        before = sorted(os.listdir(server.path("journal")))
        assert "before the snapshot of record" in refusal(server)
        assert sorted(os.listdir(server.path("journal"))) == before
