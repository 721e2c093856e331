"""Lists, and clients that wait for them.

Values are of a few kinds: short ones, of which many fit a node; some that fill one with a few; and
now and then one that no node can hold.
"""

from ..steps import Batch, Waiting
from ..words import (
    ANY_KEY, BORDER, COUNT, INDEX, JUNK, KEY, LIST_KEY, NOT_A_NUMBER, SMALL_VALUE, VALUE, decimal,
    maybe, mixed, phrase, pick, some,
)  # fmt: skip

LIST = mixed((14, LIST_KEY), (1, ANY_KEY))
_FEW = lambda g: b"%d" % int(g.random() * 12)
_FILLING = lambda g: b"%x" % int(g.random() * 16) * int(300 + g.random() * 2000)
_LARGE = lambda g: b"%x" % int(g.random() * 16) * int(6000 + g.random() * 5000)
ELEMENT = mixed((24, _FEW), (6, SMALL_VALUE), (4, VALUE), (2, _FILLING), (1, _LARGE))
END = mixed((9, pick(b"LEFT", b"RIGHT")), (9, pick(b"left", b"Right")), (1, JUNK))
SIDE = mixed((12, pick(b"BEFORE", b"AFTER", b"before", b"After")), (1, JUNK))
KEYS = mixed(
    (6, phrase(b"1", LIST)), (6, phrase(b"2", LIST, LIST)), (3, phrase(b"3", LIST, LIST, LIST)),
    (1, phrase(mixed((1, BORDER), (1, NOT_A_NUMBER)), LIST)),
)  # fmt: skip
HOW_MANY = maybe(0.5, b"COUNT", COUNT)
# A moment: whoever finds nothing waits that long. What is past all clocks Redis 7.0 words oddly.
MOMENT = mixed((12, pick(b"0.001", b"0.0005", b"1e-3", b"0x0.01")),
               (1, pick(b"-1", b"-0.5e3", b"abc", b"", b" 1", b"nan")))  # fmt: skip


def _many(count):
    return lambda g: [_FEW(g) for _ in range(int(count * g.random() ** 2))]


_BLOCKING = [
    (2, pick(b"BLPOP", b"BRPOP"), some(LIST, 1, 3)),
    (1, b"BLMOVE", LIST, LIST, END, END),
    (1, b"BRPOPLPUSH", LIST, LIST),
]


def _blocking(timeout):
    """The templates of all blocking commands; their timeout is the last word, or the first."""
    last = [(weight, *parts, timeout) for weight, *parts in _BLOCKING]
    return last + [(1, b"BLMPOP", timeout, KEYS, END, HOW_MANY)]


TEMPLATES = [
    (8, b"RPUSH", LIST, some(ELEMENT, 1, 6)),
    (8, b"LPUSH", LIST, some(ELEMENT, 1, 6)),
    (1, pick(b"RPUSH", b"LPUSH"), LIST_KEY, _FEW, _many(1500)),
    (2, pick(b"RPUSHX", b"LPUSHX"), LIST, some(ELEMENT, 1, 3)),
    (5, pick(b"RPOP", b"LPOP"), LIST),
    (3, pick(b"RPOP", b"LPOP"), LIST, COUNT),
    (0.4, pick(b"RPOP", b"LPOP"), LIST, decimal(100, 2000)),
    (2, b"LLEN", LIST),
    (4, b"LRANGE", LIST, INDEX, INDEX),
    (1, b"LRANGE", LIST, b"0", b"-1"),
    (0.5, b"LRANGE", LIST, decimal(-2000, 2000), decimal(-2000, 2000)),
    (3, b"LINDEX", LIST, INDEX),
    (1, b"LINDEX", LIST, decimal(-2000, 2000)),
    (4, b"LSET", LIST, INDEX, ELEMENT),
    (1, b"LSET", LIST, decimal(-2000, 2000), ELEMENT),
    (5, b"LINSERT", LIST, SIDE, ELEMENT, ELEMENT),
    (3, b"LREM", LIST, mixed((8, decimal(-4, 4)), (1, BORDER), (1, NOT_A_NUMBER)), ELEMENT),
    (1, b"LTRIM", LIST, INDEX, INDEX),
    (1, b"LTRIM", LIST, decimal(0, 50), decimal(-50, 2000)),
    (3, b"LPOS", LIST, ELEMENT, maybe(0.4, b"RANK", decimal(-4, 4)),
     maybe(0.4, b"COUNT", decimal(-1, 5)), maybe(0.2, b"MAXLEN", decimal(-1, 50))),
    (0.5, b"LPOS", LIST, ELEMENT, pick(b"RANK", b"COUNT", b"MAXLEN", b"bogus"),
     mixed((3, decimal(-30, 30)), (1, NOT_A_NUMBER))),
    (4, b"LMOVE", LIST, LIST, END, END),
    (2, b"RPOPLPUSH", LIST, LIST),
    (3, b"LMPOP", KEYS, END, HOW_MANY),
    (0.3, b"LMPOP", KEYS, END, HOW_MANY, HOW_MANY),
    (1, b"DEL", LIST_KEY),
    (0.5, b"COPY", LIST_KEY, phrase(LIST_KEY, b"REPLACE")),
    (0.5, b"RENAME", LIST_KEY, LIST_KEY),
    (0.5, b"OBJECT", b"ENCODING", LIST_KEY),
    (0.3, b"TYPE", LIST),
    (0.2, b"SET", LIST_KEY, SMALL_VALUE),
    (0.2, b"RPUSH", KEY, ELEMENT),
] + [(weight / 4, *parts) for weight, *parts in _blocking(MOMENT)]  # fmt: skip

# Nodes of few elements, or large ones; what lies between them pressed, or not.
OUTSIDE_MULTI = [
    (0.3, b"CONFIG", b"SET", b"list-max-listpack-size", pick(b"-2", b"-2", b"-1", b"1", b"3", b"20")),
    (0.3, b"CONFIG", b"SET", b"list-compress-depth", pick(b"0", b"0", b"1", b"2")),
]

_WAITS = [parts for weight, *parts in _blocking(b"0") for _ in range(weight)]
_BRINGS = [
    (b"RPUSH", LIST_KEY, some(_FEW, 1, 4)),
    (b"LPUSH", LIST_KEY, some(_FEW, 1, 4)),
    (b"RPUSH", LIST_KEY, _FEW),
    (b"LMOVE", LIST_KEY, LIST_KEY, b"LEFT", b"RIGHT"),
    (b"LINSERT", LIST_KEY, b"BEFORE", _FEW, _FEW),
    (b"LPOP", LIST_KEY),
    (b"DEL", LIST_KEY),
    (b"SET", LIST_KEY, b"no list"),
    (b"RENAME", LIST_KEY, LIST_KEY),
    (b"COPY", LIST_KEY, LIST_KEY, b"REPLACE"),
    (b"MOVE", LIST_KEY, b"1"),
    (b"LRANGE", LIST_KEY, b"0", b"-1"),
]  # fmt: skip


def _draw(g, table):
    return g.fill(table[int(g.random() * len(table))])


def waited(g):
    """Clients wait, another one brings something, by single commands or in a transaction."""
    free = g.free_actors()
    if len(free) < 2:
        return
    pusher, *waiters = free
    for actor in free:
        yield Batch(actor, [[b"SELECT", b"0"]])
    if g.random() < 0.7:
        yield Batch(pusher, [[b"DEL"] + g.fill((some(LIST_KEY, 3, 6),))])
    waits = [(actor, _draw(g, _WAITS)) for actor in waiters]
    brings = [_draw(g, _BRINGS) for _ in range(1 + int(g.random() * 5))]
    if g.random() < 0.4:
        brings = [[b"MULTI"]] + brings + [[b"EXEC"]]
    yield Waiting(waits, pusher, brings)


def swapped(g):
    """What they wait for comes from another database; one key only, for Redis has those that a
    SWAPDB brings in the order of a hash table."""
    free = g.free_actors()
    if len(free) < 2:
        return
    pusher, *waiters = free
    key = LIST_KEY(g)
    for actor in free:
        yield Batch(actor, [[b"SELECT", b"0"]])
    push = g.fill((b"RPUSH", key, some(_FEW, 1, 4)))
    yield Batch(pusher, [[b"DEL", key], [b"SELECT", b"1"], push, [b"SELECT", b"0"]])
    yield Waiting([(actor, [b"BLPOP", key, b"0"]) for actor in waiters], pusher,
                  [[b"SWAPDB", b"0", b"1"]])


SCENARIOS = [(4, waited), (1, swapped)]
INVENTORY = (b"LRANGE", b"0", b"-1")
