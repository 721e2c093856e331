"""HyperLogLogs. Their bytes are compared, too (GET, and MGET at the end of an episode)."""

from ..words import HLL_KEY, KEY, VALUE, mixed, phrase, pick, some

_ELEMENT = lambda g: b"%x" % int(g.random() * 10**6)  # many: values become dense
_FEW = lambda g: b"%d" % int(g.random() * 40)
ELEMENT = mixed((6, _ELEMENT), (3, _FEW), (1, VALUE))
HLL = mixed((12, HLL_KEY), (1, KEY))

_HEAD = b"HYLL\x01\x00\x00\x00" + b"\x00" * 8
ODD_HLL = pick(
    _HEAD + b"\x7f\xff",  # as Redis begins
    _HEAD + b"\x40\x00" * 16384,  # the longest that is sound: zeros, one by one
    _HEAD + b"\x3f" * 255 + b"\x3e\x84",
    _HEAD + b"\x84\x88\x84\x84\x84" + b"\x7f\xfa",  # equal runs that were not joined
    _HEAD + b"\xff" * 4096,  # all registers are 32
    b"HYLL\x00\x00\x00\x00" + b"\x00" * 8 + b"\x41\x10\x04" * 4096,
    b"HYLL\x00\x00\x00\x00" + b"\x07" * 8 + b"\x00" * 12288,  # keeps a count that is wrong
    b"HYLL\x00\x00\x00\x00" + b"\x07" * 8 + b"\x00" * 12287,
    b"HYLL\x02" + b"\x00" * 13, b"HYLL", b"HYLK\x01" + b"\x00" * 13, b"",
)  # fmt: skip


def _several(count):
    """Many elements in one command."""
    return lambda g: [ELEMENT(g) for _ in range(int(count * g.random() ** 3))]


TEMPLATES = [
    (9, b"PFADD", HLL, some(ELEMENT, 0, 4)),
    (2, b"PFADD", HLL_KEY, _several(400)),
    (0.3, b"PFADD", HLL_KEY, _several(6000)),
    (6, b"PFCOUNT", HLL),
    (3, b"PFCOUNT", HLL, some(HLL, 1, 3)),
    (4, b"PFMERGE", HLL, some(HLL, 0, 3)),
    (3, b"PFDEBUG", mixed((3, pick(b"ENCODING", b"encoding")), (2, b"DECODE"), (1, b"TODENSE"),
                          (1, b"GETREG"), (1, b"bogus")), HLL),
    (3, b"GET", HLL_KEY),
    (1.5, b"DEL", HLL_KEY),
    (1, b"SET", HLL_KEY, ODD_HLL),
    (0.3, b"SET", HLL_KEY, VALUE),
    (0.5, b"COPY", HLL_KEY, phrase(HLL_KEY, b"REPLACE")),
    (0.5, b"SETBIT", HLL_KEY, b"127", pick(b"0", b"1")),
    (0.5, b"OBJECT", b"ENCODING", HLL_KEY),
    (0.2, b"SET", KEY, ODD_HLL),
]  # fmt: skip
OUTSIDE_MULTI = [
    (0.5, b"CONFIG", b"SET", b"hll-sparse-max-bytes", pick(b"3000", b"0", b"100", b"1000", b"20000")),
]  # fmt: skip
