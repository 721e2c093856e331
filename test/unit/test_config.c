/* The configuration: files, the command line, CONFIG GET, SET and REWRITE. */
#include "../../src/base/err.h"
#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/record/events.h"
#include "../../src/server/config_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* --- a folder to work in -------------------------------------------------------------------- */

static char folder[64];

static int folder_setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/hark-config-XXXXXX");
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int folder_teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static const char *file_text(const char *path)
{
    static char text[64 * 1024];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    return text;
}

/* --- short forms ---------------------------------------------------------------------------- */

static char error[CONFIG_ERROR_MAX];

enum { ARGS_MAX = 16 };

/* config_load of these arguments, after the name of the program, over defaults. */
#define load(c, ...) load_args(c, (const char *const[]){"hark-server", __VA_ARGS__, NULL})

static int load_args(struct config *c, const char *const *args)
{
    int argc = 0;
    char *argv[ARGS_MAX + 1];
    for (; args[argc]; argc++) argv[argc] = (char *)args[argc];
    argv[argc] = NULL;
    config_defaults(c);
    error[0] = '\0';
    return config_load(c, argc, argv, error, sizeof error);
}

#define assert_load_fails(text, ...)              \
    do {                                          \
        struct config bad;                        \
        assert_true(load(&bad, __VA_ARGS__) < 0); \
        assert_string_equal(error, text);         \
        config_fini(&bad);                        \
    } while (0)

static const struct config_hooks no_hooks;

#define set(c, ...)             set_words(c, &no_hooks, false, (const char *const[]){__VA_ARGS__, NULL})
#define set_with(c, hooks, ...) set_words(c, hooks, false, (const char *const[]){__VA_ARGS__, NULL})

static int set_words(struct config *c, const struct config_hooks *hooks, bool local,
                     const char *const *words)
{
    struct slice slices[ARGS_MAX];
    size_t count = 0;
    for (; words[count]; count++) slices[count] = slice_text(words[count]);
    error[0] = '\0';
    return config_set(c, hooks, slices, count, local, error, sizeof error);
}

static void assert_set_fails(struct config *c, const char *name, const char *value, const char *why)
{
    char expected[CONFIG_ERROR_MAX];
    snprintf(expected, sizeof expected,
             "ERR CONFIG SET failed (possibly related to argument '%s') - %s", name, why);
    assert_true(set(c, name, value) < 0);
    assert_string_equal(error, expected);
}

/* The value of one directive, as CONFIG GET has it. */
static const char *get(const struct config *c, const char *name)
{
    static char text[1024];
    struct buffer value = {0};
    const struct config_row *row = config_row_find(slice_text(name));
    assert_non_null(row);
    config_value_print(row, c, false, &value);
    snprintf(text, sizeof text, "%.*s", (int)value.len, value.len ? value.at : "");
    buffer_fini(&value);
    return text;
}

static void assert_get_reply(const struct config *c, int proto, const char *reply,
                             const char *pattern, const char *pattern_2)
{
    struct buffer out = {0};
    struct resp_writer w = {.out = &out, .proto = proto};
    struct slice patterns[] = {slice_text(pattern), slice_text(pattern_2 ? pattern_2 : "")};
    config_get(c, patterns, pattern_2 ? 2 : 1, &w);
    buffer_add_byte(&out, '\0');
    assert_string_equal(out.at, reply);
    buffer_fini(&out);
}

/* --- defaults and the table ----------------------------------------------------------------- */

static void defaults_are_redis(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
    } expected[] = {
        {"bind", "* -::*"},
        {"port", "6379"},
        {"tcp-backlog", "511"},
        {"unixsocket", ""},
        {"unixsocketperm", "0"},
        {"protected-mode", "yes"},
        {"requirepass", ""},
        {"maxclients", "10000"},
        {"timeout", "0"},
        {"tcp-keepalive", "300"},
        {"client-output-buffer-limit",
         "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"},
        {"client-query-buffer-limit", "1073741824"},
        {"proto-max-bulk-len", "536870912"},
        {"tracking-table-max-keys", "1000000"},
        {"databases", "16"},
        {"maxmemory", "0"},
        {"maxmemory-policy", "noeviction"},
        {"maxmemory-samples", "5"},
        {"lfu-log-factor", "10"},
        {"lfu-decay-time", "1"},
        {"notify-keyspace-events", ""},
        {"logfile", ""},
        {"loglevel", "notice"},
        {"slowlog-log-slower-than", "10000"},
        {"slowlog-max-len", "128"},
        {"latency-monitor-threshold", "0"},
        {"latency-tracking", "yes"},
        {"latency-tracking-info-percentiles", "50 99 99.9"},
        {"set-proc-title", "yes"},
        {"enable-debug-command", "no"},
        {"enable-protected-configs", "no"},
        {"pubsub-coalesce-us", "0"},
        {"pubsub-globs-max", "10000"},
        {"client-subscriptions-max", "1000000"},
        {"pubsub-pattern-bytes-max", "65536"},
        {"keychange-max-bytes", "65536"},
        {"view-reply-bytes-max", "67108864"},
    };
    size_t before = mem_used();
    struct config c;
    config_defaults(&c);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_string_equal(get(&c, expected[i].name), expected[i].value);
    assert_int_equal(c.maxmemory_policy, POLICY_NOEVICTION);
    assert_int_equal(c.loglevel, LOGLEVEL_NOTICE);
    assert_int_equal(c.bind.count, 2);
    assert_string_equal(c.bind.at[1].at, "-::*");
    config_fini(&c);
    assert_int_equal(mem_used(), before);
}

static void table_is_sound(void **state)
{
    (void)state;
    char why[CONFIG_ERROR_MAX];
    for (size_t i = 0; i < config_rows_count; i++) {
        const struct config_row *row = &config_rows[i];
        assert_true(row->apply < APPLY_COUNT);
        assert_true(row->min <= row->max);
        assert_ptr_equal(config_row_find(slice_text(row->name)), row);
        assert_int_equal(row->kind == KIND_ENUM, row->words != NULL);
        /* What starts with the process tells no one of changes. */
        assert_false((row->flags & CONFIG_START) && row->apply != APPLY_NOTHING);
        /* We do not say of a directive of ours that we do not have it. */
        config_unknown(slice_text(row->name), why, sizeof why);
        assert_memory_equal(why, "unknown", 7);
        for (size_t k = 0; k < i; k++) {
            bool is_alias = k + 1 == i && row->flags & CONFIG_ALIAS;
            assert_int_equal(config_rows[k].offset == row->offset, is_alias);
        }
    }
}

/* --- files ---------------------------------------------------------------------------------- */

static void file_is_read(void **state)
{
    (void)state;
    write_file("hark.conf", "# a comment\n"
                            "\n"
                            "  port 7000\r\n"
                            "\tbind 127.0.0.1 -::1\n"
                            "MaxMemory 2gb\n"
                            "maxmemory-policy AllKeys-LRU\n"
                            "requirepass \"a\\x00b \\\"c\\\"\"\n"
                            "notify-keyspace-events 'KEA'\n"
                            "client-output-buffer-limit pubsub 1mb 2kb 3\n"
                            "client-output-buffer-limit replica 5 6 7 normal 1 1k 9\n"
                            "unixsocketperm 770\n"
                            "latency-tracking-info-percentiles 50 33.3\n"
                            "maxclients 5\n"
                            "maxclients 6");
    struct config c;
    assert_int_equal(load(&c, "hark.conf"), 0);
    assert_int_equal(c.port, 7000);
    assert_int_equal(c.bind.count, 2);
    assert_string_equal(c.bind.at[0].at, "127.0.0.1");
    assert_string_equal(c.bind.at[1].at, "-::1");
    assert_int_equal(c.maxmemory, (uint64_t)2 << 30);
    assert_int_equal(c.maxmemory_policy, POLICY_ALLKEYS_LRU);
    assert_true(slice_equal(c.requirepass, slice_of("a\0b \"c\"", 7)));
    assert_string_equal(get(&c, "notify-keyspace-events"), "AKE");
    assert_true(c.notify & NOTIFY_KEYSPACE);
    assert_string_equal(get(&c, "client-output-buffer-limit"),
                        "normal 1 1000 9 slave 5 6 7 pubsub 1048576 2048 3");
    assert_int_equal(c.unixsocketperm, 0770);
    assert_string_equal(get(&c, "unixsocketperm"), "770");
    assert_string_equal(get(&c, "latency-tracking-info-percentiles"), "50 33.3");
    assert_int_equal(c.maxclients, 6);
    char path[128];
    snprintf(path, sizeof path, "%s/hark.conf", folder);
    assert_string_equal(c.file.at, path);
    config_fini(&c);
}

static void bind_may_be_empty(void **state)
{
    (void)state;
    write_file("hark.conf", "bind \"\"\n");
    struct config c;
    assert_int_equal(load(&c, "hark.conf"), 0);
    assert_int_equal(c.bind.count, 0);
    config_fini(&c);
    assert_load_fails("command line: 'bind': Too many bind addresses specified.", "--bind",
                      "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17");
}

static void file_errors_name_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"\n\nfoo 1\n", "bad.conf:3: unknown directive 'foo'"},
        {"lua-time-limit 5\n",
         "bad.conf:1: 'lua-time-limit' is a directive of Redis that this version "
         "of Hark does not have"},
        {"availability-zone x\n", "bad.conf:1: 'availability-zone' is a directive of Valkey that "
                                  "this version of Hark does not have"},
        {"port\n", "bad.conf:1: 'port': wrong number of arguments"},
        {"port 1 2\n", "bad.conf:1: 'port': wrong number of arguments"},
        {"port 1 # x\n", "bad.conf:1: 'port': wrong number of arguments"},
        {"PORT abc\n", "bad.conf:1: 'port': argument couldn't be parsed into an integer"},
        {"# \"\nport 65536\n", "bad.conf:2: 'port': argument must be between 0 and 65535 "
                               "inclusive"},
        {"maxclients 0\n", "bad.conf:1: 'maxclients': argument must be between 1 and 4294967295 "
                           "inclusive"},
        {"port \"1\n", "bad.conf:1: unbalanced quotes"},
        {"unixsocketperm 8\n", "bad.conf:1: 'unixsocketperm': argument couldn't be parsed as an "
                               "octal number"},
        {"unixsocketperm 1000\n",
         "bad.conf:1: 'unixsocketperm': argument must be between 0 and 777 inclusive"},
        {"logfile \"a\\x00b\"\n", "bad.conf:1: 'logfile': argument must not contain NUL bytes"},
        {"include absent.conf\n",
         "bad.conf:1: cannot read 'absent.conf': No such file or directory"},
        {"include\n", "bad.conf:1: 'include': wrong number of arguments"},
        {"include bad.conf\n", "bad.conf:1: 'include': files include each other more than 10 deep"},
        {"client-output-buffer-limit normal 1 2\n",
         "bad.conf:1: 'client-output-buffer-limit': Wrong number of arguments in buffer limit "
         "configuration."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_file("bad.conf", cases[i].text);
        assert_load_fails(cases[i].error, "bad.conf");
    }
    assert_load_fails("command line: cannot read 'none.conf': No such file or directory",
                      "none.conf");
}

static void line_of_many_words_is_an_error(void **state)
{
    (void)state;
    char text[1024] = "bind";
    for (int i = 0; i < CONFIG_LINE_WORDS_MAX; i++) strcat(text, " x");
    write_file("bad.conf", text);
    assert_load_fails("bad.conf:1: more than 64 words", "bad.conf");
}

static void file_has_a_bound(void **state)
{
    (void)state;
    FILE *f = fopen("long.conf", "w");
    for (int i = 0; i < CONFIG_FILE_MAX / 16 + 1; i++) fputs("# 16 bytes long\n", f);
    fclose(f);
    assert_load_fails("command line: cannot read 'long.conf': longer than 1048576 bytes",
                      "long.conf");
}

static void includes_are_read_in_place(void **state)
{
    (void)state;
    assert_int_equal(mkdir("conf", 0700), 0);
    assert_int_equal(mkdir("conf/more", 0700), 0);
    write_file("conf/hark.conf", "port 1\nmaxclients 1\n"
                                 "include more/*.conf\n"
                                 "include none*.conf\n"
                                 "maxclients 2\n");
    write_file("conf/more/a.conf", "port 2\ntimeout 2\ninclude c.inc\n");
    write_file("conf/more/b.conf", "port 3\n");
    write_file("conf/more/c.inc", "databases 33\n");
    struct config c;
    assert_int_equal(load(&c, "conf/hark.conf"), 0);
    assert_int_equal(c.port, 3);
    assert_int_equal(c.timeout_s, 2);
    assert_int_equal(c.maxclients, 2);
    assert_int_equal(c.databases, 33);
    config_fini(&c);

    write_file("conf/more/c.inc", "\ndatabases x\n");
    assert_load_fails("conf/more/c.inc:2: 'databases': argument couldn't be parsed into an integer",
                      "conf/hark.conf");
}

/* --- the command line ----------------------------------------------------------------------- */

static void command_line_comes_last(void **state)
{
    (void)state;
    write_file("hark.conf", "port 1\nmaxclients 7\n");
    struct config c;
    assert_int_equal(load(&c, "hark.conf", "--port", "7001", "--bind", "127.0.0.1", "::1",
                          "--maxmemory", "1mb", "--requirepass", "--secret", "--logfile", ""),
                     0);
    assert_int_equal(c.port, 7001);
    assert_int_equal(c.maxclients, 7);
    assert_int_equal(c.bind.count, 2);
    assert_int_equal(c.maxmemory, 1024 * 1024);
    assert_string_equal(c.requirepass.at, "--secret");
    assert_int_equal(c.logfile.len, 0);
    config_fini(&c);

    assert_int_equal(load(&c, "--client-output-buffer-limit", "normal 1 2 3"), 0);
    assert_int_equal(c.output_limits[OUTPUT_NORMAL].soft_seconds, 3);
    assert_int_equal(c.file.len, 0);
    config_fini(&c);
}

static void command_line_errors(void **state)
{
    (void)state;
    assert_load_fails("command line: 'port': wrong number of arguments", "--port");
    assert_load_fails("command line: 'port': wrong number of arguments", "--port", "1", "2");
    assert_load_fails("command line: unknown directive 'foo'", "--foo", "bar");
    assert_load_fails("command line: 'port': argument couldn't be parsed into an integer", "--port",
                      "--bind");
    write_file("hark.conf", "");
    assert_load_fails("command line: 'more.conf' is no directive: those start with --", "hark.conf",
                      "more.conf");
}

static void standard_input_is_read(void **state)
{
    (void)state;
    write_file("in", "port 7\ntimeout x\n");
    assert_non_null(freopen("in", "r", stdin));
    assert_load_fails("standard input:2: 'timeout': argument couldn't be parsed into an integer",
                      "-");
    write_file("in", "port 7\ntimeout 9\n");
    assert_non_null(freopen("in", "r", stdin));
    struct config c;
    assert_int_equal(load(&c, "-", "--port", "8"), 0);
    assert_int_equal(c.port, 8);
    assert_int_equal(c.timeout_s, 9);
    config_fini(&c);
}

/* --- CONFIG GET ----------------------------------------------------------------------------- */

static void get_matches_patterns(void **state)
{
    (void)state;
    struct config c;
    config_defaults(&c);
    assert_get_reply(&c, 2, "*2\r\n$4\r\nport\r\n$4\r\n6379\r\n", "port", NULL);
    assert_get_reply(&c, 3, "%1\r\n$4\r\nport\r\n$4\r\n6379\r\n", "port", "p?rt");
    assert_get_reply(&c, 3, "%1\r\n$4\r\nPoRT\r\n$4\r\n6379\r\n", "PoRT", NULL);
    assert_get_reply(&c, 3, "%1\r\n$4\r\nport\r\n$4\r\n6379\r\n", "PoR*", NULL);
    assert_get_reply(&c, 3, "%0\r\n", "nothing", "none*");
    assert_get_reply(&c, 3, "%2\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n$7\r\nlogfile\r\n$0\r\n\r\n",
                     "logfile", "maxmemory");
    struct buffer out = {0};
    struct resp_writer w = {.out = &out, .proto = 3};
    config_get(&c, &SLICE("*"), 1, &w);
    char head[16];
    snprintf(head, sizeof head, "%%%zu\r\n", config_rows_count);
    assert_memory_equal(out.at, head, strlen(head));
    buffer_fini(&out);
    config_fini(&c);
}

/* --- CONFIG SET ----------------------------------------------------------------------------- */

static void set_changes_values(void **state)
{
    (void)state;
    size_t before = mem_used();
    struct config c;
    config_defaults(&c);
    assert_int_equal(set(&c, "MAXMEMORY", "100mb", "maxmemory-policy", "volatile-ttl"), 0);
    assert_int_equal(c.maxmemory, 100 << 20);
    assert_int_equal(c.maxmemory_policy, POLICY_VOLATILE_TTL);
    assert_int_equal(set(&c, "bind", "127.0.0.1 -::1", "requirepass", "p w"), 0);
    assert_string_equal(get(&c, "bind"), "127.0.0.1 -::1");
    assert_string_equal(c.requirepass.at, "p w");
    assert_int_equal(set(&c, "bind", ""), 0);
    assert_int_equal(c.bind.count, 0);
    assert_int_equal(set(&c, "protected-mode", "NO"), 0);
    assert_false(c.protected_mode);
    assert_int_equal(set(&c, "slowlog-log-slower-than", "-1"), 0);
    assert_int_equal(c.slowlog_slower_us, -1);
    assert_int_equal(set(&c, "latency-tracking-info-percentiles", ""), 0);
    assert_int_equal(c.latency_percentiles.count, 0);
    assert_int_equal(set(&c, "notify-keyspace-events", "Kg$lshzxetd"), 0);
    assert_string_equal(get(&c, "notify-keyspace-events"), "AK");
    config_fini(&c);
    assert_int_equal(mem_used(), before);
}

static void set_errors_are_those_of_redis(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *why;
    } cases[] = {
        {"maxmemory", "abc", "argument must be a memory value"},
        {"maxmemory", "-1", "argument must be a memory value"},
        {"maxmemory", "100000000000g", "argument must be a memory value"},
        {"maxmemory", "18446744073709551615",
         "argument must be between 0 and 9223372036854775807 inclusive"},
        {"maxclients", "abc", "argument couldn't be parsed into an integer"},
        {"maxclients", "0", "argument must be between 1 and 4294967295 inclusive"},
        {"databases", "3", "can't set immutable config"},
        {"unixsocket", "/tmp/x", "can't set immutable config"},
        {"enable-debug-command", "yes", "can't set immutable config"},
        {"dir", "/tmp", "can't set protected config"},
        {"protected-mode", "2", "argument must be 'yes' or 'no'"},
        {"maxmemory-policy", "foo",
         "argument(s) must be one of the following: volatile-lru, volatile-lfu, volatile-random, "
         "volatile-ttl, allkeys-lru, allkeys-lfu, allkeys-random, noeviction"},
        {"loglevel", "foo",
         "argument(s) must be one of the following: debug, verbose, notice, warning, nothing"},
        {"notify-keyspace-events", "KQ",
         "Invalid event class character. Use 'Ag$lshzxetdnocmKESTIVC'."},
        {"client-output-buffer-limit", "foo 1 2 3",
         "Invalid client class specified in buffer limit configuration."},
        {"client-output-buffer-limit", "master 1 2 3",
         "Invalid client class specified in buffer limit configuration."},
        {"client-output-buffer-limit", "normal 1 2",
         "Wrong number of arguments in buffer limit configuration."},
        {"client-output-buffer-limit", "pubsub 1 1 1 normal 1 2 -1",
         "Error in hard, soft or soft_seconds setting in buffer limit configuration."},
        {"client-query-buffer-limit", "1",
         "argument must be between 1048576 and 9223372036854775807 inclusive"},
        {"latency-tracking-info-percentiles", "50 101",
         "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"},
        {"latency-tracking-info-percentiles", "x",
         "Invalid latency-tracking-info-percentiles parameters"},
        {"slowlog-log-slower-than", "-2",
         "argument must be between -1 and 9223372036854775807 inclusive"},
        {"timeout", "01", "argument couldn't be parsed into an integer"},
    };
    struct config c, untouched;
    config_defaults(&c);
    config_defaults(&untouched);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_set_fails(&c, cases[i].name, cases[i].value, cases[i].why);

    assert_true(set(&c, "foo", "bar") < 0);
    assert_string_equal(error, "ERR Unknown option or number of arguments for CONFIG SET - 'foo'");
    assert_true(set(&c, "lua-time-limit", "5") < 0);
    assert_string_equal(
        error, "ERR Unknown option or number of arguments for CONFIG SET - 'lua-time-limit'");
    assert_true(set(&c, "maxmemory", "1mb", "loglevel") < 0);
    assert_string_equal(error, "ERR syntax error");
    assert_true(set(&c, "maxmemory", "1mb", "MAXMEMORY", "2mb") < 0);
    assert_string_equal(error, "ERR CONFIG SET failed (possibly related to argument 'maxmemory') - "
                               "duplicate parameter");
    /* All or nothing: a later value that is bad leaves the earlier one alone. */
    assert_true(set(&c, "maxmemory", "1mb", "bind", "::1", "maxclients", "0") < 0);
    for (size_t i = 0; i < config_rows_count; i++)
        assert_true(config_value_equal(&config_rows[i], &c, &untouched));
    config_fini(&c);
    config_fini(&untouched);
}

static void protected_directives_need_permission(void **state)
{
    (void)state;
    struct config c;
    const char *const words[] = {"dir", "/tmp", NULL};
    assert_int_equal(load(&c, "--enable-protected-configs", "local"), 0);
    assert_true(set_words(&c, &no_hooks, false, words) < 0);
    assert_int_equal(set_words(&c, &no_hooks, true, words), 0);
    assert_string_equal(c.dir.at, "/tmp");
    config_fini(&c);
    assert_int_equal(load(&c, "--enable-protected-configs", "yes"), 0);
    assert_int_equal(set_words(&c, &no_hooks, false, words), 0);
    config_fini(&c);
}

static void passwords_are_sensitive(void **state)
{
    (void)state;
    assert_true(config_is_sensitive(SLICE("RequirePass")));
    assert_false(config_is_sensitive(SLICE("maxmemory")));
    assert_false(config_is_sensitive(SLICE("foo")));
}

/* --- hooks ---------------------------------------------------------------------------------- */

/* What the hooks saw, one letter per call, and which one refuses. */
struct told {
    char calls[32];
    char refuses;
    uint64_t maxmemory;
    int64_t port;
};

static int told_of(struct told *t, char what, char *why, size_t why_size)
{
    size_t n = strlen(t->calls);
    assert_true(n + 1 < sizeof t->calls);
    t->calls[n] = what;
    if (t->refuses != what) return 0;
    snprintf(why, why_size, "%c does not like it", what);
    return ERR_DENIED;
}

static int memory_hook(void *ctx, struct config *now, const struct config *before, char *why,
                       size_t why_size)
{
    (void)before;
    ((struct told *)ctx)->maxmemory = now->maxmemory;
    return told_of(ctx, 'm', why, why_size);
}

static int listen_hook(void *ctx, struct config *now, const struct config *before, char *why,
                       size_t why_size)
{
    assert_true(now->port != before->port);
    ((struct told *)ctx)->port = now->port;
    return told_of(ctx, 'l', why, why_size);
}

static int dir_hook(void *ctx, struct config *now, const struct config *before, char *why,
                    size_t why_size)
{
    (void)before;
    config_text_set(&now->dir, SLICE("/absolute"));
    return told_of(ctx, 'd', why, why_size);
}

static void hooks_run_once_each_and_in_order(void **state)
{
    (void)state;
    struct told told = {0};
    const struct config_hooks hooks = {
        &told,
        {[APPLY_MEMORY] = memory_hook, [APPLY_LISTEN] = listen_hook, [APPLY_DIR] = dir_hook}};
    struct config c;
    assert_int_equal(load(&c, "--enable-protected-configs", "yes"), 0);
    assert_int_equal(set_with(&c, &hooks, "maxmemory", "5", "timeout", "3", "port", "9",
                              "maxmemory-samples", "7", "dir", "relative"),
                     0);
    assert_string_equal(told.calls, "mld");
    assert_int_equal(told.maxmemory, 5);
    assert_int_equal(told.port, 9);
    assert_string_equal(c.dir.at, "/absolute");

    /* What is the same as before is no change. */
    memset(told.calls, 0, sizeof told.calls);
    assert_int_equal(set_with(&c, &hooks, "maxmemory", "5", "port", "9"), 0);
    assert_string_equal(told.calls, "");
    config_fini(&c);
}

static void refusal_undoes_everything(void **state)
{
    (void)state;
    size_t before = mem_used();
    struct told told = {.refuses = 'l'};
    const struct config_hooks hooks = {
        &told,
        {[APPLY_MEMORY] = memory_hook, [APPLY_LISTEN] = listen_hook, [APPLY_DIR] = dir_hook}};
    struct config c;
    assert_int_equal(load(&c, "--enable-protected-configs", "yes"), 0);
    assert_true(
        set_with(&c, &hooks, "dir", "x", "maxmemory", "5", "requirepass", "abc", "port", "9") < 0);
    assert_string_equal(error, "ERR CONFIG SET failed (possibly related to argument 'port') - l "
                               "does not like it");
    assert_string_equal(told.calls, "dmlmd");
    assert_int_equal(told.maxmemory, 0);
    assert_int_equal(c.maxmemory, 0);
    assert_int_equal(c.port, 6379);
    assert_int_equal(c.requirepass.len, 0);
    config_fini(&c);
    assert_int_equal(mem_used(), before);
}

/* --- CONFIG REWRITE ------------------------------------------------------------------------- */

static void assert_rewritten(struct config *c, const char *expected)
{
    error[0] = '\0';
    int rc = config_rewrite(c, error, sizeof error);
    if (rc != 0) print_message("%s\n", error);
    assert_int_equal(rc, 0);
    assert_string_equal(file_text(c->file.at), expected);
}

static void rewrite_needs_a_file(void **state)
{
    (void)state;
    struct config c;
    config_defaults(&c);
    assert_true(config_rewrite(&c, error, sizeof error) < 0);
    assert_string_equal(error, "ERR The server is running without a config file");
    config_fini(&c);
}

static void rewrite_keeps_what_is_true(void **state)
{
    (void)state;
    const char *text = "# Ours\n"
                       "   port    7000\n"
                       "maxmemory 1024kb\n\n"
                       "client-output-buffer-limit normal 1 2 3\n"
                       "# between\n"
                       "client-output-buffer-limit pubsub 1mb 2 3\n"
                       "timeout 0\n";
    write_file("hark.conf", text);
    struct config c;
    assert_int_equal(load(&c, "hark.conf"), 0);
    assert_rewritten(&c, text);
    config_fini(&c);
}

static void rewrite_changes_in_place(void **state)
{
    (void)state;
    write_file("hark.conf", "# Ours\n"
                            "maxmemory 1mb\n"
                            "port 7000 \n"
                            "# about passwords\n"
                            "requirepass abc\n"
                            "maxmemory 2mb\n"
                            "client-output-buffer-limit normal 1 2 3\n"
                            "timeout 5\n"
                            "client-output-buffer-limit pubsub 1mb 2 3\n"
                            "# the end");
    struct config c;
    assert_int_equal(load(&c, "hark.conf", "--lfu-log-factor", "3"), 0);
    assert_int_equal(set(&c, "maxmemory", "3gb", "requirepass", "a\"b\n", "timeout", "0",
                         "notify-keyspace-events", "KEA", "client-output-buffer-limit",
                         "normal 0 0 0", "bind", "127.0.0.1 -::1", "loglevel", "notice"),
                     0);
    assert_int_equal(chmod("hark.conf", 0640), 0);
    const char *expected = "# Ours\n"
                           "maxmemory 3gb\n"
                           "port 7000 \n"
                           "# about passwords\n"
                           "requirepass \"a\\\"b\\n\"\n"
                           "client-output-buffer-limit normal 0 0 0 slave 256mb 64mb 60 pubsub "
                           "1mb 2 3\n"
                           "timeout 0\n"
                           "# the end\n"
                           "\n"
                           "# Generated by CONFIG REWRITE\n"
                           "bind 127.0.0.1 -::1\n"
                           "lfu-log-factor 3\n"
                           "notify-keyspace-events AKE\n";
    assert_rewritten(&c, expected);
    struct stat st;
    assert_int_equal(stat("hark.conf", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);

    /* A second time nothing changes, and no second heading comes. */
    assert_rewritten(&c, expected);
    assert_int_equal(set(&c, "maxclients", "9", "bind", ""), 0);
    config_rewrite(&c, error, sizeof error);
    assert_non_null(strstr(file_text("hark.conf"), "bind \"\"\nlfu-log-factor 3\n"
                                                   "notify-keyspace-events AKE\nmaxclients 9\n"));
    config_fini(&c);
}

static void rewrite_sees_what_includes_override(void **state)
{
    (void)state;
    write_file("hark.conf", "maxmemory 1mb\ninclude other.conf\n");
    write_file("other.conf", "maxmemory 2mb\ntimeout 4\n");
    struct config c;
    assert_int_equal(load(&c, "hark.conf"), 0);
    assert_rewritten(&c, "maxmemory 2mb\ninclude other.conf\n");
    /* Includes are found although the working directory is another one. */
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(set(&c, "maxmemory", "3mb", "timeout", "0"), 0);
    assert_rewritten(&c, "maxmemory 3mb\ninclude other.conf\n\n# Generated by CONFIG REWRITE\n"
                         "timeout 0\nmaxmemory 3mb\n");
    assert_int_equal(chdir(folder), 0);

    write_file("other.conf", "nonsense\n");
    const char *before = "maxmemory 9mb\ninclude other.conf\n";
    write_file("hark.conf", before);
    assert_true(config_rewrite(&c, error, sizeof error) < 0);
    assert_memory_equal(error, "ERR Rewriting config file: /tmp/", 32);
    assert_non_null(strstr(error, "other.conf:1: unknown directive 'nonsense'"));
    assert_string_equal(file_text("hark.conf"), before);
    config_fini(&c);
}

static void rewrite_follows_links_and_makes_files(void **state)
{
    (void)state;
    write_file("real.conf", "port 1\n");
    assert_int_equal(symlink("real.conf", "link.conf"), 0);
    struct config c;
    assert_int_equal(load(&c, "link.conf"), 0);
    assert_int_equal(set(&c, "port", "2"), 0);
    assert_int_equal(config_rewrite(&c, error, sizeof error), 0);
    struct stat st;
    assert_int_equal(lstat("link.conf", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_string_equal(file_text("real.conf"), "port 2\n");

    assert_int_equal(unlink("real.conf"), 0);
    assert_rewritten(&c, "\n# Generated by CONFIG REWRITE\nport 2\n");
    assert_int_equal(stat("real.conf", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    config_fini(&c);
}

/* Whatever is set, what is written reads back as the same. */
static void rewrite_reads_back(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    struct random random;
    random_init(&random, seed);
    write_file("hark.conf", "port 1\n");
    for (int round = 0; round < 200; round++) {
        struct config c;
        assert_int_equal(load(&c, "hark.conf"), 0);
        char bytes[40];
        size_t len = random_below(&random, sizeof bytes);
        for (size_t i = 0; i < len; i++) bytes[i] = (char)random_u64(&random);
        char number[32], policy[32];
        snprintf(number, sizeof number, "%llu",
                 (unsigned long long)(random_u64(&random) >> random_below(&random, 63) >> 1));
        snprintf(policy, sizeof policy, "%s",
                 config_row_find(SLICE("maxmemory-policy"))->words[random_below(&random, 8)]);
        struct slice words[] = {SLICE("requirepass"),      slice_of(bytes, len),
                                SLICE("maxmemory"),        slice_text(number),
                                SLICE("maxmemory-policy"), slice_text(policy),
                                SLICE("slowlog-max-len"),  slice_text(number)};
        assert_int_equal(config_set(&c, &no_hooks, words, 8, false, error, sizeof error), 0);
        int rc = config_rewrite(&c, error, sizeof error);
        if (rc != 0) print_message("%s\n", error);
        assert_int_equal(rc, 0);
        struct config again;
        assert_int_equal(load(&again, "hark.conf"), 0);
        for (size_t i = 0; i < config_rows_count; i++)
            assert_true(config_value_equal(&config_rows[i], &c, &again));
        config_fini(&c);
        config_fini(&again);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(defaults_are_redis),
        TEST(table_is_sound),
        TEST(file_is_read),
        TEST(bind_may_be_empty),
        TEST(file_errors_name_file_and_line),
        TEST(line_of_many_words_is_an_error),
        TEST(file_has_a_bound),
        TEST(includes_are_read_in_place),
        TEST(command_line_comes_last),
        TEST(command_line_errors),
        TEST(standard_input_is_read),
        TEST(get_matches_patterns),
        TEST(set_changes_values),
        TEST(set_errors_are_those_of_redis),
        TEST(protected_directives_need_permission),
        TEST(passwords_are_sensitive),
        TEST(hooks_run_once_each_and_in_order),
        TEST(refusal_undoes_everything),
        TEST(rewrite_needs_a_file),
        TEST(rewrite_keeps_what_is_true),
        TEST(rewrite_changes_in_place),
        TEST(rewrite_sees_what_includes_override),
        TEST(rewrite_follows_links_and_makes_files),
        TEST(rewrite_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
