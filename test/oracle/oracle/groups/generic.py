"""Commands on keys of any kind, but MIGRATE, SORT, WAIT. DUMP and RESTORE: dump.py. Short TTLs:
expiry.py."""

from ..steps import RandomKey, Scan
from ..words import (
    ANY_KEY, AT_MS, AT_S, COUNT, DB, JUNK, KEY, PATTERN, TTL_MS, TTL_S, maybe, mixed, phrase, pick,
    some,
)  # fmt: skip

CONDITION = mixed((8, pick(b"NX", b"XX", b"GT", b"LT", b"nx", b"gt")), (1, JUNK))
TYPE = pick(b"string", b"STRING", b"list", b"hash", b"bogus", b"")


COPY_OPTION = mixed(
    (6, pick(b"REPLACE", b"replace")), (6, phrase(b"DB", DB)), (1, pick(b"DB", b"bogus", b""))
)
# SCAN in a batch only where it fails: what one call finds is the server's own affair.
NO_CURSOR = pick(b"abc", b"x1", b"1x", b" 1", b"18446744073709551616")
SCAN_FAULT = mixed(
    (2, phrase(NO_CURSOR, maybe(0.3, b"COUNT", b"5"))),
    (1, phrase(b"0", b"COUNT", pick(b"0", b"-1", b"abc", b"9223372036854775808"))),
    (1, phrase(b"0", pick(b"MATCH", b"COUNT", b"TYPE", b"bogus"))),
    (1, phrase(b"0", b"MATCH", b"*", b"bogus", b"bogus")),
)

TEMPLATES = [
    (4, b"DEL", some(ANY_KEY, 1, 4)),
    (2, b"UNLINK", some(ANY_KEY, 1, 4)),
    (3, b"EXISTS", some(ANY_KEY, 1, 4)),
    (2, b"TOUCH", some(ANY_KEY, 1, 4)),
    (3, b"EXPIRE", ANY_KEY, TTL_S, maybe(0.5, some(CONDITION, 1, 2))),
    (3, b"PEXPIRE", ANY_KEY, TTL_MS, maybe(0.5, some(CONDITION, 1, 2))),
    (3, b"EXPIREAT", ANY_KEY, AT_S, maybe(0.5, some(CONDITION, 1, 2))),
    (3, b"PEXPIREAT", ANY_KEY, AT_MS, maybe(0.5, some(CONDITION, 1, 2))),
    (2, b"TTL", ANY_KEY),
    (2, b"PTTL", ANY_KEY),
    (2, b"EXPIRETIME", ANY_KEY),
    (2, b"PEXPIRETIME", ANY_KEY),
    (3, b"PERSIST", ANY_KEY),
    (4, b"RENAME", ANY_KEY, KEY),
    (3, b"RENAMENX", ANY_KEY, KEY),
    (3, b"MOVE", ANY_KEY, DB),
    (3, b"COPY", ANY_KEY, KEY),
    (4, b"COPY", ANY_KEY, KEY, some(COPY_OPTION, 1, 3)),
    (3, b"TYPE", ANY_KEY),
    (2, b"KEYS", PATTERN),
    (1, b"SCAN", SCAN_FAULT),
    (3, b"OBJECT", b"ENCODING", ANY_KEY),
    (1, b"OBJECT", pick(b"REFCOUNT", b"IDLETIME", b"FREQ", b"refcount"), ANY_KEY),
    (0.5, b"OBJECT", pick(b"HELP", b"bogus", b"ENCODING", b"FREQ"), some(ANY_KEY, 0, 2)),
]

_SCAN_OPTION = mixed(
    (3, phrase(b"MATCH", PATTERN)),
    (3, phrase(b"COUNT", COUNT)),
    (2, phrase(b"TYPE", TYPE)),
)


def scan(g):
    """A whole iteration, and a random key of what it should have found."""
    actor = g.free_actor()
    if actor is not None:
        yield Scan(actor, g.fill((some(_SCAN_OPTION, 0, 3),)))
        yield RandomKey(actor)


SCENARIOS = [(2, scan)]
