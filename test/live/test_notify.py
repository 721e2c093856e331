"""Notifications byte for byte, above all what no other server can be asked about: the channels and
flags that are Hark's own, what RESP3 makes of them, the order in which they come."""

import base64
import json
import re

import pytest

from harness import Error, eventually, request

pytestmark = pytest.mark.hark_only("channels, flags and orders of Hark's own")

FLAGS = "notify-keyspace-events"


def bulks(*words):
    """Bulk strings as they stand on the wire; a number stands as one."""
    parts = []
    for word in words:
        if isinstance(word, int):
            parts.append(b":%d\r\n" % word)
            continue
        data = word if isinstance(word, bytes) else word.encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(parts)


def push3(*words):
    return b">%d\r\n" % len(words) + bulks(*words)


def array2(*words):
    return b"*%d\r\n" % len(words) + bulks(*words)


@pytest.fixture
def c(connect):
    return connect()


@pytest.fixture
def flags(c):
    def set_flags(value):
        return c("CONFIG", "SET", FLAGS, value)
    return set_flags


@pytest.fixture
def listener(connect):
    """listener("C…", …) subscribes a client to patterns and returns it."""
    def listen(*patterns):
        client = connect(3)
        for i, pattern in enumerate(patterns):
            assert client("PSUBSCRIBE", pattern) == ["psubscribe", pattern, i + 1]
        return client
    return listen


def exactly(client, expected):
    """The next bytes of this client are these, and nothing follows them."""
    assert client.raw(len(expected)) == expected
    client.quiet()


# ---- flags ----


@pytest.mark.parametrize("given, canonical", [
    ("", ""),
    ("KEA", "AKE"),
    ("Ex", "xE"),
    ("EKExx", "xKE"),
    ("Kg$", "g$K"),
    ("KEAmn", "AnKEm"),
    ("mcnoAEK", "AnocKEm"),
    ("VITSEKA", "AKESTIV"),
    ("CA", "AC"),
    ("mCVITSEKcondtexzhsl$g", "AnocKESTIVCm"),
    ("g$lshzxet", "g$lshzxet"),
    ("o", "o"), ("c", "c"), ("n", "n"), ("m", "m"), ("C", "C"),
])
def test_flags_read_back_canonically(c, given, canonical):
    c("CONFIG", "SET", FLAGS, given)
    assert c("CONFIG", "GET", FLAGS) == [FLAGS, canonical]
    c("CONFIG", "SET", FLAGS, canonical)  # and again: nothing is lost on the way
    assert c("CONFIG", "GET", FLAGS) == [FLAGS, canonical]


@pytest.mark.parametrize("wrong", ["q", "KEAq", "KE A", "kea", "\x00", "AKE,"])
def test_unknown_flag_changes_nothing(c, flags, wrong):
    flags("AnKE")
    assert c.error("CONFIG", "SET", FLAGS, wrong).startswith("ERR CONFIG SET failed")
    assert c("CONFIG", "GET", FLAGS) == [FLAGS, "AnKE"]


@pytest.mark.parametrize("only", ["A", "$", "K", "E", "x$g", "KE", "KEx", "STIV", "C", "Cx"])
def test_half_of_a_choice_tells_nothing(c, flags, listener, only):
    flags(only)
    ear = listener("*")
    c("SET", "k", "1")
    ear.quiet()


# ---- messages byte for byte ----


def test_resp2_messages(c, flags, connect):
    flags("KEA")
    exact, pattern = connect(), connect()
    exact("SUBSCRIBE", "__keyspace@0__:key1")
    pattern("PSUBSCRIBE", "__key*@0__:*")
    c("SET", "key1", "value1")
    exactly(exact, array2("message", "__keyspace@0__:key1", "set"))
    exactly(pattern,
            array2("pmessage", "__key*@0__:*", "__keyspace@0__:key1", "set") +
            array2("pmessage", "__key*@0__:*", "__keyevent@0__:set", "key1"))


def test_resp3_messages_and_confirmations(c, flags, connect):
    flags("KEA")
    ear = connect(3)
    ear.send("SUBSCRIBE", "__keyspace@0__:key1", "news")
    ear.send("PSUBSCRIBE", "*:set")
    ear.send("SSUBSCRIBE", "shard")
    exactly(ear,
            push3("subscribe", "__keyspace@0__:key1", 1) + push3("subscribe", "news", 2) +
            push3("psubscribe", "*:set", 3) + push3("ssubscribe", "shard", 1))
    c("SET", "key1", "value1")
    c("PUBLISH", "news", "today")
    c("SPUBLISH", "shard", "today")
    exactly(ear,
            push3("message", "__keyspace@0__:key1", "set") +
            push3("pmessage", "*:set", "__keyevent@0__:set", "key1") +
            push3("message", "news", "today") + push3("smessage", "shard", "today"))
    ear.send("UNSUBSCRIBE")
    first, second = ear.reply(), ear.reply()
    assert {first[1], second[1]} == {"__keyspace@0__:key1", "news"}
    assert [first[2], second[2]] == [2, 1]
    ear.send("PUNSUBSCRIBE", "*:set")
    ear.send("SUNSUBSCRIBE")
    ear.send("UNSUBSCRIBE")
    exactly(ear,
            push3("punsubscribe", "*:set", 0) + push3("sunsubscribe", "shard", 0) +
            b">3\r\n" + bulks("unsubscribe") + b"_\r\n:0\r\n")


@pytest.mark.parametrize("key", [
    b"", b"\x00", b"a\r\nb", b"\xff\xfe", b"key with spaces", b"a:b:c", b"*", "schlüssel".encode(),
    bytes(range(256)), b"x" * 5000,
], ids=lambda key: f"{len(key)} bytes {key[:6]!r}")
def test_any_bytes_make_a_key(c, flags, connect, key):
    flags("KEA")
    exact, pattern = connect(3), connect(2)
    exact("SUBSCRIBE", b"__keyspace@0__:" + key)
    pattern("PSUBSCRIBE", "__keyevent@0__:*")
    c("SET", key, "v")
    exactly(exact, push3("message", b"__keyspace@0__:" + key, "set"))
    exactly(pattern, array2("pmessage", "__keyevent@0__:*", "__keyevent@0__:set", key))


def test_database_of_the_key_is_named(c, flags, listener):
    flags("KEA")
    ear = listener("__key*@*__:*")
    c("SET", "k", "v")
    c("MOVE", "k", "11")
    p = "__key*@*__:*"
    exactly(ear, b"".join(push3("pmessage", p, *message) for message in [
        ("__keyspace@0__:k", "set"), ("__keyevent@0__:set", "k"),
        ("__keyspace@0__:k", "move_from"), ("__keyevent@0__:move_from", "k"),
        ("__keyspace@11__:k", "move_to"), ("__keyevent@11__:move_to", "k"),
    ]))


def test_copies_for_each_pattern_exact_first(c, flags, connect):
    flags("KEA")
    ear = connect(3)
    ear("PSUBSCRIBE", "__key*")
    ear("PSUBSCRIBE", "__keyevent@0__:*")
    ear("SUBSCRIBE", "__keyevent@0__:set")
    c("SET", "k", "v")
    assert ear.push() == ["pmessage", "__key*", "__keyspace@0__:k", "set"]
    assert ear.push() == ["message", "__keyevent@0__:set", "k"]
    assert sorted(ear.pushes(2)) == [
        ["pmessage", "__key*", "__keyevent@0__:set", "k"],
        ["pmessage", "__keyevent@0__:*", "__keyevent@0__:set", "k"]]
    ear.quiet()


# ---- order on one's own connection ----


def test_own_subscriber_gets_its_reply_first(flags, connect):
    flags("KEAn")
    own = connect(3)
    own("PSUBSCRIBE", "__keyspace@0__:*")
    p = "__keyspace@0__:*"
    own.send("SET", "k", "v")
    exactly(own, b"+OK\r\n" + push3("pmessage", p, "__keyspace@0__:k", "new") +
            push3("pmessage", p, "__keyspace@0__:k", "set"))
    own.send("PUBLISH", "__keyspace@0__:said", "by hand")
    exactly(own, b":1\r\n" + push3("pmessage", p, "__keyspace@0__:said", "by hand"))


def test_own_subscriber_in_a_pipeline(flags, connect):
    """Each reply, then what its command caused, then the next reply."""
    flags("KEA")
    own = connect(3)
    own("SUBSCRIBE", "__keyevent@0__:set")
    own("SUBSCRIBE", "__keyevent@0__:del")
    own.send_raw(b"SET a 1\r\nSET b 2\r\nDEL a b\r\nGET a\r\n")
    exactly(own,
            b"+OK\r\n" + push3("message", "__keyevent@0__:set", "a") +
            b"+OK\r\n" + push3("message", "__keyevent@0__:set", "b") +
            b":2\r\n" + push3("message", "__keyevent@0__:del", "a") +
            push3("message", "__keyevent@0__:del", "b") + b"_\r\n")


def test_own_exec_is_answered_before_its_pushes(flags, connect):
    flags("KEA")
    own = connect(3)
    own("SUBSCRIBE", "__keyevent@0__:set")
    own("SUBSCRIBE", "news")
    own.send_raw(b"MULTI\r\nSET a 1\r\nPUBLISH news n\r\nSET b 2\r\nEXEC\r\n")
    exactly(own,
            b"+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+OK\r\n:1\r\n+OK\r\n" +
            push3("message", "__keyevent@0__:set", "a") + push3("message", "news", "n") +
            push3("message", "__keyevent@0__:set", "b"))


@pytest.mark.parametrize("proto", [2, 3])
def test_publish_keeps_its_place_among_the_events(c, flags, connect, proto):
    flags("KEA")
    ear = connect(proto)
    for channel in ("__keyevent@0__:set", "__keyevent@0__:del", "news"):
        ear("SUBSCRIBE", channel)
    replies = c.pipeline(["MULTI"], ["SET", "k", "1"], ["PUBLISH", "news", "one"], ["SET", "k", "2"],
                         ["DEL", "k"], ["PUBLISH", "news", "two"], ["EXEC"])
    assert replies[-1] == ["OK", 1, "OK", 1, 1]
    assert ear.pushes(5) == [
        ["message", "__keyevent@0__:set", "k"], ["message", "news", "one"],
        ["message", "__keyevent@0__:set", "k"], ["message", "__keyevent@0__:del", "k"],
        ["message", "news", "two"]]
    ear.quiet()


# ---- new, overwritten, type_changed ----


def events_of(ear):
    """What has come on __keyspace channels: (key, event) pairs."""
    ear.send("PING")
    found = []
    while (value := ear.read()) != "PONG":
        found.append((value[2].split(":", 1)[1], value[3]))
    return found


@pytest.mark.parametrize("classes, first, again", [
    ("KA", ["set"], ["set"]),
    ("KAn", ["new", "set"], ["set"]),
    ("KAo", ["set"], ["overwritten", "set"]),
    ("KAc", ["set"], ["set"]),
    ("KAnoc", ["new", "set"], ["overwritten", "set"]),
    ("Ko", [], ["overwritten"]),
    ("Kn", ["new"], []),
])
def test_new_and_overwritten(c, flags, listener, classes, first, again):
    flags(classes)
    ear = listener("__keyspace@0__:*")
    c("SET", "k", "v")
    assert events_of(ear) == [("k", event) for event in first]
    c("SET", "k", "v")
    assert events_of(ear) == [("k", event) for event in again]


def test_overwritten_by_rename_copy_and_mset(c, flags, listener):
    flags("KAno")
    c("MSET", "a", "1", "b", "2", "d", "3")
    ear = listener("__keyspace@0__:*")
    c("MSET", "a", "1", "e", "2")
    assert events_of(ear) == [("a", "overwritten"), ("a", "set"), ("e", "new"), ("e", "set")]
    c("RENAME", "a", "b")
    assert events_of(ear) == [("b", "new"), ("a", "rename_from"), ("b", "rename_to"),
                              ("b", "overwritten")]
    c("COPY", "b", "d", "REPLACE")
    assert events_of(ear) == [("d", "new"), ("d", "copy_to"), ("d", "overwritten")]
    c("INCR", "d")  # works on the value that is there: nothing is replaced
    assert events_of(ear) == [("d", "incrby")]


def test_subkey_channels_have_nothing_to_say_of_strings(c, flags, listener):
    flags("ASTIVKno")
    ear = listener("__subkey*", "__keyspace@0__:k")
    c("SET", "k", "1")
    c("APPEND", "k", "1")
    c("SETRANGE", "k", "1", "x")
    c("PEXPIRE", "k", "100000")
    c("DEL", "k")
    heard = ear.pushes(6)
    assert [message[3] for message in heard] == [
        "new", "set", "append", "setrange", "expire", "del"]
    assert {message[1] for message in heard} == {"__keyspace@0__:k"}
    ear.quiet()


# ---- keychange ----


ID = re.compile(r"^[1-9][0-9]{12}-(0|[1-9][0-9]*)$")


def keychange(ear):
    """The next message of a __keychange channel: its channel and what its JSON says. Checks what
    holds for all of them."""
    kind, _, channel, text = ear.push()
    assert kind == "pmessage"
    pairs = json.loads(text, object_pairs_hook=list)
    said = dict(pairs)
    assert len(said) == len(pairs)
    assert text == json.dumps(said, separators=(",", ":"), ensure_ascii=False)
    assert ID.match(said["id"]), said
    return channel, said


@pytest.fixture
def changes(c, flags, listener):
    """changes(flags) gives a listener for keychange messages."""
    def listen(value="AC", pattern="__keychange@*"):
        flags(value)
        return listener(pattern)
    return listen


def test_keychange_byte_for_byte(c, changes):
    ear = changes()
    c("SET", "k", "v")
    channel, said = keychange(ear)
    assert channel == "__keychange@0__:k"
    assert list(said) == ["id", "event", "key", "db", "cmd", "client", "effect"]
    del said["id"]
    assert said == {"event": "set", "key": "k", "db": 0, "cmd": "set", "client": c.id,
                    "effect": ["SET", "k", "v"]}
    ear.quiet()


@pytest.mark.parametrize("before, command, event, effect", [
    ([], ["SET", "k", "v"], "set", ["SET", "k", "v"]),
    ([], ["SETNX", "k", "v"], "set", ["SET", "k", "v"]),
    ([["SET", "k", "1"]], ["INCRBY", "k", "41"], "incrby", ["SET", "k", "42", "KEEPTTL"]),
    ([["SET", "k", "1"]], ["INCRBYFLOAT", "k", "0.5"], "incrbyfloat",
     ["SET", "k", "1.5", "KEEPTTL"]),
    ([["SET", "k", "ab"]], ["APPEND", "k", "cd"], "append", ["APPEND", "k", "cd"]),
    ([["SET", "k", "abc"]], ["SETRANGE", "k", "1", "x"], "setrange", ["SETRANGE", "k", "1", "x"]),
    ([["SET", "k", "v"]], ["PEXPIREAT", "k", "99999999999999"], "expire",
     ["PEXPIREAT", "k", "99999999999999"]),
    ([["SET", "k", "v", "EX", "100"]], ["PERSIST", "k"], "persist", ["PERSIST", "k"]),
    ([["SET", "k", "v"]], ["DEL", "k"], "del", ["DEL", "k"]),
    ([["SET", "k", "v"]], ["UNLINK", "k"], "del", ["DEL", "k"]),
    ([["SET", "k", "v"]], ["GETDEL", "k"], "del", ["DEL", "k"]),
    ([["SET", "k", "v"]], ["EXPIRE", "k", "-1"], "del", ["DEL", "k"]),
])
def test_keychange_effects(c, changes, before, command, event, effect):
    for words in before:
        c(*words)
    ear = changes()
    c(*command)
    channel, said = keychange(ear)
    assert channel == "__keychange@0__:k"
    assert (said["event"], said["cmd"], said["effect"]) == (event, command[0].lower(), effect)
    ear.quiet()


def test_keychange_of_relative_times_is_absolute(c, changes):
    ear = changes()
    c("SET", "k", "v", "EX", "100")
    verb, key, value, word, when = keychange(ear)[1]["effect"]
    assert (verb, key, value, word) == ("SET", "k", "v", "PXAT")
    assert int(when) == c("PEXPIRETIME", "k")
    said = keychange(ear)[1]
    assert said["event"] == "expire"
    assert "effect" not in said  # it is in the one before
    ear.quiet()


def test_keychange_of_two_keys(c, changes):
    c("SET", "a", "1")
    ear = changes()
    c("RENAME", "a", "b")
    (channel_a, said_a), (channel_b, said_b) = keychange(ear), keychange(ear)
    assert (channel_a, channel_b) == ("__keychange@0__:a", "__keychange@0__:b")
    assert (said_a["event"], said_b["event"]) == ("rename_from", "rename_to")
    assert ["RENAME", "a", "b"] in (said_a.get("effect"), said_b.get("effect"))
    c("MOVE", "b", "9")
    (channel_0, said_0), (channel_9, said_9) = keychange(ear), keychange(ear)
    assert (channel_0, channel_9) == ("__keychange@0__:b", "__keychange@9__:b")
    assert (said_0["db"], said_9["db"]) == (0, 9)
    assert ["MOVE", "b", "9"] in (said_0.get("effect"), said_9.get("effect"))
    ear.quiet()


@pytest.mark.parametrize("key, value", [
    (b"\xff\xfe", b"v"), (b"k", b"\x80"), (b"\xc3\x28", b"\xf0\x9f\x98"), (b"\xed\xa0\x80", b""),
    (b"\xc0\x80", b"\xf4\x90\x80\x80"),
])
def test_keychange_of_what_is_no_utf8(c, changes, key, value):
    ear = changes()
    ear.binary = True
    c("SET", key, value)
    channel, text = ear.push()[2:]
    assert channel == b"__keychange@0__:" + key
    said = json.loads(text.decode("ascii"))

    def valid(data):
        try:
            data.decode("utf-8")
            return True
        except UnicodeDecodeError:
            return False
    if valid(key):
        assert said["key"] == key.decode()
        assert "key_b64" not in said
    else:
        assert base64.b64decode(said["key_b64"], validate=True) == key
        assert "key" not in said
    assert "effect" not in said
    words = [base64.b64decode(word, validate=True) for word in said["effect_b64"]]
    assert words == [b"SET", key, value]


@pytest.mark.parametrize("key", ['"', "\\", "\n", "\r\n\t\b\f", "\x00\x01\x1f", "\x7f", "ä",
                                 "日本語", "😀", "</script>"])
def test_keychange_escapes(c, changes, key):
    ear = changes()
    c("SET", key, key + key)
    text = ear.push()[3]
    said = json.loads(text)
    assert (said["key"], said["effect"]) == (key, ["SET", key, key + key])
    assert all(character >= " " for character in text)
    ear.quiet()


@pytest.mark.settings(keychange_max_bytes=100)
def test_keychange_cuts_long_values(c, changes):
    ear = changes()
    c("SET", "k", "x" * 96)  # SET, k and 96: exactly as many as may be
    said = keychange(ear)[1]
    assert said["effect"] == ["SET", "k", "x" * 96]
    assert "cut" not in said
    c("SET", "k", "x" * 97)
    said = keychange(ear)[1]
    assert said["cut"] is True
    assert said["effect"] == ["SET", "k", "x" * 96]
    c("SET", "k", b"\xff" * 1000)
    said = keychange(ear)[1]
    assert said["cut"] is True
    assert sum(map(len, said["effect_b64"])) <= 100
    value = base64.b64decode(said["effect_b64"][2], validate=True)
    assert 0 < len(value) and set(value) == {255}
    ear.quiet()


def test_keychange_of_a_large_value_is_bounded(c, changes):
    ear = changes()
    c("SET", "k", "y" * 2_000_000)
    text = ear.push()[3]
    assert len(text) < 66_000
    assert json.loads(text)["cut"] is True


def test_keychange_of_a_transaction(c, changes):
    """One record: one time, numbers one after the other."""
    ear = changes("ACn")
    c.pipeline(["MULTI"], ["SET", "a", "1"], ["DEL", "a"], ["SET", "b", "2"], ["EXEC"])
    said = [keychange(ear)[1] for _ in range(5)]
    assert [s["event"] for s in said] == ["new", "set", "del", "new", "set"]
    assert {s["cmd"] for s in said} == {"exec"}
    times, numbers = zip(*(map(int, s["id"].split("-")) for s in said))
    assert len(set(times)) == 1
    assert list(numbers) == list(range(numbers[0], numbers[0] + 5))
    ear.quiet()


def test_keychange_of_expiry_has_no_client(c, changes):
    ear = changes("xC")
    c("SET", "k", "v", "PX", "10")
    channel, said = keychange(ear)
    assert channel == "__keychange@0__:k"
    assert (said["event"], said["cmd"], said["client"]) == ("expired", "expired", 0)
    assert said["effect"] == ["DEL", "k"]


def test_keychange_follows_the_others(c, flags, listener):
    flags("AKEC")
    ear = listener("__key*@0__:*")
    c("SET", "k", "v")
    channels = [message[2] for message in ear.pushes(3)]
    assert channels == ["__keyspace@0__:k", "__keyevent@0__:set", "__keychange@0__:k"]
    ear.quiet()


def test_keymiss_is_no_change(c, flags, listener):
    flags("AKECm")
    ear = listener("__key*@0__:*")
    c("GET", "nothing")
    assert [message[2:] for message in ear.pushes(2)] == [
        ["__keyspace@0__:nothing", "keymiss"], ["__keyevent@0__:keymiss", "nothing"]]
    ear.quiet()


def test_ids_strictly_increase(c, flags, connect, changes):
    """Over many events of several clients, transactions, expiries and databases; none is missing
    and none comes twice."""
    ear = changes("ACno")
    others = [connect() for _ in range(4)]
    expected = 0
    for round_number in range(50):
        for i, other in enumerate(others):
            pipeline = []
            for k in range(20):
                pipeline.append(["SET", f"{round_number}:{i}:{k}", "v"])  # new, set
                pipeline.append(["DEL", f"{round_number}:{i}:{k}"])
            pipeline += [["MULTI"], ["SET", "t", "1"], ["INCR", "t"], ["DEL", "t"], ["EXEC"]]
            replies = other.pipeline(*pipeline)
            assert not any(isinstance(reply, Error) for reply in replies)
            expected += 20 * 3 + 4
    c("MSET", *(word for i in range(500) for word in (f"m{i}", "v")))
    expected += 1000
    c("PEXPIRE", "m0", "1")
    expected += 2  # expire, expired
    last = (0, 0)
    for _ in range(expected):
        ms, n = map(int, keychange(ear)[1]["id"].split("-"))
        assert (ms, n) > last
        last = (ms, n)
    ear.quiet()


def test_nothing_is_told_of_whole_databases(c, flags, listener):
    flags("AKECnocm")
    c("SET", "k", "v")
    ear = listener("*")
    c("SWAPDB", "0", "5")
    c("FLUSHDB")
    c("FLUSHALL")
    ear.quiet()


@pytest.mark.hark_only("in Redis it takes one turn")
@pytest.mark.parametrize("kind", ["P", "", "S"])
def test_leaving_many_channels_goes_in_slices(connect, kind):
    c, ear, count = connect(), connect(), 30000
    names = [f"channel-{i}" for i in range(count)]
    for i in range(0, count, 1000):
        ear.send(f"{kind}SUBSCRIBE", *names[i : i + 1000])
        for _ in range(1000):
            ear.read()
    ear.send_raw(request(f"{kind}UNSUBSCRIBE") + request("PING", "done"))

    def left():
        if kind == "P":
            return c("PUBSUB", "NUMPAT")
        return sum(c("PUBSUB", f"{'SHARD' if kind else ''}NUMSUB", *names[::1000])[1::2]) * 1000
    seen, told = set(), 0
    while not seen or min(seen):
        seen.add(left())
        told = told or c("SPUBLISH" if kind == "S" else "PUBLISH", names[-1], "to the last")
    assert any(0 < n < count for n in seen), seen
    word = f"{kind}unsubscribe".lower()
    for i, name in enumerate(names):
        said = ear.read()
        if told and said[0].endswith("message"):
            told = 0
            assert said[-1] == "to the last"
            said = ear.read()
        assert said == [word, name, count - 1 - i]
    assert not told
    assert ear.read() == "done"
    assert ear(f"{kind}UNSUBSCRIBE") == [word, None, 0]


@pytest.mark.hark_only("in Redis it takes one turn")
def test_leaving_many_channels_and_going_away(connect):
    c = connect()
    for words in (["PUNSUBSCRIBE"], ["MULTI", "PUNSUBSCRIBE", "EXEC"]):
        ear = connect(proto=3)
        for i in range(20):
            ear.send("PSUBSCRIBE", *(f"channel-{i}-{k}" for k in range(1000)))
        ear.send_raw(b"".join(request(word) for word in words))
        eventually(lambda: c("PUBSUB", "NUMPAT") < 20000)
        ear.close()
        eventually(lambda: c("PUBSUB", "NUMPAT") == 0)
