"""Bitmaps."""

from ..words import (
    ANY_KEY, BIT_OFFSET, BITS_KEY, BITS_VALUE, INDEX, INTEGER, JUNK, decimal, maybe, mixed,
    phrase, pick, some,
)  # fmt: skip

BIT = mixed((20, pick(b"0", b"1")), (1, pick(b"2", b"-1", b"", b"x")))
UNIT = mixed((8, pick(b"BYTE", b"BIT", b"bit", b"byte")), (1, JUNK))

FIELD_TYPE = mixed(
    (16, pick(b"u8", b"i8", b"u16", b"i16", b"u1", b"i1", b"u4", b"i5", b"u32",
              b"i32", b"i64", b"u63")),
    (5, lambda g: b"%c%d" % (b"ui"[int(g.random() * 2)], 1 + int(g.random() * 63))),
    (1, pick(b"u64", b"i65", b"u0", b"i0", b"x8", b"", b"u", b"8", b"u-1", b"U8", b"i08")),
)  # fmt: skip
FIELD_OFFSET = mixed(
    (9, decimal(0, 120)),
    (5, lambda g: b"#%d" % int(g.random() * 24)),
    (1, pick(b"-1", b"#-1", b"#", b"abc", b"4294967296", b"9223372036854775807", b"",
             b"#9223372036854775807", b"##1", b"#4294967296")),
)  # fmt: skip
OVERFLOW = mixed((8, pick(b"WRAP", b"SAT", b"FAIL", b"wrap", b"sat", b"fail")), (1, JUNK))


FIELD_GET = phrase(b"GET", FIELD_TYPE, FIELD_OFFSET)
FIELD_STEP = mixed(
    (4, FIELD_GET),
    (5, phrase(b"SET", FIELD_TYPE, FIELD_OFFSET, INTEGER)),
    (6, phrase(b"INCRBY", FIELD_TYPE, FIELD_OFFSET, INTEGER)),
    (5, phrase(b"OVERFLOW", OVERFLOW)),
)

TEMPLATES = [
    (6, b"SETBIT", BITS_KEY, BIT_OFFSET, BIT),
    (5, b"GETBIT", ANY_KEY, BIT_OFFSET),
    (3, b"SET", BITS_KEY, BITS_VALUE),
    (2, b"BITCOUNT", ANY_KEY),
    (4, b"BITCOUNT", ANY_KEY, INDEX, INDEX, maybe(0.5, UNIT)),
    (0.3, b"BITCOUNT", ANY_KEY, INDEX),
    (2, b"BITPOS", ANY_KEY, BIT),
    (6, b"BITPOS", ANY_KEY, BIT, INDEX, maybe(0.7, INDEX, maybe(0.5, UNIT))),
    (6, b"BITOP", pick(b"AND", b"OR", b"XOR", b"and", b"xOr"), BITS_KEY, some(ANY_KEY, 1, 4)),
    (2, b"BITOP", pick(b"NOT", b"not"), BITS_KEY, some(ANY_KEY, 1, 1), maybe(0.1, ANY_KEY)),
    (0.3, b"BITOP", JUNK, BITS_KEY, some(ANY_KEY, 1, 2)),
    (9, b"BITFIELD", BITS_KEY, some(FIELD_STEP, 1, 5)),
    (2, b"BITFIELD", ANY_KEY, some(FIELD_GET, 0, 3)),
    (3, b"BITFIELD_RO", ANY_KEY, some(FIELD_GET, 0, 3)),
    (0.5, b"BITFIELD_RO", ANY_KEY, some(FIELD_STEP, 1, 2)),
    (0.5, b"BITFIELD", BITS_KEY, some(mixed((1, FIELD_STEP), (1, JUNK)), 1, 3)),
]
