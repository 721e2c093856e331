"""DUMP, and RESTORE of payloads right and wrong. Those of types that Hark does not have are left
out, and so are those of RDB versions newer than Redis 7.0's, of which Hark reads some."""

from ..words import (
    ANY_KEY, AT_MILLISECOND, BORDER, KEY, NOT_A_NUMBER, TTL_MS, VALUE, maybe, mixed, phrase, pick,
    some,
)  # fmt: skip

_POLYNOMIAL = 0x95AC9329AC4BC9B5
_TABLE = []
for _byte in range(256):
    for _ in range(8):
        _byte = _byte >> 1 ^ _POLYNOMIAL if _byte & 1 else _byte >> 1
    _TABLE.append(_byte)


def crc64(data):
    crc = 0
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 255]
    return crc


def footed(body, version=10):
    """A payload as DUMP would answer it."""
    body += version.to_bytes(2, "little")
    return body + crc64(body).to_bytes(8, "little")


def _length(n):
    if n < 64:
        return bytes([n])
    if n < 16384:
        return bytes([0x40 | n >> 8, n & 255])
    return b"\x80" + n.to_bytes(4, "big")


def _plain(g):
    value = VALUE(g)
    return footed(b"\x00" + _length(len(value)) + value)


def _wide(g):
    """A length in more bytes than it needs."""
    value = VALUE(g)
    head = pick(b"\x80" + len(value).to_bytes(4, "big"), b"\x81" + len(value).to_bytes(8, "big"))
    return footed(b"\x00" + head(g) + value)


def _integer(g):
    size = 1 << int(g.random() * 3)
    number = int(g.random() * 256**size).to_bytes(size, "little")
    return footed(b"\x00" + bytes([0xC0 + size.bit_length() - 1]) + number)


def _squeezed(g):
    """LZF of a byte and a run of it; the last ones say a wrong length."""
    times = 3 + int(g.random() * 6)
    packed = b"\x00a" + bytes([times - 2 << 5, 0])
    whole = times + 1 + int(g.random() * 1.2)
    return footed(b"\x00\xc3" + _length(len(packed)) + _length(whole) + packed)


def _spoilt(g):
    """A right payload with a byte that is another, footed again or not."""
    payload = bytearray(_plain(g))
    if g.random() < 0.5:
        payload[int(g.random() * len(payload))] ^= 1 << int(g.random() * 8)
        return bytes(payload)
    return footed(b"\x00" + bytes(payload[2 + int(g.random() * 4) : -10]))


_ODD = pick(
    b"", b"\x00", b"x" * 10, footed(b"\x00"), footed(b"\x00\x05ab"),
    footed(b"\x00\xc4a"), footed(b"\x00\xc3\x05"), footed(b"\x00\x82abc"), footed(b"\x08\x01a"),
    footed(b"\x1a\x01a"), footed(b"\xfa\x01a\x01b"), footed(b"\xff"), footed(b"\x00\x01a", 0),
    footed(b"\x00\x01a", 9), footed(b"\x00\x01a", 13), footed(b"\x00\x01a", 65535),
    footed(b"\x00\x01abc"), footed(b"\x00\xc3\x00\x00"), footed(b"\x00\xc0"),
)  # fmt: skip

PAYLOAD = mixed((6, _plain), (2, _wide), (2, _integer), (2, _squeezed), (1, _spoilt), (1, _ODD))
FAR = pick(b"2147483648", b"9223372036854775807", b"9223372036854775806", b"-1")
TTL = mixed((8, b"0"), (4, TTL_MS), (4, AT_MILLISECOND), (1, FAR), (1, NOT_A_NUMBER))
OPTION = mixed(
    (6, pick(b"REPLACE", b"replace")), (3, pick(b"ABSTTL", b"absttl")),
    (2, phrase(b"IDLETIME", mixed((3, pick(b"0", b"100")), (1, BORDER), (1, NOT_A_NUMBER)))),
    (2, phrase(b"FREQ", mixed((3, pick(b"0", b"255", b"256")), (1, BORDER), (1, NOT_A_NUMBER)))),
    (1, pick(b"IDLETIME", b"FREQ", b"bogus", b"")),
)  # fmt: skip

TEMPLATES = [
    (6, b"DUMP", ANY_KEY),
    (6, b"RESTORE", KEY, TTL, PAYLOAD, maybe(0.7, some(OPTION, 1, 3))),
    (6, b"RESTORE", KEY, TTL, PAYLOAD, b"REPLACE", maybe(0.2, b"ABSTTL")),
]
