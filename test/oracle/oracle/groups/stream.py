"""Streams, groups of consumers, and clients that wait for entries.

Ids are told, not made from the clock. They are few, so that most meet something. As in Redis 7.2, a consumer is made
also by reading or claiming nothing: the groups that are read by chance are made with all their consumers, by a
scenario.
"""

from ..steps import Batch, Waiting
from ..words import (
    ANY_KEY, BORDER, COUNT, JUNK, KEY, NOT_A_NUMBER, SMALL_VALUE, STREAM_KEY, VALUE, decimal, maybe,
    mixed, phrase, pick, some,
)  # fmt: skip

STREAM = mixed((16, STREAM_KEY), (1, ANY_KEY))
GROUP = mixed((12, pick(b"g", b"h")), (1, pick(b"", b"nogroup")))
OTHER_GROUP = pick(b"i", b"j", b"\x00 ")
CONSUMERS = [b"c", b"d", b"e", b""]
CONSUMER = pick(*CONSUMERS)

_RISING = lambda g: b"%d-%d" % (1 + int(g.random() ** 0.3 * 400), int(g.random() * 4))
_SHORT = lambda g: b"%d" % int(g.random() * 400)
ODD_ID = pick(
    b"0-0", b"0-1", b"0", b"-", b"+", b"$", b">", b"", b"abc", b"1-", b"-1", b"1-1-1", b"(1-1", b"*-*",
    b"18446744073709551615-18446744073709551615", b"18446744073709551615", b"18446744073709551616-0",
    b"9223372036854775808-0", b"0-18446744073709551615", b"1-x",
)  # fmt: skip
ID = mixed((20, _RISING), (3, _SHORT), (1, ODD_ID))
NEW_ID = mixed((20, _RISING), (8, lambda g: b"%d-*" % int(g.random() ** 0.3 * 400)), (2, _SHORT), (1, ODD_ID))
# Newer servers refuse what is below the largest id that was deleted.
SET_ID = mixed((8, lambda g: b"70%d-0" % int(g.random() * 10)), (1, pick(b"abc", b"", b"-", b"+", b"1-")))
START = mixed((6, b"-"), (6, ID), (2, lambda g: b"(" + _RISING(g)), (1, ODD_ID))
END = mixed((6, b"+"), (6, ID), (2, lambda g: b"(" + _RISING(g)), (1, ODD_ID))
FIELD = mixed((12, pick(b"f", b"field2")), (1, SMALL_VALUE))
PAIRS = mixed((6, phrase(b"f", SMALL_VALUE, b"g", SMALL_VALUE)), (3, some(phrase(FIELD, SMALL_VALUE), 1, 4)),
              (1, some(phrase(FIELD, VALUE), 1, 3)), (0 + 1, some(SMALL_VALUE, 1, 3)))  # fmt: skip
LENGTH = mixed((12, decimal(0, 40)), (1, BORDER), (1, NOT_A_NUMBER))
MARK = mixed((4, b"="), (4, b"~"), (6, maybe(0)))
TRIM = mixed((5, phrase(pick(b"MAXLEN", b"maxlen"), MARK, LENGTH)), (4, phrase(pick(b"MINID", b"minid"), MARK, ID)))
LIMIT = maybe(0.12, b"LIMIT", mixed((6, decimal(0, 30)), (1, NOT_A_NUMBER), (1, b"-1")))
HOW_MANY = maybe(0.5, b"COUNT", COUNT)
# Idle times are either passed by all or by none.
IDLE = mixed((9, b"0"), (3, b"100000000"), (1, b"-1"), (1, NOT_A_NUMBER))


def _streams(g, start):
    """STREAMS key … id …"""
    count = 1 + int(g.random() ** 2 * 3)
    keys = [g.fill((STREAM,))[0] for _ in range(count)]
    starts = [g.fill((start,))[0] for _ in range(count)]
    return [g.fill((pick(b"STREAMS", b"streams"),))[0]] + keys + starts


def _no_plus(g):
    """Since 7.4 XREAD takes it."""
    return [b"$" if word == b"+" else word for word in g.fill((ID,))]


READ = lambda g: _streams(g, mixed((10, _no_plus), (2, b"$")))
READ_GROUP = lambda g: _streams(g, mixed((8, b">"), (3, b"0"), (2, ID)))
BY = phrase(b"GROUP", GROUP, CONSUMER)

TEMPLATES = [
    (30, b"XADD", STREAM, NEW_ID, PAIRS),
    (3, b"XADD", STREAM, maybe(0.3, b"NOMKSTREAM"), TRIM, LIMIT, NEW_ID, PAIRS),
    (0.5, b"XADD", STREAM, some(mixed((1, TRIM), (1, b"NOMKSTREAM"), (1, JUNK)), 1, 3), NEW_ID, PAIRS),
    (2, b"XTRIM", STREAM, TRIM, LIMIT),
    (0.3, b"XTRIM", STREAM, some(mixed((1, TRIM), (1, JUNK), (1, phrase(b"LIMIT", b"5"))), 1, 2)),
    (3, b"XDEL", STREAM, some(ID, 1, 4)),
    (2, b"XLEN", STREAM),
    (6, b"XRANGE", STREAM, START, END, HOW_MANY),
    (4, b"XREVRANGE", STREAM, END, START, HOW_MANY),
    (1, pick(b"XRANGE", b"XREVRANGE"), STREAM, ODD_ID, ODD_ID, maybe(0.3, JUNK, b"1")),
    (5, b"XREAD", HOW_MANY, READ),
    (0.3, b"XREAD", maybe(0.5, BY), maybe(0.5, b"NOACK"), READ),
    (0.3, b"XREAD", b"BLOCK", mixed((4, b"1"), (1, NOT_A_NUMBER), (1, b"-1")), READ),
    (0.4, b"XREAD", b"STREAMS", some(STREAM, 1, 3)),
    (0.2, b"XSETID", STREAM, SET_ID),
    (0.6, b"XSETID", STREAM, SET_ID, maybe(0.6, b"ENTRIESADDED", mixed((4, decimal(0, 500)), (1, NOT_A_NUMBER))),
     maybe(0.6, b"MAXDELETEDID", ID), maybe(0.1, JUNK)),
    (2, b"XGROUP", b"CREATE", STREAM, OTHER_GROUP, mixed((3, b"0"), (2, b"$"), (3, ID)), maybe(0.5, b"MKSTREAM"),
     maybe(0.1, b"ENTRIESREAD", mixed((4, decimal(-1, 50)), (1, b"-2"), (1, NOT_A_NUMBER))), maybe(0.05, JUNK)),
    (1, b"XGROUP", b"SETID", STREAM, GROUP, mixed((3, b"0"), (2, b"$"), (3, ID)),
     maybe(0.2, b"ENTRIESREAD", decimal(-1, 50))),
    (0.5, b"XGROUP", b"DESTROY", STREAM, GROUP),
    (2, b"XGROUP", b"CREATECONSUMER", STREAM, mixed((1, GROUP), (2, OTHER_GROUP)), CONSUMER),
    (0.7, b"XGROUP", b"DELCONSUMER", STREAM, OTHER_GROUP, CONSUMER),
    (0.2, b"XGROUP", JUNK, STREAM, GROUP, CONSUMER),
    (10, b"XREADGROUP", BY, HOW_MANY, maybe(0.15, b"NOACK"), READ_GROUP),
    (0.3, b"XREADGROUP", maybe(0.8, BY), maybe(0.5, JUNK), READ_GROUP),
    (0.3, b"XREADGROUP", BY, b"STREAMS", STREAM, b"$"),
    (5, b"XACK", STREAM, GROUP, some(ID, 1, 5)),
    (2, b"XPENDING", STREAM, GROUP),
    (4, b"XPENDING", STREAM, GROUP, maybe(0.3, b"IDLE", IDLE), START, END, COUNT, maybe(0.4, CONSUMER)),
    (0.3, b"XPENDING", STREAM, GROUP, some(JUNK, 1, 3)),
    (5, b"XCLAIM", STREAM, GROUP, CONSUMER, IDLE, some(ID, 1, 5), maybe(0.2, b"FORCE"), maybe(0.3, b"JUSTID"),
     maybe(0.2, b"RETRYCOUNT", decimal(-1, 9)), maybe(0.2, b"LASTID", ID), maybe(0.1, b"TIME", decimal(0, 999)),
     maybe(0.1, b"IDLE", decimal(0, 999))),
    (0.3, b"XCLAIM", STREAM, GROUP, CONSUMER, IDLE, some(ID, 1, 2), some(JUNK, 1, 3)),
    (4, b"XAUTOCLAIM", STREAM, GROUP, CONSUMER, IDLE, START, HOW_MANY, maybe(0.3, b"JUSTID"), maybe(0.05, JUNK)),
    (3, b"XINFO", b"STREAM", STREAM),
    (3, b"XINFO", b"STREAM", STREAM, b"FULL", HOW_MANY),
    (0.3, b"XINFO", b"STREAM", STREAM, some(JUNK, 1, 2)),
    (4, b"XINFO", b"GROUPS", STREAM),
    (3, b"XINFO", b"CONSUMERS", STREAM, GROUP),
    (0.7, b"DEL", STREAM_KEY),
    (0.5, b"COPY", STREAM_KEY, phrase(STREAM_KEY, b"REPLACE")),
    (0.5, b"RENAME", STREAM_KEY, STREAM_KEY),
    (0.5, b"OBJECT", b"ENCODING", STREAM_KEY),
    (0.3, b"TYPE", STREAM),
    (0.1, b"SET", STREAM_KEY, SMALL_VALUE),
    (0.2, b"XADD", KEY, NEW_ID, PAIRS),
]  # fmt: skip

_NEXT = lambda g: b"%d-*" % int(400 + g.random() * 300)
_WAITS = [
    (b"XREAD", b"BLOCK", b"0", HOW_MANY, lambda g: _streams(g, mixed((3, b"$"), (1, lambda g: b"%d" % (500 + int(g.random() * 200)))))),
    (b"XREADGROUP", b"GROUP", b"w", CONSUMER, b"BLOCK", b"0", HOW_MANY, maybe(0.2, b"NOACK"), lambda g: _streams(g, b">")),
]  # fmt: skip
_BRINGS = [
    (b"XADD", STREAM_KEY, _NEXT, PAIRS),
    (b"XADD", STREAM_KEY, _NEXT, b"a", b"b"),
    (b"XADD", STREAM_KEY, _NEXT, b"a", b"b"),
    (b"XADD", STREAM_KEY, b"MAXLEN", b"1", _NEXT, b"a", b"b"),
    (b"XDEL", STREAM_KEY, ID),
    (b"DEL", STREAM_KEY),
    (b"SET", STREAM_KEY, b"no stream"),
    (b"XGROUP", b"DESTROY", STREAM_KEY, b"w"),
    (b"XGROUP", b"SETID", STREAM_KEY, b"w", b"0"),
    (b"RENAME", STREAM_KEY, STREAM_KEY),
    (b"COPY", STREAM_KEY, STREAM_KEY, b"REPLACE"),
    (b"MOVE", STREAM_KEY, b"1"),
    (b"XLEN", STREAM_KEY),
]  # fmt: skip


def _draw(g, table):
    return g.fill(table[int(g.random() * len(table))])


def waited(g):
    """Clients wait, another one brings something, by single commands or in a transaction."""
    free = g.free_actors()
    if len(free) < 2:
        return
    adder, *waiters = free
    for actor in free:
        yield Batch(actor, [[b"SELECT", b"0"]])
    begin = []
    for key in [b"x1", b"x2", b"x3", b"x4"]:
        if g.random() < 0.5:
            begin.append([b"DEL", key])
        begin += [[b"XGROUP", b"CREATE", key, b"w", b"$", b"MKSTREAM"]]
        begin += [[b"XGROUP", b"CREATECONSUMER", key, b"w", name] for name in (b"c", b"d", b"e", b"")]
    yield Batch(adder, begin)
    waits = [(actor, _draw(g, _WAITS)) for actor in waiters]
    brings = [_draw(g, _BRINGS) for _ in range(1 + int(g.random() * 5))]
    if g.random() < 0.4:
        brings = [[b"MULTI"]] + brings + [[b"EXEC"]]
    yield Waiting(waits, adder, brings)


def founded(g):
    """A group with all its consumers, or one of them is made anew."""
    actor = g.free_actor()
    if actor is None:
        return
    key, group = g.fill((STREAM_KEY, pick(b"g", b"h")))
    commands = [[b"XGROUP", b"CREATE", key, group] + g.fill((mixed((3, b"0"), (2, b"$"), (3, _RISING)), b"MKSTREAM"))]
    if g.random() < 0.5:
        commands.append([b"XGROUP", b"DELCONSUMER", key, group] + g.fill((CONSUMER,)))
    commands += [[b"XGROUP", b"CREATECONSUMER", key, group, name] for name in CONSUMERS]
    yield Batch(actor, commands)


SCENARIOS = [(1, waited), (2, founded)]
INVENTORY = (b"XRANGE", b"-", b"+")
