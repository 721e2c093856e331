"""hark-cli tail, replay and lag, and its modes that came with libhark."""

import json
import os
import re
import signal
import subprocess

import pytest

from harness import PATIENCE_S, ROOT, Server, eventually, is_redis
from test_libhark import REDIS

CLI = os.environ.get("HARK_CLI") or os.path.join(ROOT, "build", "hark-cli")
VIEW = "__keyevent@*__:set"
pytestmark = pytest.mark.hark_only("Redis has no views")


def cli(server, *words, status=0):
    done = subprocess.run([CLI, "-p", str(server.port), *words], capture_output=True, text=True,
                          timeout=3 * PATIENCE_S)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout if status == 0 else done.stderr


class Running:
    """A hark-cli that goes on, its output in a file."""

    def __init__(self, server, path, *words):
        self.path = path
        with open(path, "wb") as f:
            self.process = subprocess.Popen([CLI, "-p", str(server.port), *words], stdout=f,
                                            stderr=subprocess.STDOUT)

    def lines(self, count):
        def enough():
            with open(self.path, encoding="utf-8") as f:
                lines = f.read().splitlines()
            return lines if len(lines) >= count else None
        return eventually(enough, 3 * PATIENCE_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def history(server):
    c = server.connect()
    c("SET", "a", "1")
    c("SET", 'odd "\n', "2")
    c("SELECT", "3")
    c("SET", "b", "3")
    return c


def test_tail_since(server, history):
    lines = cli(server, "tail", VIEW, "--since", "10m", "--count", "3").splitlines()
    assert [re.sub(r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \d{13}-\d+ ", "", x) for x in lines] == [
        'set 0 "a"', 'set 0 "odd \\"\\n"', 'set 3 "b"']
    ids = [line.split()[1] for line in lines]
    assert cli(server, "tail", VIEW, "--since", ids[0], "--count", "2").splitlines() == lines[1:]
    ms = ids[2].partition("-")[0]
    assert cli(server, "tail", VIEW, "--since", ms, "--count", "1").splitlines()[0].split()[1] >= ms
    assert "That is no moment" in cli(server, "tail", VIEW, "--since", "yesterday", status=1)
    assert "Unrecognized option: --speed" in cli(server, "tail", VIEW, "--speed", "1", status=1)


def test_tail_of_changes_is_json(server, history):
    history("SET", b"\xff", b"\xfe")
    lines = cli(server, "tail", "__keychange@*__:*", "--since", "10m", "--count", "4", "--json")
    events = [json.loads(line) for line in lines.splitlines()]
    assert events[0] == {**events[0], "event": "set", "key": "a", "db": 0, "effect": ["SET", "a", "1"]}
    assert events[3]["key_b64"] == "/w==" and "effect_b64" in events[3]


def test_tail_follows_and_survives(server, tmp_path):
    with Running(server, tmp_path / "out", "tail", VIEW) as tail:
        c = server.connect()
        eventually(lambda: c("SET", "k1", "1") and os.path.getsize(tail.path))
        server.kill()
        server.start()
        server.connect()("SET", "k2", "1")
        lines = eventually(lambda: [x for x in tail.lines(1) if ' set 0 "k2"' in x])
        assert len(lines) == 1


def test_tail_of_a_group(server, history):
    words = ["tail", VIEW, "--group", "g", "--consumer", "c"]
    assert '"a"' in cli(server, *words, "--since", "10m", "--count", "1")
    assert cli(server, *words, "--count", "2").count("\n") == 2
    history("SET", "c", "4")
    assert cli(server, *words, "--count", "1").endswith('set 3 "c"\n')
    assert history("XPENDING", VIEW, "g")[0] == 0
    assert "go together" in cli(server, "tail", VIEW, "--group", "g", status=1)


@pytest.mark.skipif(not REDIS or is_redis(), reason="needs Redis beside Hark")
def test_live_where_there_is_no_journal(tmp_path, history, server):
    redis = Server({"notify-keyspace-events": "KEA"}, REDIS)
    try:
        with Running(redis, tmp_path / "out", "tail", VIEW, "--json") as tail:
            c = redis.connect()
            eventually(lambda: c("PUBSUB", "NUMPAT"))
            c("SET", "x", "1")
            lines = tail.lines(2)
            assert "this is live" in lines[0]
            assert json.loads(lines[1])["key"] == "x"
            # And what happened on Hark is told to whoever listens there.
            cli(server, "replay", VIEW, "--speed", "0", "--to", f"redis://127.0.0.1:{redis.port}")
            assert [json.loads(x)["key"] for x in tail.lines(5)[2:]] == ["a", 'odd "\n', "b"]
        assert "no journal" in cli(redis, "tail", VIEW, "--since", "1m", status=1)
        assert "nothing to replay" in cli(redis, "replay", VIEW, status=1)
    finally:
        redis.stop()


@pytest.mark.skipif(not REDIS or is_redis(), reason="needs Redis beside Hark")
def test_a_stored_stream_of_redis():
    redis = Server({}, REDIS)
    try:
        c = redis.connect()
        ids = [c("XADD", "orders", "*", "n", str(i)) for i in range(3)]
        words = ["tail", "orders", "--group", "g", "--consumer", "c", "--json"]
        first = cli(redis, *words, "--since", "0", "--count", "2").splitlines()
        assert [json.loads(line) for line in first] == [{"id": ids[0], "n": "0"}, {"id": ids[1], "n": "1"}]
        c("XDEL", "orders", ids[2])
        ids.append(c("XADD", "orders", "*", "n", "3"))
        assert json.loads(cli(redis, *words, "--count", "1"))["id"] == ids[3]
        assert c("XPENDING", "orders", "g")[0] == 0
        assert cli(redis, "tail", "orders", "--since", "1h", "--count", "3").count("\n") == 3
        assert cli(redis, "lag", "orders").splitlines()[1].split()[:4] == ["orders", "g", "1", "0"]
    finally:
        redis.stop()


def test_who_waits_is_counted(server, history, tmp_path, connect):
    def count():
        return int(history.info("clients")["blocked_clients"])
    history("XGROUP", "CREATE", VIEW, "g", "$")
    for i in range(3):
        connect().send("XREADGROUP", "GROUP", "g", f"c{i}", "BLOCK", "0", "STREAMS", VIEW, ">")
    connect().send("XREAD", "BLOCK", "0", "STREAMS", VIEW, "$")
    eventually(lambda: count() == 4)
    with Running(server, tmp_path / "1", "tail", VIEW), \
            Running(server, tmp_path / "2", "tail", VIEW, "--group", "h", "--consumer", "c"):
        eventually(lambda: count() == 6)
    eventually(lambda: count() == 4)


def test_replay(server, history):
    all_of_it = cli(server, "replay", VIEW, "--speed", "0").splitlines()
    assert len(all_of_it) == 3
    ids = [line.split()[1] for line in all_of_it]
    assert cli(server, "replay", VIEW, "--until", ids[1]).splitlines() == all_of_it[:2]
    assert cli(server, "replay", VIEW, "--since", ids[0], "--until", ids[1],
               "--json").count("\n") == 1
    history("SELECT", "0")
    history("XADD", "stored", "*", "f", "v")
    assert "only what a keyspace channel" in cli(server, "replay", "stored", "--to", "redis://x",
                                                 status=1)


def test_replay_of_changes_elsewhere(server, start):
    server.connect()("CONFIG", "SET", "notify-keyspace-events", "KEAC")
    elsewhere = start()
    live, again, c = server.connect(), elsewhere.connect(), server.connect()
    channel = "__keychange@*__:*"
    for listener in (live, again):
        listener("PSUBSCRIBE", channel)
    c("SET", 'a"\n\x01', "1")
    c("SET", b"\xff", b"\xfe\xff")
    c("CONFIG", "SET", "keychange-max-bytes", "64")
    c("SET", "long", "x" * 100)
    c("CONFIG", "SET", "notify-keyspace-events", "")
    told = [live.push() for _ in range(3)]
    to = f"redis://127.0.0.1:{elsewhere.port}"
    cli(server, "replay", channel, "--speed", "0", "--to", to)
    for message in told:
        repeated = again.push()
        assert repeated[:3] == message[:3]
        assert json.loads(repeated[3]) == json.loads(message[3])


def test_lag(server, history):
    history("XGROUP", "CREATE", VIEW, "behind", "0")
    history("XGROUP", "CREATE", VIEW, "a b", "$")
    groups = [json.loads(line) for line in cli(server, "lag", "--json").splitlines()]
    assert {g["group"] for g in groups} == {"behind", "a b"}
    behind = next(g for g in groups if g["group"] == "behind")
    assert behind["stream"] == VIEW and behind["lag"] >= 3
    # It was never given anything: it is behind since the first event that is kept.
    assert 0 < behind["lag_seconds"] < 3600
    assert "behind" in cli(server, "lag", VIEW)
    (of_view,) = [json.loads(line) for line in cli(server, "lag", "--json", VIEW).splitlines()
                  if '"behind"' in line]
    assert of_view["lag"] is None or of_view["lag"] >= 3
    assert 0 < of_view["lag_seconds"] < 3600


def test_lag_of_a_stored_stream(server):
    c = server.connect()
    c("XADD", "orders", f"{int(c('TIME')[0]) - 1}000-0", "n", "1")
    c("XGROUP", "CREATE", "orders", "new", "0")
    c("XGROUP", "CREATE", "orders", "even", "$")
    lag = {g["group"]: g for g in map(json.loads, cli(server, "lag", "--json", "orders").splitlines())}
    assert 0 < lag["new"]["lag_seconds"] < 3600 and lag["even"]["lag_seconds"] == 0


def test_modes(start):
    server = start(maxmemory_policy="allkeys-lfu")
    c = server.connect()
    for i in range(20):
        c("SET", f"k{i}", "v")
    for _ in range(200):
        c("GET", "k7")
    text = cli(server, "--hotkeys")
    assert re.search(r'summary.*\n\nSampled 20 keys.*\nhot key found with counter: \d+\tkeyname: "k7"',
                     text)
    c("CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert "OBJECT FREQ: ERR" in cli(server, "--hotkeys", status=1)
    assert re.search(r"total runs \(avg latency: [0-9.]+ microseconds", cli(server, "--intrinsic-latency",
                                                                           "1"))
    if not is_redis():
        assert "REPLCONF" in cli(server, "--functions-rdb", server.path("f"), status=1)
    indented = cli(server, "--json", "--indent", "config", "get", "maxmemory-p*")
    assert indented == '{\n  "maxmemory-policy": "noeviction"\n}\n'
