"""The clients of a crash test: those that write, those that read, those that listen."""

from collections import deque

import story
from wire import Connection, Error, Nil, request


class Writer(Connection):
    """Plays a story over one connection, `depth` steps at once on their way."""

    def __init__(self, address, tale, depth):
        super().__init__(address)
        self.tale, self.depth = tale, depth
        self.steps = []  # of this round, in order
        self.acked = 0  # so many of them were answered in full
        self.waiting = deque()
        self.index = 0  # replies to the first of `waiting` that have come
        self.stopped = False
        self.refused = None  # the error that ended it, where refusals are expected

    def ready(self):
        while not self.stopped and len(self.waiting) < self.depth:
            step = self.tale.step()
            self.steps.append(step)
            self.waiting.append(step)
            self.out += step.payload

    def take(self, value):
        step = self.waiting[0]
        if isinstance(value, Error) and self.refusals(value):
            self.stopped, self.refused = True, value
            self.waiting = deque([step] * 9999)  # what comes now means nothing
            return
        if self.refused:
            return
        story.check_reply(step, self.index, value)
        self.index += 1
        if self.index == step.replies:
            self.index = 0
            self.waiting.popleft()
            self.acked += 1

    @staticmethod
    def refusals(error):
        return error.startswith(("MISCONF", "EXECABORT", "OOM"))


class Reader(Connection):
    """Reads what others count up: what it has seen once must never be undone."""

    def __init__(self, address, writers, rng):
        super().__init__(address)
        self.names = [b"shared"] + [w.tale.prefix + b"n%d" % i for w in writers
                                    for i in range(story.COUNTERS)]
        self.rng = rng
        self.seen = {}
        self.asked = deque()

    def ready(self):
        while len(self.asked) < 3:
            name = self.rng.choice(self.names)
            self.asked.append(name)
            self.out += request(b"GET", name)

    def take(self, value):
        name = self.asked.popleft()
        if value is not Nil and not isinstance(value, Error):
            self.seen[name] = max(self.seen.get(name, 0), int(value))


class Subscriber(Connection):
    """Hears all events of database 0, live."""

    def __init__(self, address):
        super().__init__(address)
        self.socket.setblocking(True)
        self.socket.settimeout(20)
        self.heard = []  # (key, event)
        self.confirmed = False
        self.socket.sendall(request(b"PSUBSCRIBE", b"__keyspace@0__:*"))
        while not self.confirmed:
            self.receive()
            assert not self.gone
        self.socket.setblocking(False)

    def take(self, value):
        if value[0] == b"psubscribe":
            self.confirmed = True
        else:
            self.heard.append((value[2][len(b"__keyspace@0__:") :], value[3]))


class Filler(Connection):
    """Takes the server's memory, by strings of all sizes. It may be refused, and goes on."""

    PREFIX = b"fill:"
    SIZES = (40, 400, 3000, 30_000, 100_000, 300_000, 3_000_000)
    LARGEST_MIN = 3000
    FLIGHT = 400_000  # bytes on their way

    def __init__(self, address, rng):
        super().__init__(address)
        self.address, self.rng = address, rng
        self.largest = rng.choice([s for s in self.SIZES if s >= self.LARGEST_MIN])
        self.made = []  # the size of each value
        self.answered = 0
        self.acked = []

    def reconnect(self):
        """What had no answer will not get one. It was too much at once."""
        super().__init__(self.address)
        self.answered = len(self.made)
        self.largest = self.smaller(self.largest)

    def smaller(self, size):
        return max(self.LARGEST_MIN, self.SIZES[self.SIZES.index(size) - 1])

    def value(self, number):
        return b"%d:" % number + b"f" * self.made[number]

    def ready(self):
        while sum(self.made[self.answered :]) < self.FLIGHT:
            self.made.append(self.rng.choice([s for s in self.SIZES if s <= self.largest]))
            number = len(self.made) - 1
            self.out += request(b"SET", self.PREFIX + b"%d" % number, self.value(number))

    def take(self, value):
        if value == "OK":
            self.acked.append(self.answered)
        else:
            assert isinstance(value, Error) and value.startswith("OOM"), value
            if self.made[self.answered] == self.largest:
                self.largest = self.smaller(self.largest)
        self.answered += 1

    def moment(self):
        self.flush()  # what it says is more than a socket takes at once

    def lost(self, there):
        """Which of those that were acknowledged are not what they were; `there` is all of them."""
        return [n for n in self.acked if there.get(self.PREFIX + b"%d" % n) != self.value(n)]


class Snapper(Connection):
    """Has a snapshot written, somewhere in the middle of the load."""

    def __init__(self, address, rng):
        super().__init__(address)
        self.rng = rng

    def moment(self):
        if not self.gone and self.rng.random() < 0.02:
            self.out += request(b"BGREWRITEAOF")
            self.flush()

    def take(self, value):
        pass  # that one is being written already is an answer too


def identity(id):
    ms, n = id.split(b"-")
    return int(ms), int(n)


def event_of(entry):
    """(id, key, event) of an entry of a view."""
    id, fields = entry
    found = dict(zip(fields[::2], fields[1::2]))
    return identity(id), found[b"key"], found[b"event"]


class ViewReader(Connection):
    """Follows a view by XREAD BLOCK from an id on."""

    VIEW = b"__keyspace@0__:*"

    def __init__(self, address, last, count):
        super().__init__(address)
        self.first = self.last = last
        self.count = count
        self.got = []
        self.asked = False

    def ready(self):
        if not self.asked:
            self.asked = True
            self.out += request(b"XREAD", b"COUNT", self.count, b"BLOCK", 0, b"STREAMS", self.VIEW,
                                b"%d-%d" % self.last)

    def take(self, value):
        self.asked = False
        assert isinstance(value, list), value
        for entry in value[0][1]:
            self.got.append(event_of(entry))
        self.last = self.got[-1][0]


class Worker(Connection):
    """One of a group: reads what is new, acknowledges most of it; first what it had not before."""

    VIEW, GROUP = b"__keyevent@0__:*", b"workers"

    def __init__(self, address, name, rng):
        super().__init__(address)
        self.name, self.rng = name, rng
        self.old = b"0"  # still reads what it had been given, from here
        self.got = []  # (id, key, event), new ones in order of delivery
        self.again = []  # those that were delivered once more
        self.acks = deque()  # ids whose XACK is on its way
        self.acked = set()
        self.asked = deque()

    def ready(self):
        if not self.asked:
            self.asked.append("read")
            blocks = () if self.old != b">" else (b"BLOCK", 0)
            self.out += request(b"XREADGROUP", b"GROUP", self.GROUP, self.name, b"COUNT", 50,
                                *blocks, b"STREAMS", self.VIEW, self.old)

    def take(self, value):
        what = self.asked.popleft()
        assert not isinstance(value, Error), value
        if what == "read":
            self.take_entries([] if value is Nil else value[0][1])
        else:
            self.acked.update(what)

    def take_entries(self, entries):
        if self.old != b">":
            alive = [e for e in entries if e[1] is not Nil]
            self.again += [event_of(e) for e in alive]
            self.old = entries[-1][0] if entries else b">"
        else:
            self.got += [event_of(e) for e in entries]
        ids = [e[0] for e in entries if self.rng.random() < 0.9]
        if ids:
            self.asked.append([identity(i) for i in ids])
            self.out += request(b"XACK", self.VIEW, self.GROUP, *ids)
