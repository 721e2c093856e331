"""INFO, COMMAND, MEMORY, LATENCY, DEBUG, SHUTDOWN, TIME, LOLWUT, as clients see them."""

import re
import time

import pytest
from harness import Closed, Verbatim, eventually, is_redis

DEBUG = pytest.mark.settings(enable_debug_command="yes")

USUAL = ["Server", "Clients", "Memory", "Persistence", "Stats", "Replication", "CPU", "Errorstats",
         "Cluster", "Keyspace"]
ALL = USUAL[:7] + ["Commandstats", "Errorstats", "Latencystats"] + USUAL[8:]


def sections(text):
    """Headings in their order, but for those that only one of the two servers has."""
    return [s for s in re.findall(r"^# (\w+)\r$", text, re.M) if s not in ("Modules", "Hark", "Journal", "Groups")]


# ---- INFO ----


def test_info_is_sections_of_crlf_lines(connect):
    text = connect()("INFO", "everything")
    assert "\n" not in text.replace("\r\n", "") and "\r" not in text.replace("\r\n", "")
    for section in text.split("\r\n\r\n"):
        heading, *lines = section.rstrip("\r\n").split("\r\n")
        assert re.fullmatch(r"# [A-Z]\w+", heading), section
        assert all(re.fullmatch(r"[\w.|-]+:.*", line) for line in lines), section
    assert text.endswith("\r\n") and not text.endswith("\r\n\r\n")


def test_info_sections_by_name(connect):
    c = connect()
    assert sections(c("INFO")) == USUAL
    assert sections(c("INFO", "default")) == USUAL
    assert sections(c("INFO", "all")) == ALL
    assert sections(c("INFO", "everything")) == ALL
    assert sections(c("INFO", "keySPACE", "nonsense", "cpu")) == ["CPU", "Keyspace"]
    assert sections(c("INFO", "default", "commandstats", "cpu")) == USUAL[:7] + [
        "Commandstats"] + USUAL[7:]
    assert c("INFO", "nonsense") == ""
    assert c("INFO", "cluster") == "# Cluster\r\ncluster_enabled:0\r\n"


def test_info_is_verbatim_text_in_resp3(connect):
    text = connect(proto=3)("INFO", "server")
    assert isinstance(text, Verbatim) and text.format == "txt"


def test_info_has_the_fields_that_tools_read(connect):
    numbers = """
        server: arch_bits process_id tcp_port server_time_usec uptime_in_seconds uptime_in_days hz
            configured_hz lru_clock io_threads_active
        clients: connected_clients maxclients client_recent_max_input_buffer
            client_recent_max_output_buffer blocked_clients tracking_clients
        memory: used_memory used_memory_rss used_memory_peak used_memory_overhead
            used_memory_startup used_memory_dataset allocator_allocated allocator_active
            allocator_resident total_system_memory maxmemory allocator_frag_ratio
            allocator_frag_bytes allocator_rss_ratio allocator_rss_bytes rss_overhead_ratio
            rss_overhead_bytes mem_fragmentation_ratio mem_fragmentation_bytes
            mem_not_counted_for_evict mem_clients_slaves mem_clients_normal mem_aof_buffer
        persistence: loading async_loading rdb_changes_since_last_save rdb_bgsave_in_progress
            rdb_last_save_time rdb_last_bgsave_time_sec rdb_current_bgsave_time_sec aof_enabled
            aof_rewrite_in_progress aof_rewrite_scheduled aof_last_rewrite_time_sec
            aof_current_rewrite_time_sec
        stats: total_connections_received total_commands_processed instantaneous_ops_per_sec
            total_net_input_bytes total_net_output_bytes instantaneous_input_kbps
            instantaneous_output_kbps rejected_connections expired_keys
            expired_time_cap_reached_count expire_cycle_cpu_milliseconds evicted_keys
            keyspace_hits keyspace_misses pubsub_channels pubsub_patterns pubsubshard_channels
            latest_fork_usec total_forks tracking_total_keys tracking_total_items
            tracking_total_prefixes total_error_replies total_reads_processed
            total_writes_processed io_threaded_reads_processed io_threaded_writes_processed
        replication: connected_slaves master_repl_offset second_repl_offset repl_backlog_active
            repl_backlog_size repl_backlog_first_byte_offset repl_backlog_histlen
        cpu: used_cpu_sys used_cpu_user used_cpu_sys_children used_cpu_user_children
            used_cpu_sys_main_thread used_cpu_user_main_thread
        cluster: cluster_enabled"""
    c = connect()
    for part in re.findall(r"(\w+):([^:]+)(?= \w+:|$)", " ".join(numbers.split())):
        section, names = part
        found = c.info(section)
        for name in names.split():
            assert re.fullmatch(r"-?\d+(\.\d+)?", found[name]), (name, found[name])


def test_info_texts(server, connect):
    c = connect()
    about = c.info("server")
    assert re.fullmatch(r"\d+\.\d+\.\d+", about["redis_version"])
    assert re.fullmatch(r"[0-9a-f]{40}", about["run_id"])
    assert about["redis_mode"] == "standalone" and about["multiplexing_api"] == "epoll"
    assert int(about["process_id"]) == server.pid and int(about["tcp_port"]) == server.port
    assert about["os"].startswith("Linux ") and about["executable"].startswith("/")
    assert abs(int(about["server_time_usec"]) / 1e6 - time.time()) < 5
    assert c.info("memory")["maxmemory_policy"] == "noeviction"
    for name in ("used_memory", "used_memory_peak", "total_system_memory"):
        assert re.fullmatch(r"[\d.]+[BKMG]", c.info("memory")[name + "_human"])
    for name in ("used_memory_peak_perc", "used_memory_dataset_perc"):
        assert re.fullmatch(r"[\d.]+%", c.info("memory")[name])
    role = c.info("replication")
    assert role["role"] == "master" and role["master_failover_state"] == "no-failover"
    assert re.fullmatch(r"[0-9a-f]{40}", role["master_replid"]) and role["master_replid2"] == "0" * 40
    assert c.info("persistence")["rdb_last_bgsave_status"] == "ok"


def test_info_clients(server):
    one, two = server.connect(), server.connect()
    two("PING")
    assert one.info("clients")["connected_clients"] == "2"
    two.close()
    eventually(lambda: one.info("clients")["connected_clients"] == "1")


def test_info_counts_what_happens(connect):
    c, listener = connect(), connect()
    before = c.info("stats")
    c("SET", "k", "v")
    c("GET", "k")
    c("GET", "none")
    c.error("INCR", "k")
    c("SET", "short", "v", "PX", "1")
    listener("SUBSCRIBE", "a")
    listener("PSUBSCRIBE", "b*")
    eventually(lambda: c.info("stats")["expired_keys"] == "1")
    after = c.info("stats")

    def more(name):
        return int(after[name]) - int(before[name])

    assert more("keyspace_hits") == 1 and more("keyspace_misses") == 1
    assert more("total_error_replies") == 1
    assert more("total_commands_processed") >= 7
    assert more("total_net_input_bytes") > 200 and more("total_net_output_bytes") > 500
    assert more("total_reads_processed") >= 7 and more("total_writes_processed") >= 7
    assert after["pubsub_channels"] == "1" and after["pubsub_patterns"] == "1"
    assert int(c.info("persistence")["rdb_changes_since_last_save"]) >= 2


def test_info_rates(connect):
    c = connect()

    def ask():
        c.pipeline(*[("PING",)] * 200)
        return int(c.info("stats")["instantaneous_ops_per_sec"]) > 100

    eventually(ask)
    assert float(c.info("stats")["instantaneous_input_kbps"]) > 1


def test_info_commandstats(connect):
    c = connect()
    c("SET", "text", "x")
    c("GET", "text")
    c("GET", "none")
    c.error("GET")
    c.error("INCR", "text")
    c("CONFIG", "GET", "port")
    found = c.info("commandstats")
    pattern = r"calls=(\d+),usec=\d+,usec_per_call=\d+\.\d\d,rejected_calls=(\d+),failed_calls=(\d+)"

    def counts(name):
        return tuple(map(int, re.fullmatch(pattern, found[f"cmdstat_{name}"]).groups()))

    assert counts("get") == (2, 1, 0)
    assert counts("incr") == (1, 0, 1)
    assert counts("config|get") == (1, 0, 0)
    assert "cmdstat_append" not in found


def test_info_errorstats(connect):
    c = connect()
    c("SET", "text", "x")
    c.error("INCR", "text")
    c.error("NONSENSE")
    c.error("EXEC")
    assert c.info("errorstats") == {"errorstat_ERR": "count=3"}


@pytest.mark.hark_only("Redis does not count the errors of DEBUG ERROR")
@DEBUG
def test_info_errorstats_of_odd_codes(connect):
    c = connect()
    c.error("DEBUG", "ERROR", "A:B#C text")
    assert c.info("errorstats") == {"errorstat_A_B_C": "count=1"}


def test_info_latencystats(connect):
    c = connect()
    c("SET", "k", "v")
    line = c.info("latencystats")["latency_percentiles_usec_set"]
    assert re.fullmatch(r"p50=\d+\.\d{3},p99=\d+\.\d{3},p99\.9=\d+\.\d{3}", line)
    c("CONFIG", "SET", "latency-tracking-info-percentiles", "0 12.5 100")
    line = c.info("latencystats")["latency_percentiles_usec_set"]
    assert re.fullmatch(r"p0=\d+\.\d{3},p12\.5=\d+\.\d{3},p100=\d+\.\d{3}", line)
    c("CONFIG", "SET", "latency-tracking", "no")
    assert c.info("latencystats") == {} and sections(c("INFO", "latencystats")) == ["Latencystats"]
    c("CONFIG", "SET", "latency-tracking", "yes", "latency-tracking-info-percentiles", "")
    assert c.info("latencystats")["latency_percentiles_usec_set"] == ""


def test_info_lazy_freeing(connect):
    c = connect()

    def freeing():
        memory = c.info("memory")
        return int(memory["lazyfree_pending_objects"]), int(memory["lazyfreed_objects"])

    assert freeing() == (0, 0)
    for i in range(0, 20000, 1000):
        c("SADD", "large", *range(i, i + 1000))
    c("SADD", "small", "a")
    c("DEL", "small")
    assert freeing() == (0, 0)  # freed at once
    c("DEL", "large")
    eventually(lambda: freeing() == (0, 1))
    c("MSET", *(word for i in range(3000) for word in (f"key:{i}", "x")))
    c("SADD", "other", *range(20000))
    c("FLUSHALL")
    eventually(lambda: freeing() == (0, 3002))
    c("CONFIG", "RESETSTAT")
    assert freeing() == (0, 0)


def test_changes_are_counted_once(connect):
    c = connect()

    def changes():
        return int(c.info("persistence")["rdb_changes_since_last_save"])

    before = changes()
    c("RPUSH", "l", "a")
    c("LMOVE", "l", "m", "LEFT", "LEFT")
    assert changes() == before + 2
    c("XADD", "s", "1-1", "a", "b")
    c("XGROUP", "CREATE", "s", "g", "0")
    c("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">")
    before = changes()
    c("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", "0")  # the same again
    assert changes() == before


def test_info_keyspace(connect):
    c = connect()
    c("SET", "a", "1")
    c("SET", "b", "1", "EX", "100")
    c("SELECT", "3")
    c("SET", "c", "1")
    found = c.info("keyspace")
    ttl = re.fullmatch(r"keys=2,expires=1,avg_ttl=(\d+),subexpiry=0", found.pop("db0")).group(1)
    assert int(ttl) <= 100000
    assert found == {"db3": "keys=1,expires=0,avg_ttl=0,subexpiry=0"}


def test_info_memory_follows_the_data(connect):
    c = connect()
    before = c.info("memory")
    c("SET", "big", "x" * 3_000_000)
    full = c.info("memory")
    assert int(full["used_memory"]) > int(before["used_memory"]) + 3_000_000
    assert int(full["used_memory_dataset"]) > int(before["used_memory_dataset"]) + 3_000_000
    c("DEL", "big")

    def is_back():
        now = c.info("memory")
        peak = int(now["used_memory_peak"])
        used = int(now["used_memory"]) - int(now["mem_not_counted_for_evict"])  # the journal's tail
        return used < peak - 2_900_000 and peak >= int(full["used_memory"])

    eventually(is_back)


@pytest.mark.settings(maxmemory="100mb", maxmemory_policy="allkeys-lru")
def test_info_memory_limit(connect):
    found = connect().info("memory")
    assert found["maxmemory"] == "104857600" and found["maxmemory_human"] == "100.00M"
    assert found["maxmemory_policy"] == "allkeys-lru"


@pytest.mark.hark_only("a section of our own")
def test_info_hark(connect):
    c = connect()
    before = c.info("hark")
    c("SET", "k", "v")
    c("SET", "k", "w", "EX", "100")
    after = c.info("hark")
    assert int(after["records"]) == int(before["records"]) + 2
    assert int(after["keys_changed"]) == int(before["keys_changed"]) + 2
    assert int(after["events"]) >= int(before["events"]) + 4  # new, set; overwritten, set, expire
    assert re.fullmatch(r"\d{13}-\d+", after["last_event_id"])
    assert int(after["wheel_items"]) >= 1 and int(after["table_bytes"]) > 0
    assert re.fullmatch(r"\d+\.\d+\.\d+", after["hark_version"])
    assert c.info("server")["server_name"] == "hark"


@pytest.mark.hark_only("a section of our own")
@DEBUG
def test_longest_turn(connect):
    c = connect()
    c("DEBUG", "SLEEP", "0.05")
    assert int(c.info("hark")["loop_longest_turn_us"]) >= 50000
    c("CONFIG", "RESETSTAT")
    c("PING")
    assert int(c.info("hark")["loop_longest_turn_us"]) < 50000


def test_config_resetstat(connect):
    c = connect()
    c("SET", "text", "x")
    c("GET", "text")
    c.error("INCR", "text")
    assert c("CONFIG", "RESETSTAT") == "OK"
    found = c.info("stats")
    assert found["keyspace_hits"] == "0" and found["total_error_replies"] == "0"
    assert int(found["total_commands_processed"]) <= 2
    assert "cmdstat_set" not in c.info("commandstats")
    assert c.info("errorstats") == {}


def test_blocked_clients_are_those_that_are_paused(server):
    c, paused = server.connect(), server.connect()
    c("CLIENT", "PAUSE", "100000", "WRITE")
    paused.send("SET", "k", "v")
    eventually(lambda: c.info("clients")["blocked_clients"] == "1")
    c("CLIENT", "UNPAUSE")
    assert paused.reply() == "OK"
    assert c.info("clients")["blocked_clients"] == "0"


# ---- COMMAND ----


def test_command(connect):
    c = connect()
    assert c("COMMAND", "COUNT") == len(c("COMMAND")) == len(c("COMMAND", "INFO"))
    (get, nothing) = c("COMMAND", "INFO", "get", "nonsense")
    assert get[:2] == ["get", 2] and get[3:6] == [1, 1, 1] and nothing is None
    assert "get" in c("COMMAND", "LIST", "FILTERBY", "ACLCAT", "string")
    assert c("COMMAND", "GETKEYS", "MSET", "a", "1", "b", "2") == ["a", "b"]
    assert c("COMMAND", "GETKEYSANDFLAGS", "GET", "a") == [["a", ["RO", "access"]]]
    docs = connect(proto=3)("COMMAND", "DOCS", "get")
    assert docs["get"]["group"] == "string" and docs["get"]["since"] == "1.0.0"
    assert c("COMMAND", "HELP")[0].startswith("COMMAND ")
    assert c.error("COMMAND", "NONSENSE") == "ERR unknown subcommand 'NONSENSE'. Try COMMAND HELP."


# ---- TIME, LOLWUT, SHUTDOWN ----


def test_time(connect):
    c = connect()
    seconds, micros = c("TIME")
    assert abs(int(seconds) + int(micros) / 1e6 - time.time()) < 5
    assert c.error("TIME", "x") == "ERR wrong number of arguments for 'time' command"


def test_lolwut(connect):
    c = connect(proto=3)
    for words in ((), ("VERSION", "5"), ("VERSION", "5", "10", "3"), ("VERSION", "99")):
        text = c("LOLWUT", *words)
        assert text.format == "txt" and re.search(r"Redis ver\. \d+\.\d+\.\d+\n$", text)
    assert c.error("LOLWUT", "VERSION", "x") == "ERR value is not an integer or out of range"


@pytest.mark.parametrize("words", ["x", "SAVE NOSAVE", "ABORT NOW", "NOSAVE ABORT", "NOW x"])
def test_shutdown_refuses_what_makes_no_sense(connect, words):
    assert connect().error("SHUTDOWN", *words.split()) == "ERR syntax error"


def test_shutdown_abort_without_one(connect):
    assert connect().error("SHUTDOWN", "ABORT") == "ERR No shutdown in progress."


def test_shutdown_in_a_transaction(connect):
    c = connect()
    c("MULTI")
    assert c.error("SHUTDOWN", "NOSAVE") == "ERR Command not allowed inside a transaction"
    assert c.error("EXEC").startswith("EXECABORT")


@pytest.mark.parametrize("words", ["", "NOSAVE", "NOW NOSAVE FORCE"])
def test_shutdown(server, words):
    c, other = server.connect(), server.connect()
    c.send("SHUTDOWN", *words.split())
    assert c.ends() == [] and other.ends() == []
    assert server.wait() == 0


# ---- MEMORY ----


def test_memory_usage(connect):
    c = connect()
    c("SET", "k", "v")
    small = c("MEMORY", "USAGE", "k")
    assert 10 <= small <= 100
    c("SET", "k", "v" * 10000)
    assert 10000 <= c("MEMORY", "USAGE", "k", "SAMPLES", "0") <= 17000
    assert c("MEMORY", "USAGE", "none") is None
    before = c.info("stats")
    c("MEMORY", "USAGE", "none")
    after = c.info("stats")
    assert before["keyspace_misses"] == after["keyspace_misses"]
    for words in (["SAMPLES"], ["SAMPLES", "-1"], ["SAMPLE", "0"]):
        assert c.error("MEMORY", "USAGE", "k", *words) == "ERR syntax error"
    assert c.error("MEMORY", "USAGE", "k", "SAMPLES", "x") == (
        "ERR value is not an integer or out of range")


def test_memory_stats(connect):
    c = connect(proto=3)
    c("SET", "k", "v")
    found = c("MEMORY", "STATS")
    names = """peak.allocated total.allocated startup.allocated replication.backlog clients.slaves
        clients.normal cluster.links aof.buffer lua.caches functions.caches db.0 overhead.total
        keys.count keys.bytes-per-key dataset.bytes dataset.percentage peak.percentage
        allocator.allocated allocator.active allocator.resident allocator-fragmentation.ratio
        allocator-fragmentation.bytes allocator-rss.ratio allocator-rss.bytes rss-overhead.ratio
        rss-overhead.bytes fragmentation fragmentation.bytes""".split()
    assert [name for name in found if name != "pubsub"] == names
    assert set(found["db.0"]) == {"overhead.hashtable.main", "overhead.hashtable.expires",
                                  "overhead.hashtable.slot-to-keys"}
    assert found["keys.count"] == 1
    assert found["total.allocated"] == found["overhead.total"] + found["dataset.bytes"]
    assert 0 < found["peak.percentage"] <= 100
    flat = connect()("MEMORY", "STATS")
    assert flat[::2] == list(found)


def test_memory_texts(connect):
    c = connect(proto=3)
    for word in ("DOCTOR", "MALLOC-STATS"):
        text = c("MEMORY", word)
        assert text.format == "txt" and text
    assert c("MEMORY", "PURGE") == "OK"
    assert c("MEMORY", "HELP")[1] == "DOCTOR"
    assert c.error("MEMORY", "NONSENSE") == "ERR unknown subcommand 'NONSENSE'. Try MEMORY HELP."


# ---- LATENCY ----

SLOW = pytest.mark.settings(enable_debug_command="yes", latency_monitor_threshold=5)


@SLOW
def test_latency_of_slow_commands(connect):
    c = connect()
    assert c("LATENCY", "LATEST") == [] and c("LATENCY", "HISTORY", "command") == []
    before = int(time.time())
    c("DEBUG", "SLEEP", "0.03")
    ((name, second, last, worst),) = c("LATENCY", "LATEST")
    assert name == "command" and before <= second <= time.time() and 30 <= last == worst
    assert c("LATENCY", "HISTORY", "command") == [[second, last]]
    # Within one second the longest counts.
    eventually(lambda: time.time() % 1 < 0.5)
    c("DEBUG", "SLEEP", "0.08")
    c("DEBUG", "SLEEP", "0.01")
    assert c("LATENCY", "HISTORY", "command")[-1][1] >= 80
    assert c("LATENCY", "LATEST")[0][3] >= 80
    assert c("LATENCY", "RESET", "nonsense") == 0
    assert c("LATENCY", "RESET", "command", "command") == 1
    assert c("LATENCY", "RESET") == 0 and c("LATENCY", "LATEST") == []


@pytest.mark.settings(enable_debug_command="yes", latency_monitor_threshold=1)
def test_latency_of_expiry(connect):
    c = connect()
    c("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    for n in range(50):
        c.pipeline(*[("SET", f"{n}:{i}", "v", "PX", "1") for i in range(1000)])
    c("DEBUG", "SET-ACTIVE-EXPIRE", "1")
    eventually(lambda: c("DBSIZE") == 0)
    assert "expire-cycle" in [event[0] for event in c("LATENCY", "LATEST")]
    found = c.info("stats")
    assert found["expired_keys"] == "50000"
    assert int(found["expire_cycle_cpu_milliseconds"]) >= 1
    assert int(found["expired_time_cap_reached_count"]) >= (0 if is_redis() else 1)


@DEBUG
def test_latency_is_off_by_default(connect):
    c = connect()
    c("DEBUG", "SLEEP", "0.02")
    assert c("LATENCY", "LATEST") == []


@SLOW
def test_latency_graph(connect):
    c = connect(proto=3)
    assert c.error("LATENCY", "GRAPH", "command") == "ERR No samples available for event 'command'"
    for seconds in ("0.01", "0.3", "0.1"):
        second = int(time.time())
        c("DEBUG", "SLEEP", seconds)
        eventually(lambda: int(time.time()) > second)
    samples = [ms for _, ms in c("LATENCY", "HISTORY", "command")]
    text = c("LATENCY", "GRAPH", "command")
    head, rule, *rows = text.rstrip("\n").split("\n")
    assert text.format == "txt" and rule == "-" * 80
    assert head == (f"command - high {max(samples)} ms, low {min(samples)} ms "
                    f"(all time high {max(samples)} ms)")
    columns = ["".join(column) for column in zip(*rows)]
    heights = [int((ms - min(samples)) * 12 / (max(samples) - min(samples))) for ms in samples]
    for column, height in zip(columns, heights):
        height = min(height, 11)
        drawn = (" " * (3 - height // 3) + "_o#"[height % 3]).ljust(4, "|")
        assert column[:5] == drawn + " ", (rows, heights)
        assert re.fullmatch(r"\d+s ?", column[5:])


@SLOW
def test_latency_doctor(connect):
    c = connect(proto=3)
    assert c("LATENCY", "DOCTOR").format == "txt"
    c("DEBUG", "SLEEP", "0.03")
    assert "1. command: 1 latency spikes (average " in c("LATENCY", "DOCTOR")
    c("CONFIG", "SET", "latency-monitor-threshold", "0")
    c("LATENCY", "RESET")
    assert "isabled" in c("LATENCY", "DOCTOR") and "atency-monitor-threshold" in c("LATENCY", "DOCTOR")


def test_latency_histogram(connect):
    c = connect(proto=3)
    for n in range(5):
        c("SET", "k", n)
    c("CONFIG", "GET", "port")
    (set_,) = c("LATENCY", "HISTOGRAM", "set", "nonsense", "get").values()
    assert set_["calls"] == 5
    counts = list(set_["histogram_usec"].values())
    assert counts == sorted(set(counts)) and counts[-1] == 5
    steps = [1, 2, 4, 8, 16, 33, 66, 132, 264, 528, 1056]
    assert set(set_["histogram_usec"]) <= set(steps) or max(set_["histogram_usec"]) > 1056
    assert set(c("LATENCY", "HISTOGRAM", "config")) == {"config|get"}
    assert {"set", "config|get", "hello", "latency|histogram"} <= set(c("LATENCY", "HISTOGRAM"))
    flat = connect()("LATENCY", "HISTOGRAM", "set")
    assert flat[0] == "set" and flat[1][:3] == ["calls", 5, "histogram_usec"]
    assert connect()("LATENCY", "HISTOGRAM", "nonsense") == []


@SLOW
def test_latency_histogram_of_slow_calls(connect):
    c = connect(proto=3)
    c("DEBUG", "SLEEP", "0.02")
    assert c("LATENCY", "HISTOGRAM", "debug") == {
        "debug": {"calls": 1, "histogram_usec": {33816: 1}}}


def test_latency_errors(connect):
    c = connect()
    assert c.error("LATENCY", "NONSENSE") == "ERR unknown subcommand 'NONSENSE'. Try LATENCY HELP."
    assert c.error("LATENCY", "HISTORY") == (
        "ERR wrong number of arguments for 'latency|history' command")
    assert c("LATENCY", "HELP")[-2:] == ["HELP", "    Prints this help."]


# ---- DEBUG ----

NOT_ALLOWED = ('ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", '
               "you can run it from a local connection, otherwise you need to set this option in "
               "the configuration file, and then restart the server.")


def test_debug_is_off_by_default(connect):
    assert connect().error("DEBUG", "SLEEP", "0") == NOT_ALLOWED


@pytest.mark.settings(enable_debug_command="local")
def test_debug_for_local_clients(connect):
    assert connect()("DEBUG", "SLEEP", "0") == "OK"


@DEBUG
@pytest.mark.parametrize("words", ["NONSENSE", "SLEEP", "OBJECT", "DIGEST x", "ERROR a b", "LOG",
                                   "POPULATE", "PROTOCOL", "HELP x", "JMAP"])
def test_debug_unknown(connect, words):
    name = words.split()[0]
    assert connect().error("DEBUG", *words.split()) == (
        f"ERR unknown subcommand or wrong number of arguments for '{name}'. Try DEBUG HELP.")


@DEBUG
def test_debug_protocol(connect):
    replies = {}
    for proto in (2, 3):
        c = connect(proto=proto)
        for kind in ("string integer double bignum null array set map attrib push verbatim true "
                     "false").split():
            c.send("DEBUG", "PROTOCOL", kind)
            c.fill()
            replies[kind, proto] = bytes(c.buffer)
            c.buffer.clear()
    expected = {
        "string": b"$11\r\nHello World\r\n",
        "integer": b":12345\r\n",
        "double": (b"$5\r\n3.141\r\n", b",3.141\r\n"),
        "bignum": (b"$37\r\n1234567999999999999999999999999999999\r\n",
                   b"(1234567999999999999999999999999999999\r\n"),
        "null": (b"$-1\r\n", b"_\r\n"),
        "array": b"*3\r\n:0\r\n:1\r\n:2\r\n",
        "set": (b"*3\r\n:0\r\n:1\r\n:2\r\n", b"~3\r\n:0\r\n:1\r\n:2\r\n"),
        "map": (b"*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n",
                b"%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n"),
        "attrib": (b"$39\r\nSome real reply following the attribute\r\n",
                   b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n"
                   b"$39\r\nSome real reply following the attribute\r\n"),
        "push": (b"-ERR RESP2 is not supported by this command\r\n",
                 b">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n"
                 b"$40\r\nSome real reply following the push reply\r\n"),
        "verbatim": (b"$25\r\nThis is a verbatim\nstring\r\n",
                     b"=29\r\ntxt:This is a verbatim\nstring\r\n"),
        "true": (b":1\r\n", b"#t\r\n"),
        "false": (b":0\r\n", b"#f\r\n"),
    }
    for kind, want in expected.items():
        want = want if isinstance(want, tuple) else (want, want)
        assert (replies[kind, 2], replies[kind, 3]) == want
    assert connect().error("DEBUG", "PROTOCOL", "x") == (
        "ERR Wrong protocol type name. Please use one of the following: "
        "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false")


@DEBUG
def test_debug_object(connect):
    c = connect()
    for value, encoding, size in (("1", "int", 2), ("-30000", "int", 3), ("2000000000", "int", 5),
                                  ("3000000000", "int", 11), ("text", "embstr", 5)):
        c("SET", "k", value)
        line = c("DEBUG", "OBJECT", "k")
        found = re.fullmatch(r"Value at:0x[0-9a-f]+ refcount:\d+ encoding:(\w+) "
                             r"serializedlength:(\d+) lru:\d+ lru_seconds_idle:(\d+)", line)
        assert found and (found[1], int(found[2])) == (encoding, size), line
        assert int(found[3]) <= 5
    assert c.error("DEBUG", "OBJECT", "none") == "ERR no such key"


@DEBUG
def test_debug_object_of_a_list(connect):
    c = connect()
    c("CONFIG", "SET", "list-max-listpack-size", "2", "list-compress-depth", "1")
    c("RPUSH", "l", "a", "b", "c")
    line = c("DEBUG", "OBJECT", "l")
    assert line.endswith(" ql_nodes:2 ql_avg_node:1.50 ql_listpack_max:2 ql_compressed:1 "
                         "ql_uncompressed_size:23"), line
    c("RPUSH", "small", "a")
    assert "ql_" not in c("DEBUG", "OBJECT", "small")


@DEBUG
def test_debug_quicklist_packed_threshold(connect):
    c = connect()
    c("CONFIG", "SET", "list-max-listpack-size", "4")
    assert c("DEBUG", "QUICKLIST-PACKED-THRESHOLD", "3b") == "OK"
    c("RPUSH", "l", "1", "2", "3", "long", "4", "5")
    assert " ql_nodes:3 " in c("DEBUG", "OBJECT", "l")
    assert c("LSET", "l", "1", "longer") == "OK"
    assert c("LRANGE", "l", "0", "-1") == ["1", "longer", "3", "long", "4", "5"]
    assert " ql_nodes:5 " in c("DEBUG", "OBJECT", "l")
    c("CONFIG", "SET", "list-compress-depth", "1")  # the threshold stays
    c("DEL", "l")
    c("RPUSH", "l", "long", "long", "1", "2", "3")
    assert " ql_nodes:3 " in c("DEBUG", "OBJECT", "l")
    assert c("DEBUG", "QUICKLIST-PACKED-THRESHOLD", "0") == "OK"
    c("DEL", "l")
    c("RPUSH", "l", "1", "2", "3", "long", "4", "5")
    assert " ql_nodes:2 " in c("DEBUG", "OBJECT", "l")
    for size in ("-1", "x", "5gb"):
        assert c.error("DEBUG", "QUICKLIST-PACKED-THRESHOLD", size) == (
            "ERR argument must be a memory value bigger than 1 and smaller than 4gb")


@DEBUG
def test_debug_listpack(connect):
    c = connect(proto=3)
    c("HSET", "h", "f", "1", "g", "x\ny")
    text = c("DEBUG", "LISTPACK", "h")
    assert text.format == "txt"
    lines = text.splitlines()
    assert lines[0].startswith("{total bytes ") and lines[0].endswith("{num entries 4}")
    assert [line.split("} ")[-1] for line in lines[1:]] == ['"f"', '"1"', '"g"', '"x\\ny"']
    c("SET", "s", "text")
    c("SADD", "i", "1")
    for key in ("s", "i"):
        assert c.error("DEBUG", "LISTPACK", key) == "ERR Not a listpack encoded object."
    assert c.error("DEBUG", "LISTPACK", "none") == "ERR no such key"


@DEBUG
def test_debug_sleep_stops_everybody(server):
    c, other = server.connect(), server.connect()
    c.send("DEBUG", "SLEEP", "0.2")
    started = time.monotonic()
    assert c.reply() == "OK" and other("PING") == "PONG"
    assert time.monotonic() - started >= 0.19
    assert c("DEBUG", "SLEEP", "nonsense") == "OK"


@DEBUG
def test_debug_error(connect):
    c = connect()
    assert c.error("DEBUG", "ERROR", "SOME error") == "SOME error"
    assert c.error("DEBUG", "ERROR", "two\nlines\r\nof it") == "two lines  of it"


@DEBUG
def test_debug_populate(connect):
    c = connect()
    c("SET", "key:1", "mine")
    assert c("DEBUG", "POPULATE", "3000") == "OK"
    assert c("DBSIZE") == 3000
    assert c("GET", "key:1") == "mine" and c("GET", "key:2999") == "value:2999"
    assert c("DEBUG", "POPULATE", "2", "p", "3") == "OK" and c("GET", "p:1") == "val"
    assert c("DEBUG", "POPULATE", "1", "q", "10") == "OK" and c("GET", "q:0") == "value:0\0\0\0"
    assert c("DEBUG", "POPULATE", "1", "r", "0") == "OK" and c("GET", "r:0") == "value:0"
    assert c("DEBUG", "POPULATE", "0") == "OK" and c("DBSIZE") == 3004
    for words in (["x"], ["-1"], ["1", "a", "-3"]):
        assert c.error("DEBUG", "POPULATE", *words) == (
            "ERR value is out of range, must be positive")


@DEBUG
@pytest.mark.settings(notify_keyspace_events="KEAn", enable_debug_command="yes")
def test_debug_populate_is_heard_as_new_keys(connect):
    c, listener = connect(), connect()
    listener("PSUBSCRIBE", "__key*__:*")
    c("DEBUG", "POPULATE", "1")
    assert listener.pushes(2) == [["pmessage", "__key*__:*", "__keyspace@0__:key:0", "new"],
                                  ["pmessage", "__key*__:*", "__keyevent@0__:new", "key:0"]]
    listener.quiet()


@DEBUG
def test_debug_populate_in_a_transaction(connect):
    c = connect()
    c("MULTI")
    c("SET", "a", "1")
    c("DEBUG", "POPULATE", "2500")
    c("INCR", "a")
    assert c("EXEC") == ["OK", "OK", 2]
    assert c("DBSIZE") == 2501


@DEBUG
def test_debug_digest(connect):
    c = connect()
    zero = "0" * 40
    assert c("DEBUG", "DIGEST") == zero
    c("SET", "a", "1")
    c("SET", "b", "2")
    one = c("DEBUG", "DIGEST")
    assert re.fullmatch(r"[0-9a-f]{40}", one) and one != zero
    c("FLUSHALL")
    assert c("DEBUG", "DIGEST") == zero
    c("SET", "b", "2")
    c("SET", "a", "x")
    c("SET", "a", "1")
    assert c("DEBUG", "DIGEST") == one  # whatever the way there
    different = {one}
    for change in (("SET", "a", "2"), ("SET", "b", "1"), ("SET", "c", ""), ("EXPIRE", "c", "100"),
                   ("MOVE", "c", "1"), ("RENAME", "a", "aa")):
        c(*change)
        different.add(c("DEBUG", "DIGEST"))
    assert len(different) == 7


@DEBUG
def test_debug_digest_value(connect):
    c = connect()
    c("MSET", "a", "same", "b", "same", "c", "other")
    a, b, other, none = c("DEBUG", "DIGEST-VALUE", "a", "b", "c", "none")
    assert a == b != other and none == "0" * 40 and other != none
    assert c("DEBUG", "DIGEST-VALUE") == []


@DEBUG
@pytest.mark.hark_only("Redis has other seeds")
def test_debug_digest_is_the_same_on_every_server(server, start):
    other = start(enable_debug_command="yes")
    digests = set()
    for one in (server, other):
        c = one.connect()
        c("MSET", "a", "1", "b", "x" * 1000)
        digests.add(c("DEBUG", "DIGEST"))
    assert digests == {"afffd3b9c1c03eb717336703101aafbeb1bcd159"}


@DEBUG
def test_debug_set_active_expire(connect):
    c = connect()
    c("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    c("SET", "k", "v", "PX", "1")
    time.sleep(0.3)
    assert c("DBSIZE") == 1 and c("GET", "k") is None and c("DBSIZE") == 0
    c("SET", "k", "v", "PX", "1")
    c("DEBUG", "SET-ACTIVE-EXPIRE", "1")
    eventually(lambda: c("DBSIZE") == 0)


@DEBUG
def test_debug_pause_cron(connect):
    c = connect()
    assert c("DEBUG", "PAUSE-CRON", "1") == "OK"
    assert c("PING") == "PONG"
    assert c("DEBUG", "PAUSE-CRON", "0") == "OK"


@DEBUG
@pytest.mark.hark_only("how the processor is used is seen by our clock")
def test_debug_pause_cron_leaves_the_loop_asleep(connect):
    c = connect()
    c("DEBUG", "PAUSE-CRON", "1")
    before = int(c.info("hark")["loop_turns"])
    time.sleep(0.3)
    assert int(c.info("hark")["loop_turns"]) - before < 20


@DEBUG
def test_debug_log(server, connect):
    connect()("DEBUG", "LOG", "hello there")
    eventually(lambda: re.search(r"DEBUG LOG: .?hello there", server.log()))


@DEBUG
def test_debug_change_repl_id(connect):
    c = connect()
    before = c.info("replication")["master_replid"]
    assert c("DEBUG", "CHANGE-REPL-ID") == "OK"
    after = c.info("replication")["master_replid"]
    assert re.fullmatch(r"[0-9a-f]{40}", after) and after != before


@DEBUG
def test_debug_htstats(connect):
    c = connect(proto=3)
    c("SET", "a", "1", "EX", "100")
    c("SET", "b", "2")
    text = c("DEBUG", "HTSTATS", "0")
    assert text.format == "txt"
    dictionary, expires = text.split("[Expires HT]\n")
    assert " number of elements: 2\n" in dictionary and " number of elements: 1\n" in expires
    assert c.error("DEBUG", "HTSTATS", "99") == "ERR Out of range database"
    assert c.error("DEBUG", "HTSTATS", "x") == "ERR value is not an integer or out of range"
    assert c.error("DEBUG", "HTSTATS-KEY", "none") == "ERR no such key"
    assert c.error("DEBUG", "HTSTATS-KEY", "a") == (
        "ERR The value stored at the specified key is not represented using an hash table")


@DEBUG
@pytest.mark.parametrize("word", ["PANIC", "ASSERT", "SEGFAULT"])
def test_debug_ends_the_process(server, word):
    c = server.connect()
    c.send("DEBUG", word)
    with pytest.raises(Closed):
        c.reply()
    assert server.wait() != 0
    server.start()  # what is checked at the end of each test is a server that lives


@DEBUG
@pytest.mark.hark_only("Redis has something to reload from")
def test_debug_reload(connect):
    c = connect()
    c.pipeline(["SET", "text", "x" * 1000], ["SET", "number", "42"], ["SET", "bytes", b"\0\xff\r\n"],
               ["SET", "mortal", "v", "PXAT", "99999999999999"], ["SELECT", "3"], ["SET", "k", "v"],
               ["SELECT", "0"])
    before = c("DEBUG", "DIGEST")
    assert c("DEBUG", "RELOAD") == "OK"
    assert c("DEBUG", "DIGEST") == before
    assert c("PEXPIRETIME", "mortal") == 99999999999999
    assert c("DBSIZE") == 4


@DEBUG
def test_debug_loadaof_is_not_there(connect):
    assert "unknown subcommand" in connect().error("DEBUG", "LOADAOF")


@DEBUG
def test_debug_help(connect):
    lines = connect()("DEBUG", "HELP")
    assert lines[0] == "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
    assert lines[-1] == "    Prints this help." and "DIGEST" in lines
