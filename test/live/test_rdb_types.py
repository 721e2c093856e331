"""Moving values of every type in and out: between Hark and Redis, in every form that RDB has, and
across a restart of Hark, whatever it starts from."""

import os
import random
import subprocess
import time as clock

import pytest

from data_sets import DAY_MS, churn, contents, fill_types, value_of
from harness import eventually
from rdb_files import (double, intset, item, length, listpack, old_double, rdb, rows, stream_id,
                       string, time, ziplist, zipmap)
from test_rdb import REDIS, crc64, folder_files, hark, raw, redis, refusal, start_with

pytestmark = pytest.mark.skipif(not os.path.exists(REDIS), reason="needs redis-server")

DEBUG = {"enable-debug-command": "yes"}


@pytest.fixture
def rng():
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(10**9)))
    print(f"SEED={seed}")
    return random.Random(seed)


def dump_of(server):
    """Its dump.rdb, saved now."""
    assert server.connect()("SAVE") == "OK"
    with open(server.path("dump.rdb"), "rb") as f:
        return f.read()


def digest(server):
    return server.connect()("DEBUG", "DIGEST")


# ---- files ----


@pytest.mark.parametrize("compression", ["yes", "no"])
def test_redis_to_hark_and_back(rng, tmp_path, compression):
    settings = {"rdbcompression": compression}
    with redis(settings) as source:
        fill_types(rng, source.connect())
        before = contents(source.connect())
        data = dump_of(source)
    with start_with({"dump.rdb": data}, {**settings, **DEBUG}) as server:
        c = server.connect()
        assert contents(c) == before
        assert int(c.info("persistence")["rdb_last_load_keys_loaded"]) == len(before)
        same = digest(server)
        assert c("DEBUG", "RELOAD") == "OK"
        assert digest(server) == same
        data = dump_of(server)
    (tmp_path / "check.rdb").write_bytes(data)
    checked = subprocess.run(["redis-check-rdb", str(tmp_path / "check.rdb")],
                             stdout=subprocess.PIPE, timeout=60, check=False)
    assert checked.returncode == 0 and b"RDB looks OK" in checked.stdout, checked.stdout
    with start_with({"dump.rdb": data}, {"sanitize-dump-payload": "yes"}, REDIS) as server:
        assert contents(server.connect()) == before


@pytest.mark.parametrize("settings", [
    {"list-max-listpack-size": "8", "hash-max-listpack-entries": "4", "set-max-intset-entries": "4",
     "zset-max-listpack-entries": "4", "stream-node-max-entries": "3"},
    {"list-max-listpack-size": "-5", "list-compress-depth": "1",
     "hash-max-listpack-entries": "100000", "zset-max-listpack-entries": "100000",
     "zset-max-listpack-value": "100000", "hash-max-listpack-value": "100000"},
])
def test_other_limits_on_either_side(rng, settings):
    """What is packed in one server may not be in the other."""
    with redis(settings) as source:
        fill_types(rng, source.connect(), 60)
        before = contents(source.connect())
        data = dump_of(source)
    for ours in ({}, settings):
        with start_with({"dump.rdb": data}, ours) as server:
            assert contents(server.connect()) == before
            back = dump_of(server)
        with start_with({"dump.rdb": back}, settings, REDIS) as server:
            assert contents(server.connect()) == before


# ---- DUMP and RESTORE ----


def test_dump_and_restore_both_ways(rng):
    with redis({"sanitize-dump-payload": "yes"}) as theirs, hark(DEBUG) as ours:
        a, b = theirs.connect(), ours.connect()
        fill_types(rng, a, 120, databases=1, deadlines=False)
        for key in sorted(a("KEYS", "*")):
            value = value_of(a, raw(key))
            assert b("RESTORE", raw(key), 0, raw(a("DUMP", raw(key)))) == "OK"
            assert value_of(b, raw(key)) == value, key
            assert a("RESTORE", "back", 0, raw(b("DUMP", raw(key))), "REPLACE") == "OK"
            assert value_of(a, "back") == value, key
            assert b("RESTORE", "back", 0, raw(b("DUMP", raw(key))), "REPLACE") == "OK"
            assert b("DEBUG", "DIGEST-VALUE", "back") == b("DEBUG", "DIGEST-VALUE", raw(key))


def payload_of(form):
    """The value of a form as DUMP would have it, but for the checksum."""
    return bytes([form[0]]) + form[2 + form[1]:] + b"\x0a\x00"


def damaged(rng, payload):
    data = bytearray(payload)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        at = rng.randrange(1, len(data) - 2)
        data[at] = rng.choice([data[at] ^ 1 << rng.randrange(8), rng.randrange(256), 0, 255,
                               data[at] + 1 & 255])
    return bytes(data)


def test_what_redis_refuses_is_refused(rng):
    """Damaged payloads with a checksum that is right: whatever Redis, sanitizing deeply, does not
    take, Hark does not either; and it takes no harm from any."""
    with redis({"sanitize-dump-payload": "yes"}) as theirs, hark() as ours:
        a, b = theirs.connect(), ours.connect()
        fill_types(rng, a, 48, largest=20, databases=1, deadlines=False)
        payloads = [raw(a("DUMP", raw(key)))[:-8] for key in sorted(a("KEYS", "*"))]
        payloads += [payload_of(form) for form in FORMS + streams()[:2]]
        payloads = [p for p in payloads if p[0] and len(p) < 700]
        for _ in range(600):
            data = damaged(rng, rng.choice(payloads))
            data += crc64(data)
            for client in (a, b):
                client.send("RESTORE", "k", 0, data, "REPLACE")
            if a.reply() == "OK":
                b.reply()
            else:
                assert b.reply() == "ERR Bad data format", data.hex()
            b("TYPE", "k")
            b("DUMP", "k")


def test_copies_and_other_names(rng):
    with hark(DEBUG) as server:
        c = server.connect()
        fill_types(rng, c, 60, databases=1)
        for key in map(raw, sorted(c("KEYS", "*"))):
            value, was = value_of(c, key), c("DEBUG", "DIGEST-VALUE", key)
            assert c("COPY", key, "copy", "REPLACE") == 1
            assert c("DEBUG", "DIGEST-VALUE", "copy") == was
            assert c("COPY", key, "copy", "DB", 5) == 1
            assert c("RENAME", "copy", "other") == "OK"
            assert c("MOVE", "other", 6) == 1
            c("SELECT", 6)
            assert value_of(c, "other") == value
            assert c("DEBUG", "DIGEST-VALUE", "other") == was
            assert c("DEL", "other") == 1
            c("SELECT", 5)
            assert c("DEBUG", "DIGEST-VALUE", "copy") == was
            assert c("DEL", "copy") == 1
            c("SELECT", 0)
            assert value_of(c, key) == value


def test_restore_tells_of_itself(rng):
    """Events, and which of what is restored over what is another type."""
    with hark({"notify-keyspace-events": "KEAnoc"}) as server:
        c, listener = server.connect(), server.connect()
        c("RPUSH", "list", 1, 2)
        c("SET", "string", "x")
        payloads = {key: raw(c("DUMP", key)) for key in ("list", "string")}
        listener("PSUBSCRIBE", "__keyevent@0__:*")

        def events(*words):
            c(*words)
            c("PUBLISH", "__keyevent@0__:end", "end")
            found = []
            while (message := listener.read())[2] != "__keyevent@0__:end":
                found.append((message[2].split(":")[1], message[3]))
            return found

        made = ("restore", "new key"), ("new", "new key")
        assert sorted(events("RESTORE", "new key", 0, payloads["list"])) == sorted(made)
        over = events("RESTORE", "string", 0, payloads["list"], "REPLACE")
        assert ("overwritten", "string") in over and ("type_changed", "string") in over
        over = events("RESTORE", "list", 0, payloads["list"], "REPLACE")
        assert ("overwritten", "list") in over and ("type_changed", "list") not in over
        assert c("TYPE", "string") == "list"


def test_restored_with_deadline_and_access(rng):
    with hark({"maxmemory-policy": "allkeys-lfu"}) as server:
        c = server.connect()
        c("SADD", "s", 1, "a")
        payload = raw(c("DUMP", "s"))
        assert c("RESTORE", "t", 5000, payload, "FREQ", 77) == "OK"
        assert 4000 < c("PTTL", "t") <= 5000 and c("OBJECT", "FREQ", "t") >= 76
        assert c("RESTORE", "s", 1, payload, "REPLACE", "ABSTTL") == "OK"
        assert c("EXISTS", "s") == 0
        assert c.error("RESTORE", "t", 0, payload).startswith("BUSYKEY")


# ---- old and new forms ----

WORDS = ["a", "", 0, 12, 13, -1, -128, 128, 4095, 4096, -4097, 32767, 32768, -(2**23), 2**23,
         2**31 - 1, 2**31, -(2**63), 2**63 - 1, "007", "x" * 63, "y" * 64, "z" * 300, "w" * 20000]
TEXTS = [str(w) for w in WORDS]
PAIRS = [(f"field {n}", w) for n, w in enumerate(WORDS)]
FLAT = [w for pair in PAIRS for w in pair]
NUMBERS = [-(2**15), -1, 0, 7, 2**15 - 1]
SCORED = [("c", 1), ("a", 2.5), ("b", 2.5), (12, 3), (-7, 1e300)]
SCORED_FLAT = [w for pair in SCORED for w in (pair[0], str(pair[1]))]

# Of each form what Redis 7.0 loads as well.
FORMS = [
    item(1, "list", rows(*map(string, WORDS))),
    item(10, "list of a ziplist", string(ziplist(WORDS))),
    item(14, "quicklist", rows(string(ziplist(WORDS[:9])), string(ziplist([])),
                               string(ziplist(WORDS[9:])))),
    item(18, "quicklist 2", rows(length(2) + string(listpack(WORDS[:9])),
                                 length(1) + string("plain"),
                                 length(2) + string(listpack(WORDS[9:])))),
    item(2, "set", rows(*map(string, WORDS))),
    item(11, "intset", string(intset(NUMBERS))),
    item(11, "wide intset", string(intset([*NUMBERS, 2**40]))),
    item(3, "zset", rows(*[string(m) + old_double(str(s)) for m, s in SCORED],
                         string("up") + old_double("inf"), string("down") + old_double("-inf"))),
    item(5, "zset 2", rows(*[string(m) + double(s) for m, s in SCORED],
                           string("up") + double(float("inf")))),
    item(12, "zset of a ziplist", string(ziplist(SCORED_FLAT))),
    item(17, "zset of a listpack", string(listpack(SCORED_FLAT))),
    item(4, "hash", rows(*[string(f) + string(v) for f, v in PAIRS])),
    item(9, "zipmap", string(zipmap(PAIRS))),
    item(9, "zipmap with room", string(zipmap([("f", "v"), ("g", "")], free=4))),
    item(13, "hash of a ziplist", string(ziplist(FLAT))),
    item(16, "hash of a listpack", string(listpack(FLAT))),
]


def stream_node(*entries):
    """Of entries (ms, n, deleted?, fields), all with the same names of fields."""
    names = [f for f, _ in entries[0][3]]
    words = [sum(not e[2] for e in entries), sum(e[2] for e in entries), len(names), *names, 0]
    ms, n = entries[0][:2]
    for entry in entries:
        values = [v for _, v in entry[3]]
        words += [2 | entry[2], entry[0] - ms, entry[1] - n, *values, len(values) + 3]
    return string(stream_id(ms, n)) + string(listpack(words))


NODES = rows(stream_node((5, 1, 0, [("f", "v"), ("g", 1)]), (5, 2, 1, [("f", "w"), ("g", 2)])),
             stream_node((7, 0, 0, [("h", "x")])))
TOLD = length(2) + length(9) + length(3)  # two entries, the last id
TOLD_2 = TOLD + length(5) + length(1) + length(5) + length(2) + length(4)
PENDING = rows(*[stream_id(*i) + time(1000) + length(3) for i in ((5, 1), (7, 0))])
CONSUMERS = [string(w) + time(2000) for w in ("w1", "w2")]
OWN = [rows(stream_id(7, 0)), rows(stream_id(5, 1))]


def streams():
    first = [c + own for c, own in zip(CONSUMERS, OWN)]
    third = [c + time(1500) + own for c, own in zip(CONSUMERS, OWN)]
    group = string("group") + length(7) + length(0)
    return [
        item(15, "stream", NODES + TOLD + rows(group + PENDING + rows(*first))),
        item(19, "stream 2", NODES + TOLD_2 + rows(group + length(3) + PENDING + rows(*first))),
        item(21, "stream 3", NODES + TOLD_2 + rows(group + length(3) + PENDING + rows(*third))),
    ]


def test_old_forms():
    forms = [*FORMS, *(s for s in streams() if s[0] != 21)]
    data = rdb(*forms)
    with start_with({"dump.rdb": data}, binary=REDIS) as server:
        expected = contents(server.connect())
    with start_with({"dump.rdb": data}) as server:
        found = contents(server.connect())
    assert found == expected
    assert len(found) == len(forms)
    empty = item(15, "empty", rows() + length(0) * 3 + rows())  # Redis 7.0 has an odd first id
    with start_with({"dump.rdb": rdb(empty)}) as server:
        assert contents(server.connect())[0, "empty"][1] == ([], [0, "0-0", "0-0", 0, "0-0"], [])
    assert found[0, "quicklist 2"][1] == TEXTS[:9] + ["plain"] + TEXTS[9:]


def test_forms_of_redis_7_2():
    data = rdb(item(20, "set", string(listpack(WORDS))), streams()[2], version=11)
    with start_with({"dump.rdb": data}) as server:
        c = server.connect()
        assert sorted(c("SMEMBERS", "set")) == sorted(TEXTS)
        assert c("XLEN", "stream 3") == 2
        facts = c("XINFO", "STREAM", "stream 3", "FULL")
        consumers = str(facts)
        assert "'active-time', 1500" in consumers and "'seen-time', 2000" in consumers


def test_deadlines_of_fields(rng):
    """Four forms, of Redis 7.4 and its candidates. Written are two, where there are deadlines."""
    soon, later = int(clock.time() * 1000) + DAY_MS, int(clock.time() * 1000) + 2 * DAY_MS
    packed = ["a", "1", soon, "b", "2", later, "c", "3", 0]
    fields = [string(f) + string(v) for f, v in (("a", 1), ("b", 2), ("c", 3))]
    forms = [
        item(22, "early", rows(*[length(t) + f for t, f in zip((soon, later, 0), fields)])),
        item(23, "early packed", string(listpack(packed))),
        item(24, "hash", time(soon) + rows(*[length(t) + f for t, f in
                                             zip((1, later - soon + 1, 0), fields)])),
        item(25, "packed", time(soon) + string(listpack(packed))),
        item(25, "disordered", time(soon) + string(listpack(packed[6:] + packed[:6]))),
    ]

    def check(server, keys):
        c = server.connect()
        assert sorted(c("KEYS", "*")) == sorted(keys)
        for key in keys:
            assert c("HPEXPIRETIME", key, "FIELDS", 3, "a", "b", "c") == [soon, later, -1], key
            assert c("HMGET", key, "a", "b", "c") == ["1", "2", "3"]

    keys = ["early", "early packed", "hash", "packed", "disordered"]
    with start_with({"dump.rdb": rdb(*forms, version=12)}, DEBUG) as server:
        check(server, keys)
        c = server.connect()
        for key in keys:
            payload = raw(c("DUMP", key))
            assert payload[0] in (24, 25) and payload[-10:-8] == b"\x0c\x00"
            assert c("RESTORE", key, 0, payload, "REPLACE") == "OK"
        big = [w for n in range(600) for w in (f"f{n}", n)]
        c("HSET", "big", *big)
        c("HPEXPIREAT", "big", soon, "FIELDS", 1, "f7")
        assert raw(c("DUMP", "big"))[0] == 24
        c("RESTORE", "big", 0, raw(c("DUMP", "big")), "REPLACE")
        assert c("HPEXPIRETIME", "big", "FIELDS", 2, "f7", "f8") == [soon, -1]
        c("DEL", "big")
        data = dump_of(server)
        assert data.startswith(b"REDIS0012")
        for key in keys:
            c("HPERSIST", key, "FIELDS", 3, "a", "b", "c")
        plain = dump_of(server)
    with start_with({"dump.rdb": data}) as server:
        check(server, keys)
    assert plain.startswith(b"REDIS0010")
    with start_with({"dump.rdb": plain}, binary=REDIS) as server:
        assert server.connect()("HGET", "hash", "c") == "3"


def test_keys_without_elements_are_left_out():
    data = rdb(item(1, "list", rows()), item(16, "hash", string(listpack([]))),
               item(4, "other hash", rows()), item(11, "set", string(intset([]))),
               item(0, "string", string("")), item(18, "nodes", rows(length(2) + string(listpack([])))))
    with start_with({"dump.rdb": data}) as server:
        assert server.connect()("KEYS", "*") == ["string"]
        assert "5 keys without elements were left out" in server.log()


NODE = stream_node((5, 1, 0, [("f", "v")]))
GROUP = string("g") + length(7) + length(0) + length(3)

DAMAGED = {
    "a ziplist of another size": item(10, "k", string(b"\x0c" + ziplist([])[1:])),
    "a hash without a value": item(16, "k", string(listpack(["f"]))),
    "a field twice": item(16, "k", string(listpack(["f", 1, "f", 2]))),
    "a field twice, plain": item(4, "k", rows(string("f") + string(1), string("f") + string(2))),
    "a member twice": item(2, "k", rows(string("m"), string("m"))),
    "a packed member twice": item(20, "k", string(listpack(["m", "m"]))),
    "a scored member twice": item(17, "k", string(listpack(["m", 1, "m", 2]))),
    "a score that is none": item(17, "k", string(listpack(["m", "x"]))),
    "nan": item(5, "k", rows(string("m") + double(float("nan")))),
    "old nan": item(3, "k", rows(string("m") + old_double("nan"))),
    "integers in disorder": item(11, "k", string(b"\2\0\0\0\2\0\0\0\5\0\3\0")),
    "a node that is none": item(18, "k", rows(length(3) + string("x"))),
    "a listpack cut short": item(18, "k", rows(length(2) + string(listpack(["abc"])[:-3]))),
    "a deadline before all time": item(25, "k", time(5) + string(listpack(["f", "v", -5]))),
    "a deadline beyond": item(24, "k", time(5) + rows(length(2**50) + string("f") + string("v"))),
    "a stream's count": item(19, "k", rows(NODE) + length(9) + length(9) + length(3)
                             + length(0) * 5 + rows()),
    "a last id in between": item(19, "k", rows(NODE) + length(1) + length(5) + length(0)
                                 + length(0) * 5 + rows()),
    "nodes in disorder": item(15, "k", rows(NODE, NODE) + length(2) + length(9) * 2 + rows()),
    "an id of a node": item(15, "k", rows(string("short") + NODE[17:]) + length(1) + length(9) * 2
                            + rows()),
    "a group twice": item(19, "k", NODES + TOLD_2 + rows(*[GROUP + rows() + rows()] * 2)),
    "pending for nobody": item(19, "k", NODES + TOLD_2 + rows(GROUP + PENDING + rows())),
    "pending in disorder": item(19, "k", NODES + TOLD_2 + rows(
        GROUP + rows(*[stream_id(*i) + time(1) + length(1) for i in ((7, 0), (5, 1))])
        + rows(string("w") + time(1) + rows(stream_id(5, 1), stream_id(7, 0))))),
    "pending for two": item(19, "k", NODES + TOLD_2 + rows(
        GROUP + PENDING + rows(CONSUMERS[0] + rows(stream_id(7, 0), stream_id(5, 1)),
                               CONSUMERS[1] + rows(stream_id(7, 0))))),
    "a consumer twice": item(19, "k", NODES + TOLD_2 + rows(
        GROUP + rows() + rows(*[CONSUMERS[0] + rows()] * 2))),
    "a consumer's own": item(19, "k", NODES + TOLD_2 + rows(
        GROUP + rows() + rows(CONSUMERS[0] + rows(stream_id(7, 0))))),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_damage_is_refused(tmp_path, what):
    text = refusal(tmp_path, {"dump.rdb": rdb(item(0, "s", string("x")), DAMAGED[what], version=12)})
    assert "Cannot load 'dump.rdb': " in text and "nothing was loaded" in text
    assert "damaged" in text


# ---- the same data whatever a start begins with ----


def restart(server):
    server.kill()
    server.start()
    c = server.connect()
    eventually(lambda: c.info("persistence")["loading"] == "0")
    return c


def test_journal_snapshot_and_rdb_hold_the_same(rng):
    with hark({"appendonly": "yes", **DEBUG}) as server:
        c = server.connect()
        fill_types(rng, c, 80)
        churn(rng, c, 1000)
        before, same = contents(c), digest(server)
        c = restart(server)
        assert digest(server) == same
        assert contents(c) == before
        c("BGREWRITEAOF")
        eventually(lambda: c.info("persistence")["aof_rewrite_in_progress"] == "0")
        c = restart(server)
        assert digest(server) == same
        assert c("DEBUG", "RELOAD") == "OK"
        assert digest(server) == same
        data = dump_of(server)
    with start_with({"dump.rdb": data}, DEBUG) as server:
        assert digest(server) == same
        assert contents(server.connect()) == before


def test_restored_values_are_in_the_journal(rng):
    with redis() as source, hark({"appendonly": "yes", **DEBUG}) as server:
        a, c = source.connect(), server.connect()
        fill_types(rng, a, 40, databases=1)
        for key in map(raw, a("KEYS", "*")):
            ttl = max(0, a("PTTL", key))
            c("RESTORE", key, ttl, raw(a("DUMP", key)))
            c("COPY", key, b"copy of " + key)
        before, same = contents(c), digest(server)
        restart(server)
        assert digest(server) == same
        assert contents(server.connect()) == before


# ---- DEBUG OBJECT, MEMORY USAGE ----


def test_facts_of_values(rng):
    with hark(DEBUG) as server:
        c = server.connect()
        fill_types(rng, c, 60, databases=1)
        for key in map(raw, c("KEYS", "*")):
            facts = c("DEBUG", "OBJECT", key)
            told = dict(word.split(":", 1) for word in facts.split()[1:])
            assert told["encoding"] == c("OBJECT", "ENCODING", key)
            payload = raw(c("DUMP", key))
            assert int(told["serializedlength"]) >= len(payload) - 11 or b"\xc3" in payload
            used = c("MEMORY", "USAGE", key)
            assert used > 20 and c("MEMORY", "USAGE", key, "SAMPLES", 0) == used
            assert c("MEMORY", "USAGE", key, "SAMPLES", 100) == used
        assert c.error("MEMORY", "USAGE", key, "SAMPLES", -1) == "ERR syntax error"


# ---- append only files ----


@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_multi_part_aof(rng, preamble):
    settings = {"appendonly": "yes", "appendfsync": "always", "aof-use-rdb-preamble": preamble}
    with redis(settings) as source:
        c = source.connect()
        fill_types(rng, c, 60)
        c("BGREWRITEAOF")
        eventually(lambda: c.info("persistence")["aof_rewrite_in_progress"] == "0"
                   and c.info("persistence")["aof_rewrite_scheduled"] == "0")
        fill_types(rng, c, 60)
        churn(rng, c, 1500)
        files = folder_files(source, "appendonlydir")
        expected = contents(restart(source))  # how much groups have read does not stand in it
    with start_with(files) as server:
        assert contents(server.connect()) == expected
