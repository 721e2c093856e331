"""Deadlines that pass: keys of a few milliseconds, a pause, and then whoever touches them first.

Active expiry is off on both servers, so `expired` comes when a command meets the key, in the order
of commands. Until they are reaped, RANDOMKEY (which reaps by chance) is not asked, and SCAN (which
reaps in the order of a hash table) only while no actor is subscribed.
"""

from ..steps import Batch, Pause, Scan
from ..words import KEY, SMALL_VALUE, all_keys, decimal, mixed, phrase, pick

TEMPLATES = []
LONGEST_MS = 20
LATER_MS = 6
ALIVE_MS = 500  # surely still there for the next command
SURELY_MS = 5  # more than the clocks of the servers may lag behind
DATABASES = 4


def _past_ms(g):
    return b"%d" % ((g.now - 1000 - int(g.random() * 10**6)) * 1000)


def _soon(g, key, longest_ms):
    """Commands that give a key a short TTL, or (SET) one that is past already."""
    ms = decimal(1, longest_ms)
    # A TTL that is over before the command is deletes the key at once, so these are not as short.
    careful_ms = decimal(LATER_MS, longest_ms)
    give = mixed(
        (3, phrase(b"SET", key, SMALL_VALUE, b"PX", ms)),
        (2, phrase(b"PSETEX", key, ms, SMALL_VALUE)),
        (1, phrase(b"SET", key, SMALL_VALUE, b"PXAT", _past_ms)),
    )
    later = mixed(
        (2, phrase(b"PEXPIRE", key, careful_ms)),
        (1, phrase(b"GETEX", key, b"PX", careful_ms)),
    )
    if g.random() < 0.6:
        return [g.fill((give,))]
    return [g.fill((pick(b"SET"), key, SMALL_VALUE)), g.fill((later,))]


def deadlines(g):
    """Some keys of a database run out; then everything else goes on as ever."""
    actor = g.free_actor()
    if actor is None:
        return
    watcher = g.free_actor(but=actor)
    db = b"%d" % int(g.random() * DATABASES)
    keys = list({KEY(g) for _ in range(1 + int(g.random() * 8))})
    keys.sort()
    longest_ms = max(LATER_MS, 1 + int(g.random() ** 2 * LONGEST_MS))
    if watcher is not None and g.random() < 0.02:
        longest_ms = ALIVE_MS
        yield Batch(actor, [[b"SELECT", db], [b"SET", keys[0], b"x", b"PX", b"%d" % ALIVE_MS]])
        yield Batch(watcher, [[b"SELECT", db], [b"WATCH", keys[0]]])
    else:
        soon = [command for key in keys for command in _soon(g, key, longest_ms)]
        yield Batch(actor, [[b"SELECT", db]] + soon)
    yield Pause(longest_ms + SURELY_MS)
    if watcher is not None and g.random() < 0.3:
        watch = [] if longest_ms == ALIVE_MS else [[b"SELECT", db], [b"WATCH", keys[-1]]]
        yield Batch(watcher, watch + [[b"MULTI"], [b"PING"], [b"EXEC"]])
    g.hot = keys + g.hot[:2]
    if g.random() < 0.15 and not g.anyone_subscribed():
        yield Scan(actor, [])
    yield Batch(actor, [g.calm_command() for _ in range(int(g.random() * 30))])
    if watcher is not None and g.random() < 0.5:
        yield Batch(watcher, [g.calm_command() for _ in range(int(g.random() * 30))])
    # Whatever is left is reaped in a fixed order, wherever SWAPDB or MOVE took it.
    reap = [[[b"SELECT", b"%d" % n], [b"EXISTS"] + all_keys()] for n in (*range(DATABASES), 15)]
    yield Batch(actor, [command for pair in reap for command in pair] + [[b"SELECT", db]])


SCENARIOS = [(2, deadlines)]
