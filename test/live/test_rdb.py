"""Moving in and out: RDB files, append only files, DUMP and RESTORE, between Hark and Redis."""

import os
import random
import shutil
import subprocess
import time

import pytest

from harness import Closed, CommandError, Error, Server, eventually, server_binary

REDIS = "/usr/bin/redis-server"
DAY_MS = 24 * 60 * 60 * 1000

pytestmark = pytest.mark.skipif(not os.path.exists(REDIS), reason="needs redis-server")


@pytest.fixture
def rng():
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(10**9)))
    print(f"SEED={seed}")
    return random.Random(seed)


# ---- data ----


def random_value(rng):
    kind = rng.randrange(9)
    if kind == 0:
        return str(rng.choice([0, -1, 127, 128, -128, -129, 32767, 32768, 2**31 - 1, 2**31,
                               -(2**31), -(2**31) - 1, 2**63 - 1, rng.randrange(10**6)]))
    if kind == 1:
        return bytes(rng.randrange(256) for _ in range(rng.randrange(100)))
    if kind == 2:
        return rng.choice(["ab", "a", "xyz"]) * rng.randrange(300)
    if kind == 3:
        return b"\x00" * rng.choice([19, 20, 21, 63, 64, 16383, 16384, 100000])
    if kind == 4:
        return rng.randbytes(rng.choice([20, 21, 63, 64, 511, 512, 513, 16383, 16384, 70000]))
    return " ".join(rng.choice(["every", "keyspace", "event", "is", "heard"])
                    for _ in range(rng.randrange(30)))


def fill(rng, client, keys=300):
    """Strings of every form in four databases; some live for a day or so."""
    for n in range(keys):
        client("SELECT", rng.randrange(4))
        key = rng.choice([f"k{n}", str(n), b"\xff\x00%d" % n, "long" * 30 + str(n)])
        words = ["SET", key, random_value(rng)]
        if rng.random() < 0.3:
            words += ["PX", DAY_MS + rng.randrange(DAY_MS)]
        client(*words)
    client("SELECT", 0)


def contents(client):
    """All there is: {(db, key): (value, deadline)}."""
    found = {}
    for db in range(16):
        client("SELECT", db)
        for key in client("KEYS", "*"):
            found[db, key] = client("GET", key), client("PEXPIRETIME", key)
    client("SELECT", 0)
    return found


def redis(settings=None):
    return Server(settings, binary=REDIS)


def hark(settings=None):
    """Without journal, unless the settings say otherwise."""
    return Server({"appendonly": "no", **(settings or {})})


def start_with(files, settings=None, binary=None):
    """A server that finds these files in its folder: {name: bytes}."""
    server = redis(settings) if binary else hark(settings)
    server.kill()
    for name, data in files.items():
        os.makedirs(os.path.dirname(server.path(name)), exist_ok=True)
        with open(server.path(name), "wb") as f:
            f.write(data)
    server.start()
    return loaded(server)


def loaded(server):
    """Waits until it has all its data."""
    c = server.connect()
    eventually(lambda: c.info("persistence")["loading"] == "0")
    return server


def refusal(tmp_path, files, *settings):
    """What the server says when it will not start with these files."""
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    done = subprocess.run(
        [server_binary(), "--port", "0", "--unixsocket", str(tmp_path / "socket"),
         "--dir", str(tmp_path), "--appendonly", "no", *settings],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
    text = done.stdout.decode(errors="replace")
    assert done.returncode > 0, text
    assert "Sanitizer" not in text and "runtime error" not in text, text
    return text


def redis_dump(*commands, settings=None):
    """dump.rdb of a Redis that has run these commands."""
    with redis(settings) as server:
        c = server.connect()
        for words in commands:
            c(*words)
        c("SAVE")
        with open(server.path("dump.rdb"), "rb") as f:
            return f.read()


# ---- RDB files ----


@pytest.mark.parametrize("compression", ["yes", "no"])
def test_redis_to_hark(rng, compression):
    with redis({"rdbcompression": compression}) as source:
        fill(rng, source.connect())
        before = contents(source.connect())
        source.connect()("SAVE")
        with open(source.path("dump.rdb"), "rb") as f:
            data = f.read()
    with start_with({"dump.rdb": data}) as server:
        assert contents(server.connect()) == before
        facts = server.connect().info("persistence")
        assert int(facts["rdb_last_load_keys_loaded"]) == len(before)
        assert facts["rdb_changes_since_last_save"] == "0"


@pytest.mark.parametrize("compression", ["yes", "no"])
def test_hark_to_redis(rng, compression):
    with hark({"rdbcompression": compression}) as source:
        fill(rng, source.connect())
        before = contents(source.connect())
        assert source.connect()("SAVE") == "OK"
        with open(source.path("dump.rdb"), "rb") as f:
            data = f.read()
    with start_with({"dump.rdb": data}, binary=REDIS) as server:
        assert contents(server.connect()) == before
    with start_with({"dump.rdb": data}) as server:
        assert contents(server.connect()) == before


def test_checksum_is_right_or_absent(tmp_path):
    with hark({"rdbchecksum": "no"}) as source:
        c = source.connect()
        c("SET", "k", "v")
        c("SAVE")
        with open(source.path("dump.rdb"), "rb") as f:
            data = f.read()
    assert data.endswith(bytes(8))
    with start_with({"dump.rdb": data}) as server:
        assert server.connect()("GET", "k") == "v"
    broken = data[:-8] + b"\x01" + bytes(7)
    assert "checksum is wrong" in refusal(tmp_path, {"dump.rdb": broken})
    with start_with({"dump.rdb": broken}, {"rdbchecksum": "no"}) as server:
        assert server.connect()("GET", "k") == "v"


def test_access_goes_along():
    with redis({"maxmemory-policy": "allkeys-lfu"}) as source:
        c = source.connect()
        c("SET", "k", "v")
        c("RESTORE", "hot", 0, c("DUMP", "k").encode("utf-8", "surrogateescape"), "FREQ", 200)
        c("SAVE")
        with open(source.path("dump.rdb"), "rb") as f:
            data = f.read()
    with start_with({"dump.rdb": data}, {"maxmemory-policy": "allkeys-lfu"}) as server:
        assert server.connect()("OBJECT", "FREQ", "hot") >= 199
        assert server.connect()("SAVE") == "OK"
        with open(server.path("dump.rdb"), "rb") as f:
            again = f.read()
    with start_with({"dump.rdb": again}, {"maxmemory-policy": "allkeys-lfu"}, REDIS) as server:
        assert server.connect()("OBJECT", "FREQ", "hot") >= 198


def test_keys_that_died_meanwhile_are_dropped():
    data = redis_dump(["SET", "dies", "x", "PX", 40], ["SET", "lives", "y", "EX", 1000])
    time.sleep(0.05)  # the deadline itself
    with start_with({"dump.rdb": data}) as server:
        c = server.connect()
        assert c("KEYS", "*") == ["lives"]
        assert c.info("persistence")["rdb_last_load_keys_expired"] == "1"
        assert c.info("stats")["expired_keys"] == "0"


def test_what_cannot_be_held_is_refused_by_name(tmp_path):
    data = redis_dump(
        ["SET", "string", "x"], ["RPUSH", "list", *range(1000)],
        ["FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() end)"],
    )  # fmt: skip
    text = refusal(tmp_path, {"dump.rdb": data})
    assert "cannot hold" in text and "nothing was loaded" in text
    assert "1 function library" in text and "list" not in text.split("cannot hold")[1]


def test_names_of_views_are_refused(tmp_path):
    data = redis_dump(["SET", "__keyspace@0__:x", 1], ["SET", "__keyevent@*__:set", 2],
                      ["SET", "__keyspace@", 3], ["SET", "plain", 4])
    text = refusal(tmp_path, {"dump.rdb": data})
    assert "2 keys have names that stand for views" in text
    assert '"__keyspace@0__:x"' in text and '"__keyevent@*__:set"' in text


def test_database_beyond_those_there_are(tmp_path):
    data = redis_dump(["SELECT", 20], ["SET", "k", "v"], settings={"databases": "32"})
    assert "database beyond" in refusal(tmp_path, {"dump.rdb": data})
    with start_with({"dump.rdb": data}, {"databases": "21"}) as server:
        c = server.connect()
        c("SELECT", 20)
        assert c("GET", "k") == "v"


def test_not_an_rdb_file(tmp_path):
    assert "no RDB file" in refusal(tmp_path, {"dump.rdb": b"*3\r\n$3\r\nSET\r\n"})
    assert "version 99" in refusal(tmp_path, {"dump.rdb": b"REDIS0099\xff" + bytes(8)})
    assert "Valkey 9" in refusal(tmp_path, {"dump.rdb": b"VALKEY080\xff" + bytes(8)})
    assert "breaks off" in refusal(tmp_path, {"dump.rdb": b""})


# ---- SAVE, BGSAVE, save lines, SHUTDOWN ----


def test_bgsave_while_data_changes(rng):
    """What is saved is the data of one moment: two keys that always change together agree."""
    with hark() as server:
        c, other = server.connect(), server.connect()
        for n in range(20000):
            c.send("SET", f"filler{n}", "x" * 100)
        for n in range(20000):
            c.reply()
        for n in range(100):
            c("MSET", f"left{n}", 0, f"right{n}", 0)
        assert c("BGSAVE") == "Background saving started"
        rounds = 0
        while other.info("persistence")["rdb_saves"] == "0":
            rounds += 1
            for n in rng.sample(range(100), 20):
                c("MSET", f"left{n}", rounds, f"right{n}", rounds)
        with open(server.path("dump.rdb"), "rb") as f:
            data = f.read()
    with start_with({"dump.rdb": data}, binary=REDIS) as server:
        found = contents(server.connect())
        assert len(found) == 20200
        for n in range(100):
            assert found[0, f"left{n}"] == found[0, f"right{n}"]


def test_save_parks_its_client_and_no_other():
    with hark() as server:
        c, other = server.connect(), server.connect()
        for n in range(50000):
            c.send("SET", f"k{n}", "some text or other that is long enough " * 3)
        for n in range(50000):
            c.reply()
        c.send("SAVE")
        c.send("PING")
        assert other("SET", "k1", "new") == "OK"
        assert c.reply() == "OK"
        assert c.reply() == "PONG"
        assert other.info("persistence")["rdb_saves"] == "1"


def test_one_save_at_a_time_and_none_in_multi():
    with hark() as server:
        c = server.connect()
        c("MULTI")
        assert "not allowed inside a transaction" in c.error("SAVE")
        c("DISCARD")
        c.send("BGSAVE")
        c.send("BGSAVE")
        c.send("SAVE")
        assert c.reply() == "Background saving started"
        assert c.reply() == Error("ERR Background save already in progress")
        assert c.reply() == Error("ERR Background save already in progress")
        assert c.error("BGSAVE", "NOW") == "ERR syntax error"
        eventually(lambda: c.info("persistence")["rdb_saves"] == "1")
        assert abs(c("LASTSAVE") - time.time()) < 5
        assert c("BGSAVE", "SCHEDULE") == "Background saving started"


def test_save_lines():
    with hark({"save": ["1", "3"]}) as server:
        c = server.connect()
        assert c("CONFIG", "GET", "save") == ["save", "1 3"]
        c("SET", "a", 1)
        c("SET", "b", 1)
        c("SET", "c", 1)
        eventually(lambda: c.info("persistence")["rdb_saves"] == "1")
        assert c.info("persistence")["rdb_changes_since_last_save"] == "0"
        assert c("CONFIG", "SET", "save", "3600 1 300 100") == "OK"
        assert c("CONFIG", "GET", "save") == ["save", "3600 1 300 100"]
        assert c("CONFIG", "SET", "save", "") == "OK"
        assert c("CONFIG", "GET", "save") == ["save", ""]
        for wrong in ("1", "0 1", "a b", "1 -1"):
            assert "Invalid save parameters" in c.error("CONFIG", "SET", "save", wrong)


def test_writes_stop_when_the_file_cannot_be_written():
    settings = {"save": ["3600", "1"], "enable-protected-configs": "yes"}
    with hark(settings) as server:
        c = server.connect()
        assert "just a filename" in c.error("CONFIG", "SET", "dbfilename", "a/b")
        os.mkdir(server.path("folder"))  # no file can take its name
        c("CONFIG", "SET", "dbfilename", "folder")
        c("SET", "k", 1)
        assert "The save failed" in c.error("SAVE")
        assert c.info("persistence")["rdb_last_bgsave_status"] == "err"
        assert c.error("SET", "k", 2).startswith("MISCONF ")
        assert c("GET", "k") == "1"
        assert "Errors trying to SHUTDOWN" in c.error("SHUTDOWN")
        c("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
        assert c("SET", "k", 2) == "OK"
        c("CONFIG", "SET", "stop-writes-on-bgsave-error", "yes", "dbfilename", "dump.rdb")
        assert c("SAVE") == "OK"
        assert c("SET", "k", 3) == "OK"
        assert sorted(os.listdir(server.path("."))) == ["dump.rdb", "folder", "log", "socket"]


@pytest.mark.parametrize("words, saves", [
    (["SHUTDOWN", "SAVE"], True), (["SHUTDOWN", "NOSAVE"], False), (["SHUTDOWN"], False),
])
def test_shutdown(words, saves):
    with hark() as server:
        c = server.connect()
        c("SET", "k", "v")
        c.send(*words)
        with pytest.raises(Closed):
            c.reply()
        assert server.wait() == 0
        assert os.path.exists(server.path("dump.rdb")) == saves
        if saves:
            server.start()
            assert server.connect()("GET", "k") == "v"


def test_sigterm_saves_with_save_lines():
    with hark({"save": ["3600", "1"]}) as server:
        server.connect()("SET", "k", "v")
        assert server.halt() == 0
        server.start()
        assert server.connect()("GET", "k") == "v"
        server.connect()("SET", "k", "w")
        server.connect().send("SHUTDOWN")
        assert server.wait() == 0
        server.start()
        assert server.connect()("GET", "k") == "w"


# ---- DUMP and RESTORE ----


def crc64_of_byte(byte):
    for _ in range(8):
        byte = byte >> 1 ^ (0x95ac9329ac4bc9b5 if byte & 1 else 0)
    return byte


CRC64 = [crc64_of_byte(byte) for byte in range(256)]


def crc64(data):
    """By Jones' polynomial, as payloads have it."""
    crc = 0
    for byte in data:
        crc = CRC64[(crc ^ byte) & 255] ^ crc >> 8
    return crc.to_bytes(8, "little")


def raw(text):
    return text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text


def test_dump_and_restore_both_ways(rng):
    with hark() as ours, redis() as theirs:
        a, b = ours.connect(), theirs.connect()
        for n in range(500):
            value = random_value(rng)
            a("SET", "k", value)
            b("SET", "k", value)
            ours_is, theirs_is = raw(a("DUMP", "k")), raw(b("DUMP", "k"))
            assert ours_is == theirs_is
            a("RESTORE", "back", 0, theirs_is, "REPLACE")
            b("RESTORE", "back", 0, ours_is, "REPLACE")
            assert a("GET", "back") == b("GET", "back")
            assert a("OBJECT", "ENCODING", "back") == b("OBJECT", "ENCODING", "back")


def test_restore_of_what_cannot_be_held():
    value = b"\x07\x81" + bytes(8) + b"\x00"  # of a module
    payload = value + b"\x0a\x00"
    with hark() as ours:
        error = ours.connect().error("RESTORE", "m", 0, payload + crc64(payload))
        assert error.startswith("ERR Bad data format") and "hold values of modules" in error


# ---- append only files ----


def aof_server(rng, settings=None):
    return redis({"appendonly": "yes", "appendfsync": "always", **(settings or {})})


def folder_files(server, name):
    folder = server.path(name)
    files = {}
    for entry in os.listdir(folder):
        with open(os.path.join(folder, entry), "rb") as f:
            files[f"{name}/{entry}"] = f.read()
    return files


@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_multi_part_aof(rng, preamble):
    with aof_server(rng, {"aof-use-rdb-preamble": preamble, "aof-timestamp-enabled": "yes"}) as source:
        c = source.connect()
        fill(rng, c, 100)
        c("BGREWRITEAOF")
        eventually(lambda: c.info("persistence")["aof_rewrite_in_progress"] == "0"
                   and c.info("persistence")["aof_rewrite_scheduled"] == "0")
        fill(rng, c, 100)
        c("MULTI")
        c("INCR", "n")
        c("SELECT", 2)
        c("APPEND", "n", "abc")
        c("EXEC")
        c("SELECT", 0)
        c("SET", "gone", 1)
        c("DEL", "gone")
        c("SETBIT", "bits", 100, 1)
        c("INCRBYFLOAT", "n", "1.5")
        before = contents(c)
        files = folder_files(source, "appendonlydir")
    with start_with(files) as server:
        assert contents(server.connect()) == before
        assert "RDB" not in server.log() or preamble == "yes"


def test_rdb_goes_before_aof_without_appendonly(rng):
    files = {"dump.rdb": redis_dump(["SET", "k", "rdb"]),
             "appendonly.aof": b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\naof\r\n"}
    with start_with(files) as server:
        assert server.connect()("GET", "k") == "rdb"
    del files["dump.rdb"]
    with start_with(files) as server:
        assert server.connect()("GET", "k") == "aof"


def commands(*lines):
    data = b""
    for line in lines:
        words = [raw(w) for w in line]
        data += b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)
    return data


def test_aof_broken_off(tmp_path):
    whole = commands(["SET", "a", "1"], ["MULTI"], ["SET", "b", "1"], ["SET", "c", "1"], ["EXEC"])
    ends = len(commands(["SET", "a", "1"]))
    for length in range(len(whole) + 1):
        with start_with({"appendonly.aof": whole[:length]}) as server:
            found = sorted(server.connect()("KEYS", "*"))
        expected = [] if length < ends else ["a"] if length < len(whole) else ["a", "b", "c"]
        assert found == expected, length
    text = refusal(tmp_path, {"appendonly.aof": whole[:-1]}, "--aof-load-truncated", "no")
    assert f"breaks off behind byte {ends}" in text


def test_aof_that_cannot_be_loaded(tmp_path):
    def said(data):
        return refusal(tmp_path, {"appendonly.aof": data})

    assert 'cannot load: "FCALL" at byte 27' in said(
        commands(["SET", "a", "1"], ["FCALL", "f", "0"]))
    assert "cannot load" in said(commands(["GET", "a"]))
    assert "a command that fails" in said(commands(["SET", "a", "x"], ["INCR", "a"]))
    assert "no command at byte 0" in said(b"SET a 1\r\n")
    assert "out of place" in said(commands(["EXEC"]))
    assert "no database" in said(commands(["SELECT", "16"]))
    assert "names that stand for views" in said(commands(["SET", "__keyspace@0__:k", "1"]))
    many = [word for n in range(100) for word in (f"k{n}", "v")]
    assert '1 keys have names' in said(commands(["MSET", *many, "__keyevent@0__:set", "v"]))
    assert "not there, though" in refusal(
        tmp_path, {"appendonlydir/appendonly.aof.manifest": b"file nothing.aof seq 1 type i\n"})
    assert "it has the line" in refusal(
        tmp_path, {"appendonlydir/appendonly.aof.manifest": b"file ../../x seq 1 type i\n"})


def test_aof_plays_without_expiry():
    """A key that was changed before its deadline, and is loaded after it, is not made anew."""
    past = int(time.time() * 1000) - 1000
    data = commands(["SET", "n", "5"], ["PEXPIREAT", "n", str(past)], ["INCR", "n"],
                    ["SET", "kept", "5"], ["PEXPIREAT", "kept", str(past)], ["PERSIST", "kept"])
    with start_with({"appendonly.aof": data}) as server:
        c = server.connect()
        assert c("MGET", "n", "kept") == [None, "5"]
        assert c("OBJECT", "IDLETIME", "kept") < 60


# ---- beside a journal ----

JOURNAL = {"appendonly": "yes"}


def test_imported_data_is_in_the_journal(rng):
    with redis() as source:
        fill(rng, source.connect())
        before = contents(source.connect())
        source.connect()("SAVE")
        with open(source.path("dump.rdb"), "rb") as f:
            data = f.read()
    with start_with({"dump.rdb": data}, JOURNAL) as server:
        assert contents(server.connect()) == before
        server.kill()
        os.remove(server.path("dump.rdb"))
        server.start()
        c = server.connect()
        eventually(lambda: c.info("persistence")["loading"] == "0")
        assert contents(c) == before
        c("SET", "new", "x")
        assert c("SAVE") == "OK"  # beside a journal it is a copy, and not looked at again
        c("SET", "new", "y")
        server.kill()
        server.start()
        c = server.connect()
        eventually(lambda: c.info("persistence")["loading"] == "0")
        assert c("GET", "new") == "y"
        assert "'dump.rdb' is left aside: the data is in the journal" in server.log()


def test_a_start_that_dies_during_the_import_begins_again(rng):
    with redis() as source:
        fill(rng, source.connect(), 3000)
        before = contents(source.connect())
        source.connect()("SAVE")
        with open(source.path("dump.rdb"), "rb") as f:
            data = f.read()
    server = start_with({}, JOURNAL)
    with server:
        for tries in range(20):
            server.kill()
            if os.path.isdir(server.path("journal")):
                shutil.rmtree(server.path("journal"))
            with open(server.path("dump.rdb"), "wb") as f:
                f.write(data)
            with open(server.path("log"), "ab") as log:
                server.process = subprocess.Popen(server.command(), stdout=log, stderr=log,
                                                  stdin=subprocess.DEVNULL, cwd=server.folder)
            time.sleep(rng.random() * 0.04)  # to die at any moment of the start
            server.kill()
            server.start()
            c = server.connect()
            eventually(lambda: c.info("persistence")["loading"] == "0")
            assert contents(c) == before, tries


def test_append_only_file_goes_before_with_journal():
    files = {"dump.rdb": redis_dump(["SET", "k", "rdb"]),
             "appendonly.aof": commands(["SET", "k", "aof"], ["INCR", "n"], ["INCR", "n"])}
    with start_with(files, JOURNAL) as server:
        c = server.connect()
        assert c("GET", "k") == "aof"
        assert c.info("hark")["records"] == "1"  # `loaded`
        assert c("INCR", "n") == 3
        server.kill()
        server.start()
        c = server.connect()
        eventually(lambda: c.info("persistence")["loading"] == "0")
        assert c("MGET", "k", "n") == ["aof", "3"]


def test_save_and_snapshot_take_turns():
    with hark(JOURNAL) as server:
        c = server.connect()
        for n in range(30000):
            c.send("SET", f"k{n}", "x" * 100)
        for n in range(30000):
            c.reply()
        for words in (["BGREWRITEAOF"], ["BGSAVE"], ["BGREWRITEAOF"]):
            c.send(*words)
        answers = [c.reply() for _ in range(3)]
        assert all("Background" in a for a in answers), answers
        eventually(lambda: c.info("persistence")["rdb_saves"] == "1")
        eventually(lambda: c.info("persistence")["aof_rewrite_in_progress"] == "0")
        server.kill()
        server.start()
        c = server.connect()
        eventually(lambda: c.info("persistence")["loading"] == "0")
        assert c("DBSIZE") == 30000


# ---- clients meanwhile ----


def start_slowly(settings):
    """A server that has much to take over, without waiting for it."""
    server = start_with({}, settings)
    server.kill()
    shutil.rmtree(server.path("journal"), ignore_errors=True)
    with open(server.path("appendonly.aof"), "wb") as f:
        for i in range(30):
            f.write(b"".join(b"*3\r\n$3\r\nSET\r\n$10\r\nkey%07d\r\n$5\r\nvalue\r\n" % (i * 50000 + k)
                             for k in range(50000)))
    with open(server.path("log"), "ab") as log:
        server.process = subprocess.Popen(server.command(), stdout=log, stderr=log,
                                          stdin=subprocess.DEVNULL, cwd=server.folder)
    def answers():
        try:
            return server.connect()
        except OSError:
            return None
    return server, eventually(answers)


@pytest.mark.parametrize("appendonly", ["yes", "no"])
def test_clients_are_told_that_a_file_is_loaded(appendonly):
    server, c = start_slowly({"appendonly": appendonly})
    with server:
        for words in (["PING"], ["GET", "key0000001"], ["SET", "k", "v"], ["BGSAVE"], ["FLUSHALL"]):
            with pytest.raises(CommandError, match="LOADING Hark is loading the dataset in memory"):
                c(*words)
        info = c.info("persistence")
        assert info["loading"] == "1" and int(info["loading_total_bytes"]) > 60_000_000
        assert 0 < int(info["loading_loaded_bytes"]) <= int(info["loading_total_bytes"])
        assert 0 < float(info["loading_loaded_perc"]) <= 100 and int(info["loading_start_time"]) > 0
        with pytest.raises(CommandError, match="while data is loaded"):
            c("CONFIG", "SET", "appendonly", "yes" if appendonly == "no" else "no")
        assert c("SUBSCRIBE", "news") == ["subscribe", "news", 1]
        d = server.connect()
        eventually(lambda: d.info("persistence")["loading"] == "0")
        assert d("DBSIZE") == 1_500_000 and d("GET", "key1499999") == "value"
        assert d("PUBLISH", "news", "x") == 1
        assert "Listening; commands are refused while data is loaded" in server.log()


def test_a_server_may_be_stopped_while_it_loads_a_file():
    for how in ("signal", "SHUTDOWN"):
        server, c = start_slowly({"appendonly": "yes", "save": "3600 1"})
        with server:
            if how == "signal":
                server.process.terminate()
            else:
                c.send("SHUTDOWN")
            assert server.process.wait(10) == 0
            assert not os.path.exists(server.path("dump.rdb"))
            assert not any(n.endswith(".journal") for n in os.listdir(server.path("journal")))
            assert os.path.getsize(server.path("appendonly.aof")) == 1_500_000 * 41


# ---- hark-cli --rdb ----


def cli(server, *words):
    binary = os.environ.get("HARK_CLI") or os.path.join(
        os.path.dirname(server_binary()), "hark-cli")
    return subprocess.run([binary, "-p", str(server.port), *words], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60, check=False)


@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_cli_fetches_rdb(rng, tmp_path, diskless):
    with redis({"repl-diskless-sync": diskless, "repl-diskless-sync-delay": "0"}) as source:
        fill(rng, source.connect(), 1000)
        before = contents(source.connect())
        done = cli(source, "--rdb", str(tmp_path / "fetched.rdb"))
        assert done.returncode == 0, done.stderr
        assert b"Transfer finished with success" in done.stderr
        printed = cli(source, "--rdb", "-").stdout
    assert [p.name for p in tmp_path.iterdir()] == ["fetched.rdb"]
    for data in ((tmp_path / "fetched.rdb").read_bytes(), printed):
        with start_with({"dump.rdb": data}) as server:
            assert contents(server.connect()) == before


def test_cli_says_what_stands_in_the_way(tmp_path):
    with hark() as server:
        done = cli(server, "--rdb", str(tmp_path / "x.rdb"))
        assert done.returncode == 1 and b"SYNC was refused: ERR" in done.stderr
    with redis() as server:
        done = cli(server, "--rdb", str(tmp_path / "no" / "x.rdb"))
        assert done.returncode == 1 and b"Cannot open" in done.stderr
    assert list(tmp_path.iterdir()) == []
