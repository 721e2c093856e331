"""hark-cli: beside redis-cli where that is installed, and on its own.

HARK_CLI and HARK_SERVER name the binaries (build/hark-cli, build/hark-server). Whatever prints is
compared with redis-cli byte for byte, both talking to the same server: the real one, and one that
answers what it is told to, so that every type of reply can be seen. SEED replays the random ones.
"""

import json
import os
import pty
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
CLI = os.path.abspath(os.environ.get("HARK_CLI", os.path.join(ROOT, "build/hark-cli")))
SERVER = os.path.abspath(os.environ.get("HARK_SERVER", os.path.join(ROOT, "build/hark-server")))
REDIS_CLI = shutil.which("redis-cli")
PATIENCE = 20

MODES = ["--no-raw", "--raw", "--csv", "--json", "--quoted-json"]
beside_redis_cli = pytest.mark.skipif(not REDIS_CLI, reason="redis-cli is not installed")


# ---- servers --------------------------------------------------------------------------------


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class RealServer:
    def __init__(self, folder, *more):
        self.port = free_port()
        self.path = str(folder / "socket")
        self.process = subprocess.Popen(
            [SERVER, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder),
             "--unixsocket", self.path, *more],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                assert self.process.poll() is None, "the server ended"
                assert time.monotonic() < deadline, "the server does not listen"
                time.sleep(0.01)

    def call(self, *words):
        """Sends one command without any of the clients under test; the raw reply."""
        with socket.create_connection(("127.0.0.1", self.port)) as s:
            parts = [w if isinstance(w, bytes) else str(w).encode() for w in words]
            s.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p)
                                                         for p in parts))
            return s.recv(65536)

    def wait(self, command, wanted):
        """Until the reply to a command has these bytes: for what other clients are about to do."""
        deadline = time.monotonic() + PATIENCE
        while wanted not in self.call(*command):
            assert time.monotonic() < deadline, f"{command} never had {wanted}"
            time.sleep(0.005)

    def stop(self):
        self.process.kill()
        self.process.wait()


class Puppet:
    """Answers RAW <bytes> with these bytes, CLOSE by closing, HANG not at all, HELLO with a map, all
    else with OK, SLOW after a while; keeps what it was sent."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.seen = []
        self.changed = threading.Condition()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rb") as requests:
            while head := requests.readline():
                words = []
                for _ in range(int(head[1:])):
                    length = int(requests.readline()[1:])
                    words.append(requests.read(length + 2)[:-2])
                with self.changed:
                    self.seen.append(words)
                    self.changed.notify_all()
                name = words[0].upper()
                if name == b"CLOSE":
                    return
                if name == b"SLOW":
                    time.sleep(0.6)
                if name == b"RAW":
                    connection.sendall(words[1])
                elif name == b"HELLO":
                    connection.sendall(b"%1\r\n+proto\r\n:3\r\n")
                elif name != b"HANG":
                    connection.sendall(b"+OK\r\n")

    def await_command(self, name):
        with self.changed:
            assert self.changed.wait_for(lambda: [name] in self.seen, PATIENCE)

    def stop(self):
        self.listener.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = RealServer(tmp_path_factory.mktemp("server"))
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def empty(request):
    if "server" in request.fixturenames:
        request.getfixturevalue("server").call("FLUSHALL")


@pytest.fixture
def puppet():
    puppet = Puppet()
    yield puppet
    puppet.stop()


# ---- clients --------------------------------------------------------------------------------


def environment(**changes):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HARKCLI", "REDISCLI"))}
    env = {**kept, "HARKCLI_HISTFILE": "/dev/null", "HARKCLI_RCFILE": "/dev/null",
           "REDISCLI_HISTFILE": "/dev/null", "REDISCLI_RCFILE": "/dev/null",
           "LSAN_OPTIONS": f"suppressions={HERE}/libedit.supp:print_suppressions=0", **changes}
    return {k: v for k, v in env.items() if v is not None}


def run(arguments, stdin=b"", program=CLI, **env):
    return subprocess.run([program, *map(str, arguments)], input=stdin, env=environment(**env),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE * 3)


def output(server, *arguments, stdin=b"", **env):
    done = run(["-p", server.port, *arguments], stdin, **env)
    assert done.stderr == b""
    assert done.returncode == 0
    return done.stdout


def assert_same(arguments, stdin=b"", stderr=False):
    """Both clients print the same and end the same."""
    ours, theirs = run(arguments, stdin), run(arguments, stdin, REDIS_CLI)
    assert ours.stdout == theirs.stdout
    assert ours.returncode == theirs.returncode
    if stderr:
        assert ours.stderr == theirs.stderr


class Terminal:
    """A client on a terminal of its own."""

    def __init__(self, *arguments, program=CLI, term="dumb", **env):
        pid, self.fd = pty.fork()
        if pid == 0:
            os.execve(program, [program, *map(str, arguments)], environment(TERM=term, **env))
        self.pid = pid
        self.text = ""
        self.status = None

    def read(self, timeout):
        if not select.select([self.fd], [], [], timeout)[0]:
            return False
        try:
            more = os.read(self.fd, 65536)
        except OSError:
            return False
        self.text += more.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(more)

    def expect(self, wanted):
        """Waits for a text; what came up to its end is returned and forgotten."""
        deadline = time.monotonic() + PATIENCE
        while wanted not in self.text:
            left = deadline - time.monotonic()
            assert left > 0 and self.read(left), f"no {wanted!r} in {self.text!r}"
        end = self.text.index(wanted) + len(wanted)
        seen, self.text = self.text[:end], self.text[end:]
        return seen

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def command(self, line, then="> "):
        """Types a line; what is printed until the next prompt, without the echo."""
        self.type(line + "\r")
        self.expect(line)
        return self.expect(then).lstrip("\r\n").rsplit("\n", 1)[0]

    def end(self):
        """Reads to the end; the exit status."""
        while self.read(PATIENCE):
            pass
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            os.close(self.fd)
        return self.status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.end()


# ---- formats: every reply as redis-cli prints it --------------------------------------------

REPLIES = [
    b"+OK\r\n", b"+\r\n", b"-ERR no\r\n", b"-\r\n", b":-5\r\n", b":9223372036854775807\r\n",
    b"$-1\r\n", b"*-1\r\n", b"_\r\n", b"$0\r\n\r\n", b"*0\r\n", b"%0\r\n", b"~0\r\n",
    b"$9\r\n\x00\x07\x08\n\r\t\"\\\x7f\r\n", b"$6\r\n\xc3\xa9\x0c\x1f/a\r\n",
    b",1.50\r\n", b",inf\r\n", b",-inf\r\n", b",1e100\r\n", b"#t\r\n", b"#f\r\n",
    b"=8\r\ntxt:abc\n\r\n", b"=4\r\nmkd:\r\n",
    b"*3\r\n*2\r\n:1\r\n*1\r\n$1\r\na\r\n%2\r\n+k\r\n:1\r\n+k2\r\n*2\r\n+a\r\n$-1\r\n"
    b"~2\r\n+x\r\n-ERR e\r\n",
    b"*11\r\n" + b":1\r\n" * 9 + b"*2\r\n+a\r\n+b\r\n$3\r\n\"\x00\xc3\r\n",
    b"%11\r\n+k\r\n*11\r\n" + b"+a\r\n" * 11 + b"+a\r\n+b\r\n" * 10,
    # The value of a map goes to a line of its own when it takes several.
    b"%1\r\n+k\r\n*1\r\n*2\r\n+a\r\n+b\r\n", b"%1\r\n+k\r\n%1\r\n+x\r\n*2\r\n+a\r\n+b\r\n",
    b"%1\r\n+k\r\n%1\r\n*2\r\n+a\r\n+b\r\n+c\r\n", b"%1\r\n+k\r\n*1\r\n+a\r\n",
    b"%1\r\n+k\r\n=8\r\ntxt:a\nbc\r\n", b"%1\r\n+k\r\n>2\r\n+a\r\n+b\r\n",
    b"%1\r\n*1\r\n+k\r\n*2\r\n+a\r\n+b\r\n", b"*2\r\n>1\r\n+a\r\n>0\r\n",
    # Keys that JSON does not have.
    b"%5\r\n$3\r\na\"b\r\n,1.5\r\n$-1\r\n#t\r\n#t\r\n_\r\n:7\r\n*0\r\n,2.5\r\n%0\r\n",
    b"%3\r\n*2\r\n+a\r\n+b\r\n:1\r\n-ERR x\r\n:2\r\n=5\r\ntxt:v\r\n:3\r\n",
    b">2\r\n+invalidate\r\n*1\r\n$3\r\nkey\r\n+OK\r\n", b">1\r\n+a\r\n>2\r\n+b\r\n:1\r\n:9\r\n",
]


def random_reply(rng, depth=0):
    def text():
        return bytes(rng.choice(b"ab \"\\\n\r\t\x00\x7f\x80\xff'{[") for _ in range(rng.randrange(8)))

    def bulk(prefix, data):
        return b"%s%d\r\n%s\r\n" % (prefix, len(data), data)

    kind = rng.randrange(9 if depth > 3 else 13)
    if kind == 0:
        return b"+%s\r\n" % text().translate(None, b"\0\r\n")
    if kind == 1:
        return b"-%s\r\n" % text().translate(None, b"\0\r\n")
    if kind == 2:
        return b":%d\r\n" % rng.randrange(-10**6, 10**6)
    if kind == 3:
        return rng.choice([b"$-1\r\n", b"*-1\r\n", b"_\r\n"])
    if kind == 4:
        return rng.choice([b"#t\r\n", b"#f\r\n"])
    if kind == 5:
        return b",%r\r\n" % rng.uniform(-9, 9)
    if kind == 6:
        return bulk(b"=", b"txt:" + text())
    if kind < 9:
        return bulk(b"$", text())
    count = rng.choice([0, 1, 2, 3, 11])
    head = [b"*%d\r\n", b"%%%d\r\n", b"~%d\r\n", b"*%d\r\n"][kind - 9] % count
    elements = count * (2 if kind == 10 else 1)
    return head + b"".join(random_reply(rng, depth + 1) for _ in range(elements))


def script(replies):
    """Lines for standard input that make the puppet answer these, with a mark before each."""
    quoted = ["".join(f"\\x{byte:02x}" for byte in reply) for reply in replies]
    return "".join(f'RAW "+#{i}\\r\\n"\nRAW "{q}"\n' for i, q in enumerate(quoted)).encode()


def outputs_per_reply(program, port, arguments, replies):
    done = run(["-p", port, "--show-pushes", "y", *arguments], script(replies), program)
    return done.returncode, re.split(rb'(?m)^"?#\d+"?\n', done.stdout)[1:]


def assert_same_formats(port, arguments, replies):
    ours = outputs_per_reply(CLI, port, arguments, replies)
    theirs = outputs_per_reply(REDIS_CLI, port, arguments, replies)
    assert len(theirs[1]) == len(replies), "redis-cli refused one"
    for reply, our, their in zip(replies, ours[1], theirs[1]):
        assert our == their, reply
    assert ours[0] == theirs[0]


@beside_redis_cli
@pytest.mark.parametrize("protocol", ["-2", "-3"])
@pytest.mark.parametrize("mode", MODES)
def test_every_type_is_printed_as_redis_cli_does(puppet, mode, protocol):
    assert_same_formats(puppet.port, [mode, protocol], REPLIES)


@beside_redis_cli
@pytest.mark.parametrize("mode", MODES)
def test_random_replies_are_printed_as_redis_cli_does(puppet, mode):
    seed = int(os.environ.get("SEED", random.randrange(2**32)))
    print("SEED =", seed)
    rng = random.Random(seed)
    assert_same_formats(puppet.port, [mode, "-3"], [random_reply(rng) for _ in range(300)])


@beside_redis_cli
@pytest.mark.parametrize("options", [["-d", ","], ["-D", "|"], ["-d", "<>", "-D", ""], ["-d", r"\n"]])
@pytest.mark.parametrize("mode", MODES)
def test_delimiters(puppet, mode, options):
    reply = "*2\r\n$1\r\na\r\n*2\r\n:1\r\n-ERR x\r\n"
    assert_same(["-p", puppet.port, mode, *options, "RAW", reply])


def test_what_redis_cli_cannot_print(puppet):
    big, attribute = "(123456789012345678901\r\n", "|1\r\n+ttl\r\n:3\r\n+OK\r\n"
    assert output(puppet, "--no-raw", "RAW", big) == b"(big number) 123456789012345678901\n"
    for mode in MODES[1:]:
        assert output(puppet, mode, "RAW", big) == b"123456789012345678901\n"
    assert output(puppet, "--no-raw", "RAW", attribute) == b"OK\n"
    assert output(puppet, "--no-raw", "RAW", ",nan\r\n") == b"(double) nan\n"
    assert output(puppet, "--no-raw", "RAW", "!5\r\nERR x\r\n") == b"(error) ERR x\n"


def test_json_is_json(puppet):
    reply = "%2\r\n$1\r\na\r\n*3\r\n:1\r\n_\r\n#t\r\n$1\r\nb\r\n$4\r\n\"\\\n\t\r\n"
    assert json.loads(output(puppet, "--json", "RAW", reply)) == {"a": [1, None, True],
                                                                 "b": "\"\\\n\t"}


# ---- the same commands to the same server ---------------------------------------------------

SESSION = rb"""
set a 1
get a
get missing
set "with blank" 'it''s'
set "with blank" "\x00\xff\n"
get "with blank"
foo bar
get
get "unbalanced
set 'x'y z

3 incr counter
mset k1 v1 k2 v2
mget k1 k2 nope
multi
set t 1
incr t
nonsense
exec
multi
set t 1
get t
exec
select 3
dbsize
select 99
echo "\a\b\t\r\n\\"
command count
object help
config get maxmemory
type a
client getname
scan 0 count 1000
debug jmap
ping
"""


@beside_redis_cli
@pytest.mark.parametrize("protocol", ["-2", "-3"])
@pytest.mark.parametrize("mode", MODES)
def test_a_session(server, mode, protocol):
    arguments = ["-p", server.port, mode, protocol]
    ours = run(arguments, SESSION)
    server.call("FLUSHALL")
    assert ours.stdout == run(arguments, SESSION, REDIS_CLI).stdout
    assert ours.returncode == 0


@beside_redis_cli
@pytest.mark.parametrize("arguments", [
    ["ping"], ["ping", "a b"], ["foo"], ["-e", "foo"], ["-e", "ping"], ["-e", "-r", "3", "foo"],
    ["-r", "3", "ping"], ["-r", "0", "ping"], ["-r", "3", "-i", "0.001", "echo", "n"],
    ["-n", "2", "dbsize"], ["-n", "99", "ping"], ["--json", "mget", "a", "b"],
    ["-2", "--json", "config", "get", "port"], ["--no-raw", "set", "", ""],
    ["--quoted-input", "echo", r'"a\x41"'], ["--quoted-input", "echo", r"'a\x41'"],
    ["--no-raw", "unsubscribe"], ["shutdown", "nonsense"],
    ["--bogus"], ["-p"], ["--show-pushes", "no", "ping"], ["--no-auth-warning", "ping"],
], ids=" ".join)
def test_command_lines(server, arguments):
    assert_same(["-p", server.port, *arguments], stderr=True)
    assert_same(["-s", server.path, *arguments], stderr="-p" not in arguments)


@beside_redis_cli
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("command", [
    "info server", "client list", "client info", "lolwut version 5 1 1", "memory doctor",
    "latency doctor", "latency graph x", "cluster info"])
def test_texts_are_shown_as_they_are(puppet, mode, command):
    """By name, whatever comes: RAW cannot be used, so the puppet's OK must do, and -ERR a key."""
    assert_same(["-p", puppet.port, mode, *command.split()])


@beside_redis_cli
def test_standard_input_as_argument(server):
    data = b"\x00binary\xff\n"
    for arguments in (["-x", "set", "k"], ["-X", "tag", "set", "tag", "v"], ["-x", "echo"],
                      ["-X", "tag", "echo", "other"], ["-x", "-X", "tag", "echo"]):
        assert_same(["-p", server.port, *arguments], data)
    assert output(server, "-x", "set", "k", stdin=data) == b"OK\n"
    assert output(server, "get", "k") == data + b"\n"
    assert output(server, "-X", "T", "set", "T", "T", stdin=b"key") == b"OK\n"
    assert output(server, "get", "key") == b"T\n"


# ---- connecting -----------------------------------------------------------------------------


def test_refused(tmp_path):
    port = free_port()
    done = run(["-p", port, "ping"])
    assert done.returncode == 1
    assert done.stderr == b"Could not connect to Hark at 127.0.0.1:%d: Connection refused\n" % port
    done = run(["-s", tmp_path / "none", "ping"])
    assert done.returncode == 1
    assert done.stderr.endswith(b"/none: No such file or directory\n")
    assert run(["-s", "x" * 200, "ping"]).returncode == 1
    done = run(["-h", "no.such.host.invalid", "ping"])
    assert done.returncode == 1 and b"Could not connect to Hark at no.such" in done.stderr


def test_mistakes_on_the_command_line(puppet):
    for arguments, words in [
            (["-c", "ping"], b"not a cluster"), (["--cluster", "info"], b"not a cluster"),
            (["--tls", "--cert", "x", "ping"], b"needs its key"), (["-u", "x://h"], b"scheme"),
            (["-p", "abc"], b"-p"), (["-p", "70000"], b"-p"), (["-r", "x"], b"-r"), (["-r", "-2"], b"-r"),
            (["-i", "-1"], b"-i"), (["--show-pushes", "x"], b"--show-pushes"), (["--rdb"], b"--rdb"),
            (["--quoted-input", "echo", '"a'], b"quoted"), (["--quoted-pattern", "'a'b"], b"quoted"),
            (["-n", "-1"], b"-n"), (["--count", "0"], b"--count"), (["-u", "redis://h:x/"], b"-u")]:
        done = run(["-p", puppet.port, *arguments])
        assert (done.returncode, done.stdout) == (1, b""), arguments
        assert words in done.stderr, arguments
    assert run(["--version"]).stdout.startswith(b"hark-cli ")
    assert b"--quoted-json" in run(["--help"]).stdout
    assert run(["-h"]).returncode == 0


@pytest.mark.parametrize("uri, sent", [
    ("redis://127.0.0.1:{}", []), ("hark://127.0.0.1:{}/", []),
    ("redis://127.0.0.1:{}/3", [[b"SELECT", b"3"]]),
    ("redis://us%40er:p%3Aw@127.0.0.1:{}/2", [[b"AUTH", b"us@er", b"p:w"], [b"SELECT", b"2"]]),
    ("redis://secret@127.0.0.1:{}", [[b"AUTH", b"secret"]]),
    ("redis://:secret@127.0.0.1:{}", [[b"AUTH", b"secret"]])])
def test_uri(puppet, uri, sent):
    done = run(["-u", uri.format(puppet.port), "ping"])
    assert done.stdout == b"OK\n"
    assert puppet.seen == [*sent, [b"ping"]]
    assert (b"Warning" in done.stderr) == ("@" in uri)


def test_credentials(puppet):
    def sent(*arguments, **env):
        puppet.seen.clear()
        done = run(["-p", puppet.port, *arguments, "ping"], **env)
        assert done.stdout == b"OK\n"
        return done.stderr, puppet.seen[:-1]

    assert sent(REDISCLI_AUTH="r") == (b"", [[b"AUTH", b"r"]])
    assert sent(REDISCLI_AUTH="r", HARKCLI_AUTH="h") == (b"", [[b"AUTH", b"h"]])
    warning, auth = sent("-a", "p", HARKCLI_AUTH="h")
    assert auth == [[b"AUTH", b"p"]] and warning.startswith(b"Warning: ")
    assert sent("--user", "u", "--pass", "p", "--no-auth-warning") == (b"", [[b"AUTH", b"u", b"p"]])
    assert sent("-3", "-n", "1") == (b"", [[b"SELECT", b"1"], [b"HELLO", b"3"]])
    with Terminal("-p", puppet.port, "--askpass", "ping") as t:
        t.expect("password: ")
        t.type("hidden\r")
        assert "hidden" not in t.expect("OK")
        assert t.end() == 0
    assert [b"AUTH", b"hidden"] in puppet.seen


def test_a_wrong_password_is_said_and_no_more(server):
    done = run(["-p", server.port, "--no-auth-warning", "--user", "nobody", "-a", "x", "ping"])
    assert done.stderr.startswith(b"AUTH failed: WRONGPASS")
    assert done.stdout == b"PONG\n"


def test_a_lost_connection(puppet):
    done = run(["-p", puppet.port, "CLOSE"])
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"Error: Server closed the connection\n"
    assert puppet.seen == [[b"CLOSE"]]
    done = run(["-p", puppet.port, "RAW", "*2\r\n:1\r\nzzz"])
    assert done.returncode == 1
    assert done.stderr == b'Error: Protocol error, got "z" as reply type byte\n'


def test_a_closed_output_is_no_success(server):
    server.call("SET", "k", "x" * 100000)
    with open("/dev/full", "wb") as full:
        done = subprocess.run([CLI, "-p", str(server.port), "get", "k"], stdout=full,
                              env=environment(), timeout=PATIENCE)
    assert done.returncode == 1


# ---- messages -------------------------------------------------------------------------------


class Reader:
    """A client in the background whose output is read as it comes."""

    def __init__(self, program, *arguments):
        self.process = subprocess.Popen([program, *map(str, arguments)], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, env=environment())
        self.text = b""

    def read_until(self, enough, what):
        deadline = time.monotonic() + PATIENCE
        while not enough():
            left = max(0, deadline - time.monotonic())
            ready = select.select([self.process.stdout], [], [], left)[0]
            assert ready, f"{self.text!r} does not become {what!r}"
            more = os.read(self.process.stdout.fileno(), 65536)
            assert more, f"ended with {self.text!r}, wanted {what!r}"
            self.text += more
        return self.text

    def expect(self, end):
        """Waits until this is the end of what was printed; returns all of it."""
        return self.read_until(lambda: self.text.endswith(end), end)

    def line_with(self, wanted):
        """Waits for a line that has this in it."""
        pattern = re.compile(rb".*" + re.escape(wanted) + rb".*\n")
        self.read_until(lambda: pattern.search(self.text), wanted)
        return pattern.search(self.text)[0]

    def lines(self, count):
        """Waits for that many lines."""
        return self.read_until(lambda: self.text.count(b"\n") >= count, count).splitlines(True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def test_the_walk_through(server):
    """Each message is there at once, not when a buffer is full."""
    assert output(server, "config", "set", "notify-keyspace-events", "KEA") == b"OK\n"
    with Reader(CLI, "-p", server.port, "--csv", "psubscribe", "*") as r:
        r.expect(b'Reading messages... (press Ctrl-C to quit)\n"psubscribe","*",1\n')
        assert output(server, "set", "key1", "value1") == b"OK\n"
        r.expect(b'"pmessage","*","__keyspace@0__:key1","set"\n'
                 b'"pmessage","*","__keyevent@0__:set","key1"\n')
    output(server, "config", "set", "notify-keyspace-events", "")


@beside_redis_cli
@pytest.mark.parametrize("protocol", ["-2", "-3"])
@pytest.mark.parametrize("mode", MODES)
def test_messages_in_every_format(server, mode, protocol):
    readers = [Reader(program, "-p", server.port, mode, protocol, "subscribe", "one", "two")
               for program in (REDIS_CLI, CLI)]
    with readers[0] as theirs, readers[1] as ours:
        server.wait(["PUBSUB", "NUMSUB", "two"], b":2\r\n")
        server.call("PUBLISH", "one", b'a"\xff\n')
        server.call("PUBLISH", "two", "the end")
        tail = b'the end"\n' if mode == "--no-raw" else b"the end\n" if mode == "--raw" else \
            b'the end"]\n' if "json" in mode else b'the end"\n'
        assert ours.expect(tail) == theirs.expect(tail)


@beside_redis_cli
@pytest.mark.parametrize("mode", MODES)
def test_monitor(server, mode):
    readers = [Reader(program, "-p", server.port, mode, "monitor") for program in (REDIS_CLI, CLI)]
    with readers[0] as theirs, readers[1] as ours:
        assert theirs.lines(1)[0] == ours.lines(1)[0]
        server.call("SET", "k", 'v"')
        assert theirs.line_with(b"SET") == ours.line_with(b"SET")


def test_ctrl_c_ends_a_subscriber(server):
    with Reader(CLI, "-p", server.port, "subscribe", "x") as r:
        r.expect(b"subscribe\nx\n1\n")
        r.process.send_signal(signal.SIGINT)
        assert r.process.wait(PATIENCE) == -signal.SIGINT


def test_subscribing_without_channels_ends(server):
    done = run(["-p", server.port, "--no-raw", "subscribe"])
    assert b"wrong number of arguments" in done.stdout and done.returncode == 0
    assert output(server, "punsubscribe", "a", "b").count(b"punsubscribe") == 2
    assert output(server, "-3", "--csv", "unsubscribe", "a", "b") == \
        b'"unsubscribe","a",0\n"unsubscribe","b",0\n'


def test_pushes(puppet):
    push = ">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n+OK\r\n"
    assert output(puppet, "-3", "RAW", push) == b"OK\n"
    assert output(puppet, "-3", "--show-pushes", "y", "RAW", push) == b"invalidate\nk\nOK\n"


# ---- the prompt -----------------------------------------------------------------------------


def test_prompt(server):
    with Terminal("-p", server.port) as t:
        where = f"127.0.0.1:{server.port}"
        t.expect(where + "> ")
        assert t.command("set a 1") == "OK"
        assert t.command("get a") == '"1"'
        assert t.command("nonsense").startswith("(error) ERR unknown command 'nonsense'")
        assert t.command('get "unbalanced') == "Invalid argument(s)"
        assert t.command("2 incr a") == "(integer) 2\n(integer) 3"
        assert t.command("0 incr a") == "Invalid hark-cli repeat command option value."
        t.command("select 3", then=where + "[3]> ")
        assert t.command("multi", then=where + "[3](TX)> ") == "OK"
        assert t.command("select 4", then=where + "[4](TX)> ") == "QUEUED"
        assert t.command("discard", then=where + "[3]> ") == "OK"
        t.command("multi", then="(TX)> ")
        assert t.command("exec", then=where + "[3]> ") == "(empty array)"
        assert t.command("reset", then=where + "> ") == "RESET"
        assert t.command(":bogus") == "unknown hark-cli internal command ':bogus'"
        t.type("quit\r")
        assert t.end() == 0


def test_prompt_ends(server):
    for keys in ("exit\r", "\x04", "\x03", "get\x03\x03", "QUIT now\r"):
        with Terminal("-p", server.port) as t:
            t.expect("> ")
            t.type(keys)
            assert t.end() == 0, keys


def test_ctrl_c_leads_back_to_the_prompt(server):
    with Terminal("-p", server.port) as t:
        t.expect("> ")
        for command, ready in (("subscribe x", "(integer) 1\n"), ("monitor", "OK\n")):
            t.type(command + "\r")
            t.expect(ready)
            t.type("\x03")
            t.expect("> ")
            assert t.command("ping") == "PONG"


def test_ctrl_c_gives_up_a_command_that_hangs(puppet):
    with Terminal("-p", puppet.port) as t:
        t.expect("> ")
        t.type("hang\r")
        puppet.await_command(b"hang")
        t.type("\x03")
        t.expect("> ")
        assert t.command("ping") == "OK"


def test_ctrl_c_ends_repetitions(server):
    with Terminal("-p", server.port, "-i", "1000") as t:
        t.expect("> ")
        t.type("5 ping\r")
        t.expect("PONG\n")
        t.type("\x03")
        t.expect("> ")
        assert t.command("echo here") == '"here"'


def test_reconnecting(puppet):
    with Terminal("-p", puppet.port, "-n", "5") as t:
        where = f"127.0.0.1:{puppet.port}[5]"
        t.expect(where + "> ")
        assert t.command("close", then="not connected> ") == "Error: Server closed the connection"
        assert puppet.seen.count([b"close"]) == 2  # sent once more, on a new connection
        puppet.seen.clear()
        t.command("ping", then=where + "> ")
        assert puppet.seen == [[b"SELECT", b"5"], [b"ping"]]
        # What was queued is gone with the connection: nothing is sent again behind one's back.
        puppet.seen.clear()
        t.command("multi", then=where + "(TX)> ")
        assert "The transaction is lost." in t.command("close", then="not connected> ")
        assert puppet.seen == [[b"multi"], [b"close"]]
        t.command("ping", then=where + "> ")
        puppet.seen.clear()
        t.command("auth user word", then="> ")
        t.command("shutdown", then="> ")
        t.command("close", then="not connected> ")
        t.command("ping", then="> ")
        assert puppet.seen[-3:] == [[b"AUTH", b"user", b"word"], [b"SELECT", b"5"], [b"ping"]]


def test_connect(server, puppet):
    nowhere = free_port()
    with Terminal("-p", nowhere) as t:
        refused = f"Could not connect to Hark at 127.0.0.1:{nowhere}: Connection refused\n"
        assert refused in t.expect("not connected> ")
        assert t.command("ping", then="not connected> ") + "\n" == refused
        t.command(f"connect 127.0.0.1 {server.port}", then=f"127.0.0.1:{server.port}> ")
        assert t.command("ping") == "PONG"
        assert t.command("connect 127.0.0.1 x") == "Invalid port 'x'"
        t.command(f"connect 127.0.0.1 {puppet.port}", then=f"127.0.0.1:{puppet.port}> ")
        assert t.command("ping") == "OK"
    with Terminal("-s", server.path) as t:
        t.expect(server.path + "> ")
        t.command(f"connect 127.0.0.1 {puppet.port}", then=f"127.0.0.1:{puppet.port}> ")


def test_slow_commands_say_how_long(puppet):
    with Terminal("-p", puppet.port) as t:
        t.expect("> ")
        assert re.fullmatch(r"OK\n\(0\.[67]\ds\)", t.command("slow"))
        assert t.command("fast") == "OK"


def test_history(server, tmp_path):
    path = tmp_path / "history"
    with Terminal("-p", server.port, HARKCLI_HISTFILE=str(path)) as t:
        t.expect("> ")
        for line in ("echo first", "auth secret", "config set requirepass ''", "hello 2 auth a b",
                     "echo last"):
            t.command(line)
        t.type("quit\r")
        t.end()
    assert path.read_text() == "echo first\necho last\nquit\n"
    assert path.stat().st_mode & 0o777 == 0o600
    with Terminal("-p", server.port, HARKCLI_HISTFILE=None, REDISCLI_HISTFILE=str(path),
                  term="xterm") as t:
        t.expect("> ")
        t.type("\x1b[A\x1b[A\x1b[A\r")
        t.expect('"first"\n')
        t.expect("> ")
        t.type("\x12las\r")
        t.expect('"last"\n')
    path.write_text("".join(f"echo {i}\n" for i in range(3000)))
    with Terminal("-p", server.port, HARKCLI_HISTFILE=str(path)) as t:
        t.expect("> ")
    assert path.read_text() == "".join(f"echo {i}\n" for i in range(2000, 3000))


def test_completion(server):
    with Terminal("-p", server.port) as t:
        t.expect("> ")
        t.type("getr\t")
        t.expect("getrange ")
        t.type("\x15CONFIG \t")
        listed = t.expect("REWRITE")
        assert "GET" in listed and "HELP" in listed and "RESETSTAT" in listed
        t.expect("CONFIG ")
        t.type("res\t\r")
        t.expect("OK\n")
        t.type("help @trans\t\r")
        assert "EXEC" in t.expect("WATCH key")


def test_hints_and_colours(server):
    with Terminal("-p", server.port, term="xterm") as t:
        t.expect("> ")
        t.type("get ")
        t.expect("\x1b[90mkey\x1b[0m\x1b[3D")
        t.type("a")
        assert "\x1b[K" in t.expect("a")
        t.type("\r")
        t.expect("(nil)")
        t.expect("> ")
        t.type(":set nohints\r")
        t.expect("> ")
        t.type("get ")
        t.type("nothing\r")
        assert "\x1b[90m" not in t.expect("(nil)")
        t.type("nonsense\r")
        t.expect("\x1b[31m(error) ERR")
    with Terminal("-p", server.port, term="xterm", NO_COLOR="1") as t:
        t.expect("> ")
        t.type("nonsense\r")
        t.expect("\n(error) ERR")


def test_preferences(server, tmp_path):
    path = tmp_path / "rc"
    path.write_text(":set nohints\n\n")
    with Terminal("-p", server.port, term="xterm", HARKCLI_RCFILE=str(path)) as t:
        t.expect("> ")
        t.type("get ")
        t.type("nothing\r")
        assert "\x1b[90m" not in t.expect("(nil)")


def test_help_for_every_command(server):
    with open(os.path.join(ROOT, "src/command/commands.json"), encoding="utf-8") as file:
        commands = json.load(file)
    names = [n.replace("|", " ") for n in commands if not commands[n].get("system")]
    text = output(server, stdin="".join(f"help {n}\n" for n in names).encode()).decode()
    shown = dict(re.findall(r"^  ([A-Z][A-Z0-9_ -]*?) (?=\S|$).*\n  summary: (.*)", text, re.M))
    missing = [n for n in names if f"\n  {n.upper()} " not in text]
    assert missing == []
    assert shown["GET"] == commands["get"]["summary"]
    assert "\n  SET key value [NX|XX] [GET] [EX seconds|" in text
    assert output(server, stdin=b"help nonsense\n") == b"\n"
    string = output(server, stdin=b"help @string\n").decode()
    assert "APPEND key value" in string and "LPUSH" not in string and "group:" not in string
    assert output(server, stdin=b"?\n") == output(server, stdin=b"help\n")


# ---- special modes --------------------------------------------------------------------------


def fill(server):
    lines = [f"set key:{i} {'x' * (i + 1)}" for i in range(40)]
    lines += [r'set "\xff\"" bin']
    output(server, stdin="\n".join(lines).encode())


def test_scan(server):
    fill(server)
    keys = sorted(output(server, "--scan").splitlines())
    assert len(keys) == 41 and b"key:39" in keys and b'\xff"' in keys
    assert output(server, "--scan", "--count", "3", "--pattern", "key:3") == b"key:3\n"
    assert output(server, "--scan", "--quoted-pattern", r'"\xff*"') == b'\xff"\n'
    assert output(server, "--scan", "--no-raw", "--pattern", "[^k]*") == b'"\\xff\\""\n'
    assert output(server, "--scan", "--pattern", "nothing") == b""


@beside_redis_cli
@pytest.mark.parametrize("arguments", [
    ["--scan"], ["--scan", "--no-raw", "--pattern", "*1*"], ["--scan", "--json"], ["--bigkeys"],
    ["--bigkeys", "--pattern", "key:1*"], ["--bigkeys", "-i", "0.001"], ["--memkeys"],
    ["--memkeys-samples", "3"]], ids=" ".join)
def test_scanning_modes(server, arguments):
    """On an empty server too. redis-cli sums up the types in an order that changes."""
    for filled in (False, True):
        if filled:
            fill(server)
        ours, theirs = (run(["-p", server.port, *arguments], program=program)
                        for program in (CLI, REDIS_CLI))
        assert sorted(ours.stdout.splitlines()) == sorted(theirs.stdout.splitlines())
        assert ours.returncode == theirs.returncode == 0


@beside_redis_cli
@pytest.mark.parametrize("data", [
    b"", b"SET a 1\r\nFOO\r\nSET b 2", b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$2\r\n\r\n\r\n" * 2000])
def test_pipe(server, data):
    assert_same(["-p", server.port, "--pipe"], data)


def test_pipe_counts_what_arrived(server):
    requests = b"".join(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$1000\r\n%s\r\n" % (len(k), k, b"v" * 1000)
                        for k in (b"k%d" % i for i in range(5000)))
    done = output(server, "--pipe", stdin=requests)
    assert done.endswith(b"errors: 0, replies: 5000\n")
    assert output(server, "dbsize") == b"5000\n"


def test_pipe_gives_up(server):
    unfinished = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$100\r\nb\r\n"
    done = run(["-p", server.port, "--pipe", "--pipe-timeout", "1"], unfinished)
    assert done.returncode == 1
    assert done.stderr == b"No replies for 1 seconds: exiting.\n"
    assert done.stdout.endswith(b"errors: 1, replies: 0\n")
    done = run(["-p", server.port, "--pipe"], b"*z\r\n")
    assert done.returncode == 1 and b"Protocol error" in done.stderr


def test_eval(puppet, tmp_path):
    script = tmp_path / "script.lua"
    script.write_bytes(b"return 'x'\n")
    assert output(puppet, "--eval", script, "k1", "k2", ",", "a", ",") == b"OK\n"
    assert puppet.seen[-1] == [b"EVAL", b"return 'x'\n", b"2", b"k1", b"k2", b"a", b","]
    assert run(["-p", puppet.port, "--eval", tmp_path / "none"]).returncode == 1


def test_stat(server):
    fill(server)
    header = (b"------- data ------ --------------------- load -------------------- - child -\n"
              b"keys       mem      clients blocked requests            connections          \n")
    with Reader(CLI, "-p", server.port, "-i", "0.01", "--stat") as r:
        lines = r.lines(24)
        assert b"".join(lines[:2]) == b"".join(lines[22:24]) == header
        assert re.fullmatch(rb"41 +[\d.]+[BKMG] +1 +0 +\d+ \(\+0\) +\d+ *\n", lines[2])
        assert b"(+1)" in lines[3]


def test_latency(server):
    figures = rb"\d+ \d+ \d+\.\d\d \d+\n"
    assert re.fullmatch(figures, output(server, "--latency", "-i", "0.05"))
    assert re.fullmatch(figures.replace(b" ", b","), output(server, "--latency", "-i", "0.05", "--csv"))
    assert json.loads(output(server, "--latency", "-i", "0.05", "--json"))["count"] >= 1
    with Reader(CLI, "-p", server.port, "--raw", "--latency-history", "-i", "0.05") as r:
        assert re.match(figures * 2, b"".join(r.lines(2)))
    with Terminal("-p", server.port, "--latency-history", "-i", "0.05") as t:
        assert re.search(r"min: \d+, max: \d+, avg: \d+\.\d\d \(\d+ samples\)",
                         t.expect(" seconds range\n"))
        t.type("\x03")
        assert t.end() == -signal.SIGINT


def test_latency_dist(server):
    with Reader(CLI, "-p", server.port, "--latency-dist", "-i", "0.05") as r:
        *legend, first, second = r.lines(10)
    assert legend[1].startswith(b". - * #") and b"From 0 to 100%" in legend[6]
    for line in (first, second):
        signs = re.findall(rb"\x1b\[48;5;(\d+)m(.)", line)
        assert b"".join(sign for _, sign in signs) == b".-*#123456789ABCDEFGHIJKLMNOPQ?"
        assert any(colour != b"0" for colour, _ in signs)
        assert signs[-1][0] == b"0", "nothing took a minute"


def test_lru_test(server):
    def percent_of_hits(keys):
        with Reader(CLI, "-p", server.port, "--lru-test", str(keys)) as r:
            line = r.lines(2)[1]
        figures = re.fullmatch(rb"(\d+) Gets/sec \| Hits: (\d+) \(([\d.]+)%\) "
                               rb"\| Misses: (\d+) \(([\d.]+)%\)\n", line)
        gets, hits, percent, misses, missed = map(float, figures.groups())
        assert gets == hits + misses and 99.9 < percent + missed < 100.1
        return percent
    assert percent_of_hits(100) > 99.9
    used = int(re.search(rb"used_memory:(\d+)", server.call("INFO", "memory"))[1])
    assert server.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru") == b"+OK\r\n"
    assert server.call("CONFIG", "SET", "maxmemory", used + 500_000) == b"+OK\r\n"
    try:
        assert 1 < percent_of_hits(1_000_000) < 99
    finally:
        server.call("CONFIG", "SET", "maxmemory", 0)
        server.call("FLUSHALL")
