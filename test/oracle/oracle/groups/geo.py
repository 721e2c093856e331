"""Places in sorted sets, and searches for them."""

from ..words import (
    GEO_KEY, INTEGER, KEY, SMALL_VALUE, decimal, maybe, mixed, phrase, pick, some,
)  # fmt: skip


def _number(low, high, digits):
    return lambda g: b"%.*f" % (int(g.random() * digits), low + g.random() * (high - low))


LONGITUDE = mixed(
    (10, _number(-180, 180, 9)), (6, _number(12, 17, 9)), (2, decimal(-3, 3)),
    (1, pick(b"-180", b"180", b"179.9999999", b"0", b"1e-9", b"-180.1", b"181", b"nan", b"x")),
)  # fmt: skip
LATITUDE = mixed(
    (10, _number(-85, 85, 9)), (6, _number(36, 39, 9)), (2, decimal(-3, 3)),
    (1, pick(b"85.05112878", b"-85.05112878", b"85.0511287", b"0", b"-86", b"90", b"x", b"")),
)  # fmt: skip
PLACE = phrase(LONGITUDE, LATITUDE)
# Each is added at one place at a time, so that hardly any two are equally far from anything: which of
# those comes first depends on how Redis sorts.
MEMBER = mixed((12, lambda g: b"m%d" % int(g.random() * 150)), (1, decimal(0, 30)), (1, SMALL_VALUE))
UNIT = mixed((12, pick(b"m", b"km", b"KM", b"ft", b"mi")), (1, pick(b"", b"cm", b"k", b"m ")))
DISTANCE = mixed(
    (6, _number(0, 500, 4)), (3, _number(0, 30000, 4)), (2, decimal(1, 10)),
    (1, pick(b"0", b"1e-3", b"1e9", b"1e300", b"inf", b"-1", b"nan", b"x", b"22000000", b"5e-324")),
)  # fmt: skip

WITH = pick(b"WITHDIST", b"WITHCOORD", b"WITHHASH", b"withdist")
COUNT = mixed((8, decimal(1, 12)), (1, decimal(100, 300)), (1, INTEGER))
COMMON = mixed(
    (6, WITH),
    (3, phrase(b"COUNT", COUNT)),
    (2, phrase(b"COUNT", COUNT, b"ANY")),
    (3, pick(b"ASC", b"DESC", b"asc", b"Desc")),
    (1, pick(b"ANY", b"COUNT", b"bogus", b"STORE", b"STOREDIST", b"", b"FROMMEMBER")),
)
STORED = mixed((4, phrase(b"COUNT", COUNT)), (3, pick(b"ASC", b"DESC")), (1, WITH))
CENTER = mixed((6, phrase(b"FROMLONLAT", PLACE)), (4, phrase(b"FROMMEMBER", MEMBER)))
SHAPE = mixed((5, phrase(b"BYRADIUS", DISTANCE, UNIT)), (5, phrase(b"BYBOX", DISTANCE, DISTANCE, UNIT)))
ANY_ORDER = lambda g: g.fill((SHAPE, CENTER) if g.random() < 0.3 else (CENTER, SHAPE))
GEO = mixed((12, GEO_KEY), (1, KEY))
TARGET = mixed((6, GEO_KEY), (1, KEY))

TEMPLATES = [
    (9, b"GEOADD", GEO, some(phrase(PLACE, MEMBER), 1, 3)),
    (1, b"GEOADD", GEO_KEY, some(phrase(PLACE, MEMBER), 20, 100)),
    (3, b"GEOADD", GEO, some(pick(b"NX", b"XX", b"CH", b"ch", b"nx"), 1, 2), some(phrase(PLACE, MEMBER), 0, 3)),
    (0.5, b"GEOADD", GEO, some(phrase(PLACE, MEMBER), 1, 3), MEMBER),
    (4, b"GEOPOS", GEO, some(MEMBER, 0, 4)),
    (4, b"GEOHASH", GEO, some(MEMBER, 0, 4)),
    (5, b"GEODIST", GEO, MEMBER, MEMBER, maybe(0.6, UNIT)),
    (9, b"GEOSEARCH", GEO, ANY_ORDER, some(COMMON, 0, 3)),
    (1, b"GEOSEARCH", GEO, some(mixed((2, SHAPE), (2, CENTER), (1, COMMON)), 1, 4)),
    (5, b"GEOSEARCHSTORE", TARGET, GEO, ANY_ORDER, some(STORED, 0, 2), maybe(0.4, b"STOREDIST")),
    (1, b"GEOSEARCHSTORE", TARGET, GEO, some(mixed((2, SHAPE), (2, CENTER), (1, COMMON)), 1, 4)),
    (4, b"GEORADIUS", GEO, PLACE, DISTANCE, UNIT, some(COMMON, 0, 3)),
    (2, b"GEORADIUS", GEO, PLACE, DISTANCE, UNIT, some(STORED, 0, 2),
     pick(b"STORE", b"STOREDIST"), TARGET),
    (2, b"GEORADIUS_RO", GEO, PLACE, DISTANCE, UNIT, some(COMMON, 0, 3)),
    (3, b"GEORADIUSBYMEMBER", GEO, MEMBER, DISTANCE, UNIT, some(COMMON, 0, 3)),
    (2, b"GEORADIUSBYMEMBER", GEO, MEMBER, DISTANCE, UNIT, some(STORED, 0, 2),
     pick(b"STORE", b"STOREDIST"), TARGET),
    (2, b"GEORADIUSBYMEMBER_RO", GEO, MEMBER, DISTANCE, UNIT, some(COMMON, 0, 3)),
    (1, b"DEL", GEO_KEY),
    (0.3, b"SET", GEO_KEY, SMALL_VALUE),
    (0.5, b"OBJECT", b"ENCODING", GEO_KEY),
]  # fmt: skip
