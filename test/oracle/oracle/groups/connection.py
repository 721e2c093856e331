"""Connections: greeting, names, databases; and connections that end."""

from ..resp import encode
from ..steps import Stranger
from ..words import ANY_KEY, DB, JUNK, SMALL_VALUE, VALUE, maybe, mixed, phrase, pick, some

NO_COMMAND = pick(b"NOSUCH", b"", b"GETT", b"\xff\x00", b"no such\r\n", b"x" * 200)
UNBLOCK_REASON = pick(b"TIMEOUT", b"ERROR", b"bogus")
NAME = pick(b"name", b"", b"a-b.c", b"two words", b"line\nfeed", b"\xc3\xa4", b"\x7f")


def _client(g):
    return g.fill((
        mixed(
            (3, phrase(b"SETNAME", NAME)),
            (3, b"GETNAME"),
            (2, b"ID"),
            (1, b"GETREDIR"),
            (1, phrase(b"NO-EVICT", pick(b"on", b"OFF", b"bogus"))),
            (1, phrase(b"REPLY", pick(b"ON", b"bogus"))),
            (1, phrase(b"KILL", b"ID", pick(b"987654321", b"0", b"-1", b"abc"))),
            (1, phrase(b"UNBLOCK", pick(b"987654321", b"abc"), maybe(0.3, UNBLOCK_REASON))),
            (1, b"UNPAUSE"),
            (1, pick(b"bogus", b"", b"SETNAME", b"KILL")),
        ),
    ))  # fmt: skip


# state.py must understand these: which of them succeed, and so change the protocol.
def _hello(g):
    return g.fill((
        mixed(
            (4, pick(b"2", b"3")),
            (2, phrase(pick(b"2", b"3"), b"SETNAME", NAME)),
            (1, pick(b"1", b"4", b"abc", b"-3", b"")),
            (1, phrase(pick(b"2", b"3"), b"bogus")),
            (1, phrase(pick(b"2", b"3"), b"AUTH", pick(b"default", b"nobody"), b"secret")),
            (1, phrase(pick(b"2", b"3"), pick(b"AUTH", b"SETNAME"))),
        ),
    ))  # fmt: skip


TEMPLATES = [
    (2, b"PING"),
    (2, b"PING", VALUE),
    (0.2, b"PING", VALUE, VALUE),
    (2, b"ECHO", VALUE),
    (5, b"SELECT", DB),
    (4, b"CLIENT", _client),
    (0.3, b"AUTH", some(pick(b"default", b"secret", b"nobody"), 1, 3)),
    (0.5, NO_COMMAND, some(VALUE, 0, 30)),
]
# Not inside MULTI, where their effect would come later than state.py thinks.
OUTSIDE_MULTI = [
    (1, b"HELLO", _hello),
    (0.3, b"HELLO"),
    (0.5, b"RESET"),
]

# Bytes as they are: inline commands, and what is not RESP. The last piece ends the connection.
_INLINE = pick(
    b"PING\r\n", b"ping hello\r\n", b"  PING  \r\n", b"\r\n", b"PING\n",
    b"SET a \"x y\\x41\\n\"\r\n",
    b"GET a\r\n", b"SET b 'it\\'s'\r\n", b"ECHO \"\"\r\n", b"ECHO ''\r\n", b"*0\r\n", b"*-1\r\n",
    b"NOSUCH 1 2\r\n", b"\t ECHO\ttab\r\n", b"ECHO a\"b\"\r\n", b"SELECT 1\r\n", b"\n",
)  # fmt: skip
_BROKEN = pick(
    b"*1\r\n$-5\r\n", b"*1\r\n$abc\r\nPING\r\n", b"*abc\r\n", b"*1\r\n:1\r\n", b"*99999999999\r\n",
    b"*2147483648\r\n", b"*1\r\n$536870913\r\n", b"*1\r\n$\r\n", b"*1\r\nPING\r\n", b"*\r\n",
    b"*1\r\n$4294967296\r\n", b"ECHO \"unbalanced\r\n", b"ECHO 'x'y\r\n", b"SET a \"b\"c\r\n",
    b"*1 \r\n$4\r\nPING\r\n", b"*+1\r\n", b"*01\r\n$4\r\nPING\r\n" + b"*x\r\n",
    b"*1\r\n$04\r\nPING\r\n" + b"QUIT\r\n",
)  # fmt: skip
_QUIT = pick(b"QUIT\r\n", b"*1\r\n$4\r\nQUIT\r\n", b"quit\r\nPING\r\n")


# No EXEC: of one that runs CLIENT REPLY OFF, Redis sends the first part of the array and not the rest,
# which no client can read; Hark sends nothing of it.
def _normal(g):
    return encode(g.fill((mixed(
        (2, phrase(b"SET", ANY_KEY, SMALL_VALUE)), (2, phrase(b"GET", ANY_KEY)), (1, b"PING"),
        (1, phrase(b"CLIENT", b"REPLY", pick(b"OFF", b"ON", b"SKIP"))), (1, phrase(b"SELECT", DB)),
        (1, pick(b"MULTI", b"DISCARD")), (1, phrase(b"ECHO", JUNK)),
    ),)))  # fmt: skip


# QUIT that may not be answered (REPLY OFF) does not end the connection in Redis 7.0.
_SPEAK_AGAIN = encode([b"DISCARD"]) + encode([b"CLIENT", b"REPLY", b"ON"])


def _torn(stream, g):
    """The same bytes in several writes, cut anywhere."""
    cuts = sorted(int(g.random() * len(stream)) for _ in range(int(g.random() * 4)))
    return [stream[a:b] for a, b in zip([0] + cuts, cuts + [len(stream)]) if a < b]


def stranger(g):
    """A connection that comes, says something, and ends by QUIT or by an error of protocol."""
    part = mixed((2, _normal), (1, _INLINE))
    stream = b"".join(part(g) for _ in range(int(g.random() * 8)))
    yield Stranger(_torn(stream, g) + [_SPEAK_AGAIN + mixed((2, _QUIT), (1, _BROKEN))(g)])


SCENARIOS = [(1, stranger)]
