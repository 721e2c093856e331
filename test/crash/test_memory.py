"""What is too large for the memory there is gets an error, and the server goes on."""

import time

import pytest

import server
from wire import Error

MB = 1 << 20

pytestmark = pytest.mark.skipif(server.is_sanitized(),
                                reason="sanitizers have an allocator of their own")


@pytest.fixture
def starving():
    """A server with room for 200 MB more."""
    s = server.Server({"save": ""}, faulty=False)
    asker = s.start()
    asker("SET", "small", "1")
    s.starve(200 * MB)
    yield s, asker
    assert asker("GET", "small") == b"1"
    asker.close()
    s.remove()


@pytest.mark.parametrize("words", [
    ("SETBIT", "new", 8 * 300 * MB, 1),
    ("SETRANGE", "new", 300 * MB, "x"),
    ("BITFIELD", "new", "SET", "u8", 8 * 300 * MB, 1),
    ("COPY", "large", "new"),
    ("BITOP", "NOT", "new", "large"),
    ("MGET", *["large"] * 30),
])
def test_refused(starving, words):
    _, asker = starving
    assert asker("SETRANGE", "large", 30 * MB, "x") == 30 * MB + 1
    reply = asker(*words)
    assert isinstance(reply, Error) and reply.startswith("OOM "), reply
    assert asker("EXISTS", "new") == 0
    assert asker("STRLEN", "large") == 30 * MB + 1


def test_a_large_request_is_refused(starving):
    _, asker = starving
    reply = asker("SET", "new", b"x" * (30 * MB))
    assert isinstance(reply, Error) and reply.startswith("OOM "), reply
    assert asker("EXISTS", "new") == 0


def test_a_snapshot_is_given_up(starving):
    s, asker = starving
    for _ in range(45):
        asker("RPUSH", "list", *[b"x" * 8000] * 130)
    asker("BGREWRITEAOF")
    deadline = time.monotonic() + server.PATIENCE_S
    while "no memory for the copy of a large value" not in s.log():
        assert time.monotonic() < deadline, s.log()
        time.sleep(0.01)
    assert asker("LLEN", "list") == 45 * 130
