"""Hashes, small and large. (Redis 7.0 knows no deadlines of fields.)"""

from ..words import (
    ANY_KEY, COUNT, FLOAT, HASH_KEY, INTEGER, KEY, NUMBER_VALUE, SMALL_VALUE, VALUE, decimal, maybe,
    mixed, phrase, pick, some,
)  # fmt: skip

FIELD = mixed(
    (8, pick(b"a", b"b", b"c", b"d", b"name", b"12", b"-7")),
    (3, lambda g: b"field:%d" % int(g.random() * 40)),
    (1, pick(b"", b"\x00\xff", b"x" * 64, b"x" * 65, b"9223372036854775807", b"01")),
)
FIELD_VALUE = mixed((6, SMALL_VALUE), (4, NUMBER_VALUE), (1, VALUE), (1, b"y" * 64), (1, b"y" * 65))
PAIR = phrase(FIELD, FIELD_VALUE)


def _crowd(g):
    """More than a listpack is to hold."""
    words = []
    for i in range(int(600 * g.random())):
        words += [b"crowd:%d" % i, b"%d" % (i * 7)]
    return words


TEMPLATES = [
    (12, b"HSET", HASH_KEY, some(PAIR, 1, 4)),
    (0.5, b"HSET", HASH_KEY, _crowd),
    (1, b"HSET", HASH_KEY, some(PAIR, 1, 3), FIELD),
    (4, b"HMSET", HASH_KEY, some(PAIR, 1, 3)),
    (4, b"HSETNX", HASH_KEY, FIELD, FIELD_VALUE),
    (9, b"HGET", HASH_KEY, FIELD),
    (5, b"HMGET", HASH_KEY, some(FIELD, 1, 5)),
    (4, b"HGETALL", HASH_KEY),
    (3, b"HKEYS", HASH_KEY),
    (3, b"HVALS", HASH_KEY),
    (3, b"HLEN", HASH_KEY),
    (3, b"HSTRLEN", HASH_KEY, FIELD),
    (3, b"HEXISTS", HASH_KEY, FIELD),
    (9, b"HDEL", HASH_KEY, some(FIELD, 1, 4)),
    (8, b"HINCRBY", HASH_KEY, FIELD, INTEGER),
    (8, b"HINCRBYFLOAT", HASH_KEY, FIELD, FLOAT),
    (3, b"HRANDFIELD", HASH_KEY),
    (4, b"HRANDFIELD", HASH_KEY, mixed((6, decimal(-9, 9)), (1, pick(
        b"-9223372036854775808", b"9223372036854775808", b"9223372036854775807", b"1.5", b""))),
     maybe(0.5, pick(b"WITHVALUES", b"withvalues", b"bogus"))),
    (0.3, b"HRANDFIELD", HASH_KEY, b"4611686018427387904", b"WITHVALUES"),  # not negative: no end
    (3, b"HSCAN", HASH_KEY, mixed((9, b"0"), (1, b"x")), maybe(0.4, phrase(b"COUNT", COUNT)),
     maybe(0.3, phrase(b"MATCH", pick(b"*", b"a*", b"field:*", b"?", b"none")))),
    (0.5, b"HSCAN", HASH_KEY, b"0", pick(b"TYPE", b"COUNT", b"MATCH", b"bogus")),
    (2, b"OBJECT", b"ENCODING", HASH_KEY),
    (2, b"TYPE", HASH_KEY),
    (1, b"DEL", HASH_KEY),
    (1, b"COPY", HASH_KEY, HASH_KEY, b"REPLACE"),
    (1, b"RENAME", HASH_KEY, HASH_KEY),
    (0.5, b"HSET", ANY_KEY, PAIR),
    (0.3, b"SET", KEY, VALUE),
]  # fmt: skip
