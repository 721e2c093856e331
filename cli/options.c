#include "cli.h"

#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    PORT_MAX = 65535,
};

static const char usage[] =
    "Usage: hark-cli [OPTIONS] [command [argument ...]]\n"
    "\n"
    "Without a command, hark-cli is interactive; type \"help\" there.\n"
    "\n"
    "Where to\n"
    "  -h <host>            Host of the server (127.0.0.1)\n"
    "  -p <port>            Its port (6379)\n"
    "  -s <path>            Its UNIX socket; host and port do not count then\n"
    "  -u <uri>             All in one: redis://user:password@host:port/db; rediss:// with TLS\n"
    "  -n <db>              Number of the database (0)\n"
    "  -2, -3               Protocol: RESP2 (the default), RESP3\n"
    "\n"
    "Who\n"
    "  -a, --pass <word>    Password. Other users of this machine can see it; better put it in "
    "the\n"
    "                       environment as HARKCLI_AUTH or REDISCLI_AUTH, or use:\n"
    "  --askpass            Ask for the password on the terminal\n"
    "  --user <name>        Log in as this user; needs a password\n"
    "  --no-auth-warning    Do not warn about -a\n"
    "\n"
    "TLS\n"
    "  --tls                Speak TLS; the server must have a certificate from a known CA\n"
    "  --insecure           … or any other one\n"
    "  --cacert <file>      The CAs to trust, in PEM; --cacertdir <folder>: one a file\n"
    "  --cert, --key <file> A certificate of one's own\n"
    "  --sni <name>         The server's name, where it is not that of the host\n"
    "\n"
    "What to send\n"
    "  -r <times>           Repeat the command; -1: for ever\n"
    "  -i <seconds>         Wait between repetitions, and between the rounds of --stat, --scan,\n"
    "                       --bigkeys (there every 100 SCANs); 0.1 is fine\n"
    "  -x                   The last argument is what comes from standard input\n"
    "  -X <tag>             The argument that equals <tag> is what comes from standard input\n"
    "  --quoted-input       Arguments in quotes have escapes: '\"a\\x00b\"'\n"
    "  --eval <file>        EVAL this Lua script: key1 key2 , argument1 argument2\n"
    "  --pipe               Send requests in RESP from standard input, count the replies\n"
    "  --pipe-timeout <s>   … and give up after that many seconds without one (30; 0: never)\n"
    "  --functions-rdb <f>  Fetch the functions only\n"
    "  --rdb <file>         Fetch all data as an RDB file, as a new replica would; -: to the "
    "output\n"
    "\n"
    "How to print\n"
    "  --no-raw             For people (the default on a terminal)\n"
    "  --raw                Bare (the default elsewhere)\n"
    "  --csv, --json        CSV; JSON (in RESP3, unless -2 is given)\n"
    "  --quoted-json        JSON in ASCII\n"
    "  --indent             JSON over many lines, as on a terminal: for less and its like\n"
    "  -d <text>            Between the elements of a reply in raw output (a line end)\n"
    "  -D <text>            Behind a reply in raw output (a line end)\n"
    "  -e                   Exit with status 1 when the server answers an error\n"
    "  --show-pushes <y|n>  Print RESP3 pushes (the default on a terminal)\n"
    "\n"
    "Looking around\n"
    "  --stat               A line of figures every second\n"
    "  --scan               Names of all keys\n"
    "  --pattern <glob>     … of those that match; also for --bigkeys and --memkeys\n"
    "  --quoted-pattern <g> The same, in quotes with escapes\n"
    "  --count <n>          … that many looked at in one go\n"
    "  --bigkeys            The keys of each type with most elements\n"
    "  --memkeys            The keys of each type that take most memory\n"
    "  --memkeys-samples <n>  … by looking at n elements of each\n"
    "  --latency            Time PING until Ctrl-C; elsewhere than on a terminal for a second\n"
    "  --latency-history    The same with a line every 15 seconds (-i)\n"
    "  --latency-dist       How the times of PING are spread, every second (-i), in colours\n"
    "  --lru-test <n>       Reads and writes n keys, some often: how many has a cache still?\n"
    "\n"
    "  --hotkeys            The keys that are used most (maxmemory-policy must be an LFU one)\n"
    "  --intrinsic-latency <s>  How long this machine itself makes a busy program wait\n"
    "\n"
    "What happened, and happens\n"
    "  tail <pattern>       Every event of a keyspace channel, from now on\n"
    "    --since <when>       … or from then on: 10m, 2h, an id, unix ms, 2026-11-22T12:00:00Z\n"
    "    --group <g> --consumer <c>   … where the group was, which then goes on\n"
    "    --count <n> --json\n"
    "  replay <pattern>     What happened --since and --until, at its pace or --speed <n> (0: at "
    "once);\n"
    "                       --to <url> publishes it there\n"
    "  lag [stream ...]     Groups, and how far they are behind\n"
    "\n"
    "  --verbose            Say more about connecting\n"
    "  --help, --version\n"
    "\n"
    "Examples\n"
    "  hark-cli --csv psubscribe '__key*__:*'\n"
    "  hark-cli -x set photo < photo.jpg\n"
    "  hark-cli --scan --pattern 'session:*'\n"
    "  hark-cli -r -1 -i 1 info memory\n";

_Noreturn __attribute__((format(printf, 1, 2))) static void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

/* ---- values ---- */

static int integer_of(const char *option, const char *value, long min, long max)
{
    long n;
    if (!parse_integer(value, min, max, &n))
        die("Invalid number for %s: '%s' (%ld to %ld)", option, value, min, max);
    return (int)n;
}

/* A copy that lives as long as the options. */
static const char *hold(struct options *o, const char *bytes, size_t len)
{
    words_add(&o->held, bytes, len);
    return o->held.at[o->held.count - 1];
}

static int hex_value(char c)
{
    const char *digits = "0123456789abcdef0123456789ABCDEF";
    const char *found = c ? strchr(digits, c) : NULL;
    return found ? (int)((found - digits) % 16) : -1;
}

/* A part of a URI with its %XX decoded. */
static const char *hold_decoded(struct options *o, const char *from, const char *to)
{
    struct text t = {0};
    text_add(&t, "", 0);
    for (const char *s = from; s < to; s++) {
        char c = *s;
        if (c == '%' && to - s > 2 && hex_value(s[1]) >= 0 && hex_value(s[2]) >= 0) {
            c = (char)(hex_value(s[1]) * 16 + hex_value(s[2]));
            s += 2;
        }
        text_add(&t, &c, 1);
    }
    const char *held = hold(o, t.at, t.len);
    text_fini(&t);
    return held;
}

/* user:password, :password or password */
static void read_userinfo(struct options *o, const char *from, const char *to)
{
    const char *colon = memchr(from, ':', (size_t)(to - from));
    if (colon && colon > from) o->user = hold_decoded(o, from, colon);
    o->password = hold_decoded(o, colon ? colon + 1 : from, to);
    o->password_on_command_line = true;
}

/* redis://[user:password@]host[:port][/db] */
static void read_uri(struct options *o, const char *option, const char *uri)
{
    const char *at = strstr(uri, "://");
    if (!at) die("Invalid URI scheme");
    if (strncasecmp(uri, "rediss://", 9) == 0)
        o->tls = true;
    else if (strncasecmp(uri, "redis://", 8) != 0 && strncasecmp(uri, "hark://", 7) != 0)
        die("Invalid URI scheme");
    at += 3;
    const char *end = at + strcspn(at, "/?");
    const char *userinfo_end = memchr(at, '@', (size_t)(end - at));
    if (userinfo_end) {
        read_userinfo(o, at, userinfo_end);
        at = userinfo_end + 1;
    }
    const char *host_end = at;
    if (*at == '[') {
        host_end = memchr(at, ']', (size_t)(end - at));
        if (!host_end) die("Invalid URI: '%s'", uri);
        o->host = hold_decoded(o, at + 1, host_end);
        host_end++;
    } else {
        host_end = at + strcspn(at, ":/?");
        if (host_end > at) o->host = hold_decoded(o, at, host_end);
    }
    if (*host_end == ':' && host_end + 1 < end)
        o->port = integer_of(option, hold_decoded(o, host_end + 1, end), 1, PORT_MAX);
    if (end[0] != '/') return;
    const char *db = hold_decoded(o, end + 1, end + 1 + strcspn(end + 1, "/?"));
    if (*db) o->db = integer_of(option, db, 0, INT_MAX);
}

/* ---- what each option does with its value ---- */

typedef void option_fn(struct options *o, const char *option, const char *value);

static void take_port(struct options *o, const char *option, const char *value)
{
    o->port = integer_of(option, value, 1, PORT_MAX);
}

static void take_db(struct options *o, const char *option, const char *value)
{
    o->db = integer_of(option, value, 0, INT_MAX);
}

static void take_repeat(struct options *o, const char *option, const char *value)
{
    o->repeat = integer_of(option, value, -1, INT_MAX);
}

static void take_count(struct options *o, const char *option, const char *value)
{
    o->count = integer_of(option, value, 1, INT_MAX);
}

static void take_samples(struct options *o, const char *option, const char *value)
{
    o->mode = MODE_MEMKEYS;
    o->memory_samples = integer_of(option, value, 0, INT_MAX);
}

static void take_pipe_timeout(struct options *o, const char *option, const char *value)
{
    o->pipe_timeout_s = integer_of(option, value, 0, INT_MAX);
}

static void take_interval(struct options *o, const char *option, const char *value)
{
    char *end;
    o->interval_s = strtod(value, &end);
    if (end == value || *end || !(o->interval_s >= 0 && o->interval_s < 1e6))
        die("Invalid number for %s: '%s' (seconds)", option, value);
    o->interval_given = true;
}

static void take_password(struct options *o, const char *option, const char *value)
{
    (void)option;
    o->password = value;
    o->password_on_command_line = true;
}

static void take_pattern(struct options *o, const char *option, const char *value)
{
    (void)option;
    o->pattern = value;
    o->pattern_len = strlen(value);
}

static void take_quoted_pattern(struct options *o, const char *option, const char *value)
{
    if (!words_add_unquoted(&o->held, value)) die("Invalid quoted string for %s", option);
    o->pattern = o->held.at[o->held.count - 1];
    o->pattern_len = o->held.lens[o->held.count - 1];
}

static void take_intrinsic(struct options *o, const char *option, const char *value)
{
    o->mode = MODE_INTRINSIC_LATENCY;
    o->intrinsic_s = integer_of(option, value, 1, INT_MAX);
}

static void take_lru_test(struct options *o, const char *option, const char *value)
{
    o->mode = MODE_LRU_TEST;
    o->lru_keys = integer_of(option, value, 1, INT_MAX);
}

static void take_functions_rdb(struct options *o, const char *option, const char *value)
{
    (void)option;
    o->mode = MODE_RDB;
    o->rdb = value;
    o->functions_only = true;
}

static void take_script(struct options *o, const char *option, const char *value)
{
    (void)option;
    o->mode = MODE_EVAL;
    o->script = value;
}

static void take_rdb(struct options *o, const char *option, const char *value)
{
    (void)option;
    o->mode = MODE_RDB;
    o->rdb = value;
}

static void take_show_pushes(struct options *o, const char *option, const char *value)
{
    char c = value[0];
    if (!c || !strchr("yYnN", c)) die("Invalid value for %s: '%s' (y or n)", option, value);
    o->show_pushes = c == 'y' || c == 'Y';
}

static void take_output(struct options *o, const char *option, const char *value)
{
    static const struct {
        const char *option;
        enum output output;
    } outputs[] = {
        {"--no-raw", OUTPUT_PRETTY},
        {"--raw", OUTPUT_RAW},
        {"--csv", OUTPUT_CSV},
        {"--json", OUTPUT_JSON},
        {"--quoted-json", OUTPUT_QUOTED_JSON},
    };
    (void)value;
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++)
        if (strcmp(option, outputs[i].option) == 0) o->output = outputs[i].output;
    o->output_given = true;
}

static void show_help(struct options *o, const char *option, const char *value)
{
    (void)o, (void)option, (void)value;
    printf("hark-cli %s\n\n%s", hark_version(), usage);
    exit(0);
}

static void show_version(struct options *o, const char *option, const char *value)
{
    (void)o, (void)option, (void)value;
    printf("hark-cli %s\n", hark_version());
    exit(0);
}

static void refuse(struct options *o, const char *option, const char *value)
{
    (void)o, (void)value;
    die("hark-cli has no %s", option);
}

static void refuse_cluster(struct options *o, const char *option, const char *value)
{
    (void)o, (void)value;
    die("%s: Hark is not a cluster, and hark-cli follows no redirections", option);
}

/* ---- the table ---- */

enum kind { CALL, CALL_WITH_VALUE, SET_TEXT, SET_TRUE, SET_INT };

struct row {
    const char *name;
    enum kind kind;
    option_fn *call;
    size_t field;
    int value;
};

#define FIELD(name) offsetof(struct options, name)

static const struct row rows[] = {
    {"-h", SET_TEXT, NULL, FIELD(host), 0},
    {"-p", CALL_WITH_VALUE, take_port, 0, 0},
    {"-s", SET_TEXT, NULL, FIELD(path), 0},
    {"-u", CALL_WITH_VALUE, read_uri, 0, 0},
    {"-n", CALL_WITH_VALUE, take_db, 0, 0},
    {"-2", SET_INT, NULL, FIELD(protocol), 2},
    {"-3", SET_INT, NULL, FIELD(protocol), 3},
    {"-a", CALL_WITH_VALUE, take_password, 0, 0},
    {"--pass", CALL_WITH_VALUE, take_password, 0, 0},
    {"--user", SET_TEXT, NULL, FIELD(user), 0},
    {"--askpass", SET_TRUE, NULL, FIELD(ask_password), 0},
    {"--no-auth-warning", SET_TRUE, NULL, FIELD(no_auth_warning), 0},
    {"--tls", SET_TRUE, NULL, FIELD(tls), 0},
    {"--insecure", SET_TRUE, NULL, FIELD(tls_insecure), 0},
    {"--cacert", SET_TEXT, NULL, FIELD(tls_ca), 0},
    {"--cacertdir", SET_TEXT, NULL, FIELD(tls_ca_dir), 0},
    {"--cert", SET_TEXT, NULL, FIELD(tls_cert), 0},
    {"--key", SET_TEXT, NULL, FIELD(tls_key), 0},
    {"--sni", SET_TEXT, NULL, FIELD(tls_name), 0},
    {"-r", CALL_WITH_VALUE, take_repeat, 0, 0},
    {"-i", CALL_WITH_VALUE, take_interval, 0, 0},
    {"-x", SET_TRUE, NULL, FIELD(stdin_last), 0},
    {"-X", SET_TEXT, NULL, FIELD(stdin_tag), 0},
    {"-e", SET_TRUE, NULL, FIELD(exit_on_error), 0},
    {"-d", SET_TEXT, NULL, FIELD(bulk_delimiter), 0},
    {"-D", SET_TEXT, NULL, FIELD(reply_delimiter), 0},
    {"--quoted-input", SET_TRUE, NULL, FIELD(quoted_input), 0},
    {"--raw", CALL, take_output, 0, 0},
    {"--no-raw", CALL, take_output, 0, 0},
    {"--csv", CALL, take_output, 0, 0},
    {"--json", CALL, take_output, 0, 0},
    {"--quoted-json", CALL, take_output, 0, 0},
    {"--show-pushes", CALL_WITH_VALUE, take_show_pushes, 0, 0},
    {"--eval", CALL_WITH_VALUE, take_script, 0, 0},
    {"--pipe", SET_INT, NULL, FIELD(mode), MODE_PIPE},
    {"--pipe-timeout", CALL_WITH_VALUE, take_pipe_timeout, 0, 0},
    {"--rdb", CALL_WITH_VALUE, take_rdb, 0, 0},
    {"--stat", SET_INT, NULL, FIELD(mode), MODE_STAT},
    {"--scan", SET_INT, NULL, FIELD(mode), MODE_SCAN},
    {"--pattern", CALL_WITH_VALUE, take_pattern, 0, 0},
    {"--quoted-pattern", CALL_WITH_VALUE, take_quoted_pattern, 0, 0},
    {"--count", CALL_WITH_VALUE, take_count, 0, 0},
    {"--bigkeys", SET_INT, NULL, FIELD(mode), MODE_BIGKEYS},
    {"--memkeys", SET_INT, NULL, FIELD(mode), MODE_MEMKEYS},
    {"--memkeys-samples", CALL_WITH_VALUE, take_samples, 0, 0},
    {"--latency", SET_INT, NULL, FIELD(mode), MODE_LATENCY},
    {"--latency-history", SET_INT, NULL, FIELD(mode), MODE_LATENCY_HISTORY},
    {"--latency-dist", SET_INT, NULL, FIELD(mode), MODE_LATENCY_DIST},
    {"--lru-test", CALL_WITH_VALUE, take_lru_test, 0, 0},
    {"--functions-rdb", CALL_WITH_VALUE, take_functions_rdb, 0, 0},
    {"--hotkeys", SET_INT, NULL, FIELD(mode), MODE_HOTKEYS},
    {"--intrinsic-latency", CALL_WITH_VALUE, take_intrinsic, 0, 0},
    {"--indent", SET_TRUE, NULL, FIELD(indent), 0},
    {"--verbose", SET_TRUE, NULL, FIELD(verbose), 0},
    {"--help", CALL, show_help, 0, 0},
    {"--version", CALL, show_version, 0, 0},
    {"-v", CALL, show_version, 0, 0},
    {"-c", CALL, refuse_cluster, 0, 0},
    {"--cluster", CALL, refuse_cluster, 0, 0},
    {"--replica", CALL, refuse, 0, 0},
    {"--slave", CALL, refuse, 0, 0},
    {"--ldb", CALL, refuse, 0, 0},
    {"--ldb-sync-mode", CALL, refuse, 0, 0},
};

static const struct row *find_row(const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, name) == 0) return &rows[i];
    return NULL;
}

static bool has_value(const struct row *row)
{
    return row->kind == CALL_WITH_VALUE || row->kind == SET_TEXT;
}

static void apply(struct options *o, const struct row *row, const char *value)
{
    void *field = (char *)o + row->field;
    switch (row->kind) {
    case CALL:
    case CALL_WITH_VALUE: row->call(o, row->name, value); break;
    case SET_TEXT: *(const char **)field = value; break;
    case SET_TRUE: *(bool *)field = true; break;
    case SET_INT: *(int *)field = row->value; break;
    }
}

static void read_command_line(struct options *o, int argc, char **argv)
{
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "-h") == 0 && i + 1 == argc) show_help(o, NULL, NULL);
        const struct row *row = find_row(argv[i]);
        if (!row || (has_value(row) && i + 1 == argc))
            die("Unrecognized option or bad number of args for: '%s'", argv[i]);
        const char *value = has_value(row) ? argv[++i] : NULL;
        apply(o, row, value);
    }
    o->argc = argc - i;
    o->argv = (const char *const *)argv + i;
}

void options_read(struct options *o, int argc, char **argv)
{
    _Static_assert(sizeof(enum mode) == sizeof(int), "SET_INT sets modes");
    *o = (struct options){
        .host = "127.0.0.1",
        .port = 6379,
        .repeat = 1,
        .bulk_delimiter = "\n",
        .reply_delimiter = "\n",
        .show_pushes = -1,
        .pipe_timeout_s = 30,
    };
    o->password = getenv("HARKCLI_AUTH");
    if (!o->password) o->password = getenv("REDISCLI_AUTH");
    read_command_line(o, argc, argv);
    if (o->stdin_last && o->stdin_tag) die("Options -x and -X are mutually exclusive.");
    if (o->password_on_command_line && !o->no_auth_warning)
        fputs("Warning: a password given with -a or -u is visible to other users of this machine; "
              "HARKCLI_AUTH and --askpass are safer.\n",
              stderr);
}

void options_fini(struct options *o)
{
    words_fini(&o->held);
}
