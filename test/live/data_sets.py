"""Random data sets of every type, made by commands that Redis and Hark share, and all that can be
read of one: for tests that move data from server to server."""

DAY_MS = 24 * 60 * 60 * 1000
TYPES = ("string", "list", "set", "zset", "hash", "stream")

WORDS = ["every", "keyspace", "event", "is", "heard", "", "été", b"\x00\xff", "x" * 63, "y" * 64]
NUMBERS = [0, -1, 12, 13, 127, 128, -128, -129, 255, 4095, 4096, -4096, -4097, 32767, 32768, -32769,
           2**23 - 1, 2**23, -(2**23) - 1, 2**31 - 1, 2**31, -(2**31) - 1, 2**63 - 1, -(2**63)]
SCORES = [0, "-0", 1, -1, 1.5, 3.1, 1e-320, 5e300, "inf", "-inf", 2**53, 0.1, -1e17, 1 / 3]


def member(rng):
    """What may be an element of any type: texts and integers of every size and encoding."""
    kind = rng.randrange(7)
    if kind == 0:
        return rng.choice(NUMBERS)
    if kind == 1:
        return rng.randrange(-(10**6), 10**6)
    if kind == 2:
        return rng.choice(WORDS)
    if kind == 3:
        return rng.randbytes(rng.choice([1, 11, 20, 21, 62, 63, 64, 65, 200]))
    if kind == 4:
        return "ab" * rng.randrange(40)
    return f"{rng.choice(WORDS[:5])}:{rng.randrange(10**4)}"


def large_member(rng):
    size = rng.choice([4090, 4096, 8190, 8200, 16384, 70000])
    return rng.randbytes(size) if rng.random() < 0.5 else b"tuvwxyz" * (size // 7)


def size_of(rng, largest):
    """How many elements: mostly few, some at the limits of packed values, some beyond."""
    kind = rng.randrange(10)
    if kind < 5:
        return rng.randrange(1, 12)
    if kind < 8:
        return rng.choice([63, 64, 127, 128, 129, 130, 200])
    return rng.choice([511, 512, 513, largest])


def members(rng, count):
    integers = rng.random() < 0.3
    large = rng.random() < 0.05
    some = [rng.choice(NUMBERS) if rng.random() < 0.05 and integers else
            rng.randrange(-(10**5), 10**5) if integers else member(rng) for _ in range(count)]
    if large:
        some[rng.randrange(count)] = large_member(rng)
    return some


def in_parts(client, command, key, words, step):
    """Commands of at most some hundred words, so that values grow as they do in life."""
    for at in range(0, len(words), step):
        client(command, key, *words[at:at + step])


def make_string(rng, client, key, _):
    client("SET", key, large_member(rng) if rng.random() < 0.1 else member(rng))


def make_list(rng, client, key, largest):
    values = members(rng, size_of(rng, largest))
    in_parts(client, rng.choice(["RPUSH", "LPUSH"]), key, values, 100)
    for _ in range(rng.randrange(3)):
        client("LREM", key, 1, rng.choice(values))
        client("RPUSH", key, member(rng))
        client("LSET", key, 0, large_member(rng) if rng.random() < 0.1 else member(rng))
        client("LINSERT", key, "BEFORE", rng.choice(values), member(rng))


def make_set(rng, client, key, largest):
    values = members(rng, size_of(rng, largest))
    in_parts(client, "SADD", key, values, 100)
    client("SREM", key, "nobody", *rng.sample(values, len(values) // 4))
    client("SADD", key, member(rng))


def make_zset(rng, client, key, largest):
    words = []
    for name in members(rng, size_of(rng, largest)):
        words += [rng.choice(SCORES) if rng.random() < 0.5 else rng.randrange(1000) / 8, name]
    in_parts(client, "ZADD", key, words, 100)
    client("ZREM", key, *words[1:len(words) // 4:2], "nobody")
    client("ZADD", key, 7, "stays")


def make_hash(rng, client, key, largest):
    words = []
    for name in members(rng, size_of(rng, largest)):
        words += [name, member(rng)]
    in_parts(client, "HSET", key, words, 100)
    client("HDEL", key, *words[:len(words) // 4:2], "nothing")
    client("HSET", key, "stays", large_member(rng) if rng.random() < 0.02 else 1)


def make_stream(rng, client, key, largest):
    client("XGROUP", "CREATE", key, "first", "0", "MKSTREAM")
    ms, names = rng.randrange(1, 10**13), [member(rng) for _ in range(3)]
    ids = []
    for _ in range(size_of(rng, largest)):
        ms += rng.choice([0, 0, 1, 1000, 10**6])
        same = rng.random() < 0.7
        fields = names if same else [member(rng) for _ in range(rng.randrange(1, 5))]
        words = [word for name in fields for word in (name, member(rng))]
        ids.append(client("XADD", key, f"{ms}-{len(ids) + 1}", *words))
    for _ in range(rng.randrange(3)):
        client("XDEL", key, rng.choice(ids))
    if rng.random() < 0.2:
        client("XTRIM", key, "MAXLEN", len(ids) // 2)
    if rng.random() < 0.1:
        client("XDEL", key, *ids)
    for n in range(rng.randrange(4)):
        group = rng.choice(["first", f"group {n}", b"\xff%d" % n])
        if group != "first":
            client("XGROUP", "CREATE", key, group, rng.choice(["0", "$", rng.choice(ids)]))
        for _ in range(rng.randrange(4)):
            who = f"worker {rng.randrange(3)}"
            client("XREADGROUP", "GROUP", group, who, "COUNT", rng.randrange(1, 300),
                   "STREAMS", key, ">")
            client("XACK", key, group, *rng.sample(ids, len(ids) // 2 + 1))
        client("XGROUP", "CREATECONSUMER", key, group, "idle one")
    if rng.random() < 0.2:
        client("XSETID", key, f"{ms + 10**6}-5")


MAKERS = {"string": make_string, "list": make_list, "set": make_set, "zset": make_zset,
          "hash": make_hash, "stream": make_stream}


def fill_types(rng, client, keys=100, types=TYPES, largest=3000, databases=4, deadlines=True):
    """Keys of all these types in some databases; some live for a day or so."""
    for n in range(keys):
        client("SELECT", rng.randrange(databases))
        key = rng.choice([f"k{n}", str(n), b"\xff\x00%d" % n, "long" * 30 + str(n)])
        client("DEL", key)
        MAKERS[types[n % len(types)]](rng, client, key, largest)
        if deadlines and rng.random() < 0.3:
            client("PEXPIRE", key, DAY_MS + rng.randrange(DAY_MS))
    client("SELECT", 0)


# ---- changing ----

# Words in capitals are taken as they stand, but for the name of a type, which stands for a key of
# it; small ones are made up.
CHANGES = """
LPUSH LIST m|LPOP LIST 2|RPOP LIST|LMOVE LIST LIST LEFT RIGHT|RPOPLPUSH LIST LIST|LSET LIST 0 m
LINSERT LIST AFTER m m|LREM LIST n m|LTRIM LIST 0 50|LMPOP 2 LIST LIST RIGHT COUNT 3
BLPOP LIST LIST 0.01|BLMOVE LIST LIST RIGHT LEFT 0.01|SORT LIST ALPHA STORE LIST
SADD SET m m n|SREM SET m|SPOP SET|SPOP SET 3|SMOVE SET SET m|SINTERSTORE SET SET SET
SUNIONSTORE SET SET SET|SDIFFSTORE SET SET SET|ZADD ZSET n m|ZINCRBY ZSET 1.5 m
ZADD ZSET GT CH n m|ZADD ZSET INCR n m|ZPOPMIN ZSET|ZPOPMAX ZSET 2|BZPOPMIN ZSET 0.01
ZMPOP 1 ZSET MIN COUNT 2|ZREMRANGEBYRANK ZSET 0 2|ZREMRANGEBYSCORE ZSET 1 2
ZUNIONSTORE ZSET 2 ZSET SET WEIGHTS 2 3|ZINTERSTORE ZSET 2 ZSET ZSET AGGREGATE MAX
ZRANGESTORE ZSET ZSET 0 20|GEOADD ZSET 13.4 52.5 m|HSET HASH m m n m|HDEL HASH m|HSETNX HASH m n
HINCRBY HASH counter n|HINCRBYFLOAT HASH float 1.25|XADD STREAM MAXLEN ~ 100 * m n
XADD STREAM * m m|XTRIM STREAM MAXLEN 60|XDEL STREAM 5-5|XGROUP CREATE STREAM m 0
XREADGROUP GROUP first w COUNT 3 STREAMS STREAM >|XREADGROUP GROUP first w STREAMS STREAM 0
XAUTOCLAIM STREAM first other 0 0 COUNT 5|XGROUP DELCONSUMER STREAM first other
XREADGROUP GROUP first w COUNT 3 NOACK STREAMS STREAM >|XGROUP SETID STREAM first $
XSETID STREAM 99999999999999-5|COPY LIST LIST REPLACE|COPY ZSET ZSET REPLACE|COPY HASH HASH REPLACE
COPY STREAM STREAM REPLACE|RENAME SET SET|PERSIST HASH|PEXPIRE LIST 90000000|GETEX STRING EX 90000
APPEND STRING m|SETRANGE STRING 5 m|PFADD HLL m m n|PFMERGE HLL HLL|SETBIT STRING 40 1
BITFIELD STRING SET u8 8 n|GETDEL STRING|SET STRING m KEEPTTL|UNLINK LIST|DEL SET|INCRBYFLOAT count n
""".replace("\n", "|").strip("|").split("|")


def churn(rng, client, count, databases=1):
    """Changes of all kinds, in transactions now and then; what does not fit is an error, and fine."""
    keys = {}
    for key in client("KEYS", "*"):
        keys.setdefault(client("TYPE", key).upper(), []).append(
            key.encode("utf-8", "surrogateescape"))
    keys["HLL"] = ["hll 1", "hll 2"]
    queued = False
    for _ in range(count):
        if rng.random() < 0.1:
            client.send("EXEC" if queued else "MULTI")
            client.reply()
            queued = not queued
        words = rng.choice(CHANGES).split()
        for at, word in enumerate(words):
            if at and word in keys:
                words[at] = rng.choice(keys[word])
            elif at and word == "m":
                words[at] = member(rng)
            elif at and word == "n":
                words[at] = rng.randrange(-100, 100)
        client.send(*words)
        client.reply()
    if queued:
        client("EXEC")


# ---- reading ----


def pairs(flat):
    return list(zip(flat[::2], flat[1::2]))


def fields_of(reply):
    """A map of RESP2 as a dict, and those within it."""
    return dict(pairs(reply))


def read_stream(client, key):
    facts = fields_of(client("XINFO", "STREAM", key, "FULL", "COUNT", 0))
    groups = []
    for group in map(fields_of, facts["groups"]):
        pending = {entry[0]: (entry[1], entry[2], entry[3]) for entry in group["pending"]}
        owned = {}
        for consumer in map(fields_of, group["consumers"]):
            owned[consumer["name"]] = [(e[0], e[1], e[2]) for e in consumer["pending"]]
        groups.append((group["name"], group["last-delivered-id"], group["entries-read"],
                       group["lag"], group["pel-count"], pending, owned))
    seen = [facts[name] for name in ("length", "last-generated-id", "max-deleted-entry-id",
                                     "entries-added", "recorded-first-entry-id")]
    return client("XRANGE", key, "-", "+"), seen, sorted(groups, key=lambda g: g[0])


READERS = {
    "string": lambda client, key: client("GET", key),
    "list": lambda client, key: client("LRANGE", key, 0, -1),
    "set": lambda client, key: sorted(client("SMEMBERS", key)),
    "zset": lambda client, key: [(m, float(s)) for m, s in
                                 pairs(client("ZRANGE", key, 0, -1, "WITHSCORES"))],
    "hash": lambda client, key: fields_of(client("HGETALL", key)),
    "stream": read_stream,
}


def value_of(client, key):
    kind = client("TYPE", key)
    return kind, READERS[kind](client, key) if kind != "none" else None


def contents(client):
    """All there is: {(db, key): (type, value, deadline)}."""
    found = {}
    for db in range(16):
        client("SELECT", db)
        for key in client("KEYS", "*"):
            found[db, key] = *value_of(client, key), client("PEXPIRETIME", key)
    client("SELECT", 0)
    return found
