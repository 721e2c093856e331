"""The words that random commands are made of: keys, values, numbers, times, and odd ones.

A template is a tuple of parts; a part is bytes, or a function of the generator that returns bytes
or a list of bytes. The functions here are those parts. `g.random()` is uniform in [0, 1).

Keys come in families, so that commands of one kind mostly meet values they can use:

    general   whatever kind: every generic command picks here, too
    number    mostly integers and floats
    bits      mostly bitmaps, up to some kilobytes
    hll       mostly HyperLogLogs; what other commands leave of one, Redis may still take for one
    list      mostly lists
    geo       mostly places in sorted sets
    hash      mostly hashes
    zset      mostly sorted sets
    lex       sorted sets whose scores are all 0: ranges by member mean nothing where they differ
    stream    mostly streams
    sort      lists, sets and sorted sets of few numbers, written by groups/sort.py alone
    weight    what SORT finds under the names that it makes, the same
    tiny      short strings only, never written by a command that could make them long, because
              the cost of LCS is the product of the lengths
    set       mostly sets

A kind of value to come (list, hash, ...) adds a family and a file of templates in groups/; with
ANY_KEY the other groups then meet its keys, and its commands meet strings (WRONGTYPE).

Nothing here may make a server allocate much: offsets are small, or beyond the limit of 512 MB.
"""

FAMILIES = {
    "general": [b"a", b"b", b"c", b"d", b"e", b"{t}1", b"{t}2", b"key:with:colons", b"K" * 300,
                b"\x00\xff\r\n*", b"", b" ", b"a*[b]?\\c", b"\xc3\xa4", b"0", b"-1"],
    "number": [b"n1", b"n2", b"n3", b"n:4", b"n5"],
    "bits": [b"b1", b"b2", b"b3", b"b:4"],
    "hll": [b"h1", b"h2", b"h3", b"h4"],
    "list": [b"l1", b"l2", b"l3", b"l4", b"l5"],
    "geo": [b"g1", b"g2", b"g3"],
    "hash": [b"f1", b"f2", b"f3", b"f:4"],
    "stream": [b"x1", b"x2", b"x3", b"x4"],
    "sort": [b"sl1", b"sl2", b"ss1", b"ss2", b"sz1", b"sz2"],
    "weight": [b"w_%d" % i for i in range(13)] + [b"o_%d" % i for i in range(13)],
    "zset": [b"z1", b"z2", b"z3", b"z:4", b"z5"],
    "lex": [b"lx1", b"lx2", b"lx3"],
    "tiny": [b"t1", b"t2", b"t3", b"t4", b"t5"],
    "set": [b"s1", b"s2", b"s3", b"s:4"],
}  # fmt: skip

_OF_ONE_GROUP = ("tiny", "lex", "hll", "sort", "weight")  # which alone writes them
_WRITABLE = [key for family in FAMILIES if family not in _OF_ONE_GROUP
             for key in FAMILIES[family]]  # fmt: skip
_ALL = _WRITABLE + [key for family in _OF_ONE_GROUP for key in FAMILIES[family]]


def all_keys():
    return list(_ALL)


def pick(*choices):
    """A part: one of these words."""
    count = len(choices)
    return lambda g: choices[int(g.random() * count)]


def mixed(*weighted):
    """A part: one of the parts, by weight. mixed((3, SMALL), (1, b"x"))"""
    parts = [part for weight, part in weighted for _ in range(weight)]
    count = len(parts)

    def part(g):
        chosen = parts[int(g.random() * count)]
        return chosen if type(chosen) is bytes else chosen(g)

    return part


def phrase(*parts):
    """A part: these words, one after the other."""
    return lambda g: g.fill(parts)


def some(part, low, high, empty=0.0):
    """A part: several of these, as a list."""

    def several(g):
        if empty and g.random() < empty:
            return []
        words = []
        for _ in range(low + int(g.random() * (high - low + 1))):
            word = part(g)
            if type(word) is bytes:
                words.append(word)
            else:
                words += word
        return words

    return several


def maybe(chance, *parts):
    """A part: these words, or none of them."""

    def part(g):
        return g.fill(parts) if g.random() < chance else []

    return part


def _keys(pool):
    """Keys of a pool, more often one of the few that this batch works on."""
    members = frozenset(pool)

    def part(g):
        if g.random() < 0.6:
            key = g.hot[int(g.random() * len(g.hot))]
            if key in members:
                return key
        return pool[int(g.random() * len(pool))]

    return part


ANY_KEY = _keys(_ALL)
KEY = _keys(_WRITABLE)
NUMBER_KEY = mixed((4, _keys(FAMILIES["number"])), (1, KEY))
GEO_KEY = _keys(FAMILIES["geo"])
SORT_KEY = _keys(FAMILIES["sort"])
WEIGHT_KEY = _keys(FAMILIES["weight"])
HASH_KEY = mixed((9, _keys(FAMILIES["hash"])), (1, ANY_KEY))
HLL_KEY = _keys(FAMILIES["hll"])
LIST_KEY = _keys(FAMILIES["list"])
STREAM_KEY = _keys(FAMILIES["stream"])
BITS_KEY = mixed((4, _keys(FAMILIES["bits"])), (1, KEY))
ZSET_ONLY = _keys(FAMILIES["zset"])
ZSET_KEY = mixed((6, ZSET_ONLY), (1, KEY))
LEX_KEY = _keys(FAMILIES["lex"])
TINY_KEY = _keys(FAMILIES["tiny"])
SET_KEY = mixed((8, _keys(FAMILIES["set"])), (1, KEY))


def decimal(low, high):
    span = high - low + 1
    return lambda g: b"%d" % (low + int(g.random() * span))


NOT_A_NUMBER = pick(
    b"", b"abc", b" 1", b"1 ", b"+1", b"-0", b"01", b"1.0", b"1e3", b"0x10", b"-", b"1\x00",
    b"9223372036854775808", b"-9223372036854775809", b"99999999999999999999999", b"nan", b"--1",
    b"\x00",
)  # fmt: skip
BORDER = pick(
    b"0", b"1", b"-1", b"2147483647", b"2147483648", b"-2147483648", b"4294967295", b"4294967296",
    b"9223372036854775806", b"9223372036854775807", b"-9223372036854775807",
    b"-9223372036854775808",
)  # fmt: skip
INTEGER = mixed(
    (12, decimal(-20, 20)), (2, decimal(-(10**12), 10**12)), (3, BORDER), (1, NOT_A_NUMBER)
)
INDEX = mixed((12, decimal(-30, 30)), (1, BORDER), (1, NOT_A_NUMBER))
COUNT = mixed((10, decimal(1, 20)), (1, decimal(-2, 0)), (1, BORDER), (1, NOT_A_NUMBER))

def _decimals(g):
    return b"%.*f" % (int(g.random() * 12), (g.random() - 0.5) * 10 ** int(g.random() * 12))


FLOAT = mixed(
    (6, pick(b"0", b"1", b"-1", b"1.5", b"-2.25", b"0.1", b"3.0e3", b"1e-3", b"5e20", b"100.000")),
    (2, decimal(-1000, 1000)),
    (2, _decimals),
    (1, pick(b"inf", b"-inf", b"nan", b"+inf", b"Infinity", b"1e308", b"1e4000", b"1e-4000", b".5",
             b"5.", b"-.5e1", b"1e", b"0x1p4", b"-0", b"-0.0", b"1_0")),
    (1, NOT_A_NUMBER),
)  # fmt: skip

SMALL_VALUE = mixed(
    (6, pick(b"foo", b"bar", b"hello world", b"ohmytext", b"mynewtext", b"a", b"aa", b"abcabcabc")),
    (1, b""),
    (2, decimal(-100, 1000)),
    (1, pick(b"\x00", b"\xff\x00\r\n", b"\x80" * 9, b"3.14", b"x" * 44, b"x" * 45)),
)


def _long_value(g):
    return b"0123456789abcdef"[: 1 + int(g.random() * 16)] * int(1 + g.random() * 60)


def _huge_value(g):
    """Larger than a read or an output buffer of 16 KB."""
    return b"0123456789abcdef" * int(1000 + g.random() * 1100)


def _bytes_value(g):
    return bytes([int(g.random() * 256) for _ in range(int(g.random() * 24))])


VALUE = mixed((24, SMALL_VALUE), (6, INTEGER), (3, FLOAT), (5, _bytes_value), (4, _long_value))
NUMBER_VALUE = mixed((8, INTEGER), (4, FLOAT), (1, SMALL_VALUE))
BITS_VALUE = mixed((5, _bytes_value), (1, SMALL_VALUE), (1, _long_value))
HUGE_VALUE = _huge_value

BYTE_OFFSET = mixed(
    (20, decimal(0, 60)), (2, decimal(0, 4000)),
    (1, pick(b"-1", b"536870912", b"2147483648", b"4294967296", b"9223372036854775807",
             b"-9223372036854775808")),
    (1, NOT_A_NUMBER),
)  # fmt: skip
BIT_OFFSET = mixed(
    (20, decimal(0, 200)), (2, decimal(0, 30000)),
    (1, pick(b"-1", b"4294967296", b"9223372036854775807", b"-9223372036854775808",
             b"34359738368")),
    (1, NOT_A_NUMBER),
)  # fmt: skip

# Times lie on a grid of 10,000 s, so that no two of them meet however long a run takes: NX, GT and
# LT never depend on a millisecond. Absolute ones lie between the lines.
_GRID_S = 10_000
_FAR = pick(b"9223370000000000", b"9223372036854775", b"9223372036854776", b"9223372036854775807",
            b"-9223372036854775808", b"-9223372036854775807")  # fmt: skip
_FAR_MS = pick(b"9223370000000000000", b"9223372036854775807", b"-9223372036854775808",
               b"-9223372036854775807")  # fmt: skip
_GONE = pick(b"0", b"-1", b"-1000", b"-100000000000")


def _seconds(g):
    return _GRID_S * (1 + int(g.random() * 10**6))


def _moment(g):
    """Of few possible ones, so that equal times meet."""
    return g.now - g.now % _GRID_S + _GRID_S // 2 + _GRID_S * (2 + int(g.random() * 12))


def _past(g):
    return g.now - 1000 - int(g.random() * 10**9)


SECONDS = lambda g: b"%d" % _seconds(g)
MILLISECONDS = lambda g: b"%d" % (_seconds(g) * 1000)
AT_SECOND = lambda g: b"%d" % _moment(g)
AT_MILLISECOND = lambda g: b"%d" % (_moment(g) * 1000 + 500)
ODD_TIME = mixed((4, _GONE), (2, NOT_A_NUMBER), (2, _FAR))
ODD_TIME_MS = mixed((4, _GONE), (2, NOT_A_NUMBER), (2, _FAR_MS))
TTL_S = mixed((12, SECONDS), (1, ODD_TIME))
TTL_MS = mixed((12, MILLISECONDS), (1, ODD_TIME_MS))
AT_S = mixed((10, AT_SECOND), (2, lambda g: b"%d" % _past(g)), (1, ODD_TIME))
AT_MS = mixed((10, AT_MILLISECOND), (2, lambda g: b"%d" % (_past(g) * 1000)), (1, ODD_TIME_MS))
# For SET, which in Redis 7.0 stores a value that is already past its time: groups/expiry.py has it.
FUTURE_AT_S = mixed((10, AT_SECOND), (1, pick(b"0", b"-1", b"abc", b"9223372036854776")))
FUTURE_AT_MS = mixed((10, AT_MILLISECOND), (1, pick(b"0", b"-1", b"abc", b"9223372036854775808")))

DB = mixed((14, decimal(0, 3)), (1, pick(b"15", b"16", b"-1", b"2147483648", b"abc", b"")))
PATTERN = pick(b"*", b"a*", b"?", b"[a-c]", b"[^a]", b"n?", b"*\\**", b"key:*:*", b"", b"[", b"\\",
               b"b[1-3]*", b"t1", b"*\xff*", b"[z-a]", b"**", b"h[^e]llo", b"[]",
               b"a[")  # fmt: skip
JUNK = pick(b"", b"bogus", b"NX", b"1", b"-1", b"\x00\xff", b"COUNT", b"a")
CHANNEL = pick(b"news", b"chat", b"a", b"", b"x:y", b"\xff\x00\n", b"__keyspace@0__:a",
               b"__keyevent@0__:set", b"__keyevent@1__:del")  # fmt: skip
CHANNEL_PATTERN = pick(b"*", b"n*", b"news", b"c?at", b"[a-n]*", b"", b"__key*",
                       b"__keyevent@*__:*", b"__keyspace@0__:*", b"__keyspace@*__:[ab]")  # fmt: skip
MESSAGE = mixed((4, SMALL_VALUE), (1, _long_value))


def FLAGS(g):
    """A string for notify-keyspace-events that Redis 7.0.15 understands. One that it refuses is left
    to the table of cases: Redis then restores the old flags from their text, and so loses `n`."""
    chance = g.random()
    if chance < 0.5:
        return b"KEAmn"
    if chance < 0.56:
        return b""
    letters = b"KEg$lshzxetdmnAKEA"
    return bytes(letters[int(g.random() * len(letters))] for _ in range(1 + int(g.random() * 8)))
