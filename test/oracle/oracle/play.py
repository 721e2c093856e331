"""Plays a program on both servers and compares what comes back.

    program ── step ──▶ actor i of the left server ──▶ stream of replies ─┐
                   └──▶ actor i of the right server ─▶ stream of replies ─┴▶ compared
                          ... then PUBLISH of a mark by `control`, and what the
                              observers of each server heard up to that mark is compared

One step at a time, on one connection at a time: the order of all commands is fixed, so every
message is, too. What a subscribed actor is sent meanwhile lies in its socket until its next step
(or the end), where it stands before the replies.

The end of a stream is known by the answer to a last PING with a unique text, or, where that would
be queued by MULTI, by the number of replies.
"""

import itertools
import time

import differences

from .resp import Connection, ProtocolError, Silence, encode, parse, plain, split
from .rules import Observation, allowed
from .state import Tracker
from .steps import Batch, Draw, Pause, RandomKey, Scan, Stranger, Waiting, show

ACTORS = (2, 3, 2, 3, 2)  # the protocol that each actor starts with
SYNC_CHANNEL = b"oracle:sync"


class Difference(Exception):
    """The servers differ. `at` is the step, `within` the command of that step (or None)."""

    def __init__(self, signature, left, right, within=None):
        super().__init__(signature)
        self.signature, self.left, self.right = signature, left, right
        self.within, self.at = within, None


class _Side:
    """All connections to one server, freshly opened on an empty, quiet server."""

    def __init__(self, server, timeout_s):
        self.server, self.timeout_s = server, timeout_s
        self.open = []
        try:
            self.control = self.connect(2)
            self._wait_until_quiet()
            self.control.call("FLUSHALL")
            self.control.call("CONFIG", "SET", "notify-keyspace-events", "")
            self.control.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")
            self.actors = [self.connect(proto) for proto in ACTORS]
            self.observers = [self._all_hearing(), self._twice_hearing()]
        except BaseException:
            self.close()
            raise

    def connect(self, proto):
        try:
            connection = Connection(self.server.port, self.timeout_s)
        except OSError as why:
            raise Silence(f"connect: {why}") from why
        self.open.append(connection)
        if proto == 3:
            connection.call("HELLO", "3")
        return connection

    def _wait_until_quiet(self):
        """Subscriptions of closed connections go away a moment later."""
        asks = ("CHANNELS",), ("SHARDCHANNELS",), ("NUMPAT",)
        for _ in range(500):
            if not any(plain(self.control.call("PUBSUB", *ask)) for ask in asks):
                return
            time.sleep(0.002)
        raise Silence("subscriptions of closed connections stay")

    def _all_hearing(self):
        observer = self.connect(3)
        observer.call("PSUBSCRIBE", "*")
        return observer

    def _twice_hearing(self):
        """Hears some messages by exact channel and by pattern: exact subscriptions come first.
        One pattern only, because patterns among each other have no order in Redis."""
        observer = self.connect(2)
        for channel in (SYNC_CHANNEL, b"__keyevent@0__:set", b"__keyspace@0__:a", b"news"):
            observer.call("SUBSCRIBE", channel)
        observer.call("PSUBSCRIBE", "__key*t@*__:*e*")
        return observer

    def close(self):
        for connection in self.open:
            connection.close()


def _in_order_of_patterns(messages):
    """One message of PUBLISH reaches a client once per matching pattern, in the order of a hash
    table: sort such runs."""

    def published(message):
        words = plain(parse(message))
        return words[2:] if words[0] == b"pmessage" else itertools.count()

    result = []
    for _, run in itertools.groupby(messages, published):
        result += sorted(run)
    return result


class Player:
    """Plays one program. Raises Difference at the first difference; close it in any case."""

    def __init__(self, pair, timeout_s=10.0):
        self.pair, self.timeout_s = pair, timeout_s
        self.sides = []
        self.trackers = [Tracker(proto) for proto in ACTORS]
        self.marks = itertools.count()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for side in self.sides:
            side.close()

    def play(self, steps):
        at = 0
        try:
            for server in self.pair.both():
                self.sides.append(self._or_differ(_Side, server, self.timeout_s))
            for at, step in enumerate(steps):
                _PLAYERS[type(step)](self, step)
            for actor in range(len(ACTORS)):
                self._batch(Batch(actor, [[b"DISCARD"]] if self.trackers[actor].in_multi else []))
        except Difference as found:
            found.at = at
            raise

    @staticmethod
    def _or_differ(action, *args):
        try:
            return action(*args)
        except Silence as silence:
            raise Difference("connection lost", silence.why, "") from silence

    def _exchange(self, connections, payloads, read, command=None):
        """Sends to both, reads from both. Streams (left, right)."""
        streams, silences = [], []
        for side, (connection, payload) in enumerate(zip(connections, payloads)):
            try:
                connection.send(payload)
            except Silence as silence:
                silences.append((side, silence))
        for side, connection in enumerate(connections):
            try:
                streams.append(read(connection))
            except (Silence, ProtocolError) as problem:
                silences.append((side, problem))
                streams.append(getattr(problem, "got", b""))
        if silences:
            said = ["answered", "answered"]
            for side, problem in reversed(silences):
                said[side] = f"{problem}; until then {len(streams[side])} bytes"
            self._compare_as_far(command, streams)
            raise Difference("silence", *said)
        return streams

    def _compare_as_far(self, step, streams):
        """After a silence: which command was the first without an equal answer?"""
        if not isinstance(step, Batch):
            return
        try:
            self._compare(step.commands, self.notes, *streams)
        except ProtocolError:
            return
        except Difference as found:
            found.signature = "silence at " + found.signature
            raise

    # Steps

    def _batch(self, step):
        tracker = self.trackers[step.actor]
        self.notes = notes = [tracker.note(args) for args in step.commands]
        payload = b"".join(map(encode, step.commands))
        if tracker.in_multi:
            count = sum(replies for _, replies in notes)

            def read(connection):
                return connection.read_replies(count)
        else:
            mark = b"ping-%d" % next(self.marks)
            payload += encode([b"PING", mark])
            tail = b"\r\n" + mark + b"\r\n"

            def read(connection):
                return connection.read_to(tail)

        connections = [side.actors[step.actor] for side in self.sides]
        left, right = self._exchange(connections, (payload, payload), read, step)
        if left != right:
            self._compare(step.commands, notes, left, right)
        self._sync(step)

    def _scan(self, step):
        if self._refuses(step.actor):
            return
        found = [self._scan_side(side.actors[step.actor], step) for side in self.sides]
        if found[0] != found[1]:
            raise Difference(f"reply: {step.command[0].decode()}", *map(repr, found), within=0)
        self._sync(step, ordered=False)

    def _refuses(self, actor):
        """Probes need a connection that answers at once, and nothing else in its stream."""
        tracker = self.trackers[actor]
        if tracker.in_multi or tracker.restricted:
            return True
        self._batch(Batch(actor, []))
        return False

    def _ask(self, connection, *commands):
        """Replies of one side, parsed; a silence is a difference in itself."""
        try:
            connection.send(b"".join(map(encode, commands)))
            replies, _, _ = split(connection.read_replies(len(commands)))
        except Silence as silence:
            raise Difference(f"silence at {show(commands[0])}", silence.why, "") from silence
        return [parse(reply) for reply in replies]

    def _scan_side(self, connection, step):
        cursor, keys = b"0", set()
        for _ in range(5000):
            [(kind, value)] = self._ask(connection, [*step.command, cursor] + step.options)
            if kind != "*" or len(value) != 2:
                return kind, value
            cursor = value[0][1]
            keys.update(plain(value[1]))
            if cursor == b"0":
                return sorted(keys)
        return "never comes to an end"

    def _draw(self, step):
        if self._refuses(step.actor):
            return
        told = [self._draw_side(side.actors[step.actor], step.args) for side in self.sides]
        if told[0] != told[1]:
            raise Difference(f"reply: {_name(step.args)}", *map(repr, told), within=0)
        self._sync(step)

    def _draw_side(self, connection, args):
        """What can be told of a draw without knowing the lot."""
        look = [b"SMEMBERS", args[1]]
        (kind, before), (drawn_kind, drawn) = self._ask(connection, look, args)
        if kind == "-" or drawn_kind == "-":
            return kind, drawn_kind, drawn
        [after] = self._ask(connection, look)
        members, rest = set(plain((kind, before))), set(plain(after))
        lots = plain((drawn_kind, drawn)) if drawn_kind in "*~" else [drawn] * (drawn is not None)
        if members:
            self._ask(connection, [b"DEL", args[1]], [b"SADD", args[1]] + sorted(members))
        pops, again = args[0].upper() == b"SPOP", args[-1].startswith(b"-")
        return (
            drawn_kind, drawn is None, len(lots), sorted(members), "all were in:",
            set(lots) <= members, "once each:", again or len(set(lots)) == len(lots),
            "the rest is there:", rest == (members - set(lots) if pops else members),
        )  # fmt: skip

    def _random_key(self, step):
        if self._refuses(step.actor):
            return
        ask = [b"MULTI"], [b"RANDOMKEY"], [b"KEYS", b"*"], [b"EXEC"]
        keys = []
        for side in self.sides:
            answer = plain(self._ask(side.actors[step.actor], *ask)[-1])
            if isinstance(answer, list) and answer[0] in (answer[1] or [None]):
                answer = sorted(answer[1])
            keys.append(answer)
        if keys[0] != keys[1]:
            raise Difference("reply: RANDOMKEY", *map(repr, keys), within=0)
        self._sync(step)

    def _pause(self, step):
        time.sleep(step.ms / 1000)

    def _waiting(self, step):
        actors = [actor for actor, _ in step.waits] + [step.actor]
        if any(self._refuses(actor) for actor in actors):
            return
        ids = [[self._begin_to_wait(side, actor, args) for actor, args in step.waits]
               for side in self.sides]
        self._batch(Batch(step.actor, step.commands))
        for side, waiting in zip(self.sides, ids):
            for client in waiting:
                self._ask(side.control, [b"CLIENT", b"UNBLOCK", client])
        for actor, args in step.waits:
            self._reap(actor, args)
        self._sync(step)

    def _begin_to_wait(self, side, actor, args):
        """Sends the command, and comes back when the server has taken it up."""
        connection = side.actors[actor]
        client = b"%d" % self._ask(connection, [b"CLIENT", b"ID"])[0][1]
        connection.send(encode(args))
        until = time.monotonic() + self.timeout_s
        while True:
            listed = plain(self._ask(side.control, [b"CLIENT", b"LIST", b"ID", client])[0])
            if b" cmd=client|id " not in listed:
                return client
            if time.monotonic() > until:
                raise Difference(f"silence at {show(args)}", "it was not taken up", "")

    def _reap(self, actor, args):
        """What a client got that waited."""
        note = self.trackers[actor].note(args)
        mark = b"ping-%d" % next(self.marks)
        tail = b"\r\n" + mark + b"\r\n"
        connections = [side.actors[actor] for side in self.sides]
        payload = encode([b"PING", mark])
        left, right = self._exchange(connections, (payload, payload), lambda c: c.read_to(tail))
        if left != right:
            self._compare([args], [note], left, right)

    def _stranger(self, step):
        connections = [self._or_differ(side.connect, 2) for side in self.sides]
        for piece in step.pieces[:-1]:
            for connection in connections:
                self._or_differ(connection.send, piece)
            time.sleep(0.001)
        last = step.pieces[-1]
        left, right = self._exchange(connections, (last, last), Connection.read_eof)
        for connection in connections:
            connection.close()
        if left != right:
            raise Difference("stream of a short connection", repr(left), repr(right), within=0)
        self._sync(step)

    # Comparison

    def _compare(self, commands, notes, left, right):
        left, left_messages, _ = split(left)
        right, right_messages, _ = split(right)
        at = 0
        for index, (args, (rule, count)) in enumerate(zip(commands, notes)):
            a, b = left[at : at + count], right[at : at + count]
            at += count
            if a != b:
                if len(a) == len(b) == count:
                    if allowed(args, rule, list(map(parse, a)), list(map(parse, b))):
                        continue
                raise Difference(f"reply: {_name(args)}", _text(a), _text(b), within=index)
        if left[at:] != right[at:] or len(left) > at + 1:
            raise Difference("number of replies", _text(left[at:]), _text(right[at:]))
        if left_messages != right_messages:
            self._compare_messages(left_messages, right_messages)

    def _compare_messages(self, left, right):
        frames = [[frame for _, frame in side] for side in (left, right)]
        if frames[0] != frames[1]:
            frames = [_in_order_of_patterns(side) for side in frames]
            if frames[0] != frames[1]:
                raise Difference("messages to a client", *_around(_first_unequal(*frames), *frames))
        for (position, frame), (other, _) in zip(left, right):
            if position != other:
                seen = Observation("position", None, position, other)
                if not differences.reason(seen):
                    raise Difference("place of a message", f"after {position} replies: {frame!r}",
                                     f"after {other} replies", within=other)

    def _sync(self, step, ordered=True):
        """Publishes a mark and compares what the observers heard before it."""
        mark = b"sync-%d" % next(self.marks)
        payload = encode([b"PUBLISH", SYNC_CHANNEL, mark])
        tail = b"\r\n" + mark + b"\r\n"
        controls = [side.control for side in self.sides]
        counts = self._exchange(controls, (payload, payload), lambda c: c.read_replies(1))
        for which, _ in enumerate(self.sides[0].observers):
            ears = [side.observers[which] for side in self.sides]
            heard = self._exchange(ears, (b"", b""), lambda c: c.read_to(tail))
            if heard[0] != heard[1]:
                self._compare_heard(heard, ordered)
        if counts[0] != counts[1]:
            raise Difference("receivers of a message", *map(repr, counts))

    @staticmethod
    def _compare_heard(heard, ordered):
        frames = [[frame for _, frame in split(stream)[1]] for stream in heard]
        if not ordered:
            frames = [sorted(side) for side in frames]
        if frames[0] != frames[1] and not _all_meant(*frames):
            at = _first_unequal(*frames)
            events = [_event(side[at]) if at < len(side) else "nothing" for side in frames]
            raise Difference(f"events: {events[0]} for {events[1]}", *_around(at, *frames))


def _all_meant(left, right):
    """Does each pair of messages that differ, differ on purpose?"""
    return len(left) == len(right) and all(
        a == b or differences.reason(Observation("event", None, a, b)) for a, b in zip(left, right)
    )


_PLAYERS = {
    Batch: Player._batch,
    Scan: Player._scan,
    Draw: Player._draw,
    RandomKey: Player._random_key,
    Pause: Player._pause,
    Stranger: Player._stranger,
    Waiting: Player._waiting,
}

_CONTAINERS = frozenset(b"OBJECT CLIENT CONFIG PUBSUB COMMAND MEMORY DEBUG".split())


def _name(args):
    name = args[0].upper()
    words = args[:2] if name in _CONTAINERS else args[:1]
    return b" ".join(words).upper().decode(errors="backslashreplace")[:40]


def _text(frames):
    if not frames:
        return "(nothing)"
    text = " ".join(repr(bytes(frame)) for frame in frames)
    if len(text) > 1500:
        text = f"{text[:1000]} ... {text[-300:]} ({len(text)} characters)"
    return text


def _first_unequal(left, right):
    unequal = (at for at, (a, b) in enumerate(zip(left, right)) if a != b)
    return next(unequal, min(len(left), len(right)))


def _event(message):
    """What a message tells: the event's name, if it is one."""
    *_, channel, payload = plain(parse(message))
    if channel.startswith(b"__keyspace@"):
        return payload.decode(errors="backslashreplace")
    if channel.startswith(b"__keyevent@"):
        return channel.split(b":", 1)[1].decode(errors="backslashreplace")
    return "message"


def _around(at, *sides):
    texts = []
    for side in sides:
        told = [b" ".join(plain(parse(frame))[1:]) for frame in side[max(0, at - 3) : at + 4]]
        texts.append(f"{len(side)} messages, around {at}: " + " | ".join(map(repr, told)))
    return texts
