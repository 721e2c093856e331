"""SORT and SORT_RO: on lists, sets and sorted sets, by what stands under other keys."""

from ..steps import Batch
from ..words import (
    INDEX, INTEGER, KEY, SORT_KEY, WEIGHT_KEY, decimal, maybe, mixed, phrase,
    pick, some,
)  # fmt: skip

_ODD = pick(b"", b" 7", b"7 ", b"0x1f", b"inf", b"-inf", b"nan", b"1e3", b"-0", b".5",
            b"5\xff", b"a", b"B", b"b", b"10", b"9", b"A")  # fmt: skip
NUMBER = mixed((12, decimal(0, 12)), (1, lambda g: b"%.3f" % (g.random() * 10)))
ELEMENT = mixed((30, NUMBER), (1, _ODD))
WEIGHT = mixed((20, decimal(-50, 50)), (6, lambda g: b"%.2f" % (g.random() * 9)), (2, _ODD))
# SORT makes a skiplist of a sorted set in Redis; with this, it has become one before.
_LONG = b"%070d" % 5
FIELD = pick(b"f", b"g", b"->", b"f->g")
PATTERN = mixed(
    (8, pick(b"w_*", b"o_*->f", b"o_*->g")),
    (2, pick(b"#", b"constant", b"w_*_x", b"**", b"o_*->", b"o_*->f->g", b"->*", b"",
             b"o_->*", b"w_#", b"##", b"s_*", b"o_*->->")),
)  # fmt: skip
LIMIT = phrase(b"LIMIT", mixed((8, decimal(0, 12)), (1, INDEX)), mixed((8, decimal(-1, 9)), (1, INTEGER)))
CALM = mixed((3, pick(b"ASC", b"DESC", b"desc")), (2, LIMIT), (3, phrase(b"GET", PATTERN)),
             (1, phrase(b"GET", b"#")))  # fmt: skip
# For ALPHA: which of two texts that are alike up to a NUL comes first would be told by what GET misses.
PLAIN = mixed((3, pick(b"ASC", b"DESC", b"desc")), (2, LIMIT), (1, phrase(b"GET", b"#")))
BY = mixed((6, phrase(b"BY", pick(b"w_*", b"o_*->f", b"o_*->g"))), (2, phrase(b"BY", b"nosort")))
OPTION = mixed(
    (6, CALM),
    (4, b"ALPHA"),
    (3, phrase(b"STORE", mixed((8, SORT_KEY), (1, KEY)))),
    (1, pick(b"BY", b"GET", b"LIMIT", b"STORE", b"bogus", b"", b"#")),
)
# Of elements with equal weights, which comes first depends on how Redis sorts, and in a set on how
# it lies; and so do misses of weights. So BY … ALPHA is for lists that have no LIMIT, and sets in no
# order are stored only.
LIST = pick(b"sl1", b"sl2")
SET = pick(b"ss1", b"ss2")
ZSET = pick(b"sz1", b"sz2")

TEMPLATES = [
    (4, b"RPUSH", LIST, some(ELEMENT, 1, 6)),
    (0.3, b"RPUSH", LIST, some(ELEMENT, 100, 200)),
    (4, b"SADD", SET, some(ELEMENT, 1, 6)),
    (4, b"ZADD", ZSET, b"3", _LONG, some(phrase(decimal(0, 9), ELEMENT), 1, 6)),
    (2, b"SET", WEIGHT_KEY, WEIGHT),
    (4, b"SET", lambda g: b"w_%d" % int(g.random() * 13), WEIGHT),
    (3, b"HSET", lambda g: b"o_%d" % int(g.random() * 13), FIELD, WEIGHT),
    (1, b"DEL", mixed((2, WEIGHT_KEY), (1, SORT_KEY))),
    (4, b"SORT_RO", SORT_KEY, some(PLAIN, 0, 2), b"ALPHA"),
    (2, b"SORT", SORT_KEY, some(PLAIN, 0, 2), b"ALPHA", maybe(0.3, b"STORE", SORT_KEY)),
    (2, b"LRANGE", SORT_KEY, b"0", b"-1"),
    (0.3, b"TYPE", SORT_KEY),
]  # fmt: skip

SORTS = [
    (9, b"SORT", SORT_KEY, some(PLAIN, 0, 3), b"ALPHA", maybe(0.3, b"STORE", SORT_KEY)),
    (9, b"SORT", SORT_KEY, some(CALM, 0, 3), maybe(0.3, b"STORE", SORT_KEY)),
    (5, b"SORT", LIST, BY, some(CALM, 0, 3), maybe(0.4, b"STORE", SORT_KEY)),
    (4, b"SORT", ZSET, b"BY", b"nosort", some(CALM, 0, 3), maybe(0.4, b"STORE", SORT_KEY)),
    (3, b"SORT", SET, b"BY", b"nosort", some(CALM, 0, 3), b"STORE", SORT_KEY),
    (3, b"SORT", LIST, b"BY", pick(b"w_*", b"o_*->f"), b"ALPHA", maybe(0.5, b"GET", b"#"),
     maybe(0.3, b"DESC"), maybe(0.3, b"STORE", SORT_KEY)),
    (3, b"SORT", mixed((3, SORT_KEY), (1, WEIGHT_KEY)), some(OPTION, 0, 2)),
    (4, b"SORT_RO", SORT_KEY, some(CALM, 0, 2)),
    (1, b"SORT_RO", SORT_KEY, some(OPTION, 0, 2)),
]  # fmt: skip
SORT = mixed(*((weight, phrase(*parts)) for weight, *parts in SORTS))

# Redis 7.0.15 never clears errno, and takes an ERANGE that an earlier command has left there for one
# of its own. INCRBYFLOAT does clear it.
CLEAR = [b"INCRBYFLOAT", b"errno", b"0"]


def _sorts(g):
    actor = g.free_actor()
    if actor is None:
        return
    pairs = ((CLEAR, SORT(g)) for _ in range(1 + int(g.random() * 12)))
    yield Batch(actor, [command for pair in pairs for command in pair])


def _weighed(g):
    """Sets and sorted sets of numbers all of which have a weight: no miss tells in which order they
    were looked up."""
    actor = g.free_actor()
    if actor is None:
        return
    some_numbers = [b"%d" % n for n in range(13) if g.random() < 0.5] or [b"7"]
    pairs = [b"w_" + _LONG, b"4"]
    pairs += [word for n in range(13) for word in (b"w_%d" % n, b"%.1f" % (g.random() * 9))]
    commands = [
        [b"DEL", b"ss2", b"sz2"],
        [b"MSET"] + pairs,
        [b"SADD", b"ss2"] + some_numbers,
        [b"ZADD", b"sz2", b"3", _LONG]
        + [word for n in some_numbers for word in (b"%d" % (int(n) * 7 % 5), n)],
    ]
    for n in [_LONG] + [b"%d" % n for n in range(13)]:
        commands.append([b"HSET", b"o_" + n, b"f", b"%d" % (g.random() * 9)])
    for _ in range(4):
        commands.append(CLEAR)
        commands.append(g.fill((b"SORT", pick(b"ss2", b"sz2"), b"BY", pick(b"w_*", b"o_*->f"),
                                some(CALM, 0, 2), maybe(0.3, b"STORE", LIST))))  # fmt: skip
    yield Batch(actor, commands)


SCENARIOS = [(4, _sorts), (1, _weighed)]
