"""hark-check beside a server: what it says of the journal that the server left, and what it mends."""

import glob
import json
import os
import random
import re
import subprocess

import pytest

from harness import ROOT, eventually, is_redis

pytestmark = pytest.mark.skipif(is_redis(), reason="Redis has no such journal")


def check(server, *options, **more):
    build = os.environ.get("HARK_BUILD") or os.path.join(ROOT, "build")
    return subprocess.run([os.path.join(build, "hark-check"), *options, server.path("journal")],
                          capture_output=True, text=True, timeout=60, **more)


def segments(server):
    return sorted(glob.glob(server.path("journal/*.journal")))


def fill(server, count):
    c = server.connect()
    for first in range(0, count, 1000):
        c.pipeline(*(["SET", f"key:{i}", "x" * 100] for i in range(first, first + 1000)))
    return c


def flip(path, at):
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)
        f.seek(at)
        f.write(bytes([byte[0] ^ 1]))


def test_refuses_while_a_server_uses_it(server):
    fill(server, 1000)
    done = check(server)
    assert done.returncode == 2 and "a server uses it" in done.stderr


def test_finds_it_sound_after_an_end_of_either_kind(server):
    for end in (server.halt, server.kill):
        fill(server, 5000)
        end()
        done = check(server)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "DAMAGED" not in done.stdout
        server.start()
    server.halt()
    assert "records 1 to 10000" in check(server).stdout


def test_dumps_what_was_done(server):
    c = server.connect()
    c("SET", "k", "v")
    c("SET", b"\xff", "é", "PX", "100000")
    c.pipeline(["MULTI"], ["INCR", "n"], ["DEL", "k"], ["EXEC"])
    server.halt()
    done = check(server, "--dump")
    assert done.returncode == 0
    first, second, third = map(json.loads, done.stdout.splitlines())
    assert first["seq"] == 1 and first["cmd"] == "set"
    assert first["effects"] == [{"db": 0, "effect": ["SET", "k", "v"]}]
    assert second["events"][0]["key_b64"] == "/w=="
    assert [e["event"] for e in third["events"]] == ["new", "incrby", "del"]
    ms, n = third["events"][0]["id"].split("-")
    assert third["events"][2]["id"] == f"{ms}-{int(n) + 2}"
    assert len(check(server, "--dump", "--from", "2", "--to", "2").stdout.splitlines()) == 1


def test_repairs_what_a_server_refuses(server):
    fill(server, 30000)
    server.halt()
    assert len(segments(server)) > 2
    flip(segments(server)[1], 300000)
    refused = subprocess.run(server.command(), capture_output=True, text=True, timeout=60)
    assert refused.returncode != 0 and "hark-check" in refused.stdout + refused.stderr

    done = check(server)
    assert done.returncode == 1 and "DAMAGED: 0000000000000002.journal" in done.stdout
    before = {os.path.basename(p): open(p, "rb").read() for p in segments(server)}
    assert check(server, "--repair", input="no\n").returncode == 1
    assert {os.path.basename(p): open(p, "rb").read() for p in segments(server)} == before

    done = check(server, "--repair", input="yes\n")
    assert done.returncode == 0, done.stdout + done.stderr
    for name, data in list(before.items())[1:]:
        with open(server.path(f"journal/{name}.damaged"), "rb") as f:
            assert f.read() == data
    server.start()
    c = server.connect()
    kept = c("DBSIZE")
    assert 0 < kept < 30000
    assert c("GET", f"key:{kept - 1}") == "x" * 100
    assert c("GET", f"key:{kept}") is None


@pytest.mark.parametrize("options", [["--nonsense"], ["--from"], ["--dump", "--repair"], ["--yes"]])
def test_says_how_it_is_used(server, options):
    done = check(server, *options)
    assert done.returncode == 2 and "hark-check" in done.stderr and not done.stdout


def test_changes_nothing_where_there_is_no_journal(tmp_path):
    class Nowhere:
        def path(self, _):
            return str(tmp_path)
    assert check(Nowhere()).returncode == 2
    assert check(Nowhere(), "--repair", "--yes").returncode == 2
    assert os.listdir(tmp_path) == []


# ---- snapshots


def snapshots(server):
    return sorted(glob.glob(server.path("journal/*.snapshot")))


def take(c):
    had = int(c.info("persistence")["aof_rewrites"])
    c("BGREWRITEAOF")
    eventually(lambda: int(c.info("persistence")["aof_rewrites"]) == had + 1)


def everything(server):
    return {name: open(server.path("journal/" + name), "rb").read()
            for name in os.listdir(server.path("journal")) if name != "lock"}


def refused(server):
    done = subprocess.run(server.command(), capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "hark-check" in done.stdout + done.stderr
    return done.stdout + done.stderr


def digest(c):
    return {k: c("DUMP", k) for k in c("KEYS", "*")}


def test_tells_what_is_in_a_snapshot(server):
    c = server.connect()
    c("SET", "a", "1")
    c("SET", "b", "2", "EX", 1000)
    c("RPUSH", "l", *range(1000))
    c("SELECT", 3)
    c("HSET", "h", "f", "v")
    c("XADD", "s", "*", "f", "v")
    c("XGROUP", "CREATE", "__keyevent@0__:set", "billing", "0")
    c("XREADGROUP", "GROUP", "billing", "w1", "STREAMS", "__keyevent@0__:set", ">")
    take(c)
    server.halt()
    done = check(server)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 keys, 1 groups" in done.stdout and "the data after record" in done.stdout
    assert "db0: 3 keys (2 string, 1 list), 1 with a deadline" in done.stdout
    assert "db3: 2 keys (1 hash, 1 stream), 0 with a deadline" in done.stdout
    assert 'group "billing" of "__keyevent@0__:set": 1 consumers, 2 pending' in done.stdout
    assert check(server, "--quiet").stdout == ""


def test_finds_every_flipped_bit_of_a_snapshot(server):
    c = server.connect()
    c("XGROUP", "CREATE", "__keyevent@0__:set", "billing", "0")
    for i in range(100):
        c("SET", f"key:{i}", f"value {i}" * 10)
    take(c)
    server.halt()
    path, before = snapshots(server)[0], everything(server)
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    print("SEED =", seed)
    draw = random.Random(seed)
    size = os.path.getsize(path)
    for at in [0, 15, 60, 63, 64, 70, 79, 80, size - 1, *draw.sample(range(size), 40)]:
        flip(path, at)
        done = check(server)
        assert done.returncode == 1, (at, done.stdout)
        found = re.search(rf"DAMAGED: {os.path.basename(path)}, offset (\d+):", done.stdout)
        assert found and int(found[1]) <= at, (at, done.stdout)
        flip(path, at)
    os.truncate(path, size - 1)
    assert "DAMAGED" in check(server).stdout
    with open(path, "wb") as f:
        f.write(before[os.path.basename(path)])
    assert check(server).returncode == 0 and everything(server) == before


def test_sets_a_damaged_snapshot_aside_when_nothing_is_lost(server):
    c = server.connect()
    for i in range(2):
        c("SET", "k", f"value {i}")
        take(c)
    c("SET", "after", "v")
    was = digest(c)
    server.halt()
    old, new = snapshots(server)
    flip(new, 100)
    before = everything(server)
    done = check(server, "--repair", input="no\n")
    assert done.returncode == 1 and "Nothing is lost" in done.stdout and "record 1 and" in done.stdout
    assert everything(server) == before
    done = check(server, "--repair", input="yes\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert snapshots(server) == [old] and os.path.exists(new + ".damaged")
    assert check(server).returncode == 0
    server.start()
    assert digest(server.connect()) == was


def test_offers_the_way_from_a_snapshot_without_journal(server):
    c = server.connect()
    view = "__keyevent@0__:set"
    c("XGROUP", "CREATE", view, "billing", "0")
    for i in range(100):
        c("SET", f"key:{i}", i)
    last = c("XREADGROUP", "GROUP", "billing", "w1", "COUNT", 10, "STREAMS", view, ">")[0][1][-1][0]
    take(c)
    was = digest(c)
    newest = c("XREVRANGE", view, "+", "-", "COUNT", 1)[0][0]
    server.halt()
    for path in segments(server):
        os.unlink(path)
    before = everything(server)
    refused(server)
    assert everything(server) == before
    done = check(server)
    assert done.returncode == 1 and "there is no journal beside the snapshot" in done.stdout
    done = check(server, "--repair", input="no\n")
    assert done.returncode == 1 and "LOST" in done.stdout and everything(server) == before
    done = check(server, "--repair", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    server.start()
    c = server.connect()
    assert digest(c) == was
    c("SET", "new", "v")
    entry = c("XREVRANGE", view, "+", "-", "COUNT", 1)[0][0]
    key = lambda i: tuple(map(int, i.split("-")))
    assert key(entry) > key(newest)  # no id is given twice
    got = c("XREADGROUP", "GROUP", "billing", "w1", "STREAMS", view, ">")[0][1]
    assert got[0][1][1] == "gap" and got[-1][0] == entry and key(last) < key(got[0][0])
    server.halt()
    assert check(server).returncode == 0


def test_repairs_a_journal_that_is_cut_before_its_snapshot(server):
    fill(server, 30000)
    c = server.connect()
    take(c)
    was = digest(c)
    server.halt()
    flip(segments(server)[1], 300000)
    done = check(server)
    assert done.returncode == 1 and "before the snapshot of record 30000" in done.stdout
    done = check(server, "--repair", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(segments(server)) == 1 and check(server).returncode == 0
    server.start()
    assert digest(server.connect()) == was


def test_says_when_nothing_can_be_done(server):
    c = server.connect()
    c("SET", "k", "v" * 1000)
    take(c)
    server.halt()
    flip(snapshots(server)[0], 100)
    for path in segments(server):
        os.unlink(path)
    before = everything(server)
    done = check(server, "--repair", "--yes")
    assert done.returncode == 1 and "cannot be repaired" in done.stdout
    assert everything(server) == before
