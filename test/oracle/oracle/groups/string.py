"""Strings."""

from ..words import (
    ANY_KEY, AT_MS, AT_S, BYTE_OFFSET, FLOAT, FUTURE_AT_MS, FUTURE_AT_S, HUGE_VALUE, INDEX, INTEGER,
    JUNK, KEY, NUMBER_KEY, NUMBER_VALUE, SMALL_VALUE, TINY_KEY, TTL_MS, TTL_S, VALUE, decimal,
    maybe, mixed, phrase, pick, some,
)  # fmt: skip


SET_OPTION = mixed(
    (3, pick(b"NX", b"nx", b"XX", b"Xx")),
    (3, pick(b"GET", b"get")),
    (3, pick(b"KEEPTTL", b"KeepTTL")),
    (2, phrase(b"EX", TTL_S)),
    (2, phrase(b"PX", TTL_MS)),
    (2, phrase(b"EXAT", FUTURE_AT_S)),
    (2, phrase(b"PXAT", FUTURE_AT_MS)),
    (1, pick(b"EX", b"PX", b"PERSIST", b"bogus", b"")),
)
GETEX_OPTION = mixed(
    (3, phrase(b"EX", TTL_S)),
    (3, phrase(b"PX", TTL_MS)),
    (3, phrase(b"EXAT", AT_S)),
    (3, phrase(b"PXAT", AT_MS)),
    (4, pick(b"PERSIST", b"persist")),
    (1, pick(b"EX", b"KEEPTTL", b"NX", b"GET", b"bogus")),
)
LCS_OPTION = mixed(
    (3, b"LEN"),
    (3, b"IDX"),
    (3, b"WITHMATCHLEN"),
    (3, phrase(b"MINMATCHLEN", mixed((6, decimal(-1, 6)), (1, INTEGER)))),
    (1, pick(b"MINMATCHLEN", b"bogus", b"len", b"idx")),
)

TEMPLATES = [
    (9, b"SET", KEY, VALUE),
    (5, b"SET", NUMBER_KEY, NUMBER_VALUE),
    (4, b"SET", TINY_KEY, SMALL_VALUE),
    (8, b"SET", KEY, VALUE, SET_OPTION),
    (5, b"SET", KEY, VALUE, some(SET_OPTION, 2, 4)),
    (0.2, b"SET", KEY, HUGE_VALUE),
    (9, b"GET", ANY_KEY),
    (3, b"SETNX", KEY, VALUE),
    (3, b"SETEX", KEY, TTL_S, VALUE),
    (3, b"PSETEX", KEY, TTL_MS, VALUE),
    (3, b"GETSET", KEY, VALUE),
    (3, b"GETDEL", ANY_KEY),
    (2, b"GETEX", ANY_KEY),
    (5, b"GETEX", ANY_KEY, GETEX_OPTION),
    (1, b"GETEX", ANY_KEY, some(GETEX_OPTION, 2, 3)),
    (4, b"APPEND", KEY, mixed((8, SMALL_VALUE), (1, b""), (1, VALUE))),
    (3, b"STRLEN", ANY_KEY),
    (6, b"SETRANGE", KEY, BYTE_OFFSET, SMALL_VALUE),
    (4, b"GETRANGE", ANY_KEY, INDEX, INDEX),
    (2, b"SUBSTR", ANY_KEY, INDEX, INDEX),
    (4, b"INCR", NUMBER_KEY),
    (3, b"DECR", NUMBER_KEY),
    (5, b"INCRBY", NUMBER_KEY, INTEGER),
    (4, b"DECRBY", NUMBER_KEY, INTEGER),
    (6, b"INCRBYFLOAT", NUMBER_KEY, FLOAT),
    (5, b"MGET", some(ANY_KEY, 1, 5)),
    (5, b"MSET", some(phrase(KEY, VALUE), 1, 4), maybe(0.05, KEY)),
    (4, b"MSETNX", some(phrase(KEY, VALUE), 1, 3), maybe(0.05, KEY)),
    (3, b"LCS", TINY_KEY, TINY_KEY),
    (5, b"LCS", TINY_KEY, TINY_KEY, some(LCS_OPTION, 1, 4)),
    (1, b"LCS", TINY_KEY, pick(b"missing"), some(LCS_OPTION, 0, 2)),
    (0.5, b"SET", KEY, VALUE, JUNK),
]
