"""Client-side caching: who is told of which change, when, and in which order."""

import random

import pytest

from harness import Error, eventually, request

BROKEN = "tracking-redir-broken"


def inv(*keys):
    return ["invalidate", list(keys)]


ALL = ["invalidate", None]


@pytest.fixture
def w(connect):
    """A client that changes things."""
    return connect()


@pytest.fixture
def tracker(connect):
    def make(*options):
        c = connect(proto=3)
        assert c("CLIENT", "TRACKING", "ON", *options) == "OK"
        return c

    return make


def info(c):
    told = c("CLIENT", "TRACKINGINFO")
    if isinstance(told, list):
        told = dict(zip(told[::2], told[1::2]))
    return {**told, "flags": set(told["flags"])}


# ---- the default: what was read ----


def test_told_once_of_what_was_read(w, tracker):
    c = tracker()
    w("SET", "a", "1")
    assert c("GET", "a") == "1"
    c("GET", "b")
    w("SET", "c", "1")
    w("SET", "a", "2")
    w("SET", "a", "3")
    w("DEL", "b")  # does not exist, so nothing changes
    assert c.push() == inv("a")
    c.quiet()
    c("GET", "a")
    w("SET", "b", "1")
    w("SET", "a", "4")
    assert c.pushes(2) == [inv("b"), inv("a")]
    c.quiet()


def test_message_on_the_wire(w, tracker):
    c = tracker()
    c("GET", "key")
    w("SET", "key", "1")
    wire = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nkey\r\n"
    assert c.raw(len(wire)) == wire


def test_binary_and_empty_names(w, connect):
    c = connect(proto=3, binary=True)
    c("CLIENT", "TRACKING", "ON")
    for key in (b"", b"\x00\xff\r\n", b"x" * 100000):
        c("GET", key)
        w("SET", key, "1")
        assert c.push() == [b"invalidate", [key]]
    c.quiet()


def test_each_key_of_a_command(w, tracker):
    c = tracker()
    c("MGET", "a", "b", "c")
    w("MSET", "c", "1", "x", "1", "a", "1", "a", "2")
    assert c.pushes(2) == [inv("c"), inv("a")]
    w("DEL", "x", "b")
    w("SET", "b", "1")
    assert c.push() == inv("b")
    c.quiet()


def test_all_readers_are_told(w, tracker):
    readers = [tracker() for _ in range(20)]
    for c in readers:
        c("GET", "a")
        c("GET", "a")
    silent = tracker()
    w("SET", "a", "1")
    assert [c.push() for c in readers] == [inv("a")] * 20
    for c in readers + [silent]:
        c.quiet()


def test_readers_come_and_go(w, tracker, connect):
    """More readers of one key than are ever there at once."""
    first = tracker()
    first("GET", "a")
    for _ in range(60):
        c = tracker()
        c("GET", "a")
        ident = c.id
        c.close()
        eventually(lambda: w("CLIENT", "LIST", "ID", ident) == "")
    switched_off = tracker()
    switched_off("GET", "a")
    switched_off("CLIENT", "TRACKING", "OFF")
    last = tracker()
    last("GET", "a")
    w("SET", "a", "1")
    assert first.push() == inv("a") and last.push() == inv("a")
    for c in (first, last, switched_off):
        c.quiet()


def test_only_reading_commands_count(w, tracker):
    c = tracker()
    c("SET", "s", "1")
    c("INCR", "n")
    c("GETDEL", "s")
    c("EXISTS", "e")
    c("TTL", "t")
    c("STRLEN", "l")
    c("OBJECT", "HELP")
    c("SCAN", "0")
    c("TYPE", "y")
    c.send("OBJECT", "ENCODING", "o")
    c.reply()
    w("MSET", "s", "1", "n", "1", "e", "1", "t", "1", "l", "1", "o", "1", "y", "1")
    assert c.pushes(5) == [inv("e"), inv("t"), inv("l"), inv("o"), inv("y")]
    c.quiet()


def test_a_failed_read_counts(w, tracker):
    c = tracker()
    w("SET", "a", "1")
    c.error("GETRANGE", "a", "x", "1")
    w("SET", "a", "2")
    assert c.push() == inv("a")


def test_names_are_the_same_in_all_databases(w, tracker):
    c = tracker()
    c("GET", "a")
    w("SELECT", 3)
    w("SET", "a", "1")
    assert c.push() == inv("a")


def test_many_keys(w, tracker):
    c = tracker()
    keys = [f"key:{i}" for i in range(5000)]
    random.Random(7).shuffle(keys)
    for i in range(0, len(keys), 500):
        c("MGET", *keys[i : i + 500])
    assert w.info("stats")["tracking_total_keys"] == "5000"
    assert w.info("stats")["tracking_total_items"] == "5000"
    assert w.info("clients")["tracking_clients"] == "1"
    for i in range(0, len(keys), 500):
        w("MSET", *(word for key in keys[i : i + 500] for word in (key, "1")))
    assert c.pushes(5000) == [inv(key) for key in keys]
    c.quiet()
    assert w.info("stats")["tracking_total_keys"] == "0"


# ---- order ----


def test_own_changes_come_after_the_reply(tracker):
    c = tracker()
    c("GET", "a")
    c("GET", "b")
    c.send("MSET", "a", "1", "b", "1")
    assert [c.read() for _ in range(3)] == ["OK", inv("a"), inv("b")]


def test_own_changes_in_a_pipeline(tracker):
    c = tracker()
    for _ in range(3):
        c.send("GET", "a")
        c.send("SET", "a", "1")
    got = [c.read() for _ in range(9)]
    assert got == [None, "OK", inv("a")] + ["1", "OK", inv("a")] * 2


def test_own_changes_come_after_exec(tracker):
    c = tracker()
    c("MGET", "a", "b")
    c("MULTI")
    c("SET", "a", "1")
    c("SET", "b", "1")
    c("INCR", "b")
    c.send("EXEC")
    assert [c.read() for _ in range(3)] == [["OK", "OK", 2], inv("a"), inv("b")]
    c.quiet()


def test_reads_and_changes_in_one_transaction(w, tracker):
    c = tracker()
    c("MULTI")
    for words in (["SET", "a", "1"], ["GET", "a"], ["GET", "b"], ["SET", "b", "1"], ["GET", "c"],
                  ["SET", "d", "1"], ["GET", "d"], ["SET", "d", "2"], ["GET", "d"]):
        c(*words)
    c("EXEC")
    # b and d were read before they changed; a and c were not, nor d since.
    assert c.pushes(2) == [inv("b"), inv("d")]
    c.quiet()
    w("MSET", "a", "2", "b", "2", "c", "2", "d", "3")
    assert c.pushes(3) == [inv("a"), inv("c"), inv("d")]
    c.quiet()


def test_switched_off_in_a_transaction(w, tracker):
    c = tracker()
    c("GET", "z")
    c("MULTI")
    c("SET", "a", "1")
    c("GET", "b")
    c("CLIENT", "TRACKING", "OFF")
    c("SET", "z", "1")
    c("EXEC")
    w("MSET", "a", "1", "b", "1", "z", "1")
    c.quiet()
    assert info(c)["flags"] == {"off"}


@pytest.mark.settings(notify_keyspace_events="KEA")
def test_invalidation_comes_before_the_event(w, tracker):
    c = tracker()
    c("PSUBSCRIBE", "__keyevent*")
    c("GET", "a")
    w("SET", "a", "1")
    assert c.pushes(2) == [inv("a"), ["pmessage", "__keyevent*", "__keyevent@0__:set", "a"]]


# ---- keys that end, everything that ends ----


def test_expired_keys(w, tracker):
    c, b = tracker(), tracker("BCAST")
    w("SET", "a", "1", "PX", "40")
    assert b.push() == inv("a")
    assert c("GET", "a") == "1"
    assert c.push() == inv("a")
    assert b.push() == inv("a")
    assert c("GET", "a") is None


@pytest.mark.settings(enable_debug_command="yes")
def test_own_read_of_an_expired_key(w, tracker):
    c = tracker()
    w("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    w("SET", "a", "1", "PX", "20")
    c("GET", "a")
    when = w("PEXPIRETIME", "a")
    eventually(lambda: unix_ms(w) > when)
    c.send("GET", "a")
    assert c.read() is None
    assert c.read() == inv("a")
    w("SET", "a", "2")
    assert c.push() == inv("a")  # the miss was a read


def unix_ms(c):
    seconds, us = c("TIME")
    return int(seconds) * 1000 + int(us) // 1000


@pytest.mark.settings(maxmemory_policy="allkeys-random")
def test_evicted_keys(w, tracker):
    c = tracker()
    w("SET", "a", "x" * 1000)
    c("GET", "a")
    w("CONFIG", "SET", "maxmemory", "1")
    w.send("SET", "b", "1")
    w.reply()
    assert c.push() == inv("a")


@pytest.mark.settings(maxmemory_policy="allkeys-random")
def test_own_evictions_come_behind_earlier_replies(w, tracker):
    """A reply with the old value must not stand behind the message that it is gone."""
    c = tracker()
    w("SET", "a", "x" * 1000)
    c.send_raw(request("GET", "a") + request("CONFIG", "SET", "maxmemory", "1")
               + request("SET", "b", "1"))
    got = [c.read() for _ in range(4)]
    assert got[:2] == ["x" * 1000, "OK"]
    assert inv("a") in got[2:]
    assert any(value == "OK" or isinstance(value, Error) for value in got[2:])


@pytest.mark.parametrize("command", ["FLUSHALL", "FLUSHDB", "FLUSHALL ASYNC", "FLUSHDB SYNC"])
def test_flush(w, tracker, command):
    c, idle, b, loop = tracker(), tracker(), tracker("BCAST"), tracker("NOLOOP")
    c("GET", "a")
    w(*command.split())
    for each in (c, idle, b, loop):
        assert each.push() == ALL
    w("SET", "a", "1")
    c.quiet()
    assert w.info("stats")["tracking_total_keys"] == "0"
    loop.send(*command.split())
    assert loop.read() == "OK"
    assert loop.read() == ALL
    assert c.push() == ALL


@pytest.mark.hark_only("Redis 7.0 does not tell of SWAPDB, though every key may have changed")
def test_swapdb(w, tracker):
    c = tracker()
    c("GET", "a")
    w("SWAPDB", "0", "1")
    assert c.push() == ALL


def test_renames_and_copies(w, tracker):
    c = tracker()
    w("SET", "a", "1")
    c("MGET", "a", "b", "c")
    w("RENAME", "a", "b")
    assert sorted(map(str, c.pushes(2))) == sorted(map(str, [inv("a"), inv("b")]))
    w("COPY", "b", "c")
    assert c.push() == inv("c")
    c.quiet()


# ---- options ----


def test_noloop(w, tracker):
    c = tracker("NOLOOP")
    c("GET", "a")
    c("SET", "a", "1")
    c.quiet()
    w("SET", "a", "2")  # its own change made the server forget
    c.quiet()
    c("GET", "a")
    w("SET", "a", "3")
    assert c.push() == inv("a")


def test_optin(w, tracker):
    c = tracker("OPTIN")
    c("GET", "a1")
    c("CLIENT", "CACHING", "YES")
    assert info(c)["flags"] == {"on", "optin", "caching-yes"}
    c("GET", "a2")  # CLIENT commands in between do not count
    assert info(c)["flags"] == {"on", "optin"}
    c("GET", "a3")
    c("CLIENT", "CACHING", "YES")
    c.error("NOSUCH")
    c("GET", "a4")
    c("CLIENT", "CACHING", "YES")
    c("MULTI")
    c("GET", "a5")
    c("GET", "a6")
    c("EXEC")
    c("GET", "a7")
    w("MSET", *(word for i in range(1, 8) for word in (f"a{i}", "1")))
    assert c.pushes(3) == [inv("a2"), inv("a5"), inv("a6")]
    c.quiet()


def test_optout(w, tracker):
    c = tracker("OPTOUT")
    c("GET", "a1")
    c("CLIENT", "CACHING", "NO")
    assert info(c)["flags"] == {"on", "optout", "caching-no"}
    c("GET", "a2")
    c("GET", "a3")
    w("MSET", "a1", "1", "a2", "1", "a3", "1")
    assert c.pushes(2) == [inv("a1"), inv("a3")]
    c.quiet()


def test_caching_in_a_transaction(w, tracker):
    c = tracker("OPTIN")
    c("MULTI")
    c("GET", "a")
    c("CLIENT", "CACHING", "YES")
    c("GET", "b")
    c("EXEC")
    w("MSET", "a", "1", "b", "1")
    assert c.push() == inv("b")
    c.quiet()


def test_errors(connect):
    c = connect()
    switch = ("You can't switch {} mode{} before disabling tracking for this client, and then "
              "re-enabling it with a different mode.")
    for words, reply in [
        ("CACHING yes", "CLIENT CACHING can be called only when the client is in tracking mode "
                        "with OPTIN or OPTOUT mode enabled"),
        ("TRACKING x", "syntax error"),
        ("TRACKING on FOO", "syntax error"),
        ("TRACKING on REDIRECT", "syntax error"),
        ("TRACKING on PREFIX", "syntax error"),
        ("TRACKING on REDIRECT x", "value is not an integer or out of range"),
        ("TRACKING on REDIRECT 9999", "The client ID you want redirect to does not exist"),
        ("TRACKING on REDIRECT 0", "The client ID you want redirect to does not exist"),
        (f"TRACKING on REDIRECT {c.id} REDIRECT {c.id}",
         "A client can only redirect to a single other client"),
        ("TRACKING on PREFIX a", "PREFIX option requires BCAST mode to be enabled"),
        ("TRACKING on BCAST OPTIN", "OPTIN and OPTOUT are not compatible with BCAST"),
        ("TRACKING on BCAST OPTOUT", "OPTIN and OPTOUT are not compatible with BCAST"),
        ("TRACKING on OPTIN OPTOUT", "You can't specify both OPTIN mode and OPTOUT mode"),
        ("TRACKING on OPTIN", None),
        ("TRACKING on BCAST", switch.format("BCAST", " on/off")),
        ("TRACKING on OPTOUT", switch.format("OPTIN/OPTOUT", "")),
        ("CACHING no", "CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."),
        ("CACHING maybe", "syntax error"),
        ("TRACKING on", None),
        ("CACHING yes", "CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."),
        ("TRACKING off FOO", "syntax error"),
        ("TRACKING off", None),
        ("TRACKING off", None),
        ("TRACKING on BCAST", None),
        ("TRACKING on", switch.format("BCAST", " on/off")),
    ]:
        if reply is None:
            assert c("CLIENT", *words.split()) == "OK", words
        else:
            assert c.error("CLIENT", *words.split()) == "ERR " + reply, words


def test_trackinginfo(connect):
    c, other = connect(proto=3), connect()
    off = {"flags": {"off"}, "redirect": -1, "prefixes": []}
    assert info(c) == off and c("CLIENT", "GETREDIR") == -1
    c("CLIENT", "TRACKING", "ON")
    assert info(c) == {"flags": {"on"}, "redirect": 0, "prefixes": []}
    assert c("CLIENT", "GETREDIR") == 0 and c.described()["flags"] == "t"
    c("CLIENT", "TRACKING", "ON", "NOLOOP", "REDIRECT", other.id)
    assert info(c) == {"flags": {"on", "noloop"}, "redirect": other.id, "prefixes": []}
    assert c("CLIENT", "GETREDIR") == other.id and c.described()["redir"] == str(other.id)
    c("CLIENT", "TRACKING", "OFF")
    assert info(c) == off
    c("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "b", "PREFIX", "a")
    assert info(c) == {"flags": {"on", "bcast"}, "redirect": 0, "prefixes": ["a", "b"]}
    assert c.described()["flags"] == "tB"
    c("RESET")
    c.proto = 2
    assert info(c) == off


def test_off_and_on_again(w, tracker):
    c = tracker()
    c("GET", "a")
    c("CLIENT", "TRACKING", "OFF")
    w("SET", "a", "1")
    c.quiet()
    c("GET", "a")
    c("CLIENT", "TRACKING", "ON")
    w("SET", "a", "1")
    c.quiet()
    c("GET", "a")
    w("SET", "a", "1")
    assert c.push() == inv("a")


def test_resp2_without_redirection_hears_nothing(w, connect):
    c = connect()
    c("CLIENT", "TRACKING", "ON")
    c("GET", "a")
    w("SET", "a", "1")
    c.quiet()
    c("GET", "a")
    c("HELLO", "3")
    w("SET", "a", "2")
    assert c.push() == inv("a")


# ---- redirection ----


def test_redirection_to_a_resp2_subscriber(w, connect):
    c, listener = connect(), connect()
    ident = listener.id
    c("CLIENT", "TRACKING", "ON", "REDIRECT", ident)
    c("GET", "a")
    w("SET", "a", "1")
    listener.quiet()  # it did not subscribe: it could not tell the message from a reply
    listener("SUBSCRIBE", "__redis__:invalidate")
    c("MGET", "a", "b")
    w("MSET", "a", "1", "b", "1")
    channel = "__redis__:invalidate"
    assert listener.pushes(2) == [["message", channel, ["a"]], ["message", channel, ["b"]]]
    w("FLUSHALL")
    assert listener.push() == ["message", channel, None]
    c("GET", "a")
    c("SET", "a", "1")
    assert listener.push() == ["message", channel, ["a"]]
    c.quiet()
    listener.quiet()


def test_redirection_on_the_wire(w, connect):
    c, listener = connect(), connect()
    ident = listener.id
    listener("SUBSCRIBE", "__redis__:invalidate")
    c("CLIENT", "TRACKING", "ON", "REDIRECT", ident)
    c("GET", "k")
    w("SET", "k", "1")
    w("FLUSHALL")
    head = b"*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n"
    wire = head + b"*1\r\n$1\r\nk\r\n" + head + b"$-1\r\n"
    assert listener.raw(len(wire)) == wire


def test_redirection_to_resp3(w, tracker, connect):
    listener = connect(proto=3)
    c = tracker("REDIRECT", listener.id)
    c("GET", "a")
    c("SET", "a", "1")
    assert listener.push() == inv("a")
    c.quiet()


def test_redirection_that_breaks(w, tracker, connect):
    listener = connect(proto=3)
    ident = listener.id
    c, plain = tracker("REDIRECT", ident), connect()
    plain("CLIENT", "TRACKING", "ON", "REDIRECT", ident)
    c("MGET", "a", "b")
    plain("GET", "a")
    listener.close()
    eventually(lambda: w("CLIENT", "LIST", "ID", ident) == "")
    assert info(c)["flags"] == {"on"}  # not noticed yet
    w("SET", "a", "1")
    assert c.push() == [BROKEN, ident]
    assert info(c) == {"flags": {"on", "broken_redirect"}, "redirect": ident, "prefixes": []}
    assert c.described()["flags"] == "tR"
    plain.quiet()
    assert info(plain)["flags"] == {"on", "broken_redirect"}
    w("FLUSHALL")
    assert c.push() == [BROKEN, ident]
    c("CLIENT", "TRACKING", "ON")
    assert info(c)["flags"] == {"on"}
    c("GET", "a")
    w("SET", "a", "1")
    assert c.push() == inv("a")


# ---- broadcasting ----


def test_broadcast(w, tracker):
    c = tracker("BCAST")
    w("SET", "b", "1")
    assert c.push() == inv("b")
    w.pipeline(["SET", "z", "1"], ["SET", "a", "1"], ["SET", "z", "2"], ["DEL", "a"])
    assert gathered(c, 2) == ["a", "z"]
    c("GET", "a")
    c.send("SET", "a", "1")
    assert c.read() == "OK"
    assert c.read() == inv("a")
    c.quiet()
    w("CLIENT", "INFO")
    c("CLIENT", "TRACKING", "OFF")
    w("SET", "a", "1")
    c.quiet()


def gathered(c, count):
    """The keys of as many messages as it takes to hear of `count`: how many messages that are
    depends on how the requests arrived."""
    keys = []
    while len(keys) < count:
        word, more = c.push()
        assert word == "invalidate"
        keys += more
    return sorted(set(keys))


def test_broadcast_by_prefixes(w, tracker):
    c = tracker("BCAST", "PREFIX", "user:", "PREFIX", "item:")
    everything, nested = tracker("BCAST"), tracker("BCAST", "PREFIX", "user:1")
    assert w.info("stats")["tracking_total_prefixes"] == "4"
    w("MSET", "user:2", "1", "other", "1", "item:9", "1", "user:10", "1", "use", "1", "user:", "1")
    assert c.pushes(2) == [inv("item:9"), inv("user:", "user:10", "user:2")]
    assert everything.push() == inv("item:9", "other", "use", "user:", "user:10", "user:2")
    assert nested.push() == inv("user:10")
    for each in (c, everything, nested):
        each.quiet()
    nested.close()
    everything("CLIENT", "TRACKING", "OFF")
    eventually(lambda: w.info("stats")["tracking_total_prefixes"] == "2")
    w("SET", "user:1", "1")
    assert c.push() == inv("user:1")
    everything.quiet()


def test_broadcast_noloop(w, tracker):
    c, other = tracker("BCAST", "NOLOOP"), tracker("BCAST")
    c.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n")
    assert c.reply() == "OK"
    assert other.push() == inv("a")
    c.quiet()
    w("MSET", "b", "1", "a", "1")
    assert c.push() == inv("a", "b")
    c.quiet()


def test_prefixes_must_not_overlap(tracker, connect):
    c = connect(proto=3)
    error = "ERR Prefix '{}' overlaps with {} prefix '{}'. Prefixes for a single client must not overlap."

    def on(*prefixes):
        words = [word for prefix in prefixes for word in ("PREFIX", prefix)]
        return ["CLIENT", "TRACKING", "ON", "BCAST", *words]

    assert c.error(*on("ab", "a")) == error.format("ab", "another provided", "a")
    assert c.error(*on("a", "ab")) == error.format("a", "another provided", "ab")
    assert info(c)["flags"] == {"off"}
    assert c(*on("ab", "c")) == "OK"
    assert c.error(*on("d", "a")) == error.format("a", "an existing", "ab")
    assert c.error(*on("abc")) == error.format("abc", "an existing", "ab")
    assert c.error(*on("c")) == error.format("c", "an existing", "c")
    assert c(*on("d")) == "OK"
    assert info(c)["prefixes"] == ["ab", "c", "d"]
    assert c(*on()) == "OK"
    assert info(c)["prefixes"] == ["", "ab", "c", "d"]
    assert c.error(*on("x")) == error.format("x", "an existing", "")


@pytest.mark.hark_only("Redis has no such bound, and for these two it replies twice")
def test_bounds_and_one_reply(connect):
    c = connect(proto=3)
    many = [word for i in range(1001) for word in ("PREFIX", f"{i:05}")]
    assert "at most" in c.error("CLIENT", "TRACKING", "ON", "BCAST", *many)
    assert "at most" in c.error("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "x" * 4097)
    assert c("CLIENT", "TRACKING", "ON", "BCAST", *many[2:]) == "OK"
    assert "at most" in c.error("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "zzz")
    c("CLIENT", "TRACKING", "OFF")
    words = "a b bc".split()
    assert "'b' overlaps with another provided prefix 'bc'" in c.error(
        "CLIENT", "TRACKING", "ON", "BCAST", *(x for p in words for x in ("PREFIX", p)))
    c.quiet()
    assert info(c)["flags"] == {"off"}


def test_broadcast_redirection(w, tracker, connect):
    listener = connect()
    ident = listener.id
    listener("SUBSCRIBE", "__redis__:invalidate")
    c = tracker("BCAST", "REDIRECT", ident, "PREFIX", "a")
    w("MSET", "a2", "1", "b", "1", "a1", "1")
    assert listener.push() == ["message", "__redis__:invalidate", ["a1", "a2"]]
    c.quiet()


def test_broadcast_of_many_changes(w, tracker):
    """More than is gathered at once."""
    c, loop = tracker("BCAST"), tracker("BCAST", "NOLOOP")
    keys = [f"{i:06}" + "x" * 2000 for i in range(2000)]
    w("MSET", *(word for key in keys for word in (key, "1")))
    assert gathered(c, 2000) == keys
    assert gathered(loop, 2000) == keys
    c.quiet()
    loop.quiet()


def test_broadcast_to_clients_that_leave(w, tracker, connect):
    stay = tracker("BCAST")
    for _ in range(20):
        gone = tracker("BCAST", "PREFIX", "k")
        w.send("SET", "k", "1")
        gone.close()
        w.reply()
        assert stay.push() == inv("k")
    stay.quiet()


# ---- clients that do not read ----

LIMITS = pytest.mark.settings(client_output_buffer_limit=[
    "normal", "200kb", "0", "0", "replica", "200kb", "0", "0", "pubsub", "200kb", "0", "0"])


@LIMITS
@pytest.mark.parametrize("options", [["BCAST"], ["BCAST", "NOLOOP"], []])
def test_one_that_does_not_read_is_closed(w, tracker, connect, options):
    deaf, hears = [tracker(*options) for _ in range(3)], tracker(*options)
    ids = [c.id for c in deaf]
    keys = [f"{i}" + "x" * 20000 for i in range(5)]
    while any(w("CLIENT", "LIST", "ID", ident) for ident in ids):
        if not options:
            for c in (*deaf, hears):
                c.send("EXISTS", *keys)
            hears.reply()
        w("MSET", *(word for key in keys for word in (key, "1")))
        gathered(hears, 5)
    hears.quiet()


@LIMITS
def test_redirection_to_one_that_does_not_read(w, tracker, connect):
    listener = connect(proto=3)
    ident = listener.id
    trackers = [tracker("BCAST", "REDIRECT", ident, "PREFIX", f"{i}") for i in range(5)]
    keys = [f"{i}" + "x" * 20000 for i in range(5)]
    while w("CLIENT", "LIST", "ID", ident):
        w("MSET", *(word for key in keys for word in (key, "1")))
    w("MSET", *(word for key in keys for word in (key, "1")))
    for c in trackers:
        assert c.push() == [BROKEN, ident]


@LIMITS
def test_monitor_that_does_not_read(w, connect):
    deaf, hears = [connect() for _ in range(3)], connect()
    ids = [c.id for c in deaf]
    for c in (*deaf, hears):
        c("MONITOR")
    while any(w("CLIENT", "LIST", "ID", ident) for ident in ids):
        w("ECHO", "x" * 20000)
        assert hears.monitor_line().endswith('x"')
    hears.quiet()


# ---- the bound of the table ----


def shrunk(c, w, count):
    """Waits until the table holds no more than that, and for what `c` is told about it. Redis
    makes it smaller with each command, Hark at once or, after CONFIG SET, with time."""
    eventually(lambda: w("PING") and int(w.info("stats")["tracking_total_keys"]) <= count)
    c("PING")


@pytest.mark.settings(tracking_table_max_keys=10)
def test_table_is_bounded(w, tracker):
    c = tracker()
    for i in range(100):
        c("GET", f"k{i}")
    shrunk(c, w, 10)
    gone = {message[1][0] for message in c.waiting}
    assert len(gone) == 100 - int(w.info("stats")["tracking_total_keys"])
    c.waiting.clear()
    w("MSET", *(word for i in range(100) for word in (f"k{i}", "1")))
    rest = {message[1][0] for message in c.pushes(100 - len(gone))}
    c.quiet()
    assert not gone & rest and len(gone | rest) == 100  # each key was told of once


def test_table_bound_can_be_lowered(w, tracker):
    c = tracker()
    c("MGET", *(f"k{i}" for i in range(3000)))
    w("CONFIG", "SET", "tracking-table-max-keys", "5")
    shrunk(c, w, 5)
    assert len(c.waiting) >= 2995


def test_a_command_that_reads_more_than_the_table_holds(w, tracker):
    w("CONFIG", "SET", "tracking-table-max-keys", "100")
    c = tracker()
    c.send("MGET", *(f"k{i}" for i in range(5000)))
    assert c.read() == [None] * 5000  # the reply first, then what it was too much
    shrunk(c, w, 100)
    told = {message[1][0] for message in c.waiting}
    assert len(told) == 5000 - int(w.info("stats")["tracking_total_keys"])


def test_table_is_given_back(w, tracker):
    for _ in range(3):
        c = tracker()
        c("MGET", *(f"k{i}" for i in range(20000)))
        c.close()
        eventually(lambda: w.info("clients")["tracking_clients"] == "0")
    d = tracker()
    w("SET", "k1", "1")
    d.quiet()


# ---- a model ----


@pytest.mark.settings(maxmemory_policy="noeviction")
def test_random_reads_and_writes(server, connect):
    """Three readers and a writer at random; a set per reader says what it must be told."""
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    writer = connect()
    readers = [connect(proto=3) for _ in range(3)]
    loops = [False, True, False]
    for c, noloop in zip(readers, loops):
        c("CLIENT", "TRACKING", "ON", *(["NOLOOP"] if noloop else []))
    known = [set() for _ in readers]
    keys = [f"k{i}" for i in range(12)]
    for _ in range(1500):
        n = rng.randrange(3)
        some = rng.sample(keys, rng.randint(1, 4))
        if rng.random() < 0.5:
            readers[n]("MGET", *some)
            known[n].update(some)
            continue
        who = rng.choice([writer, *readers])
        if rng.random() < 0.02:
            who("FLUSHALL")
            told = [[ALL] for _ in readers]
            known = [set() for _ in readers]
        else:
            who("MSET", *(word for key in some for word in (key, "1")))
            told = []
            for c, noloop, had in zip(readers, loops, known):
                mine = noloop and c is who
                told.append([] if mine else [inv(key) for key in some if key in had])
                had.difference_update(some)
        for c, messages in zip(readers, told):
            assert c.pushes(len(messages)) == messages
            c.quiet()


@pytest.mark.settings(tracking_table_max_keys=20, notify_keyspace_events="KEA",
                      client_output_buffer_limit=["normal", "100kb", "0", "0"])
def test_random_lives(server):
    """Clients that come, track in every way, read or do not read, and are killed. The server must
    stand it; sanitizers look on in `make check`."""
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    boss = server.connect()
    crowd = []

    def key():
        return f"{rng.choice('abc')}{rng.randrange(10)}" + "y" * rng.choice((0, 0, 3000))

    def options():
        words = rng.choice(([], ["NOLOOP"], ["BCAST"], ["BCAST", "NOLOOP"], ["OPTIN"], ["OPTOUT"],
                            ["BCAST", "PREFIX", "a"], ["BCAST", "PREFIX", "a1", "PREFIX", "b"]))
        redirect = rng.random() < 0.3 and crowd
        return [*words, "REDIRECT", rng.choice(crowd).ident] if redirect else words

    for _ in range(3000):
        if len(crowd) < 3 or rng.random() < 0.02 and len(crowd) < 12:
            c = server.connect(proto=rng.choice((2, 3, 3)))
            c.ident = c.id
            c.socket.setblocking(False)
            crowd.append(c)
        c = rng.choice(crowd)
        words = rng.choice((
            ["GET", key()], ["GET", key()], ["MGET", key(), key()], ["SET", key(), "1"],
            ["MSET", key(), "1", key(), "2"], ["DEL", key()], ["SET", key(), "1", "PX", "1"],
            ["CLIENT", "TRACKING", "ON", *options()], ["CLIENT", "TRACKING", "OFF"],
            ["CLIENT", "CACHING", rng.choice(("YES", "NO"))], ["MULTI"], ["EXEC"], ["DISCARD"],
            ["SUBSCRIBE", "__redis__:invalidate"], ["UNSUBSCRIBE"], ["PSUBSCRIBE", "__key*"],
            ["RESET"], ["HELLO", rng.choice("23")], ["CLIENT", "REPLY", rng.choice(("ON", "SKIP"))],
            ["CLIENT", "TRACKINGINFO"], ["CLIENT", "LIST"], ["MONITOR"], ["FLUSHALL"], ["QUIT"],
            ["CLIENT", "KILL", "ID", rng.choice(crowd).ident, "SKIPME", "no"]))
        rare = words[0] in ("FLUSHALL", "QUIT", "MONITOR") or "KILL" in words
        if rare and rng.random() < 0.8:
            continue
        try:
            c.send(*words)
            if rng.random() < 0.5:
                c.socket.recv(1 << 20)
        except BlockingIOError:
            pass
        except OSError:
            crowd.remove(c)
        if rng.random() < 0.01:
            assert boss("PING") == "PONG"
            gone = rng.choice(crowd)
            gone.close()
            crowd.remove(gone)
    for c in crowd:
        c.close()
    eventually(lambda: boss.info("clients")["connected_clients"] == "1")
    assert boss.info("clients")["tracking_clients"] == "0"
    assert boss.info("stats")["tracking_total_prefixes"] == "0"
