"""CLIENT, and what a connection is: names, replies on and off, lists, kills, pauses, MONITOR,
RESET, HELLO, and who may run what."""

import socket

import pytest

from harness import Closed, Error, client_lines, eventually


def line_of(client, ident):
    lines = client_lines(client("CLIENT", "LIST", "ID", ident))
    return lines[0] if lines else None


# ---- about oneself ----


def test_ids_grow(connect):
    first, second = connect(), connect()
    assert second.id > first.id
    assert first.id == first.id


def test_names(connect):
    c = connect()
    assert c("CLIENT", "GETNAME") is None
    assert c("CLIENT", "SETNAME", "worker:1") == "OK"
    assert c("CLIENT", "GETNAME") == "worker:1"
    wrong = "ERR Client names cannot contain spaces, newlines or special characters."
    assert c.error("CLIENT", "SETNAME", "a b") == wrong
    assert c.error("CLIENT", "SETNAME", "a\n") == wrong
    assert c.error("CLIENT", "SETNAME", b"\xff") == wrong
    assert c("CLIENT", "GETNAME") == "worker:1"
    assert c("CLIENT", "SETNAME", "") == "OK"
    assert c("CLIENT", "GETNAME") is None
    c3 = connect(proto=3)
    c3.send("CLIENT", "GETNAME")
    assert c3.raw(3) == b"_\r\n"


@pytest.mark.hark_only("CLIENT SETINFO came with 7.2")
def test_library(connect):
    c = connect()
    assert c("CLIENT", "SETINFO", "LIB-NAME", "hiredis") == "OK"
    assert c("CLIENT", "SETINFO", "lib-ver", "1.2.0") == "OK"
    assert c.described()["lib-name"] == "hiredis"
    assert c.described()["lib-ver"] == "1.2.0"
    assert c.error("CLIENT", "SETINFO", "lib-foo", "x") == "ERR Unrecognized option 'lib-foo'"
    assert (c.error("CLIENT", "SETINFO", "lib-name", "a b")
            == "ERR lib-name cannot contain spaces, newlines or special characters.")
    c("RESET")
    assert c.described()["lib-name"] == "hiredis"  # still the same library
    c("CLIENT", "SETINFO", "LIB-NAME", "")
    assert c.described()["lib-name"] == ""


def test_wrong_use(connect):
    c = connect()
    for words, error in {
        ("",): "ERR wrong number of arguments for 'client' command",
        ("ID", "x"): "ERR wrong number of arguments for 'client|id' command",
        ("PAUSE",): "ERR wrong number of arguments for 'client|pause' command",
        ("PAUSE", "1", "WRITE", "x"):
            "ERR unknown subcommand or wrong number of arguments for 'PAUSE'. Try CLIENT HELP.",
        ("PAUSE", "x"): "ERR timeout is not an integer or out of range",
        ("PAUSE", "-1"): "ERR timeout is negative",
        ("PAUSE", "x", "some"): "ERR CLIENT PAUSE mode must be WRITE or ALL",
        ("UNBLOCK", "x"): "ERR value is not an integer or out of range",
        ("UNBLOCK", "x", "y"): "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR",
        ("UNBLOCK", "1", "ERROR", "x"):
            "ERR unknown subcommand or wrong number of arguments for 'UNBLOCK'. Try CLIENT HELP.",
        ("REPLY", "maybe"): "ERR syntax error",
        ("NO-EVICT", "maybe"): "ERR syntax error",
        ("NOSUCH",): "ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP.",
        ("LIST", "TYPE"): "ERR syntax error",
        ("LIST", "TYPE", "x"): "ERR Unknown client type 'x'",
        ("LIST", "TYPE", "normal", "x"): "ERR syntax error",
        ("LIST", "ID"): "ERR syntax error",
        ("LIST", "ID", "1", "x"): "ERR Invalid client ID",
        ("KILL",): "ERR wrong number of arguments for 'client|kill' command",
        ("KILL", "127.0.0.1:1"): "ERR No such client",
        ("KILL", "ID"): "ERR No such client",
        ("KILL", "ID", "0"): "ERR client-id should be greater than 0",
        ("KILL", "ID", "x"): "ERR client-id should be greater than 0",
        ("KILL", "TYPE", "x"): "ERR Unknown client type 'x'",
        ("KILL", "USER", "x"): "ERR No such user 'x'",
        ("KILL", "SKIPME", "x"): "ERR syntax error",
        ("KILL", "ID", "9", "SKIPME"): "ERR syntax error",
        ("KILL", "WHO", "x"): "ERR syntax error",
    }.items():
        assert c.error("CLIENT", *filter(None, words)) == error, words
    assert c("CLIENT", "UNBLOCK", c.id) == 0
    assert c("CLIENT", "UNBLOCK", 99999, "TIMEOUT") == 0
    assert c("CLIENT", "HELP")[0].startswith("CLIENT <subcommand>")


# ---- LIST and INFO ----

FIELDS = """id addr laddr fd name age idle flags db sub psub ssub multi qbuf qbuf-free argv-mem
    multi-mem rbs rbp obl oll omem tot-mem events cmd user redir resp""".split()
NEWER_FIELDS = "watch lib-name lib-ver tot-net-in tot-net-out tot-cmds".split()


def test_fields(connect):
    c = connect()
    c("CLIENT", "SETNAME", "me")
    c("SELECT", 3)
    line = c("CLIENT", "INFO")
    assert line.endswith("\n") and line.count("\n") == 1
    names = [word.split("=")[0] for word in line.split()]
    assert [name for name in names if name in FIELDS] == FIELDS
    own = c.described()
    host, port = c.socket.getsockname()
    assert own["addr"] == f"{host}:{port}"
    assert own["laddr"] == "%s:%d" % c.socket.getpeername()
    assert (own["name"], own["db"], own["flags"], own["cmd"]) == ("me", "3", "N", "client|info")
    assert (own["multi"], own["redir"], own["resp"], own["user"]) == ("-1", "-1", "2", "default")
    assert own["events"] == "r" and own["idle"] == "0" and own["id"] == str(c.id)


@pytest.mark.hark_only("newer than 7.0")
def test_newer_fields(connect):
    c = connect()
    names = [word.split("=")[0] for word in c("CLIENT", "INFO").split()]
    assert [name for name in names if name in NEWER_FIELDS] == NEWER_FIELDS
    assert names.index("watch") == names.index("multi") + 1
    before = c.described()
    after = c.described()
    assert int(after["tot-cmds"]) == int(before["tot-cmds"]) + 1
    assert int(after["tot-net-in"]) - int(before["tot-net-in"]) == 26
    assert int(after["tot-net-out"]) > int(before["tot-net-out"])
    c("WATCH", "a", "b")
    assert c.described()["watch"] == "2"


def test_list_is_in_order_of_ids(connect):
    clients = [connect() for _ in range(5)]
    ids = [c.id for c in clients]
    clients[1].send("QUIT")
    clients[1].ends()
    eventually(lambda: line_of(clients[0], ids[1]) is None)
    listed = [int(line["id"]) for line in client_lines(clients[0]("CLIENT", "LIST"))]
    assert listed == [ids[0]] + ids[2:]
    text = clients[0]("CLIENT", "LIST", "ID", ids[4], 99999, ids[2])
    assert [int(line["id"]) for line in client_lines(text)] == [ids[4], ids[2]]


def test_list_is_verbatim_in_resp3(connect):
    text = connect(proto=3)("CLIENT", "LIST")
    assert text.format == "txt"
    assert "resp=3" in text


def test_list_by_type(connect):
    c, sub, psub = connect(), connect(), connect(proto=3)
    sub_id, psub_id = sub.id, psub.id
    sub("SUBSCRIBE", "a")
    psub("PSUBSCRIBE", "a*")
    psub("SSUBSCRIBE", "s")
    listed = {int(line["id"]): line for line in client_lines(c("CLIENT", "LIST", "TYPE", "PubSub"))}
    assert set(listed) == {sub_id, psub_id}
    assert [listed[sub_id][f] for f in ("sub", "psub", "ssub", "flags")] == ["1", "0", "0", "P"]
    assert [listed[psub_id][f] for f in ("sub", "psub", "ssub", "flags")] == ["0", "1", "1", "P"]
    normal = client_lines(c("CLIENT", "LIST", "TYPE", "normal"))
    assert [int(line["id"]) for line in normal] == [c.id]
    for none in ("master", "replica", "slave"):
        assert c("CLIENT", "LIST", "TYPE", none) == ""


def test_flags(connect):
    c, other = connect(), connect()
    c("CLIENT", "NO-EVICT", "on")
    assert c.described()["flags"] == "e"
    c("CLIENT", "NO-EVICT", "off")
    c("WATCH", "k")
    c("MULTI")
    c("PING")
    c("GET", "k")
    line = line_of(other, int(line_of_own_id(other, c)))
    assert line["flags"] == "x" and line["multi"] == "2" and line["cmd"] == "get"
    other("SET", "k", "1")
    assert line_of(other, line_of_own_id(other, c))["flags"] == "xd"
    c("DISCARD")
    assert c.described()["flags"] == "N"
    c.error("NOSUCH")
    assert line_of(other, line_of_own_id(other, c))["cmd"] == "NULL"


def line_of_own_id(other, c):
    """The id of a client that cannot say it now, by its address."""
    address = "%s:%d" % c.socket.getsockname()
    return next(line["id"] for line in client_lines(other("CLIENT", "LIST"))
                if line["addr"] == address)


@pytest.mark.hark_only("CLIENT NO-TOUCH came with 7.2")
def test_no_touch(connect):
    c, other = connect(), connect()
    other("SET", "k", "1")
    c("CLIENT", "NO-TOUCH", "ON")
    assert c.described()["flags"] == "T"
    eventually(lambda: other("OBJECT", "IDLETIME", "k") >= 1)
    c("GET", "k")
    assert other("OBJECT", "IDLETIME", "k") >= 1
    c("CLIENT", "NO-TOUCH", "OFF")
    c("GET", "k")
    assert other("OBJECT", "IDLETIME", "k") == 0
    assert c.error("CLIENT", "NO-TOUCH", "x") == "ERR syntax error"


def test_unix_socket(server, connect):
    path = server.unix_path
    c = server.connect_unix()
    own = c.described()
    assert own["addr"] == f"{path}:0" and own["laddr"] == f"{path}:0"
    assert own["flags"] == "U"
    monitor = connect()
    monitor("MONITOR")
    c("PING")
    assert monitor.monitor_line() == f'[0 unix:{path}] "PING"'


# ---- KILL ----


def test_kill_by_address(connect):
    c, victim = connect(), connect()
    address = victim.described()["addr"]
    assert c("CLIENT", "KILL", address) == "OK"
    assert victim.ends() == []
    assert c.error("CLIENT", "KILL", address) == "ERR No such client"
    own = c.described()["addr"]
    c.send("CLIENT", "KILL", own)
    c.send("PING")
    assert c.ends() == ["OK"]  # the reply, and nothing that came after the order


def test_kill_by_filters(connect, server):
    c, victim, sub = connect(), connect(), connect()
    ident, sub_id = victim.id, sub.id
    sub("SUBSCRIBE", "x")
    assert c("CLIENT", "KILL", "ID", ident, "TYPE", "pubsub") == 0
    assert c("CLIENT", "KILL", "ID", ident, "ADDR", "127.0.0.1:1") == 0
    assert c("CLIENT", "KILL", "ID", ident, "USER", "default", "TYPE", "normal") == 1
    assert victim.ends() == []
    assert c("CLIENT", "KILL", "TYPE", "pubsub") == 1
    assert sub.ends() == []
    assert line_of(c, sub_id) is None
    others = [connect() for _ in range(3)]
    for other in others:
        other("PING")
    assert c("CLIENT", "KILL", "LADDR", f"127.0.0.1:{server.port}") == 3  # not itself
    assert [other.ends() for other in others] == [[], [], []]
    c.send("CLIENT", "KILL", "ID", c.id, "SKIPME", "no")
    assert c.ends() == [1]


@pytest.mark.hark_only("CLIENT KILL MAXAGE came with 7.4")
def test_kill_by_age(connect):
    c, victim = connect(), connect()
    victim("PING")
    assert c("CLIENT", "KILL", "MAXAGE", "1000") == 0
    assert (c.error("CLIENT", "KILL", "MAXAGE", "0") == "ERR maxage should be greater than 0")
    assert (c.error("CLIENT", "KILL", "MAXAGE", "x")
            == "ERR maxage is not an integer or out of range")
    eventually(lambda: c("CLIENT", "KILL", "MAXAGE", "1") == 1)
    assert victim.ends() == []


def test_killed_transaction_and_watch_leave_nothing(connect):
    c, victim = connect(), connect()
    ident = victim.id
    victim("WATCH", "k")
    victim("MULTI")
    victim("SET", "k", "1")
    assert c("CLIENT", "KILL", "ID", ident) == 1
    assert victim.ends() == []
    assert c("SET", "k", "2") == "OK"
    assert c("GET", "k") == "2"


# ---- REPLY ----


def test_reply_off_and_on(connect):
    c = connect()
    c.send("CLIENT", "REPLY", "OFF")
    c.send("SET", "a", "1")
    c.send("NOSUCH")
    c.send("CLIENT", "REPLY", "SKIP")  # changes nothing
    c.send("GET", "a")
    assert c("CLIENT", "REPLY", "ON") == "OK"
    assert c("GET", "a") == "1"


def test_reply_skip(connect):
    c = connect()
    c.send("CLIENT", "REPLY", "SKIP")
    c.send("SET", "a", "1")
    assert c("GET", "a") == "1"
    c.send("CLIENT", "REPLY", "SKIP")
    c.send("CLIENT", "REPLY", "SKIP")
    c.send("NOSUCH")
    assert c("GET", "a") == "1"
    c.send("CLIENT", "REPLY", "SKIP")
    assert c("CLIENT", "REPLY", "ON") == "OK"
    c.send("CLIENT", "REPLY", "SKIP")
    c.send()  # an empty request is one too
    assert c("GET", "a") == "1"


def test_silence_is_not_for_messages(connect):
    c, other = connect(proto=3), connect()
    c.send("CLIENT", "REPLY", "OFF")
    c.send("SUBSCRIBE", "news")
    assert c.reply() == ["subscribe", "news", 1]
    c.send("SUBSCRIBE")  # its error is a reply
    c.send("PING")
    assert other("PUBLISH", "news", "x") == 1
    assert c.push() == ["message", "news", "x"]
    c("CLIENT", "REPLY", "ON")
    c.send("CLIENT", "REPLY", "SKIP")
    c.send("UNSUBSCRIBE", "news")
    assert c.reply() == ["unsubscribe", "news", 0]
    c.quiet()


def test_silence_of_a_resp2_subscriber(connect):
    c = connect()
    c.send("CLIENT", "REPLY", "OFF")
    c.send("SUBSCRIBE", "x")
    c.send("PING")
    c.send("UNSUBSCRIBE", "x")
    assert c.reply() == ["subscribe", "x", 1]
    assert c.reply() == ["unsubscribe", "x", 0]
    assert c("RESET") == "RESET"
    c.quiet()


# ---- PAUSE ----


def test_pause_refuses_at_once(connect):
    c, other = connect(), connect()
    assert c("CLIENT", "PAUSE", "300") == "OK"
    assert other.error("NOSUCH").startswith("ERR unknown command")
    assert other.error("GET") == "ERR wrong number of arguments for 'get' command"
    assert other("PING") == "PONG"  # when it is over


@pytest.mark.hark_only("in Redis CLIENT UNPAUSE has to wait as well")
def test_pause_all_can_be_ended(connect):
    c, other = connect(), connect()
    ident = other.id
    assert c("CLIENT", "PAUSE", "60000") == "OK"
    other.send("PING")
    other.send("MULTI")
    eventually(lambda: line_of(c, ident)["flags"] == "b")
    assert c("CLIENT", "UNPAUSE") == "OK"
    assert other.reply() == "PONG"
    assert other.reply() == "OK"


def test_pause_write(connect):
    c, other, reader = connect(), connect(), connect()
    other("SET", "a", "1")
    assert c("CLIENT", "PAUSE", "60000", "WRITE") == "OK"
    assert reader("GET", "a") == "1"
    assert reader("MULTI") == "OK"
    assert reader("GET", "a") == "QUEUED"
    assert reader("EXEC") == ["1"]
    other.send("SET", "a", "2")
    eventually(lambda: line_of(reader, line_of_own_id(reader, other))["flags"] == "b")
    assert reader("GET", "a") == "1"
    reader.send("PUBLISH", "x", "y")  # may be replicated, so it waits as well
    assert c("CLIENT", "UNPAUSE") == "OK"
    assert other.reply() == "OK"
    assert reader.reply() == 0
    assert reader("GET", "a") == "2"


def test_pause_ends_by_itself(connect):
    c, other = connect(), connect()
    c("CLIENT", "PAUSE", "60")
    assert other("PING") == "PONG"  # 60 ms later
    c("CLIENT", "PAUSE", "0")
    assert other("PING") == "PONG"


def test_longer_and_stricter_pause_wins(connect):
    c, other = connect(), connect()
    c("CLIENT", "PAUSE", "60000", "WRITE")
    c("CLIENT", "PAUSE", "1", "WRITE")
    other.send("SET", "a", "1")
    eventually(lambda: line_of(c, line_of_own_id(c, other))["flags"] == "b")
    c("CLIENT", "UNPAUSE")
    assert other.reply() == "OK"


def test_who_leaves_during_the_pause_is_noticed(connect):
    """Also one that has only closed its side, with requests unread."""
    c, gone, silent = connect(), connect(), connect()
    c("CLIENT", "PAUSE", "60000", "WRITE")
    for other in (gone, silent):
        other.send("SET", "a", "1")
        other.send("SET", "a", "2")
    eventually(lambda: c.info("clients")["blocked_clients"] == "2")
    gone.close()
    silent.socket.shutdown(socket.SHUT_WR)
    eventually(lambda: c.info("clients")["connected_clients"] == "1")
    assert silent.ends() == []
    c("CLIENT", "UNPAUSE")
    assert c("GET", "a") is None


@pytest.mark.settings(notify_keyspace_events="KEA")
def test_nothing_expires_or_is_evicted_during_the_pause(connect):
    c, ear = connect(), connect(3)
    ear("SUBSCRIBE", "__keyevent@0__:expired", "__keyevent@0__:evicted")
    ear.pushes(1)
    c("SET", "stays", "1")
    c("SET", "short", "1", "PX", "200")
    c("CLIENT", "PAUSE", "60000", "WRITE")
    eventually(lambda: c("GET", "short") is None)
    if ear.waiting:  # it was over before the pause began
        pytest.skip("too slow")
    c("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
    c("CONFIG", "SET", "maxmemory", "1")
    assert c("EXISTS", "short") == 0
    assert c("PTTL", "short") == -2
    assert c("RANDOMKEY") == "stays"
    assert c("DBSIZE") == 2
    ear.quiet()
    c("CONFIG", "SET", "maxmemory", "0")
    c("CLIENT", "UNPAUSE")
    assert ear.push() == ["message", "__keyevent@0__:expired", "short"]
    assert c("DBSIZE") == 1


def test_pipeline_goes_on_after_the_pause(connect):
    c, other = connect(), connect()
    c("CLIENT", "PAUSE", "60000", "WRITE")
    for i in range(100):
        other.send("INCR", "n")
        other.send("GET", "n")
    eventually(lambda: line_of(c, line_of_own_id(c, other))["flags"] == "b")
    c("CLIENT", "UNPAUSE")
    replies = [other.reply() for _ in range(200)]
    assert replies == [value for i in range(1, 101) for value in (i, str(i))]


def test_paused_client_can_be_killed(connect):
    c, other = connect(), connect()
    ident = other.id
    c("CLIENT", "PAUSE", "60000", "WRITE")
    other.send("SET", "a", "1")
    eventually(lambda: line_of(c, ident)["flags"] == "b")
    assert c("CLIENT", "KILL", "ID", ident) == 1
    assert other.ends() == []
    c("CLIENT", "UNPAUSE")
    assert c("EXISTS", "a") == 0


# ---- MONITOR ----


def test_monitor_shows_what_runs(connect):
    monitor, c = connect(), connect()
    assert monitor("MONITOR") == "OK"
    address = "%s:%d" % c.socket.getsockname()
    c("SET", "k", b'a "quoted"\n\x00\xff')
    assert monitor.monitor_line() == f'[0 {address}] "SET" "k" "a \\"quoted\\"\\n\\x00\\xff"'
    c("SELECT", 2)
    assert monitor.monitor_line() == f'[2 {address}] "SELECT" "2"'
    c.error("NOSUCH")
    c("CONFIG", "GET", "save")  # what administers is not shown
    c("CLIENT", "LIST")
    c("MULTI")
    c("INCR", "n")
    c.error("GET")
    c.error("EXEC")
    c("MULTI")
    c("INCR", "n")
    c("EXEC")
    c.error("EXEC", "x")
    for line in ('"MULTI"', '"EXEC"', '"MULTI"', '"INCR" "n"', '"EXEC"', '"EXEC" "x"'):
        assert monitor.monitor_line() == f"[2 {address}] {line}"
    monitor.quiet()


def test_monitor_hides_secrets(connect):
    monitor, c = connect(), connect()
    monitor("MONITOR")
    address = "%s:%d" % c.socket.getsockname()
    c.error("AUTH", "geheim")
    c("AUTH", "default", "geheim")
    c("HELLO", "2", "AUTH", "default", "geheim", "SETNAME", "x")
    for line in ('"AUTH" "(redacted)"', '"AUTH" "(redacted)" "(redacted)"',
                 '"HELLO" "2" "AUTH" "(redacted)" "(redacted)" "SETNAME" "x"'):
        assert monitor.monitor_line() == f"[0 {address}] {line}"


def test_monitor_does_not_touch_data(connect):
    c = connect()
    c("MONITOR")
    assert c.error("GET", "a") == "ERR Replica can't interact with the keyspace"
    assert c.error("SET", "a", "1") == "ERR Replica can't interact with the keyspace"
    assert c.described()["flags"] == "O"
    assert c.monitor_line().endswith('"CLIENT" "INFO"')
    c.send("MONITOR")  # once more: no reply at all
    assert c("RESET") == "RESET"
    assert c("GET", "a") is None
    assert c.described()["flags"] == "N"


def test_monitor_in_transaction(connect):
    c = connect()
    c("MULTI")
    c("MONITOR")
    assert c("EXEC") == [Error("ERR MONITOR isn't allowed for DENY BLOCKING client")]
    assert c.described()["flags"] == "N"


def test_own_lines_come_after_the_reply(connect):
    c = connect()
    c("MONITOR")
    c.send("PING")
    assert c.read() == "PONG"
    assert c.monitor_line().endswith('"PING"')


# ---- RESET, HELLO, AUTH, QUIT ----


def test_reset(connect):
    c, other = connect(proto=3), connect()
    ident = c.id
    c("CLIENT", "SETNAME", "x")
    c("SELECT", 4)
    c("SUBSCRIBE", "a")
    c("PSUBSCRIBE", "b*")
    c("CLIENT", "TRACKING", "ON", "BCAST")
    c("CLIENT", "NO-EVICT", "ON")
    c("WATCH", "k")
    c("MULTI")
    c("SET", "k", "1")
    assert c("RESET") == "RESET"
    c.proto = 2
    line = line_of(other, ident)
    wanted = {"name": "", "db": "0", "sub": "0", "psub": "0", "multi": "-1", "resp": "2",
              "redir": "-1", "cmd": "reset"}
    assert {key: line[key] for key in wanted} == wanted
    assert "t" not in line["flags"] and "P" not in line["flags"] and "x" not in line["flags"]
    assert c.error("EXEC") == "ERR EXEC without MULTI"
    other("SET", "k", "2")
    other("PUBLISH", "a", "m")
    c.quiet()


@pytest.mark.settings(requirepass="geheim")
def test_authentication(connect):
    c = connect()
    assert c.error("PING") == "NOAUTH Authentication required."
    assert c.error("NOSUCH").startswith("ERR unknown command 'NOSUCH'")
    assert c.error("GET") == "ERR wrong number of arguments for 'get' command"
    assert (c.error("EXEC")
            == "EXECABORT Transaction discarded because of: NOAUTH Authentication required.")
    assert c.error("HELLO", "3") == (
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
        "AUTH <user> <pass> option can be used to authenticate the client and select the RESP "
        "protocol version at the same time")
    wrong = "WRONGPASS invalid username-password pair or user is disabled."
    assert c.error("AUTH", "x") == wrong
    assert c.error("AUTH", "default", "x") == wrong
    assert c.error("AUTH", "someone", "geheim") == wrong
    assert c.error("AUTH", "a", "b", "c") == "ERR syntax error"
    assert c.error("HELLO", "2", "AUTH", "default", "x") == wrong
    assert c("HELLO", "3", "AUTH", "default", "geheim")["proto"] == 3
    assert c("PING") == "PONG"
    c("RESET")
    c.proto = 2
    assert c.error("PING") == "NOAUTH Authentication required."
    assert c("AUTH", "geheim") == "OK"
    assert c("PING") == "PONG"


@pytest.mark.settings(requirepass="geheim")
def test_password_outlives_other_settings(connect):
    c = connect(password="geheim")
    for value in ("1000", "2000", "3000"):
        c("CONFIG", "SET", "slowlog-max-len", value, "timeout", "0")
        c("CONFIG", "SET", "maxmemory", "0")
        assert connect(password="geheim")("PING") == "PONG"
    other = connect()
    assert other.error("PING") == "NOAUTH Authentication required."
    c("CONFIG", "SET", "requirepass", "")
    assert other("PING") == "PONG"
    c("CONFIG", "SET", "requirepass", "neu")
    assert connect().error("PING") == "NOAUTH Authentication required."
    assert connect(password="neu")("PING") == "PONG"
    assert c("PING") == "PONG"


def test_hello(connect):
    c = connect()
    told = c("HELLO")
    assert told[0] == "server" and told[4:6] == ["proto", 2]
    assert c.error("HELLO", "4") == "NOPROTO unsupported protocol version"
    assert c.error("HELLO", "x") == "ERR Protocol version is not an integer or out of range"
    assert c.error("HELLO", "3", "AUTH", "default") == "ERR Syntax error in HELLO option 'AUTH'"
    assert c.error("HELLO", "3", "WHAT") == "ERR Syntax error in HELLO option 'WHAT'"
    assert (c.error("HELLO", "3", "SETNAME", "a b")
            == "ERR Client names cannot contain spaces, newlines or special characters.")
    assert c("HELLO", "3", "SETNAME", "x") == {**c("HELLO"), "proto": 3}
    assert c("CLIENT", "GETNAME") == "x"
    assert c("HELLO")["id"] == c.id
    c("HELLO", "2")
    assert c.described()["resp"] == "2"


def test_no_password(connect):
    c = connect()
    assert c.error("AUTH", "x") == (
        "ERR AUTH <password> called without any password configured for the default user. Are you "
        "sure your configuration is correct?")
    assert c("AUTH", "default", "whatever") == "OK"


def test_quit(connect):
    c = connect()
    c.send("SET", "a", "1")
    c.send("QUIT")
    c.send("SET", "a", "2")
    assert c.ends() == ["OK", "OK"]
    assert connect()("GET", "a") == "1"
    c = connect()
    c("MULTI")
    c.send("QUIT")
    assert c.ends() == ["OK"]


# ---- transactions and subscribers ----


def test_exec_that_cannot_run(connect):
    c = connect()
    c("MULTI")
    c("SET", "a", "1")
    assert c.error("EXEC", "x") == ("EXECABORT Transaction discarded because of: "
                                    "wrong number of arguments for 'exec' command")
    assert c.error("EXEC") == "ERR EXEC without MULTI"
    assert c("EXISTS", "a") == 0


def test_refusals_in_a_transaction(connect):
    c = connect()
    c("MULTI")
    assert c.error("MULTI") == "ERR MULTI calls can not be nested"
    assert c.error("WATCH", "a") == "ERR WATCH inside MULTI is not allowed"
    assert c("PING") == "QUEUED"
    assert c("EXEC") == ["PONG"]
    c("MULTI")
    assert c.error("SUBSCRIBE") == "ERR wrong number of arguments for 'subscribe' command"
    assert c("PING") == "QUEUED"
    assert c.error("EXEC") == "EXECABORT Transaction discarded because of previous errors."


def test_subscriber_of_resp2(connect):
    c = connect()
    c("SUBSCRIBE", "a")
    for words, name in ((["GET", "x"], "get"), (["CLIENT", "ID"], "client|id"),
                        (["HELLO", "3"], "hello")):
        assert c.error(*words) == (
            f"ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / "
            "RESET are allowed in this context")
    assert c("PING") == ["pong", ""]
    assert c("PING", "x") == ["pong", "x"]
    c("SSUBSCRIBE", "s")
    c("UNSUBSCRIBE")
    assert c.error("GET", "x").startswith("ERR Can't execute 'get'")
    assert c("SUNSUBSCRIBE") == ["sunsubscribe", "s", 0]
    assert c("GET", "x") is None
    assert c("PUNSUBSCRIBE") == ["punsubscribe", None, 0]


def test_subscriber_of_resp3(connect):
    c = connect(proto=3)
    c("SUBSCRIBE", "a")
    assert c("GET", "x") is None
    assert c("PING", "x") == "x"
    assert c("PUBLISH", "a", "m") == 1
    assert c.push() == ["message", "a", "m"]


@pytest.mark.hark_only("Redis 7.0 pushes before the reply")
def test_own_messages_come_after_the_reply(connect):
    c = connect(proto=3)
    c("SUBSCRIBE", "a")
    c.send("PUBLISH", "a", "m")
    assert c.read() == 1
    assert c.read() == ["message", "a", "m"]


@pytest.mark.settings(maxmemory="100mb", maxmemory_policy="noeviction")
def test_out_of_memory(connect):
    c, other = connect(), connect()
    c("MULTI")
    c("SET", "a", "1")
    other("MULTI")
    other("GET", "a")
    third = connect()
    third("CONFIG", "SET", "maxmemory", "1")
    oom = "OOM command not allowed when used memory > 'maxmemory'."
    assert third.error("SET", "a", "1") == oom
    assert third("GET", "a") is None
    assert c.error("EXEC") == f"EXECABORT Transaction discarded because of: {oom}"
    assert c.error("EXEC") == "ERR EXEC without MULTI"
    assert other("EXEC") == [None]
    third("MULTI")
    assert third.error("GET", "a") == oom  # what is queued costs memory too
    assert third("DISCARD") == "OK"


def test_closed_connection_is_noticed(connect):
    c, other = connect(), connect()
    ident = other.id
    other.close()
    eventually(lambda: line_of(c, ident) is None)
    with pytest.raises(Closed):
        victim = connect()
        c("CLIENT", "KILL", "ID", victim.id)
        victim.reply()


def test_watch_hears_no_more_of_a_bitfield_than_in_redis(connect):
    """OVERFLOW FAIL leaves the fields alone, but the room for them is made; WATCH hears nothing."""
    c = connect()
    c("DEL", "k")
    c("WATCH", "k")
    assert c("BITFIELD", "k", "OVERFLOW", "FAIL", "INCRBY", "u1", "101", "-1") == [None]
    c("MULTI")
    assert c("EXEC") == []
    assert c("STRLEN", "k") == 13
    c("WATCH", "k")
    c("BITFIELD", "k", "SET", "u1", "101", "1")
    c("MULTI")
    assert c("EXEC") is None
