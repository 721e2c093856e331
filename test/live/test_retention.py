"""What the journal keeps, for how long, and what becomes of groups that are behind."""

import glob
import os

import pytest
from harness import Server, eventually, is_redis, take_snapshot

pytestmark = pytest.mark.skipif(is_redis(), reason="of Hark's own journal")

SETTINGS = {"enable-debug-command": "yes", "auto-aof-rewrite-percentage": "0",
            "journal-retention-bytes": "1mb"}
SETS = "__keyevent@0__:set"
RARE = "__keyspace@0__:rare"


def ready(server):
    c = server.connect()
    eventually(lambda: c.info("persistence")["loading"] == "0")
    return c


def journal(c, name):
    value = c.info("journal")["journal_" + name]
    return int(value) if value.lstrip("-").isdigit() else value


def fill(c, megabytes=4):
    """Events of SET, of keys that nobody asks for."""
    for i in range(megabytes * 50):
        c("SET", f"k{i % 10}", "x" * 20_000)


def fill_until_refused(c):
    """Returns the error."""
    def refused():
        c.send("SET", "k", "x" * 20_000)
        reply = c.reply()
        return reply != "OK" and reply
    return eventually(refused)


def deliver(c, view, group="g", count=None):
    words = ["COUNT", count] if count else []
    took = c("XREADGROUP", "GROUP", group, "w", *words, "STREAMS", view, ">")
    return [(e[0], dict(zip(e[1][::2], e[1][1::2]))) for e in took[0][1]] if took else []


def first_seq_grows(c, beyond=1, patience=10):
    return eventually(lambda: journal(c, "first_seq") > beyond and journal(c, "first_seq"),
                      patience)


def test_a_folder_stays_bounded_although_nobody_takes_snapshots():
    with Server(SETTINGS) as server:
        c = ready(server)
        fill(c, 12)
        first_seq_grows(c)
        eventually(lambda: journal(c, "bytes") <= 3 << 20)
        assert c.info("persistence")["aof_rewrites"] != "0"
        digest = c("DEBUG", "DIGEST")
        server.kill()
        server.start()
        assert ready(server)("DEBUG", "DIGEST") == digest


def test_what_is_too_old_goes():
    with Server({**SETTINGS, "journal-retention-bytes": "1gb"}) as server:
        c = ready(server)
        fill(c)
        assert journal(c, "segments") > 3 and journal(c, "first_seq") == 1
        assert c("CONFIG", "GET", "journal-retention-ms")[1] == "604800000"
        assert c("CONFIG", "SET", "journal-retention-ms", "1") == "OK"
        first_seq_grows(c)
        assert journal(c, "retention_ms") == 1
        eventually(lambda: journal(c, "segments") == 1)
        assert c.info("persistence")["aof_rewrites"] == "1"
        assert c("CONFIG", "SET", "journal-retention-ms", "0") == "OK"
        first = journal(c, "first_seq")
        fill(c, 2)
        assert journal(c, "first_seq") == first


def test_one_snapshot_behind_the_oldest_segment_stays():
    with Server({**SETTINGS, "journal-retention-bytes": "1gb"}) as server:
        c = ready(server)
        fill(c, 1)
        for _ in range(3):
            take_snapshot(c)
            fill(c, 1)
        names = sorted(glob.glob(server.path("journal/*.snapshot")))
        assert len(names) == 2
        assert int(os.path.basename(names[0])[:16], 16) + 1 >= journal(c, "first_seq")


def test_a_group_is_told_of_a_gap_only_where_it_lost_something():
    with Server(SETTINGS) as server:
        c = ready(server)
        c("SET", "rare", "1")
        c("XGROUP", "CREATE", RARE, "g", "$")
        c("XGROUP", "CREATE", SETS, "g", "$")
        c("XGROUP", "CREATE", "__keyspace@0__:never*", "g", "0")
        last = c("XINFO", "STREAM", RARE)
        assert last
        fill(c)
        first_seq_grows(c)
        c("SET", "rare", "2")
        entries = deliver(c, RARE)
        assert [e["event"] for _, e in entries] == ["set"]  # it lost nothing
        entries = deliver(c, SETS, count=3)
        assert [e["event"] for _, e in entries] == ["gap", "set", "set"]
        assert c("XINFO", "GROUPS", "__keyspace@0__:never*") and not deliver(
            c, "__keyspace@0__:never*")
        # … and so it is after a restart.
        first = journal(c, "first_seq")
        fill(c)
        first_seq_grows(c, first)
        server.kill()
        server.start()
        c = ready(server)
        c("SET", "rare", "3")
        assert [e["event"] for _, e in deliver(c, RARE)] == ["set"]


def test_a_gap_that_is_due_is_not_forgotten_when_later_segments_go():
    """What is lost first is told although nothing was lost in the segments after it."""
    with Server(SETTINGS) as server:
        c = ready(server)
        c("SET", "rare", "read")
        c("XGROUP", "CREATE", RARE, "g", "$")
        c("SET", "rare", "lost")
        for _ in range(3):
            first = journal(c, "first_seq")
            fill(c)
            first_seq_grows(c, first)
        c("SET", "rare", "kept")
        assert [e["event"] for _, e in deliver(c, RARE)] == ["gap", "set"]


def test_what_was_pending_and_is_gone_is_a_deleted_entry():
    with Server(SETTINGS) as server:
        c = ready(server)
        c("XGROUP", "CREATE", RARE, "g", "$")
        c("SET", "rare", "1")
        (entry_id, _), = deliver(c, RARE)
        fill(c)
        first_seq_grows(c)
        history = c("XREADGROUP", "GROUP", "g", "w", "STREAMS", RARE, "0")
        assert history == [[RARE, [[entry_id, None]]]]
        assert c("XPENDING", RARE, "g")[0] == 1
        assert c("XACK", RARE, "g", entry_id) == 1


def test_refuse_keeps_what_a_group_has_not_read():
    settings = {**SETTINGS, "journal-retention-groups": "refuse"}
    with Server(settings) as server:
        c = ready(server)
        c("XGROUP", "CREATE", RARE, "g", "$")
        c("XGROUP", "CREATE", "__keyspace@0__:other", "g", "$")
        c("SET", "rare", "1")
        error = fill_until_refused(c)
        assert error.startswith("MISCONF") and "journal-retention-groups" in error
        assert journal(c, "first_seq") == 1
        assert journal(c, "retention_waits_for") == "group"
        assert journal(c, "retention_refuses") == 1
        assert f"the group 'g' of '{RARE}' has not read it" in server.log()
        # What helps goes on, and what takes nothing.
        assert c("GET", "k") and c("PEXPIRE", "k", 1) == 1
        eventually(lambda: c("EXISTS", "k") == 0)
        assert c("DEL", "rare") == 1
        assert c("XGROUP", "CREATE", SETS, "more", "$") == "OK"
        assert c("XGROUP", "DESTROY", SETS, "more") == 1
        assert c.pipeline(["MULTI"], ["SET", "k", "v"], ["EXEC"])[2].startswith("EXECABORT")
        # It stays so over a restart.
        server.kill()
        server.start()
        c = ready(server)
        eventually(lambda: journal(c, "retention_refuses") == 1)
        (entry_id, entry), (_, deleted) = deliver(c, RARE)
        assert entry["event"] == "set" and deleted["event"] == "del"
        assert c("XACK", RARE, "g", entry_id) == 1
        eventually(lambda: journal(c, "retention_refuses") == 0)
        assert c("SET", "k", "v") == "OK"
        first_seq_grows(c)


def test_refuse_is_over_when_it_is_switched_off_or_the_group_goes():
    settings = {**SETTINGS, "journal-retention-groups": "refuse"}
    with Server(settings) as server:
        c = ready(server)
        for end in (["CONFIG", "SET", "journal-retention-groups", "drop"],
                    ["XGROUP", "DESTROY", SETS, "g"]):
            c("CONFIG", "SET", "journal-retention-groups", "refuse")
            c.pipeline(["XGROUP", "DESTROY", SETS, "g"], ["XGROUP", "CREATE", SETS, "g", "$"])
            fill_until_refused(c)
            assert journal(c, "retention_refuses") == 1
            first = journal(c, "first_seq")
            c(*end)
            eventually(lambda: journal(c, "retention_refuses") == 0)
            first_seq_grows(c, first)
            assert c("SET", "k", "v") == "OK"
