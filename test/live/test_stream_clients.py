"""Client libraries make of a view what they make of a stored stream with the same entries in Redis:
the same calls go to both, and what they return is compared."""

import json
import subprocess

import pytest
import redis

from crew import needs_node, node_env
from harness import ROOT, Server

pytestmark = pytest.mark.hark_only("Redis has no views")

VIEW = "__keyspace@0__:order:*"
# What differs by time, or between 7.0 and what came later, or (how far a group has got) need not be
# known: with their values they are left out.
VARIES = {"idle", "inactive", "seen-time", "active-time", "radix-tree-keys", "radix-tree-nodes",
          "entries-read", "lag", "millisecondsSinceLastDelivery", "time_since_delivered", "seenTime",
          "activeTime", "radixTreeKeys", "radixTreeNodes", "entriesRead", "alloc"}


def settled(value):
    """Without what varies; times become a word."""
    if isinstance(value, dict):
        return {settled(k): settled(v) for k, v in value.items() if k not in VARIES}
    if isinstance(value, (list, tuple)):
        kept, skip = [], False
        for item in value:
            if not skip and not (isinstance(item, str) and item in VARIES):
                kept.append(settled(item))
            skip = not skip and isinstance(item, str) and item in VARIES
        return kept
    if isinstance(value, int) and value > 10**12:
        return "a time"
    if value == VIEW:
        return "stream"
    return value.replace(VIEW, "stream") if isinstance(value, str) else value


@pytest.fixture
def both(server):
    """(socket, key) of a view of Hark and of a stream of Redis with the same entries."""
    c = server.connect()
    c("SET", "order:1", "v")
    c("APPEND", "order:1", "w")
    c("SET", "other", "v")
    c("SET", "order:2", "v", "PX", "60000")
    c("DEL", "order:1")
    with Server(binary="/usr/bin/redis-server") as other:
        copy = other.connect()
        for entry_id, fields in c("XRANGE", VIEW, "-", "+"):
            copy("XADD", "stream", entry_id, *fields)
        yield (server.unix_path, VIEW), (other.unix_path, "stream")


def compare(mine, theirs):
    assert [what for what, _ in mine] == [what for what, _ in theirs]
    for (what, reply), (_, expected) in zip(mine, theirs):
        assert settled(reply) == settled(expected), what


@pytest.mark.parametrize("library, proto", [("ioredis", 2), ("redis", 2), ("redis", 3)])
def test_node(both, library, proto):
    needs_node(library)

    def replies(path, key):
        script = f"{ROOT}/test/live/workers/commands.js"
        done = subprocess.run(["node", script, library, str(proto), path, key], env=node_env(),
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    compare(replies(*both[0]), replies(*both[1]))


def by_redis_py(path, key):
    said = []

    def say(what, reply):
        said.append((what, reply))

    with redis.Redis(unix_socket_path=path, decode_responses=True) as r:
        entries = r.xrange(key)
        ids = [entry_id for entry_id, _ in entries]
        say("XRANGE", entries)
        say("XRANGE exclusive", r.xrange(key, "(" + ids[1], "+", 2))
        say("XREVRANGE", r.xrevrange(key, count=2))
        say("XLEN", r.xlen(key))
        say("XREAD", r.xread({key: "0"}, count=2))
        say("XREAD BLOCK", r.xread({key: ids[3]}, block=1000))
        say("XREAD BLOCK in vain", r.xread({key: "$"}, block=10))
        say("XGROUP CREATE", r.xgroup_create(key, "g", "0", mkstream=True))
        with pytest.raises(redis.ResponseError) as e:
            r.xgroup_create(key, "g", "0")
        say("XGROUP again", str(e.value))
        say("CREATECONSUMER", r.xgroup_createconsumer(key, "g", "idle"))
        say("XREADGROUP", r.xreadgroup("g", "w", {key: ">"}, count=4))
        say("XREADGROUP own", r.xreadgroup("g", "w", {key: ids[1]}))
        say("XACK", r.xack(key, "g", ids[0]))
        say("XINFO STREAM", r.xinfo_stream(key))
        say("XINFO FULL", {**r.xinfo_stream(key, full=True)})
        say("XINFO GROUPS", r.xinfo_groups(key))
        say("XINFO CONSUMERS", r.xinfo_consumers(key, "g"))
        say("XPENDING", r.xpending(key, "g"))
        say("XPENDING range", r.xpending_range(key, "g", "-", "+", 10, "w", idle=0))
        say("XCLAIM", r.xclaim(key, "g", "v", 0, ids[1:3]))
        say("XCLAIM JUSTID", r.xclaim(key, "g", "v", 0, ids[3:4], justid=True))
        say("XAUTOCLAIM", r.xautoclaim(key, "g", "u", 0, count=2))
        say("XAUTOCLAIM JUSTID", r.xautoclaim(key, "g", "u", 0, justid=True))
        say("DELCONSUMER", r.xgroup_delconsumer(key, "g", "u"))
        say("SETID", r.xgroup_setid(key, "g", "$"))
        say("XPENDING empty", r.xpending(key, "g"))
        say("DESTROY", r.xgroup_destroy(key, "g"))
    return said


def test_python(both):
    compare(by_redis_py(*both[0]), by_redis_py(*both[1]))
