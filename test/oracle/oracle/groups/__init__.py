"""Tables of templates, one file per group of commands.

A module of this folder is a group. It may offer

    TEMPLATES       [(weight, part, part, ...)]: commands by chance, on any connection
    OUTSIDE_MULTI   the same, but never queued by MULTI
    SCENARIOS       [(weight, function)]: function(generator) yields steps

A new kind of value is a new file here, a family of keys in words.py, and its name in GROUPS.
"""

from . import (
    bitmap, connection, dump, expiry, generic, geo, hll, pubsub, server, sort, string, transactions,
    zset,
)  # fmt: skip

GROUPS = {
    "string": string,
    "generic": generic,
    "dump": dump,
    "bitmap": bitmap,
    "hll": hll,
    "geo": geo,
    "zset": zset,
    "sort": sort,
    "connection": connection,
    "server": server,
    "pubsub": pubsub,
    "transactions": transactions,
    "expiry": expiry,
}
