"""Sets. What is drawn by lot is compared by Draw; in batches SPOP takes all or nothing."""

from ..steps import Batch, Draw, Scan
from ..words import (
    ANY_KEY, BORDER, COUNT, INTEGER, JUNK, KEY, NOT_A_NUMBER, PATTERN, SET_KEY, SMALL_VALUE,
    decimal, maybe, mixed, phrase, pick, some,
)  # fmt: skip

MEMBER = mixed(
    (10, decimal(-8, 8)),
    (4, decimal(-70000, 70000)),
    (2, INTEGER),
    (4, SMALL_VALUE),
    (1, pick(b"x" * 64, b"x" * 65, b"12345678901234567890", b"-0", b"007", b"\x00", b"1\x00")),
)
NUMBER = mixed((12, decimal(-12, 12)), (1, BORDER))


def _row(g):
    """Numbers enough to leave small encodings, one after the other."""
    first, count = int(g.random() * 600), int(g.random() ** 3 * 300)
    return [b"%d" % n for n in range(first, first + count + 1)]


MEMBERS = mixed((8, some(MEMBER, 1, 6)), (6, some(NUMBER, 1, 6)), (2, _row))
ANY_SET = mixed((6, SET_KEY), (1, ANY_KEY))
MANY_SETS = some(ANY_SET, 1, 4)
ALL = pick(b"100000", b"9223372036854775807")
NOTHING = mixed((3, b"0"), (1, pick(b"-1", b"-9223372036854775808")), (1, NOT_A_NUMBER))
# Far below 0, there would be as many members in the reply.
FEW = mixed((8, decimal(-20, 20)), (1, ALL), (1, b"-9223372036854775808"), (1, NOT_A_NUMBER))
LIMIT = mixed((6, decimal(0, 5)), (1, BORDER), (1, JUNK))
HOW_MANY = mixed((12, pick(b"1", b"2")), (2, pick(b"0", b"3", b"-1")), (1, JUNK))
NO_CURSOR = pick(b"abc", b"x1", b"1x", b"+", b"-", b"18446744073709551616")
SCAN_FAULT = mixed(
    (2, phrase(NO_CURSOR, maybe(0.3, b"COUNT", b"5"))),
    (2, phrase(b"0", b"COUNT", pick(b"0", b"-1", b"abc", b"9223372036854775808"))),
    (2, phrase(b"0", pick(b"MATCH", b"COUNT", b"TYPE", b"NOVALUES", b"bogus"))),
    (1, phrase(b"0", b"MATCH", b"*", b"TYPE", b"set")),
)

TEMPLATES = [
    (14, b"SADD", SET_KEY, MEMBERS),
    (8, b"SREM", SET_KEY, MEMBERS),
    (6, b"SMOVE", ANY_SET, SET_KEY, mixed((1, MEMBER), (1, NUMBER))),
    (4, b"SISMEMBER", ANY_SET, MEMBER),
    (3, b"SMISMEMBER", ANY_SET, some(MEMBER, 1, 5)),
    (3, b"SCARD", ANY_SET),
    (5, b"SMEMBERS", ANY_SET),
    (4, b"SINTER", MANY_SETS),
    (4, b"SUNION", MANY_SETS),
    (5, b"SDIFF", MANY_SETS),
    (5, b"SINTERCARD", HOW_MANY, some(ANY_SET, 1, 3), maybe(0.4, b"LIMIT", LIMIT)),
    (1, b"SINTERCARD", b"2", ANY_SET, ANY_SET, pick(b"limit", b"bogus"), maybe(0.5, LIMIT)),
    (5, b"SINTERSTORE", mixed((8, SET_KEY), (1, KEY)), MANY_SETS),
    (5, b"SUNIONSTORE", mixed((8, SET_KEY), (1, KEY)), MANY_SETS),
    # Of more sets, Redis builds the result from a copy of the first: see store_of_many.
    (5, b"SDIFFSTORE", mixed((8, SET_KEY), (1, KEY)), some(ANY_SET, 1, 2)),
    (2, b"SPOP", SET_KEY, mixed((1, ALL), (1, NOTHING))),
    (2, b"SRANDMEMBER", ANY_SET, maybe(0.7, FEW)),
    (0.5, b"SRANDMEMBER", ANY_SET, FEW, JUNK),
    (0.5, b"SPOP", ANY_KEY, b"0", JUNK),
    (1, b"SSCAN", ANY_SET, SCAN_FAULT),
    (2, b"OBJECT", b"ENCODING", SET_KEY),
]

_SCAN_OPTION = mixed((1, phrase(b"MATCH", PATTERN)), (1, phrase(b"COUNT", COUNT)))


def scan(g):
    actor = g.free_actor()
    if actor is not None:
        key = g.fill((ANY_SET,))
        yield Scan(actor, g.fill((some(_SCAN_OPTION, 0, 2),)), (b"SSCAN", *key))


def draw(g):
    actor = g.free_actor()
    if actor is None:
        return
    for _ in range(1 + int(g.random() * 4)):
        count = maybe(0.8, mixed((4, decimal(1, 6)), (1, decimal(7, 200))))
        again = maybe(0.8, mixed((4, decimal(-9, 9)), (1, decimal(-300, 300))))
        shape = mixed((1, phrase(b"SPOP", ANY_SET, count)), (1, phrase(b"SRANDMEMBER", ANY_SET, again)))
        yield Draw(actor, g.fill((shape,)))


def store_of_many(g):
    actor = g.free_actor()
    if actor is not None:
        key = g.fill((SET_KEY,))
        yield Batch(actor, [
            [b"SDIFFSTORE", *key, *g.fill((some(ANY_SET, 3, 5),))],
            [b"SMEMBERS", *key],
            [b"DEL", *key],
        ])  # fmt: skip


SCENARIOS = [(1, scan), (2, draw), (1, store_of_many)]
