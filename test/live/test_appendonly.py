"""CONFIG SET appendonly, while clients are served."""

import glob
import os
import random

import pytest
from harness import Server, eventually, is_redis

pytestmark = pytest.mark.skipif(is_redis(), reason="of Hark's own journal")

SETTINGS = {"enable-debug-command": "yes", "auto-aof-rewrite-percentage": "0"}
SETS = "__keyevent@0__:set"


def ready(server):
    c = server.connect()
    eventually(lambda: c.info("persistence")["loading"] == "0")
    return c


def switch_on(c):
    had = int(c.info("persistence")["aof_rewrites"])
    assert c("CONFIG", "SET", "appendonly", "yes") == "OK"
    eventually(lambda: int(c.info("persistence")["aof_rewrites"]) > had)


def restart(server, **settings):
    server.kill()
    server.settings.update(settings)
    server.start()
    return ready(server)


def folders(server):
    return sorted(n for n in os.listdir(server.folder) if n.startswith("journal"))


def ms_of(entry_id):
    return int(entry_id.split("-")[0])


def test_history_starts_where_it_is_switched_on():
    with Server({**SETTINGS, "appendonly": "no"}) as server:
        c = ready(server)
        for i in range(100):
            c("SET", f"k{i}", i)
        assert "appendonly no" in c.error("XRANGE", SETS, "-", "+")
        assert c.info("persistence")["aof_enabled"] == "0"
        switch_on(c)
        assert c.info("persistence")["aof_enabled"] == "1"
        assert folders(server) == ["journal"]
        assert c("XRANGE", SETS, "-", "+") == []
        c("SET", "k0", "new")
        c("XGROUP", "CREATE", SETS, "g", "0")
        (entry,) = c("XRANGE", SETS, "-", "+")
        assert entry[1][:4] == ["event", "set", "key", "k0"]
        digest = c("DEBUG", "DIGEST")
        c = restart(server, appendonly="yes")
        assert c("DEBUG", "DIGEST") == digest and c("DBSIZE") == 100
        assert c("XRANGE", SETS, "-", "+") == [entry]
        assert len(c("XREADGROUP", "GROUP", "g", "w", "STREAMS", SETS, ">")[0][1]) == 1


def test_blocked_readers_and_groups_live_through_both():
    with Server(SETTINGS) as server:
        c, reader, subscriber = ready(server), server.connect(), server.connect()
        c("CONFIG", "SET", "notify-keyspace-events", "KEA")
        subscriber("SUBSCRIBE", SETS)
        c("SET", "before", "v")
        c("XGROUP", "CREATE", SETS, "g", "$")
        reader.send("XREAD", "BLOCK", 0, "STREAMS", SETS, "$")
        eventually(lambda: c.info("clients")["blocked_clients"] == "1")
        assert c("CONFIG", "SET", "appendonly", "no") == "OK"
        c("SET", "between", "v")
        assert "appendonly no" in c.error("XREADGROUP", "GROUP", "g", "w", "STREAMS", SETS, ">")
        switch_on(c)
        c("SET", "after", "v")
        entries = reader.reply()[0][1]
        assert entries[-1][1][:4] == ["event", "set", "key", "after"]
        told = c("XREADGROUP", "GROUP", "g", "w", "STREAMS", SETS, ">")[0][1]
        assert [e[1][1] for e in told] == ["gap", "set"]
        assert [subscriber.push()[2] for _ in range(3)] == ["before", "between", "after"]


def test_switched_off_nothing_is_removed_and_a_start_says_what_is_missing():
    with Server(SETTINGS) as server:
        c = ready(server)
        c("SET", "k", "kept")
        assert c("CONFIG", "SET", "appendonly", "no") == "OK"
        assert c.info("persistence")["aof_enabled"] == "0"
        assert glob.glob(server.path("journal/*.journal"))
        c("SET", "k", "lost")
        last = c.info("hark")["last_event_id"]
        assert c("CONFIG", "SET", "appendonly", "no") == "OK"
        c = restart(server)
        assert c("GET", "k") == "kept"
        assert "A server ran here with appendonly no" in server.log(server.log_from)
        c("SET", "k", "new")
        (entry,) = c("XREVRANGE", SETS, "+", "-", "COUNT", 1)
        assert ms_of(entry[0]) > ms_of(last)
        c = restart(server)  # it is said once
        assert c("GET", "k") == "new"
        assert "with appendonly no" not in server.log(server.log_from)


def test_a_start_without_leaves_a_journal_that_is_there_and_ids_go_on():
    with Server(SETTINGS) as server:
        c = ready(server)
        for i in range(3):
            c("SET", "old", i)
        last = c("XREVRANGE", SETS, "+", "-", "COUNT", 1)[0][0]
        c = restart(server, appendonly="no")
        assert c("DBSIZE") == 0
        assert "which is left as it is" in server.log(server.log_from)
        c("SET", "k", "v")
        switch_on(c)
        assert folders(server) == ["journal", "journal.old"]
        c("SET", "k", "v2")
        (entry,) = c("XRANGE", SETS, "-", "+")
        assert ms_of(entry[0]) > ms_of(last)
        c = restart(server, appendonly="yes")
        assert c("GET", "k") == "v2" and c("DBSIZE") == 1
        assert "with appendonly no" not in server.log(server.log_from)


def test_again_and_again_under_load_and_killed():
    """What was acknowledged after the switch was safe is there; before it, what was there before."""
    rng = random.Random(seed := random.randrange(1 << 32))
    print("SEED", seed)
    with Server({**SETTINGS, "appendfsync": "always"}) as server:
        for round in range(6):
            c = ready(server)
            c("DEBUG", "POPULATE", 20_000, f"r{round}")
            kept = c("DBSIZE")
            assert c("CONFIG", "SET", "appendonly", "no") == "OK"
            c("SET", "lost", round)
            assert c("CONFIG", "SET", "appendonly", "yes") == "OK"
            acknowledged = None
            for i in range(rng.randrange(200)):
                c("SET", f"round{round}", i)
                acknowledged = str(i)
            # Looked at before the end, or it might become safe in between.
            safe = "All data is in the journal" in server.log(server.log_from)
            c = restart(server)
            if safe:
                assert c("GET", "lost") == str(round) and c("GET", f"round{round}") == acknowledged
            else:
                assert c("DBSIZE") >= kept
            assert not glob.glob(server.path("journal.new/*"))
            ids = [e[0] for e in c("XRANGE", SETS, "-", "+", "COUNT", 1000)]
            assert ids == sorted(ids, key=lambda i: tuple(map(int, i.split("-"))))


def test_within_a_transaction():
    with Server(SETTINGS) as server:
        c = ready(server)
        done = c.pipeline(["MULTI"], ["SET", "a", 1], ["CONFIG", "SET", "appendonly", "no"],
                          ["SET", "b", 1], ["EXEC"])
        assert done[-1] == ["OK", "OK", "OK"]
        done = c.pipeline(["MULTI"], ["SET", "a", 2], ["CONFIG", "SET", "appendonly", "yes"],
                          ["SET", "b", 2], ["EXEC"])
        assert done[-1] == ["OK", "OK", "OK"]
        eventually(lambda: c.info("persistence")["aof_rewrites"] == "1")
        c("SET", "c", 3)
        digest = c("DEBUG", "DIGEST")
        c = restart(server)
        assert c("DEBUG", "DIGEST") == digest and c("MGET", "a", "b", "c") == ["2", "2", "3"]


def test_a_folder_that_cannot_be_made_is_an_error_and_nothing_changes():
    with Server({**SETTINGS, "appendonly": "no"}) as server:
        c = ready(server)
        c("SET", "k", "v")
        with open(server.path("journal.new"), "w"):
            pass
        assert "CONFIG SET failed" in c.error("CONFIG", "SET", "appendonly", "yes")
        assert c("CONFIG", "GET", "appendonly") == ["appendonly", "no"]
        assert c("SET", "k", "w") == "OK"
        os.unlink(server.path("journal.new"))
        switch_on(c)
        assert c("CONFIG", "GET", "appendonly") == ["appendonly", "yes"]


def test_with_no_data_at_all():
    with Server({**SETTINGS, "appendonly": "no"}) as server:
        c = ready(server)
        switch_on(c)
        c("SET", "k", "v")
        c = restart(server, appendonly="yes")
        assert c("GET", "k") == "v" and len(c("XRANGE", SETS, "-", "+")) == 1


def test_killed_between_the_two_renamings():
    with Server({**SETTINGS, "appendonly": "no"}) as server:
        c = ready(server)
        c("SET", "k", "v")
        switch_on(c)
        c("SET", "k", "w")
        server.kill()
        os.rename(server.path("journal"), server.path("journal.new"))
        os.mkdir(server.path("journal.old"))
        server.settings["appendonly"] = "yes"
        server.start()
        c = ready(server)
        assert c("GET", "k") == "w" and folders(server) == ["journal", "journal.old"]
