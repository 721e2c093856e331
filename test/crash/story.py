"""What a writer does, and what must be true after each step of it.

A writer owns its keys, so what they hold after m of its steps is known exactly; all writers count
up one key together, `shared`, whose replies tell in which order their steps came. A step is one
command or one transaction: it happens as a whole or not at all.
"""

import time

from wire import Error, request

FAR_MS = 10_000_000
VALUES, COUNTERS = 8, 2
SIZES = (0, 1, 5, 5, 30, 30, 90, 90, 300, 300, 600, 5000, 30_000)  # now and then a segment fills


class Finding(AssertionError):
    """Something that must not be; `kind` is how it is counted."""

    def __init__(self, kind, text):
        super().__init__(f"{kind}: {text}")
        self.kind = kind


LOST, GONE, DISORDER, INVENTED = KINDS_OF_FINDINGS = (
    "acknowledged and lost", "events lost", "events out of order", "events invented")


def must(true, kind, text):
    if not true:
        raise Finding(kind, text)


class Step:
    __slots__ = ("payload", "replies", "expected", "changes", "events", "shared", "got_shared")

    def __init__(self, payload, expected, changes, events, shared=0, replies=1):
        self.payload, self.expected = payload, expected
        self.changes = changes  # (key, what it holds then or None)
        self.events = events  # (key, event), in order; without those of `shared`
        self.replies, self.shared = replies, shared
        self.got_shared = None  # what `shared` was counted up to, once it is known


class Held:
    """What a key holds. `lo_ms`: its deadline, or no deadline before that if it is not `exact`."""

    __slots__ = ("value", "lo_ms", "exact")

    def __init__(self, value, lo_ms=None, exact=True):
        self.value, self.lo_ms, self.exact = value, lo_ms, exact

    def __repr__(self):
        return f"{self.value!r}" + (f" until {self.lo_ms}" if self.lo_ms else "")


def now_ms():
    return int(time.time() * 1000)


class Story:
    """Makes the steps of one writer. `ahead` is what its keys hold after all steps made so far."""

    def __init__(self, number, rng):
        self.prefix = b"w%d:" % number
        self.rng = rng
        self.ahead = {}
        self.made = 0

    def step(self):
        self.made += 1
        return self.rng.choice(self.KINDS)(self)

    # -- words

    def key(self):
        return self.prefix + b"v%d" % self.rng.randrange(VALUES)

    def value(self):
        return b"%d:" % self.made + b"x" * self.rng.choice(SIZES)

    def done(self, words, expected, changes, events):
        for key, held in changes:
            self.hold(key, held)
        return Step(request(*words), [expected], changes, events)

    def hold(self, key, held):
        if held is None:
            self.ahead.pop(key, None)
        else:
            self.ahead[key] = held

    # -- kinds of steps

    def set(self):
        key, value = self.key(), self.value()
        return self.done((b"SET", key, value), "OK", [(key, Held(value))], [(key, b"set")])

    def set_until(self):
        key, value, when = self.key(), self.value(), now_ms() + FAR_MS + self.made
        return self.done((b"SET", key, value, b"PXAT", when), "OK", [(key, Held(value, when))],
                         [(key, b"set"), (key, b"expire")])

    def expire(self):
        key, when = self.key(), now_ms() + FAR_MS + self.made
        held = self.ahead.get(key)
        words = (b"PEXPIREAT", key, when)
        if not held:
            return self.done(words, 0, [], [])
        return self.done(words, 1, [(key, Held(held.value, when))], [(key, b"expire")])

    def persist(self):
        key = self.key()
        held = self.ahead.get(key)
        if not held or not held.lo_ms:
            return self.done((b"PERSIST", key), 0, [], [])
        return self.done((b"PERSIST", key), 1, [(key, Held(held.value))], [(key, b"persist")])

    def soon_gone(self):
        """A key that nobody touches again."""
        key, value = self.prefix + b"x%d" % self.made, self.value()
        ms = self.rng.choice((1, 20, 100, 400))
        held = Held(value, now_ms() + ms, exact=False)
        return self.done((b"SET", key, value, b"PX", ms), "OK", [(key, held)],
                         [(key, b"set"), (key, b"expire")])

    def incr(self):
        key = self.prefix + b"n%d" % self.rng.randrange(COUNTERS)
        held = self.ahead.get(key)
        n = int(held.value) + 1 if held else 1
        return self.done((b"INCR", key), n, [(key, Held(b"%d" % n))], [(key, b"incrby")])

    def append(self):
        key, more = self.key(), b"+%d" % self.made
        held = self.ahead.get(key)
        if held and len(held.value) > 600:
            return self.delete()
        value = (held.value if held else b"") + more
        when = held.lo_ms if held else None
        return self.done((b"APPEND", key, more), len(value), [(key, Held(value, when))],
                         [(key, b"append")])

    def set_range(self):
        key, at, part = self.key(), self.rng.randrange(40), b"<%d>" % self.made
        held = self.ahead.get(key)
        old = (held.value if held else b"").ljust(at, b"\0")
        value = old[:at] + part + old[at + len(part) :]
        when = held.lo_ms if held else None
        return self.done((b"SETRANGE", key, at, part), len(value), [(key, Held(value, when))],
                         [(key, b"setrange")])

    def delete(self):
        keys = list({self.key(), self.key(), self.key()})
        there = [k for k in keys if k in self.ahead]
        return self.done((b"DEL", *keys), len(there), [(k, None) for k in there],
                         [(k, b"del") for k in there])

    def set_many(self):
        keys = list({self.key(), self.key(), self.key()})
        pairs = [(k, self.value()) for k in keys]
        words = [w for pair in pairs for w in pair]
        return self.done((b"MSET", *words), "OK", [(k, Held(v)) for k, v in pairs],
                         [(k, b"set") for k in keys])

    def rename(self):
        old, new = self.key(), self.key()
        held = self.ahead.get(old)
        if not held or old == new:
            return self.set()
        return self.done((b"RENAME", old, new), "OK", [(old, None), (new, held)],
                         [(old, b"rename_from"), (new, b"rename_to")])

    def take(self):
        key = self.key()
        held = self.ahead.get(key)
        if not held:
            return self.set()
        return self.done((b"GETDEL", key), held.value, [(key, None)], [(key, b"del")])

    def count_shared(self):
        return Step(request(b"INCR", b"shared"), [None], [], [], shared=1)

    def transaction(self):
        kinds = (Story.set, Story.incr, Story.append, Story.delete, Story.set_until, Story.set_many,
                 Story.rename)
        parts = [self.rng.choice(kinds)(self) for _ in range(self.rng.randrange(1, 5))]
        payload = request(b"MULTI") + b"".join(p.payload for p in parts)
        payload += request(b"INCR", b"shared") + request(b"EXEC")
        replies = [p.expected[0] for p in parts]
        return Step(payload, ["OK"] + ["QUEUED"] * (len(parts) + 1) + [replies + [None]],
                    [c for p in parts for c in p.changes], [e for p in parts for e in p.events],
                    shared=1, replies=len(parts) + 3)

    KINDS = [set, set, set_until, expire, persist, soon_gone, incr, incr, append, append, set_range,
             delete, set_many, rename, take, count_shared, transaction, transaction]


def check_reply(step, index, reply):
    """Is it what it must be? Learns what `shared` was counted up to."""
    expected = step.expected[index]
    assert not isinstance(reply, Error), f"{step.payload!r}: {reply}"
    if step.shared and index == step.replies - 1:
        step.got_shared = reply[-1] if isinstance(reply, list) else reply
        if isinstance(reply, list):
            reply, expected = reply[:-1], expected[:-1]
        else:
            return
    assert reply == expected, f"{step.payload!r}: {reply!r}, not {expected!r}"


def wrong(model, there, now):
    """How what is there (key -> value, deadline or None) differs from the model, or None. Keys that
    could have expired may be gone."""
    for key, held in model.items():
        found = there.get(key)
        if found is None:
            if held.lo_ms is None or held.lo_ms > now:
                return f"{key!r} is gone, held {held}"
            continue
        value, deadline = found
        if value != held.value:
            return f"{key!r} holds {value!r}, not {held}"
        same = deadline == held.lo_ms if held.exact else deadline is not None and \
            held.lo_ms <= deadline
        if not same:
            return f"{key!r} has the deadline {deadline}, not {held.lo_ms}"
    for key in there:
        if key not in model:
            return f"{key!r} is there, though it must not be"
    return None
