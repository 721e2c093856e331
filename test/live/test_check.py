"""hark-check beside a server: what it says of the journal that the server left, and what it mends."""

import glob
import json
import os
import subprocess

import pytest

from harness import ROOT, is_redis

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
