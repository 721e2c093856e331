"""Clients that mean ill, or are broken: each gets an error or loses its connection, the server's
memory stays bounded, and an honest client beside them is served all the while.

Every test has a bystander (hostile.py) and an allowance of memory: `@pytest.mark.memory(mb)`.
"""

import itertools
import os
import random
import signal
import socket
import threading
import time

import pytest

from harness import Closed, Error, PATIENCE_S, client_lines, eventually, is_redis, request
from hostile import (FACTOR, MB, SANITIZED, SLACK_BYTES, Bystander, Memory, Raw, parses, pid_files,
                     raise_file_limit)

WAIT_S = 3 * FACTOR  # what a bystander may have to wait on a busy machine


@pytest.fixture(autouse=True)
def guarded(request, server):
    marker = request.node.get_closest_marker("settings")
    password = marker.kwargs.get("requirepass") if marker else None
    memory = Memory(server.pid)
    bystander = Bystander(server, password)
    bystander.start()
    yield
    bystander.check(WAIT_S)
    marker = request.node.get_closest_marker("memory")
    allowed = (marker.args[0] if marker else 8) * MB * FACTOR + SLACK_BYTES
    if not is_redis():
        assert memory.grown <= allowed, f"grown by {memory.grown / MB:.0f} MB"
    assert server.halt() == 0  # nothing was left behind that a clean end stumbles over


@pytest.fixture
def c(connect):
    return connect()


@pytest.fixture
def raw(server):
    """raw() opens a connection on which anything may be said."""
    opened = []

    def open_one():
        opened.append(Raw(server))
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.close()


def clients(c):
    return int(c.info("clients")["connected_clients"])


# ---- requests that are none ----


STRICTER = pytest.mark.hark_only("Redis takes a billion words, and lines up to their first NUL")

MALFORMED = [
    pytest.param(b"*1000000000\r\n", "invalid multibulk length", marks=STRICTER),
    pytest.param(b"*1048577\r\n", "invalid multibulk length", marks=STRICTER),
    (b"*99999999999999999999\r\n", "invalid multibulk length"),
    (b"*-99999999999999999999\r\n", "invalid multibulk length"),
    (b"*abc\r\n", "invalid multibulk length"),
    (b"*\r\n", "invalid multibulk length"),
    (b"* 3\r\n", "invalid multibulk length"),
    (b"*+3\r\n", "invalid multibulk length"),
    (b"*03\r\n", "invalid multibulk length"),
    (b"*3 \r\n", "invalid multibulk length"),
    (b"*0x3\r\n", "invalid multibulk length"),
    pytest.param(b"*3\0\r\n", "invalid multibulk length", marks=STRICTER),
    (b"*1\r\n$-1\r\n", "invalid bulk length"),
    (b"*1\r\n$-2\r\n", "invalid bulk length"),
    (b"*1\r\n$536870913\r\n", "invalid bulk length"),
    (b"*1\r\n$9223372036854775807\r\n", "invalid bulk length"),
    (b"*1\r\n$9223372036854775808\r\n", "invalid bulk length"),
    (b"*1\r\n$18446744073709551616\r\n", "invalid bulk length"),
    (b"*1\r\n$-9223372036854775808\r\n", "invalid bulk length"),
    (b"*1\r\n$\r\n", "invalid bulk length"),
    (b"*1\r\n$4x\r\nPING\r\n", "invalid bulk length"),
    (b"*1\r\n$04\r\nPING\r\n", "invalid bulk length"),
    (b"*1\r\n$+4\r\nPING\r\n", "invalid bulk length"),
    (b"*1\r\n$ 4\r\nPING\r\n", "invalid bulk length"),
    (b"*1\r\n:4\r\n", "expected '$', got ':'"),
    (b"*1\r\nPING\r\n", "expected '$', got 'P'"),
    (b"*2\r\n*1\r\n$4\r\nPING\r\n", "expected '$', got '*'"),
    (b"set k \"unbalanced\r\n", "unbalanced quotes in request"),
    (b"set k 'unbalanced\r\n", "unbalanced quotes in request"),
    (b"set k \"a\"b\r\n", "unbalanced quotes in request"),
    (b"x" * 70_000, "too big inline request"),
    (b"\0" * 70_000, "too big inline request"),
    (b"*" + b"1" * 70_000, "too big mbulk count string"),
    (b"*1\r\n$" + b"1" * 70_000, "too big bulk count string"),
]


@pytest.mark.parametrize("data, complaint", MALFORMED, ids=lambda v: repr(v)[2:22])
def test_malformed_request(c, raw, data, complaint):
    """The complaint comes behind the answers to what was right; then the end."""
    wrong = raw()
    wrong.say(b"PING\r\n" + data)
    assert wrong.rest().decode() == f"+PONG\r\n-ERR Protocol error: {complaint}\r\n"


LEGAL = [
    (b"*0\r\n*-1\r\n*-7\r\nPING\r\n", b"+PONG\r\n"),
    (b"\r\n\n\r\n   \r\n\t\r\nPING\n", b"+PONG\r\n"),
    (b"  PING  \r\n", b"+PONG\r\n"),
    (b"PING\t\"a b\"\r\n", b"$3\r\na b\r\n"),
    (b"\"PING\" \"\\x41\\n\\\"\"\r\n", b"$3\r\nA\n\"\r\n"),
    (b"'ECHO' 'it\\'s \\x41'\r\n", b"$9\r\nit's \\x41\r\n"),
    (b"ECHO \"\"\r\n", b"$0\r\n\r\n"),
    (b"ECHO ''\r\n", b"$0\r\n\r\n"),
    (b"*1\r\n$4\r\nPINGxx", b"+PONG\r\n"),  # two bytes, no matter which, end an argument
    (b"*2\r\n$4\r\nECHO\r\n$1\r\nab\r\n", b"$1\r\na\r\n"),
    (b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", b"$0\r\n\r\n"),
    (b"*1\r\n$0\r\n\r\n", b"-ERR unknown command ''"),
    (b"_\r\n", b"-ERR unknown command '_'"),
    (b"#t\r\n", b"-ERR unknown command '#t'"),
    (b",1.5\r\n", b"-ERR unknown command ',1.5'"),
    (b"(12345\r\n", b"-ERR unknown command '(12345'"),
    (b"%1\r\n", b"-ERR unknown command '%1'"),
    (b"~1\r\n", b"-ERR unknown command '~1'"),
    (b">1\r\n", b"-ERR unknown command '>1'"),
    (b"=7\r\n", b"-ERR unknown command '=7'"),
    (b"|1\r\n", b"-ERR unknown command '|1'"),
    (b"$4\r\n", b"-ERR unknown command '$4'"),
    (b"-ERR\r\n", b"-ERR unknown command '-ERR'"),
    pytest.param(b"PI\0NG\r\n", b"-ERR unknown command", marks=STRICTER),
    (b"\xff\xfe\r\n", b"-ERR unknown command"),
    (b"HELLO 4\r\n", b"-NOPROTO unsupported protocol version\r\n"),
    (b"HELLO 1\r\n", b"-NOPROTO unsupported protocol version\r\n"),
    (b"HELLO x\r\n", b"-ERR Protocol version is not an integer or out of range\r\n"),
    (b"HELLO 99999999999999999999\r\n", b"-ERR Protocol version is not an integer"),
    (b"HELLO 3 SETNAME\r\n", b"-ERR Syntax error in HELLO option"),
    (b"GET\r\n", b"-ERR wrong number of arguments for 'get' command\r\n"),
    (b"SUBSCRIBE\r\n", b"-ERR wrong number of arguments for 'subscribe' command\r\n"),
]


@pytest.mark.parametrize("data, reply", LEGAL, ids=lambda v: repr(v)[2:22])
def test_odd_request(raw, data, reply):
    """Odd, but no reason to end the connection."""
    odd = raw()
    odd.say(data)
    assert odd.raw(len(reply)) == reply
    odd.say(b"ECHO end\r\n")
    while odd.line() != b"end":
        pass


VALID = [request(*words) for words in [
    ("PING",), ("SET", "k", "v"), ("SET", "key:" + "x" * 40, "y" * 300, "PX", "100000"),
    ("GET", "k"), ("MGET", "k", "b", "", "k"), ("APPEND", "k", "\x00\r\n"), ("DEL", "k", "b"),
    ("INCRBY", "n", "-7"), ("SETRANGE", "k", "5", "abc"), ("GETRANGE", "k", "0", "-1"),
    ("MULTI",), ("EXEC",), ("DISCARD",), ("WATCH", "k"), ("EXPIRE", "k", "100"), ("TTL", "k"),
    ("SUBSCRIBE", "c"), ("UNSUBSCRIBE",), ("PSUBSCRIBE", "p[a-c]*"), ("PUBLISH", "c", "m"),
    ("SCAN", "0", "MATCH", "*", "COUNT", "10"), ("HELLO", "2"), ("SELECT", "1"),
    ("COPY", "k", "b"), ("BITCOUNT", "k"), ("LCS", "k", "b"), ("ECHO", "e" * 2000), ("RESET",),
]] + [b"PING\r\n", b"SET k 'a b'\r\n", b"ECHO \"\\xff\\n\"\r\n"]

CHUNKS = [b"*", b"$", b"\r\n", b"\n", b"\r", b"\0", b"-1", b"*-1\r\n", b"$-1\r\n", b"*0\r\n", b"'",
          b"\"", b"0", b"9", b"99999999", b"*3\r\n", b"$3\r\n", b"\\x", b" ", b"\xff" * 9]


def mutated(rng):
    """A pipeline, with some things wrong in it."""
    data = bytearray(b"".join(rng.choice(VALID) for _ in range(rng.randint(1, 30))))
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(data) + 1)
        way = rng.randrange(6)
        if way == 0:
            data[at:at] = rng.choice(CHUNKS)
        elif way == 1:
            del data[at:at + rng.randint(1, 10)]
        elif way == 2:
            data[at:at + 1] = bytes([rng.randrange(256)])
        elif way == 3:
            data[at:at] = data[rng.randrange(len(data) or 1):][:rng.randint(1, 200)]
        elif way == 4 and data:
            data[at % len(data)] ^= 1 << rng.randrange(8)
        else:
            del data[at:]
        data = data or bytearray(b"*")
    return bytes(data)


def test_mutated_pipelines(raw, c):
    """Whatever comes, the replies are whole and the connection ends with them."""
    seed = int(os.environ.get("SEED", 0)) or random.randrange(1 << 32)
    print("SEED", seed)
    rng = random.Random(seed)
    for _ in range(600 if not SANITIZED else 200):
        data = mutated(rng)
        wrong = raw()
        for piece in cut(rng, data):
            if not wrong.say(piece):
                break
        wrong.hang_up()
        reply = wrong.rest()
        try:
            parses(reply)
        except (AssertionError, ValueError) as failure:
            raise AssertionError(f"sent {data!r}\ngot {reply!r}") from failure
        wrong.close()


def cut(rng, data):
    """The data in one piece, or in some."""
    if rng.random() < 0.5:
        return [data]
    at = sorted(rng.randrange(len(data)) for _ in range(3))
    return [data[a:b] for a, b in zip([0, *at], [*at, len(data)]) if a < b]


# ---- without end ----


@pytest.mark.parametrize("piece", [b"\0", b" ", b"a", b"\t", b"'", b"*", b"$"], ids=repr)
def test_line_without_end(raw, piece):
    """A line may have 64 KiB."""
    said, closed = raw().say_until_closed(piece * MB, 256 * MB)
    assert closed and said <= 32 * MB  # what the system's buffers hold


@pytest.mark.parametrize("piece", [b"\r\n", b"\n", b"*0\r\n", b"*-1\r\n", b"   \n"], ids=repr)
def test_nothing_without_end(raw, piece):
    """Requests of no words are allowed, any number of them."""
    endless = raw()
    said, closed = endless.say_until_closed(piece * (MB // len(piece)), 32 * MB)
    assert not closed
    assert endless("PING") == "PONG"


@pytest.mark.hark_only("Redis counts only what it has not split into words yet")
@pytest.mark.settings(client_query_buffer_limit="16mb")
@pytest.mark.memory(48)
@pytest.mark.parametrize("beginning", [b"*2\r\n$3\r\nGET\r\n$400000000\r\n", b"*1000000\r\n"],
                         ids=["one large word", "many words"])
def test_request_larger_than_the_query_buffer(raw, beginning):
    endless = raw()
    endless.say(beginning)
    piece = b"x" * MB if b"GET" in beginning else (b"$100\r\n" + b"x" * 100 + b"\r\n") * 10_000
    said, closed = endless.say_until_closed(piece, 256 * MB)
    assert closed and said <= 64 * MB


@pytest.mark.hark_only("Redis counts only what it has not split into words yet")
@pytest.mark.settings(client_query_buffer_limit="1mb")
@pytest.mark.parametrize("passes", [True, False])
def test_the_query_buffer_to_the_byte(raw, passes):
    client = raw()
    text = "x" * (MB - len(request("PING", "x" * 1_000_000)) + 1_000_000 + (not passes))
    whole = request("PING", text)
    assert len(whole) == MB + (not passes)
    client.say(whole)
    if passes:
        assert client.reply() == text
    else:
        assert client.say_until_closed(b"PING\r\n", MB)[1]


@pytest.mark.hark_only("Redis allocates what was announced")
@pytest.mark.memory(16)
@pytest.mark.parametrize("data", [
    b"*1048576\r\n", b"*2\r\n$536870912\r\n", b"*2\r\n$536870912\r\nabc",
    b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n" + b"x" * 1000,
], ids=lambda data: repr(data)[2:30])
def test_promises_cost_nothing(raw, c, data):
    """Two hundred clients announce half a gigabyte each. That alone takes no memory, neither from
    the system nor from what `maxmemory` counts."""
    used = int(c.info("memory")["used_memory"])
    for _ in range(200):
        raw().say(data)
    assert c("PING") == "PONG"
    eventually(lambda: clients(c) >= 200)
    assert int(c.info("memory")["used_memory"]) < used + 16 * MB


# ---- halves and drops ----


@pytest.mark.parametrize("data", [b"*", b"*2\r\n$3\r\nGE", b"*2\r\n$3\r\nGET\r\n$1\r\n", b"GET k",
                                  b"*1\r\n$4\r\nPING\r", b"\"", b""], ids=repr)
def test_half_a_request(raw, c, data):
    """Then nothing; then the other side hangs up, politely or not."""
    before = clients(c)
    silent = [raw() for _ in range(20)]
    for one in silent:
        one.say(data)
    assert c("PING") == "PONG"
    eventually(lambda: clients(c) == before + 20)
    for one in silent[:10]:
        one.hang_up()
        assert one.rest() == b""
    for one in silent[10:]:
        one.reset()
    eventually(lambda: clients(c) == before)


@pytest.mark.settings(timeout=1)
def test_silence_ends_by_timeout(raw):
    silent = [raw() for _ in range(5)]
    for one in silent:
        one.say(b"*2\r\n$3\r\nGET")
    for one in silent:
        assert one.rest() == b""


def test_one_byte_at_a_time(raw):
    slow = raw()
    slow.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    words = [("SET", "key", "a value\r\n\0"), ("GET", "key"), ("MGET", "key", "", "key"),
             ("ECHO", "x" * 700)]
    for byte in b"".join(request(*w) for w in words) + b"PING 'a b'\r\n":
        slow.say(bytes([byte]))
    assert [slow.reply() for _ in range(5)] == [
        "OK", "a value\r\n\0", ["a value\r\n\0", None, "a value\r\n\0"], "x" * 700, "a b"]


# ---- many ----


def test_connections_come_and_go(server, c):
    """Ten thousand of them, in several moods; none of them stays."""
    before, files = clients(c), pid_files(server.pid)
    for i in range(10_000 if not SANITIZED else 2_000):
        one = Raw(server)
        if i % 4 == 1:
            one.say(b"PING\r\n")
        elif i % 4 == 2:
            one.say(b"*2\r\n$3\r\nGET\r\n$100\r\nabc")
        if i % 3 == 0:
            one.reset()
        else:
            one.close()
    eventually(lambda: clients(c) == before)
    assert pid_files(server.pid) == files


@pytest.mark.memory(40)
def test_thousands_of_idle_clients(server, c):
    count = min(5_000 if not SANITIZED else 1_000, raise_file_limit() - 200)
    before, memory = clients(c), Memory(server.pid)
    idle = [Raw(server) for _ in range(count)]
    eventually(lambda: clients(c) == before + count)
    for one in idle[::50]:
        one.say(b"PING\r\n")
    assert {bytes(one.raw(7)) for one in idle[::50]} == {b"+PONG\r\n"}
    if not SANITIZED:
        assert memory.grown / count < 4096
    for one in idle:
        one.close()
    eventually(lambda: clients(c) == before)


@pytest.mark.settings(maxclients=20)
def test_maxclients(c, raw):
    friends = [raw() for _ in range(20 - clients(c))]
    assert all(friend("PING") == "PONG" for friend in friends)
    for _ in range(100):
        one_too_many = raw()
        assert one_too_many.rest() == b"-ERR max number of clients reached\r\n"
    friends[0].close()
    eventually(lambda: clients(c) == 19)
    assert raw()("PING") == "PONG"


# ---- strangers ----


@pytest.mark.settings(requirepass="secret")
@pytest.mark.parametrize("data, complaint", [
    (b"*11\r\n", b"-ERR Protocol error: unauthenticated multibulk length\r\n"),
    (b"*1048576\r\n", b"-ERR Protocol error: unauthenticated multibulk length\r\n"),
    (b"*2\r\n$16385\r\n", b"-ERR Protocol error: unauthenticated bulk length\r\n"),
    (b"*2\r\n$4\r\nAUTH\r\n$400000000\r\n", b"-ERR Protocol error: unauthenticated bulk length"),
    (b"AUTH " + b"x" * 70_000, b"-ERR Protocol error: too big inline request\r\n"),
], ids=lambda v: repr(v)[2:30])
def test_stranger_may_not_say_much(raw, data, complaint):
    stranger = raw()
    stranger.say(data)
    assert stranger.rest().startswith(complaint)


@pytest.mark.settings(requirepass="secret")
def test_stranger_may_not_do_anything(connect, raw):
    stranger = raw()
    for words in (["GET", "k"], ["SET", "k", "v"], ["SUBSCRIBE", "c"], ["CONFIG", "GET", "*"],
                  ["MULTI"], ["INFO"], ["SHUTDOWN"], ["MONITOR"], ["CLIENT", "LIST"]):
        assert stranger.error(*words) == "NOAUTH Authentication required."
    assert stranger.error("HELLO", "3").startswith("NOAUTH HELLO must be called")
    assert stranger.error("HELLO", "3", "AUTH", "default", "wrong").startswith("WRONGPASS")
    for length in (0, 1, 5, 6, 7, 12, 16_000):
        assert stranger.error("AUTH", "secret"[:length] + "x" * (length - 5)).startswith("WRONGPASS")
    assert stranger("AUTH", "default", "secret") == "OK"
    assert stranger("SET", "k", "v" * 100_000) == "OK"


@pytest.mark.settings(requirepass="secret")
def test_authentication_in_a_pipeline(raw):
    """What follows AUTH in the same packet may be as large as any."""
    client = raw()
    client.say(request("AUTH", "secret") + request("SET", "k", "x" * 100_000) +
               request("MGET", *["k"] * 11))
    assert [client.reply() for _ in range(2)] == ["OK", "OK"]
    assert client.reply() == ["x" * 100_000] * 11


@pytest.mark.settings(requirepass="secret")
def test_crowd_of_strangers_is_kept_small(raw):
    """Each leaves a request unfinished, as large as a stranger's may be."""
    word = b"$16384\r\n" + b"x" * 16384 + b"\r\n"
    crowd = [raw() for _ in range(100)]
    for stranger in crowd:
        stranger.say(b"*10\r\n" + word * 3)
    for stranger in crowd:
        stranger.say(word * 6)
        stranger.hang_up()
        assert stranger.rest() == b""


# ---- those who do not read ----


def no_longer_there(c, client_id):
    return eventually(lambda: not any(
        line["id"] == client_id for line in client_lines(c("CLIENT", "LIST"))))


def identity(client):
    return str(client("CLIENT", "ID"))


@pytest.mark.hark_only("Redis makes the whole reply before it looks at the limit")
@pytest.mark.settings(client_output_buffer_limit=["normal 16mb 0 0"])
@pytest.mark.memory(16 + 64)
@pytest.mark.parametrize("greed", ["pipeline", "MGET", "EXEC"])
def test_replies_that_nobody_reads(c, raw, greed):
    """Two gigabytes of replies are asked for, none of them is read. What is made of them before
    the connection is closed is bounded by the client's limit."""
    c("SET", "k", "x" * (4 * MB))
    greedy = raw()
    who = identity(greedy)
    get = request("GET", "k")
    greedy.say_without_listening({
        "pipeline": get * 500,
        "MGET": request("MGET", *["k"] * 500),
        "EXEC": request("MULTI") + get * 500 + request("EXEC"),
    }[greed])
    no_longer_there(c, who)
    assert c("GET", "k") == "x" * (4 * MB)


@pytest.mark.hark_only("Redis delivers a message at a time")
@pytest.mark.memory(32 + 24)
def test_subscribers_that_do_not_read(c, raw):
    """The default limit: 32 MB. All of them share the messages, so many cost as much as one."""
    lazy = [raw() for _ in range(20)]
    who = [identity(one) for one in lazy]
    for one in lazy:
        one("SUBSCRIBE", "news")
    for _ in range(60):
        receivers = c.pipeline(*[["PUBLISH", "news", "x" * 10_000]] * 100)
    assert receivers[-1] == 0
    for one in who:
        no_longer_there(c, one)


@pytest.mark.settings(client_output_buffer_limit=["pubsub 32mb 1mb 1"])
@pytest.mark.memory(32)
def test_subscriber_over_the_soft_limit(c, raw):
    lazy = raw()
    who = identity(lazy)
    lazy("SUBSCRIBE", "news")
    assert c.pipeline(*[["PUBLISH", "news", "x" * 10_000]] * 1200)[-1] == 1
    no_longer_there(c, who)


@pytest.mark.hark_only("RESP2 clients of Redis 7.0 get such messages at once")
@pytest.mark.memory(50 + 32 + 32)
@pytest.mark.parametrize("echo", ["PUBLISH", "EXEC"])
def test_messages_to_oneself_that_pile_up(c, connect, echo):
    """What a command makes for the client itself waits for its end; not more than the limit."""
    greedy = connect(3)
    who = identity(greedy)
    for i in range(300 if echo == "PUBLISH" else 1):
        greedy("PSUBSCRIBE", "news" + "*" * i)
    if echo == "PUBLISH":
        greedy.send("PUBLISH", "news", "x" * MB)
    else:
        greedy.send_raw(request("MULTI") + request("PUBLISH", "news", "x" * 1000) * 50_000 +
                        request("EXEC"))
    no_longer_there(c, who)


@pytest.mark.hark_only("Redis counts a MONITOR as a normal client, which has no limit")
@pytest.mark.settings(client_output_buffer_limit=["slave 16mb 0 0"])
@pytest.mark.memory(16 + 32)
def test_monitor_that_does_not_read(c, raw):
    lazy = raw()
    who = identity(lazy)
    lazy("MONITOR")
    for _ in range(40):
        c.pipeline(*[["ECHO", "x" * 10_000]] * 100)
    no_longer_there(c, who)


@pytest.mark.hark_only("Redis prints all of it")
@pytest.mark.memory(400)
def test_monitor_of_huge_requests(c, raw):
    """A line of MONITOR would be four times as long as what it quotes."""
    monitor = raw()
    monitor("MONITOR")
    c("SET", "k", "\0" * (100 * MB))
    line = monitor.line()
    while b'"k"' not in line:  # the bystander's
        line = monitor.line()
    assert line.endswith(b'\\x00"... (104595456 more bytes)')
    assert len(line) < 2 * MB
    c("DEL", *["x" * 1000] * 10_000)
    while b"DEL" not in line:
        line = monitor.line()
    assert line.endswith(b" more words)") and len(line) < 2 * MB


@pytest.mark.memory(24)
def test_slow_reader_gets_everything(c, raw):
    """Slow is not hostile: below the limit nothing is lost."""
    slow = raw()
    slow("SUBSCRIBE", "news")
    for i in range(20):
        c.pipeline(*[["PUBLISH", "news", f"{i}:{k}:" + "x" * 10_000] for k in range(50)])
    for i, k in itertools.product(range(20), range(50)):
        assert slow.push()[2].startswith(f"{i}:{k}:")
    slow.quiet()


# ---- patterns ----


SLOW_PATTERNS = ["*a" * 12 + "*b", "*?a" * 12 + "*b", "*[a-z]" * 12 + "*b", "*" * 2000 + "b",
                 "*[^b]" * 12 + "b", "a*" * 400 + "b", "*\\a" * 12 + "*b"]


@pytest.mark.memory(32)
@pytest.mark.parametrize("pattern", SLOW_PATTERNS, ids=lambda p: p[:12])
def test_slow_patterns(c, raw, pattern):
    """Patterns on which a matcher that tries everything would work for years."""
    c.pipeline(*(["SET", "a" * 3000 + str(i), "v"] for i in range(200)))
    started = time.monotonic()
    assert c("KEYS", pattern) == []
    assert c("SCAN", "0", "MATCH", pattern, "COUNT", "1000")[1] == []
    ear = raw()
    ear("PSUBSCRIBE", pattern)
    for i in range(100):
        ear.send("SUBSCRIBE", "a" * 3000 + str(i))
    c("CONFIG", "SET", "notify-keyspace-events", "KEA")
    assert c("PUBSUB", "CHANNELS", pattern) == []
    assert c("PUBLISH", "a" * 5000, "m") == 0
    c.pipeline(*(["SET", "a" * 3000 + str(i), "v"] for i in range(200)))
    c("CONFIG", "GET", pattern)
    assert time.monotonic() - started < 8 * FACTOR


@pytest.mark.hark_only("Redis tries every place at full length")
@pytest.mark.memory(40)
@pytest.mark.parametrize("segment", ["a", "?", "[a-c]", "[^b]", "\\a"])
def test_long_patterns_on_long_names(c, raw, segment):
    """Tried place by place, each of these would take minutes."""
    pattern = "*" + segment * (30_000 // len(segment)) + "b*"
    c("SET", "a" * 500_000, "v")
    ear = raw()
    ear("PSUBSCRIBE", pattern)
    started = time.monotonic()
    assert c("KEYS", pattern) == []
    assert c("PUBLISH", "a" * 500_000, "m") == 0
    assert c("PUBLISH", "a" * 499_999 + "b", "m") == 1
    assert time.monotonic() - started < 5 * FACTOR


@pytest.mark.hark_only("a bound of Hark's own")
def test_pattern_length_is_bounded(c, raw):
    ear = raw()
    assert ear("PSUBSCRIBE", "x" * 65_535 + "*")[0] == "psubscribe"
    assert "pubsub-pattern-bytes-max" in ear.error("PSUBSCRIBE", "x" * 65_536 + "*")
    assert ear("PSUBSCRIBE", "short*")[2] == 2
    assert c("PUBLISH", "x" * 65_536, "m") == 1
    assert ear("SUBSCRIBE", "c" * 1_000_000)[2] == 3  # a channel is no pattern


@pytest.mark.hark_only("a bound of Hark's own")
@pytest.mark.settings(client_subscriptions_max=1000)
def test_number_of_subscriptions_is_bounded(c, raw):
    client = raw()
    for i in range(1000):
        assert client("SUBSCRIBE", f"channel:{i}")[2] == i + 1
    assert "client-subscriptions-max" in client.error("PSUBSCRIBE", "more:*")
    c("CONFIG", "SET", "client-subscriptions-max", 1001)
    assert client("PSUBSCRIBE", "more:*")[2] == 1001


@pytest.mark.hark_only("a bound of Hark's own")
@pytest.mark.settings(pubsub_globs_max=3000)
@pytest.mark.memory(32)
def test_number_of_globs_is_bounded(c, raw):
    """Patterns without literal text can only be tried one by one, so there is a bound on them, for
    the whole server; patterns with literal text are not held up by it."""
    first, second = raw(), raw()
    globs = ["?" * i + "*[a-z]" for i in range(3000)]
    for client, part in ((first, globs[:2000]), (second, globs[2000:])):
        replies = client.pipeline(*(["PSUBSCRIBE", glob] for glob in part))
        assert [reply[2] for reply in replies] == list(range(1, len(part) + 1))
    assert "pubsub-globs-max" in second.error("PSUBSCRIBE", "[one]*[more]")
    assert second("PSUBSCRIBE", "literal:*")[2] == 1001
    assert second("PSUBSCRIBE", globs[0])[2] == 1002  # another's, tried anyway
    started = time.monotonic()
    for i in range(30):
        assert c("PUBLISH", f"0:{i}", "m") >= 0
    assert time.monotonic() - started < 3 * FACTOR
    second("PUNSUBSCRIBE", globs[2500])
    assert second("PSUBSCRIBE", "[one]*[more]")[2] == 1002
    first.close()
    eventually(lambda: c("PUBSUB", "NUMPAT") == 1002)
    assert second("PSUBSCRIBE", globs[1])[2] == 1003


# ---- much ----


@pytest.mark.hark_only("Redis has no bound on a transaction")
@pytest.mark.settings(client_query_buffer_limit="8mb")
@pytest.mark.memory(32)
def test_transaction_larger_than_the_query_buffer(c, raw):
    hoarder = raw()
    assert hoarder("MULTI") == "OK"
    assert hoarder("SET", "k", "v") == "QUEUED"
    said, closed = hoarder.say_until_closed(request("SET", "k", "x" * 50_000) * 20, 256 * MB)
    assert closed and said <= 64 * MB
    assert c("EXISTS", "k") == 0


@pytest.mark.memory(160)
def test_long_transaction(raw, c):
    client = raw()
    count = 100_000
    threading.Thread(target=client.say, daemon=True, args=(
        request("MULTI") + request("INCR", "n") * count + request("EXEC"),)).start()
    assert client.reply() == "OK"
    assert all(client.reply() == "QUEUED" for _ in range(count))
    assert client.reply() == list(range(1, count + 1))
    assert c("GET", "n") == str(count)


@pytest.mark.memory(64)
def test_long_pipeline(raw):
    """A hundred thousand requests in one write, answered in order."""
    client = raw()
    data = b"".join(request("ECHO", str(i)) for i in range(100_000))
    threading.Thread(target=client.say, args=(data,), daemon=True).start()
    assert all(client.reply() == str(i) for i in range(100_000))


@pytest.mark.memory(64)
def test_long_pipeline_read_afterwards(raw):
    """As a library does that writes everything before it reads anything."""
    client = raw()
    client.say(b"".join(request("ECHO", str(i) + "x" * 90) for i in range(100_000)))
    assert all(client.reply() == str(i) + "x" * 90 for i in range(100_000))


@pytest.mark.memory(400)
def test_as_many_words_as_there_may_be(raw, c):
    client = raw()
    most = 1024 * 1024
    client.say(b"*%d\r\n$4\r\nMGET\r\n" % most + b"$1\r\nk\r\n" * (most - 1))
    assert client.reply() == [None] * (most - 1)
    client.say(b"*%d\r\n$3\r\nDEL\r\n" % most + b"$1\r\nk\r\n" * (most - 1))
    assert client.reply() == 0
    assert c("PING") == "PONG"


@pytest.mark.parametrize("size", [0, 1, 65_534, 65_535, 65_536, 65_537, 1_000_000])
def test_sizes_of_keys_and_values(c, size):
    key, value = "k" * size, "v" * size
    assert c("SET", key, value) == "OK"
    assert c("GET", key) == value
    assert c("STRLEN", key) == size
    assert c("APPEND", key, value) == 2 * size
    assert c("RENAME", key, "other") == "OK"
    assert c("GETRANGE", "other", 0, -1) == value * 2
    assert c("COPY", "other", key) == 1
    assert c("DEL", key, "other") == 2


@pytest.mark.memory(700)
def test_hundred_megabytes_in_and_out(raw, c):
    client = raw()
    client.binary = True
    client.socket.settimeout(60)
    value = random.Random(1).randbytes(MB) * 100
    assert client("SET", "large", value) == "OK"
    assert client("STRLEN", "large") == len(value)
    assert client("APPEND", "large", b"end") == len(value) + 3
    client.send("GET", "large")
    assert client.line() == b"$%d" % (len(value) + 3)
    parts, left = [bytes(client.buffer)], len(value) + 5 - len(client.buffer)
    client.buffer.clear()
    while left:
        parts.append(client.socket.recv(min(left, 1 << 20)))
        left -= len(parts[-1])
    assert b"".join(parts) == value + b"end\r\n"
    assert client("SETRANGE", "large", 50 * MB, b"!") == len(value) + 3
    assert client("GETRANGE", "large", 50 * MB - 1, 50 * MB + 1) == b"%c!%c" % (
        value[-1], value[1])
    assert client("DEL", "large") == 1


TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"


@pytest.mark.parametrize("words, error", [
    ("SETRANGE k 536870912 x", TOO_LONG),
    ("SETRANGE k 536870911 xy", TOO_LONG),
    ("SETRANGE k 9223372036854775807 x", TOO_LONG),
    ("SETRANGE k 9223372036854775808 x", "ERR value is not an integer or out of range"),
    ("SETRANGE k -1 x", "ERR offset is out of range"),
    ("SETBIT k 4294967296 1", "ERR bit offset is not an integer or out of range"),
    ("SETBIT k -1 1", "ERR bit offset is not an integer or out of range"),
    ("SETBIT k 9223372036854775807 1", "ERR bit offset is not an integer or out of range"),
    ("GETBIT k 4294967296", "ERR bit offset is not an integer or out of range"),
    ("BITFIELD k SET u8 4294967296 1", "ERR bit offset is not an integer or out of range"),
    ("BITFIELD k SET u8 #536870912 1", "ERR bit offset is not an integer or out of range"),
    ("BITFIELD k SET u8 #9223372036854775807 1",
     "ERR bit offset is not an integer or out of range"),
    ("BITFIELD k SET u64 0 1", "ERR Invalid bitfield type"),
    ("BITFIELD k SET i65 0 1", "ERR Invalid bitfield type"),
    ("BITFIELD k SET u0 0 1", "ERR Invalid bitfield type"),
], ids=lambda v: v[:40])
def test_string_that_would_be_too_long(c, words, error):
    assert c.error(*words.split()).startswith(error)
    assert c("EXISTS", "k") == 0


@pytest.mark.parametrize("words, reply", [
    ("GETRANGE k 9223372036854775806 9223372036854775807", ""),
    ("GETRANGE k -9223372036854775808 9223372036854775807", "value"),
    ("GETRANGE k 9223372036854775807 -9223372036854775808", ""),
    ("GETBIT k 4294967295", 0),
    ("BITCOUNT k -9223372036854775808 9223372036854775807", 21),
    ("BITPOS k 0 9223372036854775807", -1),
    ("SETRANGE none 536870911 ", 0),
    ("SCAN 18446744073709551615 COUNT 9223372036854775807", ["0", []]),
    ("OBJECT FREQ none", None),
])
def test_far_offsets(c, words, reply):
    c("SET", "k", "value")
    c.send(*words.split(" "))
    found = c.reply()
    if reply is not None:
        assert found == reply


@pytest.mark.settings(proto_max_bulk_len="1mb")
@pytest.mark.memory(16)
def test_bulk_limit_holds_for_what_grows(c, raw):
    assert c("SET", "k", "x" * (MB - 10)) == "OK"
    assert c.error("APPEND", "k", "x" * 11).startswith(TOO_LONG)
    assert c("APPEND", "k", "x" * 10) == MB
    assert c.error("SETRANGE", "k", MB, "x").startswith(TOO_LONG)
    large = raw()
    large.say(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048577\r\n")
    assert large.rest() == b"-ERR Protocol error: invalid bulk length\r\n"


@pytest.mark.memory(64)
def test_common_subsequence_of_long_strings(c):
    """Its table would take 40 GB."""
    c.pipeline(["SET", "a", "a" * 100_000], ["SET", "b", "b" * 100_000])
    assert "Insufficient memory" in c.error("LCS", "a", "b")
    assert "Insufficient memory" in c.error("LCS", "a", "b", "LEN")


# ---- the end ----


def test_quit_in_a_pipeline(raw, c):
    """What follows it is not done."""
    leaver = raw()
    leaver.say(b"SET a 1\r\nQUIT\r\nSET b 1\r\n")
    assert leaver.rest() == b"+OK\r\n+OK\r\n"
    assert c("EXISTS", "a", "b") == 1


def test_quit_with_much_behind_it(raw):
    leaver = raw()
    leaver.say(b"PING\r\nQUIT\r\n" + b"PING\r\n" * 5)
    assert leaver.rest() == b"+PONG\r\n+OK\r\n"


@pytest.mark.memory(24)  # the value, on its way to the journal, and out
def test_last_replies_are_sent_before_the_end(raw, c):
    """QUIT behind a reply that takes many turns to leave."""
    c("SET", "k", "x" * (8 * MB))
    leaver = raw()
    leaver.say(b"GET k\r\nQUIT\r\n")
    assert len(leaver.rest()) == 8 * MB + len("$8388608\r\n\r\n+OK\r\n")
