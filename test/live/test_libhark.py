"""libhark from outside: its installation, its examples on Hark and on Redis, TLS."""

import os
import re
import shutil
import ssl
import subprocess
import threading

import pytest

import installed
from harness import PATIENCE_S, Server, eventually, is_redis

REDIS = shutil.which("redis-server")


@pytest.fixture
def run(tmp_path):
    """Runs a program beside the test, its output in a file; it ends with the test."""
    processes = []

    def run_one(*command):
        output = tmp_path / f"output-{len(processes)}"
        with open(output, "wb") as f:
            processes.append(subprocess.Popen(command, stdout=f, stderr=subprocess.STDOUT,
                                              env=installed.program_environment()))
        processes[-1].lines = lambda: output.read_text().splitlines()
        return processes[-1]

    yield run_one
    for process in processes:
        process.terminate()
        process.wait(PATIENCE_S)


@pytest.fixture
def servers():
    """Hark, and Redis beside it."""
    binaries = [None] + ([REDIS] if REDIS and not is_redis() else [])
    all_of_them = [Server({"notify-keyspace-events": "KEA"}, binary) for binary in binaries]
    yield all_of_them
    for server in all_of_them:
        server.stop()


def url(server):
    return f"redis://127.0.0.1:{server.port}"


def whole(program, count):
    """The first lines that it prints."""
    return eventually(lambda: program.lines()[:count] if len(program.lines()) >= count else None,
                      3 * PATIENCE_S)


SEED_LOOP = [
    "Starting message loop",
    "{'type': 'psubscribe', 'data': 1, 'channel': b'__keyspace@0__:*', 'pattern': None}",
    "{'type': 'pmessage', 'data': b'set', 'channel': b'__keyspace@0__:mykey', "
    "'pattern': b'__keyspace@0__:*'}",
]
SEED_THREAD = ["{'type': 'pmessage', 'data': b'session', 'channel': b'__keyevent@0__:expired', "
               "'pattern': b'__keyevent@0__:expired'}"]


@pytest.mark.parametrize("name, wanted", [
    ("message_loop", SEED_LOOP),
    ("handler", SEED_LOOP[:2] + ["Handler " + SEED_LOOP[2]]),
])
def test_the_loops_of_the_seed(servers, run, name, wanted):
    for server in servers:
        program = run(os.path.join(installed.examples(), name), url(server))
        whole(program, 2)
        server.connect()("SET", "mykey", "myvalue")
        assert whole(program, 3) == wanted


@pytest.mark.parametrize("name", ["thread", "with_libuv", "with_libev"])
def test_the_thread_of_the_seed(servers, run, name):
    path = os.path.join(installed.examples(), name)
    if not os.path.exists(path):
        pytest.skip(f"{name}: its library is not here")
    for server in servers:
        program = run(path, url(server))
        c = server.connect()
        eventually(lambda: c("PUBSUB", "NUMPAT"))
        c("SET", "session", "1", "PX", "20")
        assert program.wait(3 * PATIENCE_S) == 0, program.lines()
        assert program.lines() == SEED_THREAD


@pytest.mark.parametrize("name", ["with_libuv", "message_loop"])
def test_they_survive_a_restart(servers, run, name):
    path = os.path.join(installed.examples(), name)
    if not os.path.exists(path):
        pytest.skip(f"{name}: its library is not here")
    for server in servers:
        program = run(path, url(server))
        eventually(lambda: server.connect()("PUBSUB", "NUMPAT"))
        server.kill()
        server.start()
        eventually(lambda: server.connect()("PUBSUB", "NUMPAT"), 3 * PATIENCE_S)
        eventually(lambda: any("resumed" in line and "may be missing" in line
                               for line in program.lines()))


def test_the_worker(servers, run):
    path = os.path.join(installed.examples(), "worker")
    hark = servers[0]
    if is_redis():
        pytest.skip("Redis has no views")
    c = hark.connect()
    program = run(path, url(hark), "__keyevent@*__:expired", "g", "w")
    eventually(lambda: c("XINFO", "GROUPS", "__keyevent@*__:expired"))
    for i in range(10):
        c("SET", f"a{i}", "1", "PX", "1")
    assert sorted(line.split(" ", 1)[1] for line in whole(program, 10)) == [
        f"expired 0 a{i}" for i in range(10)]
    program.terminate()
    assert program.wait(PATIENCE_S) == 0
    assert c("XPENDING", "__keyevent@*__:expired", "g")[0] == 0  # it acknowledged all
    c("SET", "away", "1", "PX", "1")
    eventually(lambda: not c("EXISTS", "away"))
    program = run(path, url(hark), "__keyevent@*__:expired", "g", "w")
    assert whole(program, 1)[0].endswith(" expired 0 away")
    for redis in servers[1:]:
        program = run(path, url(redis))
        assert program.wait(3 * PATIENCE_S) == 1
        assert "it is not Hark" in program.lines()[0]


def test_symbols():
    lib = os.path.join(installed.prefix(), "lib")
    header = open(os.path.join(installed.prefix(), "include", "hark.h"), encoding="utf-8").read()
    declared = set(re.findall(r"HARK_API [^;(]*?\b(hark_\w+)\(", header))
    assert len(declared) > 50
    dynamic = installed.run("nm", "-D", "--defined-only", os.path.join(lib, "libhark.so"))
    static = installed.run("nm", "-g", "--defined-only", os.path.join(lib, "libhark.a"))
    for listing in (dynamic, static):
        names = set(re.findall(r" [TDBRVWC] (\w+)", listing))
        if installed.SANITIZE:
            names = {n for n in names if not n.startswith("__odr_asan")}
        assert names == declared
    needed = installed.run("objdump", "-p", os.path.join(lib, "libhark.so"))
    assert re.search(r"SONAME\s+libhark\.so\.0", needed)


COMPILERS = [
    ["gcc", "-std=c99", "-pedantic-errors", "-xc"],
    ["gcc", "-std=c17", "-pedantic-errors", "-xc"],
    ["g++", "-std=c++11", "-pedantic-errors", "-xc++"],
    ["g++", "-std=c++20", "-pedantic-errors", "-xc++"],
    ["clang", "-std=c99", "-pedantic-errors", "-Wdocumentation", "-xc"],
    ["clang++", "-std=c++11", "-pedantic-errors", "-Wold-style-cast", "-xc++"],
]


@pytest.mark.parametrize("linking", ["shared", "static"])
@pytest.mark.parametrize("compiler", COMPILERS, ids=lambda c: " ".join(c[:2]))
def test_the_header_compiles(server, tmp_path, compiler, linking):
    if not shutil.which(compiler[0]):
        pytest.skip(f"{compiler[0]} is not here")
    if compiler[0].startswith("clang") and installed.SANITIZE:
        pytest.skip("the sanitizers of one compiler do not fit the other's")
    source = tmp_path / "first.c"
    source.write_text("""
#include <hark.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    struct hark_options options = HARK_OPTIONS;
    struct hark_durable_options durable = HARK_DURABLE_OPTIONS;
    struct hark *h = NULL;
    struct hark_reply *r;
    options.url = argc > 1 ? argv[1] : NULL;
    int rc = durable.size ? hark_connect(&options, &h) : -1;
    if (rc == 0) rc = hark_commandf(h, &r, "ECHO %s", "hello");
    if (rc < 0) {
        fprintf(stderr, "%s\\n", hark_error(h));
    } else {
        puts(r->text);
        hark_reply_free(r);
    }
    hark_close(h);
    return rc < 0;
}
""")
    flags = installed.pkg_config("--cflags")
    libs = installed.pkg_config("--libs", *(["--static"] if linking == "static" else []))
    if linking == "static":
        libs = [os.path.join(installed.prefix(), "lib", "libhark.a") if word == "-lhark" else word
                for word in libs]
    program = str(tmp_path / "first")
    installed.run(*compiler[:-1], "-Wall", "-Wextra", "-Werror", *installed.SANITIZE, *flags,
                  compiler[-1], str(source), "-xnone", "-o", program, *libs)
    done = subprocess.run([program, url(server)], env=installed.program_environment(),
                          capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "hello\n"), done.stderr


# ---- TLS: a door before the server, as it has none of its own ----


@pytest.fixture
def certificate(tmp_path):
    if not shutil.which("openssl"):
        pytest.skip("openssl is not here")
    key, cert = str(tmp_path / "key.pem"), str(tmp_path / "cert.pem")
    installed.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                  "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-keyout", key, "-out", cert,
                  "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    return key, cert


class Door:
    """Speaks TLS with clients and plain bytes with the server, until it is closed."""

    def __init__(self, server, key, cert):
        import socket
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.server = server
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.pass_on, args=(plain,), daemon=True).start()

    def pass_on(self, plain):
        import select
        import socket
        try:
            outside = self.context.wrap_socket(plain, server_side=True)
        except (ssl.SSLError, OSError):
            return
        inside = socket.create_connection(("127.0.0.1", self.server.port))
        ends = {outside: inside, inside: outside}
        try:
            while True:
                ready = [outside] if outside.pending() else select.select(list(ends), [], [])[0]
                for end in ready:
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[end].sendall(data)
        except OSError:
            pass
        finally:
            outside.close()
            inside.close()

    def close(self):
        self.listener.close()


def cli(*words, stdin=b""):
    path = os.environ.get("HARK_CLI") or os.path.join(installed.ROOT, "build", "hark-cli")
    return subprocess.run([path, *map(str, words)], input=stdin, capture_output=True)


@pytest.fixture
def door(server, certificate):
    if b"built without" in cli("--tls", "-p", server.port, "ping").stderr:
        pytest.skip("this libhark was built without TLS")
    d = Door(server, *certificate)
    yield d
    d.close()


def test_tls(door, certificate):
    ca = ["--cacert", certificate[1]]
    assert cli("--tls", *ca, "-p", door.port, "ping").stdout == b"PONG\n"
    assert cli("-u", f"rediss://localhost:{door.port}", *ca, "ping").stdout == b"PONG\n"
    big = os.urandom(3 << 20)
    assert cli("--tls", *ca, "-p", door.port, "-x", "set", "big", stdin=big).stdout == b"OK\n"
    assert cli("--tls", *ca, "-p", door.port, "get", "big").stdout == big + b"\n"


def test_tls_is_not_taken_in(door, server, certificate):
    unknown = cli("--tls", "-p", door.port, "ping")
    assert unknown.returncode == 1 and b"self-signed certificate" in unknown.stderr
    wrong = cli("--tls", "--cacert", certificate[1], "--sni", "other.example", "-p", door.port, "ping")
    assert wrong.returncode == 1 and b"ostname mismatch" in wrong.stderr
    assert cli("--tls", "--insecure", "-p", door.port, "ping").stdout == b"PONG\n"
    plain = cli("--tls", "-p", server.port, "ping")  # no TLS there at all
    assert plain.returncode == 1 and b"TLS" in plain.stderr
    absent = cli("--tls", "--cacert", "/nonexistent", "-p", door.port, "ping")
    assert absent.returncode == 1 and b"the CAs cannot be read" in absent.stderr


def test_a_subscriber_through_tls(door, server, certificate, run):
    os.environ["SSL_CERT_FILE"] = certificate[1]
    try:
        server.connect()("CONFIG", "SET", "notify-keyspace-events", "KEA")
        program = run(os.path.join(installed.examples(), "message_loop"),
                      f"rediss://127.0.0.1:{door.port}")
        whole(program, 2)
        server.connect()("SET", "mykey", "myvalue")
        assert whole(program, 3) == SEED_LOOP
    finally:
        del os.environ["SSL_CERT_FILE"]
