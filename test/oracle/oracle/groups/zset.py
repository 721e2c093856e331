"""Sorted sets."""

from ..steps import Batch, Waiting
from ..words import (
    ANY_KEY, COUNT, FLOAT, INDEX, INTEGER, JUNK, KEY, LEX_KEY, PATTERN, SET_KEY,
    SMALL_VALUE, ZSET_KEY, ZSET_ONLY, decimal, maybe, mixed, phrase, pick, some,
)  # fmt: skip

MEMBER = mixed(
    (96, lambda g: b"m%d" % int(g.random() * 30)), (24, decimal(-5, 20)), (8, SMALL_VALUE),
    (1, pick(b"L" * 64, b"L" * 65)),
)  # fmt: skip
# Many members of few scores, so that both the order by score and that by member matter.
SCORE = mixed(
    (12, decimal(-6, 6)), (4, pick(b"0.5", b"-0.25", b"1.5", b"1e3", b"3.0", b"-0", b"0")),
    (2, pick(b"inf", b"-inf", b"+inf")), (1, FLOAT),
)  # fmt: skip
PAIR = phrase(SCORE, MEMBER)
OPTION = pick(b"NX", b"XX", b"GT", b"LT", b"CH", b"INCR", b"nx", b"Gt")

BOUND = mixed(
    (8, SCORE), (4, lambda g: b"(" + SCORE(g)),
    (4, pick(b"-inf", b"+inf", b"inf", b"(inf", b"(-inf")),
    (1, pick(b"", b"(", b" 1", b"(( 1", b"[1", b"1 ", b"nan", b"(nan", b"1\x00x", b"1e400", b"x")),
)  # fmt: skip
LEX_MEMBER = mixed((10, MEMBER), (1, b""), (4, lambda g: bytes([97 + int(g.random() * 26)])))
LEX_BOUND = mixed(
    (5, lambda g: b"[" + LEX_MEMBER(g)), (5, lambda g: b"(" + LEX_MEMBER(g)), (3, b"-"), (3, b"+"),
    (1, pick(b"", b"a", b"+1", b"-x", b"[", b"(", b"inf", b"+\x00", b"\x00")),
)  # fmt: skip
LIMIT = phrase(b"LIMIT", mixed((24, decimal(0, 6)), (3, decimal(-2, 0)), (1, INTEGER)),
               mixed((24, decimal(0, 10)), (3, b"-1"), (1, INTEGER)))  # fmt: skip
WITHSCORES = pick(b"WITHSCORES", b"withscores")
BY_RANK = maybe(0.3, WITHSCORES)
BY_SCORE = some(mixed((15, WITHSCORES), (20, LIMIT), (1, JUNK)), 1, 2, empty=0.3)
BY_LEX = some(mixed((30, LIMIT), (2, WITHSCORES), (1, JUNK)), 1, 1, empty=0.5)
RANGE_OPTION = mixed(
    (20, b"BYSCORE"), (20, b"REV"), (20, LIMIT), (15, WITHSCORES), (1, JUNK),
    (5, pick(b"rev", b"byscore")),
)  # fmt: skip
FULL_COUNT = mixed((8, decimal(1, 5)), (2, COUNT))


def _counted(key, least, most):
    """How many keys, and the keys; seldom a wrong number. (A very large one ends Redis 7.0.15.)"""

    def part(g):
        keys = [key(g) for _ in range(least + int(g.random() * (most - least + 1)))]
        number = b"%d" % len(keys)
        if g.random() < 0.03:
            number = pick(b"0", b"-1", b"x", b"", b"%d" % (len(keys) + 1), b"1.0", b"100")(g)
        return [number] + keys

    return part


KEYS = _counted(mixed((12, ZSET_KEY), (2, SET_KEY), (1, ANY_KEY), (1, LEX_KEY)), 1, 4)
WEIGHT = mixed(
    (24, pick(b"1", b"2", b"0", b"-1", b"0.5", b"10")), (3, pick(b"inf", b"-inf")), (1, FLOAT),
)  # fmt: skip


def _weights(g):
    """Mostly as many as there are keys, if there are two."""
    count = 2 if g.random() < 0.8 else 1 + int(g.random() * 4)
    return [b"WEIGHTS"] + [WEIGHT(g) for _ in range(count)]


AGGREGATE = phrase(b"AGGREGATE", mixed((16, pick(b"SUM", b"MIN", b"MAX", b"min")), (1, JUNK)))
ALGEBRA = some(mixed((4, _weights), (4, AGGREGATE)), 1, 2, empty=0.4)
ALGEBRA_READ = some(mixed((3, _weights), (3, AGGREGATE), (3, WITHSCORES)), 1, 2, empty=0.3)
TWO_KEYS = _counted(ZSET_KEY, 2, 2)
SOME_KEYS = mixed((3, TWO_KEYS), (2, KEYS))
END = mixed((24, pick(b"MIN", b"MAX", b"min")), (1, JUNK))
NO_TIME = mixed((10, b"0.01"), (1, pick(b"-1", b"x", b"", b"nan")))

TEMPLATES = [
    (14, b"ZADD", ZSET_KEY, some(PAIR, 1, 5)),
    (8, b"ZADD", ZSET_KEY, some(OPTION, 1, 2), some(PAIR, 1, 3)),
    (3, b"ZADD", ZSET_KEY, some(OPTION, 1, 2), b"INCR", PAIR),
    (0.4, b"ZADD", ZSET_KEY, some(PAIR, 60, 150)),
    (0.5, b"ZADD", KEY, some(mixed((3, SCORE), (1, MEMBER), (1, OPTION)), 1, 4)),
    (5, b"ZADD", LEX_KEY, some(phrase(b"0", MEMBER), 1, 5)),
    (0.2, b"ZADD", LEX_KEY, some(phrase(b"0", MEMBER), 100, 150)),
    (0.1, b"ZADD", LEX_KEY, some(phrase(b"0", decimal(0, 1000)), 150, 200)),
    (0.1, b"ZADD", ZSET_KEY, some(phrase(SCORE, decimal(0, 1000)), 150, 200)),
    (5, b"ZINCRBY", ZSET_KEY, SCORE, MEMBER),
    (3, b"ZREM", ZSET_KEY, some(MEMBER, 1, 4)),
    (1, b"ZREM", LEX_KEY, some(MEMBER, 1, 4)),
    (2, b"ZCARD", ANY_KEY),
    (4, b"ZSCORE", ANY_KEY, MEMBER),
    (2, b"ZMSCORE", ANY_KEY, some(MEMBER, 1, 4)),
    (5, pick(b"ZRANK", b"ZREVRANK"), ANY_KEY, MEMBER),
    (4, b"ZCOUNT", ZSET_KEY, BOUND, BOUND),
    (3, b"ZLEXCOUNT", LEX_KEY, LEX_BOUND, LEX_BOUND),
    (6, pick(b"ZRANGE", b"ZREVRANGE"), ANY_KEY, INDEX, INDEX, BY_RANK),
    (8, pick(b"ZRANGEBYSCORE", b"ZREVRANGEBYSCORE"), ZSET_KEY, BOUND, BOUND, BY_SCORE),
    (6, pick(b"ZRANGEBYLEX", b"ZREVRANGEBYLEX"), LEX_KEY, LEX_BOUND, LEX_BOUND, BY_LEX),
    (5, b"ZRANGE", ANY_KEY, BOUND, BOUND, b"BYSCORE", some(RANGE_OPTION, 0, 2)),
    (4, b"ZRANGE", LEX_KEY, LEX_BOUND, LEX_BOUND, b"BYLEX", maybe(0.5, b"REV"), BY_LEX),
    (3, b"ZRANGE", ZSET_KEY, INDEX, INDEX, some(RANGE_OPTION, 1, 3)),
    (3, b"ZRANGESTORE", KEY, ZSET_KEY, INDEX, INDEX, maybe(0.3, b"REV")),
    (3, b"ZRANGESTORE", ZSET_KEY, ANY_KEY, BOUND, BOUND, b"BYSCORE", some(RANGE_OPTION, 0, 2)),
    (2, b"ZRANGESTORE", LEX_KEY, LEX_KEY, LEX_BOUND, LEX_BOUND, b"BYLEX", BY_LEX),
    (1, b"ZREMRANGEBYRANK", ZSET_KEY, INDEX, INDEX),
    (1, b"ZREMRANGEBYSCORE", ZSET_KEY, BOUND, BOUND),
    (1, b"ZREMRANGEBYLEX", LEX_KEY, LEX_BOUND, LEX_BOUND),
    (2, pick(b"ZPOPMIN", b"ZPOPMAX"), ZSET_KEY, maybe(0.5, FULL_COUNT)),
    (0.3, pick(b"ZPOPMIN", b"ZPOPMAX"), ANY_KEY, INTEGER),
    (2, b"ZMPOP", KEYS, END, maybe(0.5, b"COUNT", FULL_COUNT)),
    (0.5, pick(b"BZPOPMIN", b"BZPOPMAX"), some(ZSET_KEY, 1, 3), NO_TIME),
    (0.5, b"BZMPOP", NO_TIME, KEYS, END, maybe(0.5, b"COUNT", FULL_COUNT)),
    (2, b"ZRANDMEMBER", ANY_KEY,
     maybe(0.7, mixed((8, decimal(-8, 40)), (1, JUNK)), maybe(0.4, WITHSCORES))),
    (2, b"ZSCAN", ANY_KEY, b"0", maybe(0.3, b"MATCH", PATTERN),
     maybe(0.3, b"COUNT", pick(b"1000", b"0", b"x"))),
    (4, pick(b"ZUNION", b"ZINTER"), SOME_KEYS, ALGEBRA_READ),
    (2, b"ZDIFF", KEYS, maybe(0.5, WITHSCORES), maybe(0.03, AGGREGATE)),
    (2, b"ZINTERCARD", KEYS, maybe(0.4, b"LIMIT", mixed((5, decimal(0, 4)), (1, JUNK)))),
    (4, pick(b"ZUNIONSTORE", b"ZINTERSTORE"), ZSET_KEY, SOME_KEYS, ALGEBRA),
    (2, b"ZDIFFSTORE", ZSET_KEY, KEYS, maybe(0.03, WITHSCORES)),
    (0.2, pick(b"ZUNION", b"ZINTER", b"ZDIFF", b"ZINTERCARD"), KEYS, JUNK),
    (0.1, b"ZUNIONSTORE", ZSET_KEY, KEYS, JUNK),
    (2, b"OBJECT", b"ENCODING", ZSET_KEY),
    (0.3, b"DEL", ZSET_KEY),
    (0.1, b"DEL", LEX_KEY),
]  # fmt: skip

_LIMITS = [
    (b"zset-max-listpack-entries", (b"128", b"4", b"0", b"16")),
    (b"zset-max-ziplist-value", (b"64", b"2", b"0")),
]


def limits(g):
    """Other borders between small and large."""
    actor = g.free_actor()
    if actor is None:
        return
    name, values = _LIMITS[int(g.random() * len(_LIMITS))]
    yield Batch(actor, [[b"CONFIG", b"SET", name, pick(*values)(g)], [b"CONFIG", b"GET", name]])


_WAITS = [
    (b"BZPOPMIN", some(ZSET_ONLY, 1, 3), b"0"),
    (b"BZPOPMAX", some(ZSET_ONLY, 1, 3), b"0"),
    (b"BZMPOP", b"0", _counted(ZSET_ONLY, 1, 3), pick(b"MIN", b"MAX"),
     maybe(0.5, b"COUNT", FULL_COUNT)),
]
# No strings: what a …STORE puts in place of one, Redis 7.0 does not wake for.
_BRINGS = [
    (b"ZADD", ZSET_ONLY, some(PAIR, 1, 4)),
    (b"ZADD", ZSET_ONLY, PAIR),
    (b"ZINCRBY", ZSET_ONLY, decimal(-3, 3), MEMBER),
    (b"ZUNIONSTORE", ZSET_ONLY, TWO_KEYS),
    (b"ZRANGESTORE", ZSET_ONLY, ZSET_ONLY, b"0", b"-1"),
    (b"ZPOPMIN", ZSET_ONLY),
    (b"DEL", ZSET_ONLY),
    (b"RENAME", ZSET_ONLY, ZSET_ONLY),
    (b"COPY", ZSET_ONLY, ZSET_ONLY, b"REPLACE"),
    (b"ZRANGE", ZSET_ONLY, b"0", b"-1"),
]


def _draw(g, table):
    return g.fill(table[int(g.random() * len(table))])


def waited(g):
    """Clients wait, another one brings something, by single commands or in a transaction."""
    free = g.free_actors()
    if len(free) < 2:
        return
    bringer, *waiters = free
    for actor in free:
        yield Batch(actor, [[b"SELECT", b"0"]])
    if g.random() < 0.7:
        yield Batch(bringer, [[b"DEL"] + g.fill((some(ZSET_ONLY, 3, 6),))])
    waits = [(actor, _draw(g, _WAITS)) for actor in waiters]
    brings = [_draw(g, _BRINGS) for _ in range(1 + int(g.random() * 5))]
    if g.random() < 0.4:
        brings = [[b"MULTI"]] + brings + [[b"EXEC"]]
    yield Waiting(waits, bringer, brings)


SCENARIOS = [(1, limits), (3, waited)]
INVENTORY = (b"ZRANGE", b"0", b"-1", b"WITHSCORES")
