"""SLOWLOG: what is kept of slow requests, how much of it, and what is not shown."""

import time

import pytest

everything = pytest.mark.settings(slowlog_log_slower_than=0)


def requests(c, count=-1):
    return [entry[3] for entry in c("SLOWLOG", "GET", count)]


@everything
def test_entries(connect):
    c = connect()
    c("CLIENT", "SETNAME", "me")
    c("SLOWLOG", "RESET")
    c("SET", "a", "1")
    c("GET", "a")
    newest, second, *_ = c("SLOWLOG", "GET")
    assert newest[3] == ["GET", "a"] and second[3] == ["SET", "a", "1"]
    assert newest[0] == second[0] + 1
    assert abs(newest[1] - time.time()) < 5
    assert newest[2] >= 0
    assert newest[4] == "%s:%d" % c.socket.getsockname()
    assert newest[5] == "me"
    ident = newest[0]
    assert c("SLOWLOG", "RESET") == "OK"
    assert c("SLOWLOG", "GET", 1)[0][0] > ident  # ids go on


@everything
def test_len_and_get(connect):
    c = connect()
    c("SLOWLOG", "RESET")  # logs itself when it is over
    for i in range(20):
        c("ECHO", i)
    assert c("SLOWLOG", "LEN") == 21
    assert len(c("SLOWLOG", "GET")) == 10
    assert len(c("SLOWLOG", "GET", 0)) == 0
    assert len(c("SLOWLOG", "GET", -1)) == 24
    assert len(c("SLOWLOG", "GET", 1000)) == 25
    assert requests(c, 1) == [["SLOWLOG", "GET", "1000"]]
    for wrong in ("-2", "x"):
        assert (c.error("SLOWLOG", "GET", wrong)
                == "ERR count should be greater than or equal to -1")
    assert c.error("SLOWLOG", "GET", "1", "2") == (
        "ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.")
    assert c.error("SLOWLOG", "NOSUCH") == "ERR unknown subcommand 'NOSUCH'. Try SLOWLOG HELP."
    assert c("SLOWLOG", "HELP")[0].startswith("SLOWLOG <subcommand>")


@pytest.mark.settings(slowlog_log_slower_than=0, slowlog_max_len=3)
def test_bound(connect):
    c = connect()
    for i in range(10):
        c("ECHO", i)
    assert requests(c) == [["ECHO", "9"], ["ECHO", "8"], ["ECHO", "7"]]
    c("CONFIG", "SET", "slowlog-max-len", "1")
    assert c("SLOWLOG", "LEN") == 1
    c("CONFIG", "SET", "slowlog-max-len", "0")
    c("PING")
    assert c("SLOWLOG", "LEN") == 0


@everything
def test_long_requests_are_cut(connect):
    c = connect()
    c("PING", "x" * 128)
    c("PING", "x" * 129)
    c("DEL", *range(31))
    c("DEL", *range(32))
    c("DEL", *range(99))
    more, one_more, fits, cut, whole = requests(c, 5)
    assert whole == ["PING", "x" * 128]
    assert cut == ["PING", "x" * 128 + "... (1 more bytes)"]
    assert fits == ["DEL", *map(str, range(31))]
    assert one_more == ["DEL", *map(str, range(30)), "... (2 more arguments)"]
    assert more == ["DEL", *map(str, range(30)), "... (69 more arguments)"]


@everything
def test_bytes_are_kept_as_they_are(connect):
    c = connect(binary=True)
    c("PING", b"\x00\xff\r\n")
    assert c("SLOWLOG", "GET", 1)[0][3] == [b"PING", b"\x00\xff\r\n"]


@everything
def test_secrets(connect):
    c = connect()
    c.error("AUTH", "geheim")
    c("AUTH", "default", "geheim")
    c("HELLO", "2", "AUTH", "default", "geheim")
    c("CONFIG", "SET", "maxclients", "100", "requirepass", "geheim", "timeout", "0")
    assert "geheim" not in str(c("SLOWLOG", "GET", -1))
    assert requests(c, 5)[1:] == [
        ["CONFIG", "SET", "maxclients", "100", "requirepass", "(redacted)", "timeout", "0"],
        ["HELLO", "2", "AUTH", "(redacted)", "(redacted)"],
        ["AUTH", "(redacted)", "(redacted)"],
        ["AUTH", "(redacted)"],
    ]


@everything
def test_transactions(connect):
    c = connect()
    c("SLOWLOG", "RESET")
    c("MULTI")
    c("SET", "a", "1")
    c("GET", "a")
    c("EXEC")  # not itself: what it runs is
    assert requests(c) == [["GET", "a"], ["SET", "a", "1"], ["MULTI"], ["SLOWLOG", "RESET"]]


@pytest.mark.settings(slowlog_log_slower_than=-1)
def test_off(connect):
    c = connect()
    c("PING")
    assert c("SLOWLOG", "LEN") == 0
    c("CONFIG", "SET", "slowlog-log-slower-than", "0")
    c("PING")
    assert requests(c)[0] == ["PING"]


@pytest.mark.settings(slowlog_log_slower_than=20000, enable_debug_command="yes")
def test_only_the_slow(connect):
    c = connect()
    c("PING")
    c("DEBUG", "SLEEP", "0.03")
    (entry,) = c("SLOWLOG", "GET")
    assert entry[3] == ["DEBUG", "SLEEP", "0.03"]
    assert 30000 <= entry[2] < 5000000
