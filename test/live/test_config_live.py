"""The configuration of a running server, its files, and how a server starts and ends."""

import json
import os
import re
import signal
import socket
import stat
import subprocess

import pytest
from harness import PATIENCE_S, Client, Closed, Server, eventually, free_port, is_redis, server_binary

HARK_ONLY = pytest.mark.hark_only


class ConfiguredServer(Server):
    """A server that reads its settings from a file, `hark.conf` in its folder."""

    def command(self):
        path = self.path("hark.conf")
        if not os.path.exists(path):
            with open(path, "w") as f:
                f.write(self.settings["text"] + f"\nport {self.port}\ndir {self.folder}\n"
                        f"unixsocket {self.unix_path}\n")
        return [self.binary, path]

    def file(self):
        with open(self.path("hark.conf")) as f:
            return f.read()


@pytest.fixture
def configured():
    servers = []

    def start_one(text=""):
        text = 'bind 127.0.0.1\nsave ""\n' + text
        servers.append(ConfiguredServer({"text": text}))
        return servers[-1]

    yield start_one
    for server in servers:
        server.stop()


def run(*arguments, folder=None):
    """Exit status and output of a server that is to end by itself."""
    done = subprocess.run([server_binary(), *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
                          timeout=PATIENCE_S, cwd=folder)
    return done.returncode, done.stdout


def get(c, *patterns):
    flat = c("CONFIG", "GET", *patterns)
    return dict(zip(flat[::2], flat[1::2]))


# ---- CONFIG GET and SET ----


def test_config_get(server, connect):
    c = connect()
    assert get(c, "port") == {"port": str(server.port)}
    assert get(c, "maxmemory", "maxmem*", "nonsense") == {
        "maxmemory": "0", "maxmemory-policy": "noeviction", "maxmemory-samples": "5",
        **({} if not is_redis() else {"maxmemory-clients": "0",
                                      "maxmemory-eviction-tenacity": "10"})}
    assert get(c, "dir") == {"dir": server.folder}
    assert get(c, "Timeout") == {"Timeout": "0"}  # as it was asked for
    assert connect(proto=3)("CONFIG", "GET", "port") == {"port": str(server.port)}
    assert c("CONFIG", "GET", "nonsense") == []


def test_config_set(connect):
    c = connect()
    assert c("CONFIG", "SET", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru") == "OK"
    assert get(c, "maxmemory", "maxmemory-policy") == {
        "maxmemory": "104857600", "maxmemory-policy": "allkeys-lru"}


@pytest.mark.parametrize("words, error", [
    (["nonsense", "1"], "ERR Unknown option or number of arguments for CONFIG SET - 'nonsense'"),
    (["maxclients", "1", "x"], "ERR syntax error"),
    (["maxclients"], "ERR wrong number of arguments for 'config|set' command"),
    (["port", "x"], "ERR CONFIG SET failed (possibly related to argument 'port') - "
                    "argument couldn't be parsed into an integer"),
    (["maxclients", "0"], "ERR CONFIG SET failed (possibly related to argument 'maxclients') - "
                          "argument must be between 1 and 4294967295 inclusive"),
    (["databases", "3"], "ERR CONFIG SET failed (possibly related to argument 'databases') - "
                         "can't set immutable config"),
    (["dir", "/"], "ERR CONFIG SET failed (possibly related to argument 'dir') - "
                   "can't set protected config"),
    (["timeout", "1", "timeout", "2"],
     "ERR CONFIG SET failed (possibly related to argument 'timeout') - duplicate parameter"),
])
def test_config_set_errors(connect, words, error):
    assert connect().error("CONFIG", "SET", *words) == error


def test_config_set_is_all_or_nothing(connect):
    c = connect()
    c.error("CONFIG", "SET", "timeout", "77", "maxmemory", "x")
    assert get(c, "timeout") == {"timeout": "0"}


def test_config_set_that_the_system_refuses(server, connect):
    """A port that is taken: nothing of the request has been done then, and the old one stays."""
    c = connect()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        error = c.error("CONFIG", "SET", "timeout", "77", "port", port)
    assert error.startswith("ERR CONFIG SET failed (possibly related to argument 'port') - ")
    assert get(c, "timeout") == {"timeout": "0"} and c("PING") == "PONG"
    with Client(("127.0.0.1", server.port)) as other:
        assert other("PING") == "PONG"


def test_config_set_port(server, connect):
    c = connect()
    port = free_port()
    c("CONFIG", "SET", "port", port)
    with Client(("127.0.0.1", port)) as other:
        assert other("PING") == "PONG"
    assert c("PING") == "PONG"
    with pytest.raises(OSError):
        Client(("127.0.0.1", server.port))
    c("CONFIG", "SET", "port", server.port)


@pytest.mark.settings(enable_protected_configs="yes")
def test_config_set_dir(server, connect):
    c = connect()
    os.mkdir(server.path("inner"))
    c("CONFIG", "SET", "dir", "inner")
    assert get(c, "dir") == {"dir": server.path("inner")}
    assert "No such file" in c.error("CONFIG", "SET", "dir", "/nonsense")
    assert get(c, "dir") == {"dir": server.path("inner")}


def test_config_set_is_logged(server, connect):
    if is_redis():
        pytest.skip("Redis logs no changes")
    c = connect()
    c("CONFIG", "SET", "timeout", "77", "requirepass", "secret", "notify-keyspace-events", "")
    eventually(lambda: "CONFIG SET notify-keyspace-events" in server.log())
    assert 'CONFIG SET timeout "77"' in server.log()
    assert "CONFIG SET requirepass (hidden)" in server.log() and "secret" not in server.log()


@HARK_ONLY("Redis forgets the n")
def test_notify_keyspace_events_shows_all_that_was_set(configured):
    server = configured()
    c = server.connect()
    c("CONFIG", "SET", "notify-keyspace-events", "KEAmn")
    shown = get(c, "notify-keyspace-events")["notify-keyspace-events"]
    assert set(shown) == set("KEAmn")
    c("CONFIG", "REWRITE")
    server.halt()
    server.start()
    c = server.connect()
    assert get(c, "notify-keyspace-events")["notify-keyspace-events"] == shown
    listener = server.connect()
    listener("PSUBSCRIBE", "__keyevent@0__:*")
    c("SET", "k", "v")
    c("GET", "none")
    assert [(m[2], m[3]) for m in listener.pushes(3)] == [
        ("__keyevent@0__:new", "k"), ("__keyevent@0__:set", "k"), ("__keyevent@0__:keymiss", "none")]


# ---- REWRITE and files ----


def test_config_rewrite_without_a_file(connect):
    assert connect().error("CONFIG", "REWRITE") == "ERR The server is running without a config file"


def test_config_rewrite(configured):
    server = configured("# a comment\ntimeout 5\nmaxclients 100\n")
    c = server.connect()
    c("CONFIG", "SET", "timeout", "7", "maxmemory", "50mb", "requirepass", 'a "b" \\ c')
    assert c("CONFIG", "REWRITE") == "OK"
    text = server.file()
    assert "# a comment\ntimeout 7\nmaxclients 100\n" in text
    assert text.count("maxmemory 50mb\n") == 1 and 'requirepass "a \\"b\\" \\\\ c"\n' in text
    assert server.halt() == 0
    server.start()
    with server.connect(password='a "b" \\ c') as c:
        assert get(c, "timeout", "maxmemory", "maxclients") == {
            "timeout": "7", "maxmemory": str(50 << 20), "maxclients": "100"}
        c("CONFIG", "REWRITE")
    if not is_redis():  # which now adds more words to its user line
        assert server.file() == text


def test_config_file_in_info(configured):
    server = configured()
    assert server.connect().info("server")["config_file"] == server.path("hark.conf")


@pytest.mark.parametrize("line, why", [
    ("maxclients many", "maxclients"),
    ("nonsense 1", "nonsense"),
    ('requirepass "open', ""),
    ("port 1 2", "port"),
])
@HARK_ONLY("the wording is ours")
def test_bad_config_file(tmp_path, line, why):
    path = tmp_path / "bad.conf"
    path.write_text(f"timeout 0\n\n# {line}\n{line}\n")
    status, output = run(str(path))
    assert status == 1
    assert "bad.conf:4" in output and why in output and len(output.splitlines()) == 1


@HARK_ONLY("the wording is ours")
def test_bad_command_lines(tmp_path):
    for words in (["--nonsense", "1"], ["--port", "x"], [str(tmp_path / "absent.conf")]):
        status, output = run(*words)
        assert status == 1 and words[0].lstrip("-") in output


@HARK_ONLY("options of its own")
def test_version_and_help():
    assert re.match(r"Hark server v=\d+\.\d+\.\d+ ", run("--version")[1])
    assert run("--help")[1].startswith("Usage: hark-server")


def test_config_from_include(configured, tmp_path):
    (tmp_path / "more.conf").write_text("timeout 9\n")
    server = configured(f"timeout 5\ninclude {tmp_path}/more.conf\n")
    assert get(server.connect(), "timeout") == {"timeout": "9"}


# ---- starting and ending ----


def test_taken_port(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, output = run("--port", str(port), "--bind", "127.0.0.1", folder=tmp_path)
    assert status == 1 and str(port) in output
    if not is_redis():
        assert f"Cannot listen on 127.0.0.1 port {port}: the port is taken" in output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it(server, number):
    c = server.connect()
    c("SET", "k", "v")
    server.signal(number)
    assert server.wait() == 0
    assert c.ends() == []


def test_a_hang_up_does_not_end_it(server):
    server.signal(signal.SIGHUP)
    assert server.connect()("PING") == "PONG"


@pytest.mark.settings(log_format="json")
@HARK_ONLY("Redis 7.0 writes text only")
def test_json_log(server):
    c = server.connect()
    c("CONFIG", "SET", "notify-keyspace-events", "KEA", "maxclients", "500")
    eventually(lambda: "maxclients" in server.log())
    server.halt()
    lines = [json.loads(line) for line in server.log().splitlines()]
    assert all(set(line) == {"time", "pid", "level", "message"} for line in lines)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
               for line in lines)
    assert {line["pid"] for line in lines} == {server.pid}
    assert {line["level"] for line in lines} == {"notice", "warning"}
    assert 'CONFIG SET notify-keyspace-events "KEA"' in [line["message"] for line in lines]


@pytest.mark.settings(enable_debug_command="yes")
def test_log_lines_and_levels(server, connect):
    c = connect()
    c("CONFIG", "SET", "loglevel", "warning")
    c("DEBUG", "LOG", "loud")
    eventually(lambda: "loud" in server.log())
    for line in server.log().splitlines():
        assert re.match(r"\d+(:[A-Z])? \d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3} [.*#-] ", line) or (
            is_redis()), line


def test_logfile(start, tmp_path):
    server = start(logfile=str(tmp_path / "hark.log"))
    assert "Ready to accept connections" in (tmp_path / "hark.log").read_text()
    assert server.halt() == 0
    assert "bye bye" in (tmp_path / "hark.log").read_text()


def test_pidfile(start, tmp_path):
    path = tmp_path / "hark.pid"
    server = start(pidfile=str(path))
    assert int(path.read_text()) == server.pid
    assert server.halt() == 0
    assert not path.exists()


def test_process_title(server):
    with open(f"/proc/{server.pid}/cmdline") as f:
        assert f"127.0.0.1:{server.port}" in f.read()


def test_unix_socket(start, tmp_path):
    path = str(tmp_path / "hark.sock")
    server = start(unixsocket=path, unixsocketperm="700")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o700
    one, two = server.connect_unix(path), server.connect()
    one("SET", "k", "v")
    assert two("GET", "k") == "v"
    assert server.halt() == 0
    server.start()  # a socket file that is there is no obstacle
    assert server.connect_unix(path)("PING") == "PONG"


# ---- who may connect ----


@pytest.mark.settings(maxclients=3)
def test_maxclients(server):
    clients = [server.connect() for _ in range(3)]
    assert [c("PING") for c in clients] == ["PONG"] * 3
    with server.connect() as c:
        assert c.ends() == ["ERR max number of clients reached"]
    assert clients[0].info("stats")["rejected_connections"] == "1"
    clients.pop().close()
    eventually(lambda: clients[0].info("clients")["connected_clients"] == "2")
    assert server.connect()("PING") == "PONG"
    clients[0]("CONFIG", "SET", "maxclients", "4")
    assert server.connect()("PING") == "PONG"


def address_of_this_machine():
    """An address that is not the loopback's; None when there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))  # sends nothing
            address = s.getsockname()[0]
        except OSError:
            return None
    return None if address.startswith("127.") else address


def test_protected_mode(start):
    address = address_of_this_machine()
    if not address:
        pytest.skip("this machine has the loopback address only")
    server = start(bind=["127.0.0.1", address])
    local = server.connect()

    def far():
        return Client((address, server.port))

    with far() as c:
        (error,) = c.ends()
        assert error.startswith("DENIED ")
    local("CONFIG", "SET", "protected-mode", "no")
    with far() as c:
        assert c("PING") == "PONG"
    local("CONFIG", "SET", "protected-mode", "yes", "requirepass", "secret")
    with far() as c:
        assert c.error("PING") == "NOAUTH Authentication required."
        assert c("AUTH", "secret") == "OK"


@pytest.mark.settings(requirepass="secret")
def test_requirepass(server):
    c = server.connect()
    assert c.error("GET", "k") == "NOAUTH Authentication required."
    assert c.error("AUTH", "wrong").startswith("WRONGPASS ")
    assert c("AUTH", "secret") == "OK" and c("GET", "k") is None
    assert get(c, "requirepass") == {"requirepass": "secret"}

    # Those who are in stay in; who comes needs the new one.
    c("CONFIG", "SET", "requirepass", "new")
    assert c("PING") == "PONG"
    d = server.connect()
    assert d.error("AUTH", "secret").startswith("WRONGPASS ")
    assert d("AUTH", "default", "new") == "OK"

    c("CONFIG", "SET", "requirepass", "")
    assert server.connect()("PING") == "PONG"
    assert c.error("AUTH", "new").startswith("ERR AUTH <password> called without any password")


@pytest.mark.settings(timeout=1)
def test_idle_clients_are_closed(server):
    idle, busy = server.connect(), server.connect()
    listener = server.connect()
    listener("SUBSCRIBE", "x")
    idle("PING")

    def is_closed():
        assert busy("PING") == "PONG"
        return busy.info("clients")["connected_clients"] == "2"

    eventually(is_closed)
    with pytest.raises(Closed):
        idle.fill()
    busy("PUBLISH", "x", "still there")
    assert listener.push() == ["message", "x", "still there"]


def test_directives_of_values(connect):
    c = connect()
    assert c("CONFIG", "GET", "sanitize-dump-payload") == ["sanitize-dump-payload", "yes"]
    assert c("CONFIG", "SET", "sanitize-dump-payload", "yes") == "OK"
    for word in ("no", "clients"):
        assert "must be one of the following: yes" in (
            c.error("CONFIG", "SET", "sanitize-dump-payload", word))
    assert c("CONFIG", "GET", "hll-sparse-max-bytes") == ["hll-sparse-max-bytes", "3000"]
    c("PFADD", "sparse", *range(30))
    c("CONFIG", "SET", "hll-sparse-max-bytes", "30")
    c("PFADD", "dense", *range(30))
    assert c("STRLEN", "sparse") < 200 and c("STRLEN", "dense") > 10000
