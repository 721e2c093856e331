"""--recover-until: the data as it was at a moment, in a new folder, the old one untouched."""

import datetime
import hashlib
import os
import random
import subprocess
import tempfile

import pytest
from harness import Server, eventually, is_redis, server_binary, take_snapshot

pytestmark = pytest.mark.skipif(is_redis(), reason="of Hark's own files")

SETTINGS = {"enable-debug-command": "yes", "auto-aof-rewrite-percentage": "0",
            "journal-retention-bytes": "1gb"}
ALL = "__keyevent@*__:*"


def ready(server):
    c = server.connect()
    eventually(lambda: c.info("persistence")["loading"] == "0")
    return c


def last_id(c):
    return c.info("journal")["journal_last_id"]


def recover(folder, moment, to):
    done = subprocess.run([server_binary(), "--dir", folder, "--recover-until", str(moment),
                           "--recover-to", to], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=60)
    return done


def files_of(folder):
    """Names, bytes and times of all that is in the journal's folder."""
    found = {}
    for name in sorted(os.listdir(os.path.join(folder, "journal"))):
        path = os.path.join(folder, "journal", name)
        with open(path, "rb") as f:
            found[name] = (hashlib.sha256(f.read()).hexdigest(), os.stat(path).st_mtime_ns)
    return found


class Recovered:
    """A server on what was recovered."""

    def __init__(self, folder, moment):
        self.parent = tempfile.TemporaryDirectory(prefix="hark-recovered-")
        self.to = os.path.join(self.parent.name, "new")
        done = recover(folder, moment, self.to)
        assert done.returncode == 0, done.stderr
        self.told = done.stdout

    def __enter__(self):
        self.server = Server({**SETTINGS, "dir": self.to})
        # The last --dir counts.
        self.client = ready(self.server)
        return self.client, self.told

    def __exit__(self, *_):
        self.server.stop()
        self.parent.cleanup()


def some_changes(c, rng, count):
    for i in range(count):
        key = f"k{rng.randrange(60)}"
        what = rng.randrange(8)
        if what == 0:
            c("DEL", key)
        elif what == 1:
            c("APPEND", key, "more")
        elif what == 2:
            c.pipeline(["MULTI"], ["SET", key, i], ["SET", key + "b", i], ["EXEC"])
        elif what == 3:
            c("SET", key, "x" * 20_000)
        elif what == 4:
            c("SET", key, i, "PX", 1_000_000_000)
        else:
            c("SET", key, i)


@pytest.mark.parametrize("running", (True, False))
def test_data_is_as_it_was(running):
    rng = random.Random(seed := random.randrange(1 << 32))
    print("SEED", seed)
    with Server(SETTINGS) as server:
        c = ready(server)
        moments = []
        for i in range(12):
            some_changes(c, rng, 120)
            if i % 4 == 2:
                take_snapshot(c)
            moments.append((last_id(c), c("DEBUG", "DIGEST"), c("DBSIZE")))
        if not running:
            server.halt()
        before = None if running else files_of(server.folder)
        for moment, digest, size in rng.sample(moments, 5):
            with Recovered(server.folder, moment) as (d, told):
                assert d("DBSIZE") == size and d("DEBUG", "DIGEST") == digest
                assert last_id(d) == moment
                assert f"Its last event is {moment} " in told
                # What comes now has later ids.
                d("SET", "more", "v")
                (entry,) = d("XREVRANGE", ALL, "+", "-", "COUNT", 1)
                ms = int(entry[0].split("-")[0])
                assert ms >= int(moment.split("-")[0])
        assert running or files_of(server.folder) == before
        if running:
            assert c("DEBUG", "DIGEST") == moments[-1][1]


def test_while_a_server_writes():
    with Server({**SETTINGS, "appendfsync": "no"}) as server:
        c = ready(server)
        c("SET", "k", "before")
        moment, digest = last_id(c), c("DEBUG", "DIGEST")
        with tempfile.TemporaryDirectory() as parent:
            writer = subprocess.Popen([server_binary().replace("hark-server", "hark-cli"), "-p",
                                       str(server.port), "-r", "1000000", "SET", "k", "x" * 100],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                for i in range(4):
                    # In the past, and to the very end of what is being written.
                    end = recover(server.folder, "0s", os.path.join(parent, f"end{i}"))
                    assert end.returncode == 0, end.stderr
                    with Recovered(server.folder, moment) as (d, _):
                        assert d("GET", "k") == "before"
                        assert d("DEBUG", "DIGEST") == digest
            finally:
                writer.kill()
                writer.wait()


def test_views_and_groups_are_as_they_were():
    with Server(SETTINGS) as server:
        c = ready(server)
        view = "__keyevent@0__:set"
        c("SET", "k0", "v")
        c("XGROUP", "CREATE", view, "g", "$")
        for i in range(1, 6):
            c("SET", f"k{i}", "v")
        took = c("XREADGROUP", "GROUP", "g", "w", "COUNT", 2, "STREAMS", view, ">")[0][1]
        c("SET", "k6", "v")
        moment = last_id(c)
        c("XREADGROUP", "GROUP", "g", "w", "STREAMS", view, ">")
        c("XACK", view, "g", took[0][0])
        c("SET", "k7", "v")
        with Recovered(server.folder, moment) as (d, _):
            assert d("XRANGE", view, "-", moment) == c("XRANGE", view, "-", moment)
            assert d("XPENDING", view, "g")[0] == 2
            rest = d("XREADGROUP", "GROUP", "g", "w", "STREAMS", view, ">")[0][1]
            assert [e[1][3] for e in rest] == ["k3", "k4", "k5", "k6"]


def test_a_record_is_taken_whole():
    with Server(SETTINGS) as server:
        c = ready(server)
        c("SET", "a", "1")
        c.pipeline(["MULTI"], ["SET", "a", "2"], ["SET", "b", "2"], ["SET", "c", "2"], ["EXEC"])
        ids = [e[0] for e in c("XRANGE", ALL, "-", "+")]
        c("SET", "a", "3")
        with Recovered(server.folder, ids[-2]) as (d, told):
            assert d("MGET", "a", "b", "c") == ["2", "2", "2"]
            assert "in the middle" in told
        with Recovered(server.folder, ids[-4]) as (d, told):
            assert d("MGET", "a", "b", "c") == ["1", None, None]
            assert "in the middle" not in told


def test_moments_are_written_in_several_ways():
    with Server(SETTINGS) as server:
        c = ready(server)
        c("SET", "k", "1")
        ms = int(last_id(c).split("-")[0])
        eventually(lambda: c("TIME")[0] != str(ms // 1000) and
                   int(c("TIME")[0]) * 1000 + int(c("TIME")[1]) // 1000 > ms + 5)
        c("SET", "k", "2")
        moment = datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc)
        utc = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}"
        east = (moment + datetime.timedelta(hours=5, minutes=30)).strftime("%Y-%m-%d %H:%M:%S.")
        for text in (ms, utc + "Z", east + f"{ms % 1000:03d}+05:30"):
            with Recovered(server.folder, text) as (d, told):
                assert d("GET", "k") == "1"
        for text in ("0s", "0s ago", ms + 10_000_000):
            with Recovered(server.folder, text) as (d, told):
                assert d("GET", "k") == "2" and "Nothing was recorded after" in told


def test_what_cannot_be_is_refused():
    with Server(SETTINGS) as server, tempfile.TemporaryDirectory() as parent:
        new = os.path.join(parent, "new")
        c = ready(server)
        c("SET", "k", "v")
        first = last_id(c)
        for moment in ("yesterday", "2026-13-01T00:00Z", "2026-02-29T00:00Z", "10x", "1-2-3", "",
                       "2026-01-01T00:00:00", "2026-01-01"):
            refused = recover(server.folder, moment, new)
            assert refused.returncode == 1 and "--recover-until wants" in refused.stderr, moment
            assert not os.path.exists(new)
        refused = recover(server.folder, "100000", new)
        assert refused.returncode == 1
        assert f"too far back: the earliest moment that is possible is {first[:-2]}-" in refused.stderr
        done = recover(server.folder, first, new)  # what an attempt has left is no hindrance
        assert done.returncode == 0 and os.listdir(new) == ["journal"]
        refused = recover(server.folder, first, server.folder)
        assert refused.returncode == 1 and "new or empty" in refused.stderr
        refused = recover(parent, first, os.path.join(parent, "other"))
        assert refused.returncode == 1 and not os.path.exists(os.path.join(parent, "journal"))
        alone = subprocess.run([server_binary(), "--recover-until", "10m"], text=True,
                               stderr=subprocess.PIPE, timeout=20)
        assert alone.returncode == 1 and "go together" in alone.stderr


def test_too_far_back_names_the_earliest():
    settings = {**SETTINGS, "journal-retention-bytes": "1"}
    with Server(settings) as server, tempfile.TemporaryDirectory() as parent:
        c = ready(server)
        c("SET", "early", "v")
        early = last_id(c)
        for i in range(300):
            c("SET", f"k{i % 10}", "x" * 20_000)
        take_snapshot(c)
        eventually(lambda: int(c.info("journal")["journal_first_seq"]) > 2)
        server.halt()
        refused = recover(server.folder, early, os.path.join(parent, "new"))
        assert refused.returncode == 1
        assert "the earliest moment that is possible is" in refused.stderr
        earliest = refused.stderr.split("possible is ")[1].split(" ")[0]
        with Recovered(server.folder, earliest) as (d, _):
            assert d("GET", "early") == "v"
        ms, n = map(int, earliest.split("-"))
        refused = recover(server.folder, f"{ms}-{n - 1}" if n else ms - 1,
                          os.path.join(parent, "newer"))
        assert refused.returncode == 1


def test_damage_before_the_moment_is_told_and_behind_it_is_none():
    with Server(SETTINGS) as server, tempfile.TemporaryDirectory() as parent:
        c = ready(server)
        c("SET", "k", "1")
        early = last_id(c)
        for i in range(200):
            c("SET", "k", "x" * 20_000)
        late = last_id(c)
        server.halt()
        name = sorted(n for n in os.listdir(server.path("journal")) if n.endswith(".journal"))[1]
        with open(server.path("journal/" + name), "r+b") as f:
            f.seek(100_000)
            byte = f.read(1)
            f.seek(100_000)
            f.write(bytes([byte[0] ^ 1]))
        refused = recover(server.folder, late, os.path.join(parent, "new"))
        assert refused.returncode == 1 and name in refused.stderr
        with Recovered(server.folder, early) as (d, _):
            assert d("GET", "k") == "1"
