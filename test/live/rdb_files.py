"""RDB files byte by byte, in every form that versions of Redis have written: for tests of reading
what no server at hand writes any more, or not yet.

    rdb(item(1, "key", length(2) + string("a") + string("b")))        a list of two, as of old

Nothing is compressed, and nothing is checked: what is wrong can be written as well.
"""

import struct


def bytes_of(word):
    return word if isinstance(word, bytes) else str(word).encode()


def length(n):
    if n < 64:
        return bytes([n])
    if n < 16384:
        return struct.pack(">H", 0x4000 | n)
    return b"\x80" + struct.pack(">I", n) if n < 2**32 else b"\x81" + struct.pack(">Q", n)


def string(word):
    data = bytes_of(word)
    return length(len(data)) + data


def number(word):
    """The integer that the text is, as packed values keep it; None when it is none."""
    text = bytes_of(word)
    try:
        n = int(text)
    except ValueError:
        return None
    return n if str(n).encode() == text and -(2**63) <= n < 2**63 else None


# ---- packed values ----


def ziplist(words):
    entries, last, tail = b"", 0, 0
    for word in words:
        before = bytes([last]) if last < 254 else b"\xfe" + struct.pack("<I", last)
        n, data = number(word), bytes_of(word)
        if n is not None and 0 <= n <= 12:
            body = bytes([0xf1 + n])
        elif n is not None and -(2**7) <= n < 2**7:
            body = b"\xfe" + struct.pack("<b", n)
        elif n is not None and -(2**15) <= n < 2**15:
            body = b"\xc0" + struct.pack("<h", n)
        elif n is not None and -(2**23) <= n < 2**23:
            body = b"\xf0" + struct.pack("<i", n)[:3]
        elif n is not None and -(2**31) <= n < 2**31:
            body = b"\xd0" + struct.pack("<i", n)
        elif n is not None:
            body = b"\xe0" + struct.pack("<q", n)
        elif len(data) < 64:
            body = bytes([len(data)]) + data
        elif len(data) < 16384:
            body = struct.pack(">H", 0x4000 | len(data)) + data
        else:
            body = b"\x80" + struct.pack(">I", len(data)) + data
        tail = len(entries)
        entries += before + body
        last = len(before + body)
    return struct.pack("<IIH", len(entries) + 11, 10 + tail,
                       min(len(words), 65535)) + entries + b"\xff"


def zipmap(pairs, free=0):
    def size(data):
        return bytes([len(data)]) if len(data) < 254 else b"\xfe" + struct.pack("<I", len(data))

    out = bytes([min(len(pairs), 254)])
    for name, value in pairs:
        name, value = bytes_of(name), bytes_of(value)
        out += size(name) + name + size(value) + bytes([free]) + value + b"?" * free
    return out + b"\xff"


def intset(numbers):
    numbers = sorted(numbers)
    widest = max((max(n, -n - 1) for n in numbers), default=0)
    width = 2 if widest < 2**15 else 4 if widest < 2**31 else 8
    return struct.pack("<II", width, len(numbers)) + b"".join(
        n.to_bytes(width, "little", signed=True) for n in numbers)


def listpack(words):
    entries = b""
    for word in words:
        n, data = number(word), bytes_of(word)
        if n is not None and 0 <= n <= 127:
            body = bytes([n])
        elif n is not None and -4096 <= n < 4096:
            body = struct.pack(">H", 0xc000 | n & 0x1fff)
        elif n is not None and -(2**15) <= n < 2**15:
            body = b"\xf1" + struct.pack("<h", n)
        elif n is not None and -(2**23) <= n < 2**23:
            body = b"\xf2" + struct.pack("<i", n)[:3]
        elif n is not None and -(2**31) <= n < 2**31:
            body = b"\xf3" + struct.pack("<i", n)
        elif n is not None:
            body = b"\xf4" + struct.pack("<q", n)
        elif len(data) < 64:
            body = bytes([0x80 | len(data)]) + data
        elif len(data) < 4096:
            body = struct.pack(">H", 0xe000 | len(data)) + data
        else:
            body = b"\xf0" + struct.pack("<I", len(data)) + data
        entries += body + backlen(len(body))
    return struct.pack("<IH", len(entries) + 7, min(len(words), 65535)) + entries + b"\xff"


def backlen(size):
    """To be read backwards: all but the first byte have the top bit."""
    out = [size & 127]
    while size := size >> 7:
        out[-1] |= 128
        out.append(size & 127)
    return bytes(reversed(out))


# ---- files ----


def item(code, key, value, deadline=None):
    when = b"" if deadline is None else b"\xfc" + struct.pack("<Q", deadline)
    return when + bytes([code]) + string(key) + value


def rdb(*items, version=10):
    """Without a checksum, which a file may lack."""
    end = b"\xff" + bytes(8) if version >= 5 else b"\xff"
    return b"REDIS%04d" % version + b"".join(items) + end


def old_double(text):
    """As sorted sets had it before Redis 4: inf, -inf and nan are lengths of their own."""
    special = {"nan": b"\xfd", "inf": b"\xfe", "-inf": b"\xff"}
    return special.get(text) or bytes([len(text)]) + text.encode()


def double(x):
    return struct.pack("<d", x)


def rows(*parts):
    return length(len(parts)) + b"".join(parts)


def stream_id(ms, n):
    return struct.pack(">QQ", ms, n)


def time(ms):
    return struct.pack("<q", ms)
