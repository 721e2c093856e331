"""The events of each command, from the table in event_cases.py, on Hark and on the oracle."""

import os
import time

import event_cases
import pytest
from oracle.resp import Connection, parse, plain, split
from oracle.servers import ORACLE, Server, hark

SYNC = b"the end"
FLAGS = "KEAmn"
FLAGS_NEWER = "KEAmnoc"


class Listening:
    """A server with two clients and one listener."""

    def __init__(self, binary, name):
        self.server = Server(binary, name)
        self.clients = [Connection(self.server.port) for _ in range(2)]
        self.ear = Connection(self.server.port)
        self.ear.call("PSUBSCRIBE", "*")
        self.clients[0].call("DEBUG", "SET-ACTIVE-EXPIRE", 0)

    def close(self):
        for connection in [*self.clients, self.ear]:
            connection.close()
        self.server.stop()

    def reset(self):
        for client in self.clients:
            client.call("RESET")
        self.clients[0].call("FLUSHALL")
        self.flags("")

    def flags(self, flags):
        reply = self.clients[0].call("CONFIG", "SET", "notify-keyspace-events", flags)
        assert reply == ("+", b"OK")

    def run(self, text):
        for command in filter(None, map(str.strip, text.split(";"))):
            client = self.clients[0]
            if command.startswith("2> "):
                client, command = self.clients[1], command[3:]
            args = [word(text) for text in command.split()]
            if args[0] == b"wait":
                time.sleep(int(args[1]) / 1000)
            else:
                client.call(*args)

    def heard(self):
        """[(channel, payload)] since the last time."""
        self.clients[1].call("PUBLISH", "sync", SYNC)
        stream = self.ear.read_to(b"\r\n" + SYNC + b"\r\n")
        return [tuple(plain(parse(frame))[2:]) for _, frame in split(stream)[1]][:-1]


def word(text):
    return b"" if text == '""' else text.encode().decode("unicode_escape").encode("latin1")


def expected(text):
    """The messages of a list of events: keyspace before keyevent."""
    messages = []
    for event in filter(None, map(str.strip, text.split(", "))):
        name, *rest = event.split(" ")
        if name == "say":
            messages.append((word(rest[0]), word(rest[1])))
            continue
        name, _, db = name.partition("@")
        key = word(rest[0])
        messages.append((b"__keyspace@%s__:%s" % (db.encode() or b"0", key), name.encode()))
        messages.append((b"__keyevent@%s__:%s" % (db.encode() or b"0", name.encode()), key))
    return messages


@pytest.fixture(scope="module")
def on_hark():
    listening = Listening(hark(), "hark")
    yield listening
    listening.close()


@pytest.fixture(scope="module")
def on_redis():
    if not os.path.exists(ORACLE):
        pytest.skip("the oracle, redis-server, is not installed")
    listening = Listening(ORACLE, "redis")
    yield listening
    listening.close()


@pytest.fixture(params=["hark", "redis"])
def on_both(request):
    on = request.getfixturevalue(f"on_{request.param}")
    on.reset()
    return on


def table(cases):
    return [
        pytest.param(before, watched, events, id=f"{group}: {title}")
        for group, rows in cases.items()
        for title, before, watched, events in rows
    ]


def check(on, flags, before, watched, events):
    on.run(before)
    on.heard()
    on.flags(flags)
    on.run(watched)
    assert on.heard() == expected(events)


@pytest.mark.parametrize("before, watched, events", table(event_cases.BOTH))
def test_events(on_both, before, watched, events):
    check(on_both, FLAGS, before, watched, events)


@pytest.mark.parametrize("before, watched, events", table(event_cases.HARK))
def test_events_newer_than_the_oracle(on_hark, before, watched, events):
    on_hark.reset()
    check(on_hark, FLAGS_NEWER, before, watched, events)


@pytest.mark.parametrize("flags, canonical", event_cases.FLAGS_BOTH)
def test_flags_read_back_in_canonical_order(on_both, flags, canonical):
    on_both.flags(flags)
    assert flags_of(on_both) == canonical


@pytest.mark.parametrize("flags", event_cases.FLAGS_HARK)
def test_flags_lose_nothing(on_hark, flags):
    on_hark.reset()
    on_hark.flags(flags)
    assert sorted(flags_of(on_hark)) == sorted(flags)


def flags_of(on):
    return plain(on.clients[0].call("CONFIG", "GET", "notify-keyspace-events"))[1].decode()


def test_unknown_flag_changes_nothing(on_both):
    on_both.flags("Ex")
    kind, text = on_both.clients[0].call("CONFIG", "SET", "notify-keyspace-events", "KEAq")
    assert kind == "-"
    assert text.startswith(b"ERR CONFIG SET failed (possibly related to argument "
                           b"'notify-keyspace-events') - Invalid event class character.")  # fmt: skip
    assert flags_of(on_both) == "xE"


@pytest.mark.parametrize("flags, channels", [
    ("K$", [b"__keyspace@0__:a"]),
    ("E$", [b"__keyevent@0__:set"]),
    ("KEg", []),
    ("A", []),
    ("K$n", [b"__keyspace@0__:a", b"__keyspace@0__:a"]),
])  # fmt: skip
def test_families_and_classes(on_both, flags, channels):
    on_both.flags(flags)
    on_both.run("SET a 1")
    assert [channel for channel, _ in on_both.heard()] == channels


def test_a_copy_per_subscription_exact_ones_first(on_both):
    on_both.flags("KEA")
    ear = Connection(on_both.server.port)
    ear.call("PSUBSCRIBE", "__keyevent@0__:s*")
    ear.call("SUBSCRIBE", "__keyevent@0__:set")
    on_both.clients[0].call("SET", "a", "1")
    first, second = [plain(parse(frame)) for _, frame in split(read_frames(ear, 2))[1]]
    assert first == [b"message", b"__keyevent@0__:set", b"a"]
    assert second == [b"pmessage", b"__keyevent@0__:s*", b"__keyevent@0__:set", b"a"]
    ear.close()


def test_copies_for_several_patterns(on_both):
    on_both.flags("KEA")
    ear = Connection(on_both.server.port)
    ear.call("PSUBSCRIBE", "__keyevent@0__:*")
    ear.call("PSUBSCRIBE", "__key*")
    ear.call("SUBSCRIBE", "__keyevent@0__:set")
    on_both.clients[0].call("SET", "a", "1")
    messages = [plain(parse(frame)) for _, frame in split(read_frames(ear, 4))[1]]
    assert messages[:2] == [[b"pmessage", b"__key*", b"__keyspace@0__:a", b"set"],
                            [b"message", b"__keyevent@0__:set", b"a"]]  # fmt: skip
    assert sorted(message[1] for message in messages[2:]) == [b"__key*", b"__keyevent@0__:*"]
    ear.close()


def read_frames(connection, count):
    """The stream until so many messages are there."""
    got = b""
    while len(split(got)[1]) < count:
        got += connection.socket.recv(4096)
    return got


def test_own_events_follow_the_reply(on_hark):
    """As Redis 7.2 and newer; Redis 7.0 pushes first."""
    on_hark.reset()
    on_hark.flags("KEAn")
    client = Connection(on_hark.server.port)
    client.call("HELLO", 3)
    client.call("PSUBSCRIBE", "__keyevent*")
    client.send(b"SET a 1\r\nMULTI\r\nSET a 2\r\nINCR a\r\nEXEC\r\nPING end\r\n")
    replies, messages, _ = split(client.read_to(b"$3\r\nend\r\n"))
    assert replies == [b"+OK\r\n", b"+OK\r\n", b"+QUEUED\r\n", b"+QUEUED\r\n",
                       b"*2\r\n+OK\r\n:3\r\n", b"$3\r\nend\r\n"]  # fmt: skip
    events = [(place, plain(parse(frame))[2].split(b":")[1]) for place, frame in messages]
    assert events == [(1, b"new"), (1, b"set"), (5, b"set"), (5, b"incrby")]
    client.close()


def test_no_keyspace_events_through_sharded_channels(on_both):
    on_both.flags("KEA")
    ear = Connection(on_both.server.port)
    ear.call("SSUBSCRIBE", "__keyevent@0__:set")
    on_both.clients[0].call("SET", "a", "1")
    ear.send(b"PING end\r\n")
    assert b"smessage" not in ear.read_to(b"$3\r\nend\r\n")
    ear.close()
