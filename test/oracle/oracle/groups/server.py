"""The server as a whole: databases, notification flags, and a few DEBUG switches."""

from ..words import ANY_KEY, DB, FLAGS, JUNK, maybe, mixed, phrase, pick, some


def _any_command(g):
    """Some command of the other groups, as an argument; with arguments of its own, for 7.0.15 asks
    that much (newer servers do not)."""
    while len(command := g.command()) < 2:
        pass
    return command


SETTING = b"notify-keyspace-events"

DEBUG = mixed(
    (2, phrase(b"SET-ACTIVE-EXPIRE", b"0")), (2, phrase(b"SLEEP", b"0")), (1, b"bogus")
)

TEMPLATES = [
    (4, b"DBSIZE"),
    (0.6, b"FLUSHDB", maybe(0.3, pick(b"SYNC", b"async", b"bogus"))),
    (0.3, b"FLUSHALL", maybe(0.3, pick(b"SYNC", b"ASYNC", b""))),
    (2, b"SWAPDB", DB, DB),
    (3, b"CONFIG", b"SET", SETTING, FLAGS),
    (2, b"CONFIG", b"GET", pick(SETTING, b"notify-*-events", b"Notify-Keyspace-Events", b"nosuch")),
    (0.3, b"CONFIG", b"SET", SETTING, FLAGS, SETTING, FLAGS),
    (0.3, b"CONFIG", b"SET", pick(b"nosuch", b""), JUNK),
    (0.2, b"CONFIG", b"SET", SETTING),
    (0.1, b"CONFIG", b"RESETSTAT"),
    (3, b"COMMAND", b"GETKEYS", _any_command),
    (2, b"COMMAND", b"GETKEYSANDFLAGS", _any_command),
    (0.3, b"COMMAND", pick(b"bogus", b""), some(JUNK, 0, 2)),
    (1, b"MEMORY", b"USAGE", ANY_KEY, maybe(0.3, b"SAMPLES", pick(b"0", b"5", b"-1", b"abc"))),
    (0.3, b"MEMORY", pick(b"bogus", b"USAGE")),
    (0.5, b"DEBUG", DEBUG),
    (1, b"TIME"),
]
