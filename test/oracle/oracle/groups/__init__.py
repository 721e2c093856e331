"""Tables of templates, one file per group of commands.

A module of this folder is a group. It may offer

    TEMPLATES       [(weight, part, part, ...)]: commands by chance, on any connection
    OUTSIDE_MULTI   the same, but never queued by MULTI
    SCENARIOS       [(weight, function)]: function(generator) yields steps
    INVENTORY       (name, word, ...): what shows, with the key behind its name, all of a value of
                    this kind; asked of all keys at the end of an episode

A new kind of value is a new file here, a family of keys in words.py, and its name in GROUPS.
"""

from . import (
    bitmap, connection, dump, expiry, generic, geo, hash, hll, list, pubsub, server, set, sort,
    stream, string, transactions, zset,
)  # fmt: skip

GROUPS = {
    "string": string,
    "set": set,
    "generic": generic,
    "dump": dump,
    "bitmap": bitmap,
    "hll": hll,
    "hash": hash,
    "list": list,
    "geo": geo,
    "sort": sort,
    "zset": zset,
    "stream": stream,
    "connection": connection,
    "server": server,
    "pubsub": pubsub,
    "transactions": transactions,
    "expiry": expiry,
}
