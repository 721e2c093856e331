/* HyperLogLogs: strings to which elements are added (src/value/hll.h), of which only a number is
 * asked back. What a dense one is changed by is noted by the bytes that it is about, a few a
 * register; a sparse one, short as it is, from the first byte that differs on. */
#include "../base/err.h"
#include "../base/random.h"
#include "../value/hll.h"
#include "call.h"

#include <math.h>

static void damaged(struct call *c)
{
    resp_error(&c->reply, SLICE("INVALIDOBJ Corrupted HLL object detected"));
}

/* Is it one? False after writing the error. */
static bool check_one(struct call *c, struct slice value)
{
    if (hll_is_one(value)) return true;
    resp_error(&c->reply, SLICE("WRONGTYPE Key is not a valid HyperLogLog string value."));
    return false;
}

/* As call_read_string, for HyperLogLogs alone. */
static int read_one(struct call *c, struct slice key, struct slice *out)
{
    int found = call_read_string(c, key, out);
    return found > 0 && !check_one(c, *out) ? -1 : found;
}

/* Opens one for change; false after writing the error and closing. */
static bool open_one(struct call *c, struct opened *k, struct slice key)
{
    if (!call_open_string(c, k, key)) return false;
    if (!opened_entry(k) || check_one(c, entry_string(opened_entry(k)))) return true;
    gate_close_unchanged(k);
    return false;
}

/* What is open has become a value changed in place, if not more (OBJECT ENCODING). */
static void close_looked_at(struct opened *k)
{
    opened_unshare_string(k);
    gate_close_unchanged(k);
}

static void close_damaged(struct call *c, struct opened *k)
{
    gate_close_unchanged(k);
    damaged(c);
}

/* ---- writing what has changed ---- */

static struct slice opened_one(const struct opened *k)
{
    return opened_entry(k) ? entry_string(opened_entry(k)) : SLICE("");
}

/* Where the two differ first, from `at` on. */
static size_t difference(struct slice a, struct slice b, size_t at)
{
    while (at < a.len && at < b.len && a.at[at] == b.at[at]) at++;
    return at;
}

static void write_part(struct opened *k, struct slice fresh, size_t from, size_t to)
{
    memcpy(opened_write_string(k, from, to - from), fresh.at + from, to - from);
}

/* The ranges in which values of one length differ; those close to each other as one. */
static void write_ranges(struct opened *k, struct slice fresh)
{
    enum { NEAR = 8 };
    size_t from = difference(opened_one(k), fresh, 0), to = from;
    while (to < fresh.len) {
        size_t next = difference(opened_one(k), fresh, to + 1);
        if (next == fresh.len || next - to > NEAR) {
            write_part(k, fresh, from, to + 1);
            from = next;
        }
        to = next;
    }
}

/* Makes the open string these bytes. */
static void write_whole(struct opened *k, struct slice fresh)
{
    size_t len = opened_one(k).len;
    if (fresh.len == len)
        write_ranges(k, fresh);
    else if (fresh.len > len)
        write_part(k, fresh, difference(opened_one(k), fresh, 0), fresh.len);
    else
        opened_update_string(k, fresh, STRING_RAW);
}

static void make_stale(struct opened *k)
{
    char *to = opened_write_string(k, HLL_STALE_AT, 1);
    *to = (char)(*to | HLL_STALE_BIT);
}

/* A copy of what is open, or an empty one. */
static struct buffer opened_copied(const struct opened *k)
{
    struct buffer b = {0};
    if (opened_entry(k))
        buffer_add_slice(&b, opened_one(k));
    else
        hll_new(&b);
    return b;
}

/* ---- PFADD ---- */

/* Raises registers of an open dense one. Was there one to raise? */
static bool add_dense(struct call *c, struct opened *k)
{
    bool raised = false;
    for (int i = 2; i < c->argc; i++) {
        size_t at;
        struct hll_mark m = hll_mark_of(call_arg(c, i));
        if (hll_dense_rank(opened_one(k), m.index) >= m.rank) continue;
        unsigned bytes = hll_dense_bytes(m.index, &at);
        hll_dense_put(opened_write_string(k, at, bytes), m);
        raised = true;
    }
    if (raised && !((unsigned char)opened_one(k).at[HLL_STALE_AT] & HLL_STALE_BIT)) make_stale(k);
    return raised;
}

/* The same for a sparse one, and one that is new: 1, 0, or ERR_CORRUPT with nothing changed. */
static int add_sparse(struct call *c, struct opened *k)
{
    struct buffer b = opened_copied(k);
    int raised = !opened_entry(k);
    for (int i = 2; i < c->argc && raised >= 0; i++) {
        int rc = hll_add(&b, hll_mark_of(call_arg(c, i)), call_values(c)->hll_sparse_max_bytes);
        if (rc) raised = rc;
    }
    if (raised > 0) {
        b.at[HLL_STALE_AT] = (char)(b.at[HLL_STALE_AT] | HLL_STALE_BIT);
        write_whole(k, buffer_slice(&b));
    }
    buffer_fini(&b);
    return raised;
}

static void pfadd(struct call *c)
{
    struct opened k;
    if (!open_one(c, &k, call_arg(c, 1))) return;
    bool dense = opened_entry(&k) && hll_is_dense(opened_one(&k));
    int raised = dense ? add_dense(c, &k) : add_sparse(c, &k);
    if (raised > 0) {
        gate_close(&k, EVENT_PFADD);
    } else if (raised == 0) {
        close_looked_at(&k);
    } else {
        close_damaged(c, &k);
        return;
    }
    resp_int(&c->reply, raised);
}

/* ---- PFCOUNT ---- */

/* Raises registers to those of the keys from argument 1 on; false after writing the error. *dense:
 * is one of them so? */
static bool merge_all(struct call *c, struct hll_registers *to, bool *dense)
{
    *to = (struct hll_registers){{0}};
    *dense = false;
    for (int i = 1; i < c->argc; i++) {
        struct slice value;
        int found = read_one(c, call_arg(c, i), &value);
        if (found < 0) return false;
        if (!found) continue;
        if (hll_merge(to, value) != 0) {
            damaged(c);
            return false;
        }
        *dense |= hll_is_dense(value);
    }
    return true;
}

/* The count of one is kept in it. */
static void count_one(struct call *c)
{
    struct slice value;
    struct opened k;
    uint64_t count = 0;
    int found = read_one(c, call_arg(c, 1), &value);
    if (found < 0) return;
    bool kept = found && hll_kept_count(value, &count);
    if (found && !kept && hll_count(value, &count) != 0) {
        damaged(c);
        return;
    }
    resp_int(&c->reply, (int64_t)count);
    if (!found) return;
    gate_open(c->engine, &k, c->db, call_arg(c, 1));
    if (kept) {
        close_looked_at(&k);
    } else {
        hll_keep_count(opened_write_string(&k, HLL_COUNT_AT, HLL_COUNT_BYTES), count);
        gate_close_silently(&k, "what was added is the same, only counted now");
    }
}

static void pfcount(struct call *c)
{
    struct hll_registers all;
    bool dense;
    if (c->argc == 2)
        count_one(c);
    else if (merge_all(c, &all, &dense))
        resp_int(&c->reply, (int64_t)hll_count_registers(&all));
}

/* ---- PFMERGE ---- */

static void pfmerge(struct call *c)
{
    struct hll_registers all;
    struct opened k;
    bool dense;
    if (!merge_all(c, &all, &dense) || !open_one(c, &k, call_arg(c, 1))) return;
    struct buffer b = opened_copied(&k);
    if ((dense && hll_make_dense(&b) != 0) ||
        hll_raise(&b, &all, call_values(c)->hll_sparse_max_bytes) != 0) {
        close_damaged(c, &k);
    } else {
        b.at[HLL_STALE_AT] = (char)(b.at[HLL_STALE_AT] | HLL_STALE_BIT);
        write_whole(&k, buffer_slice(&b));
        if (!k.changed) make_stale(&k); /* it is told of all the same */
        gate_close(&k, EVENT_PFADD);
        resp_ok(&c->reply);
    }
    buffer_fini(&b);
}

/* ---- looking inside ---- */

/* Makes the open one dense; false after writing the error and closing. */
static bool make_dense(struct call *c, struct opened *k)
{
    struct buffer b = opened_copied(k);
    bool sound = hll_make_dense(&b) == 0;
    if (sound)
        write_whole(k, buffer_slice(&b));
    else
        close_damaged(c, k);
    buffer_fini(&b);
    return sound;
}

static void close_debugged(struct opened *k)
{
    if (k->changed)
        gate_close_unheard(k, "the same registers in another form");
    else
        close_looked_at(k);
}

static void debug_getreg(struct call *c, struct opened *k)
{
    if (!make_dense(c, k)) return;
    struct slice value = opened_one(k);
    resp_array(&c->reply, HLL_REGISTERS);
    for (unsigned i = 0; i < HLL_REGISTERS; i++) resp_int(&c->reply, hll_dense_rank(value, i));
    close_debugged(k);
}

static void debug_todense(struct call *c, struct opened *k)
{
    if (!make_dense(c, k)) return;
    resp_int(&c->reply, k->changed);
    close_debugged(k);
}

static void debug_encoding(struct call *c, struct opened *k)
{
    resp_simple(&c->reply, hll_is_dense(opened_one(k)) ? SLICE("dense") : SLICE("sparse"));
    close_debugged(k);
}

static void debug_decode(struct call *c, struct opened *k)
{
    struct buffer text = {0};
    if (hll_is_dense(opened_one(k)))
        resp_error(&c->reply, SLICE("ERR HLL encoding is not sparse"));
    else if (hll_describe(opened_one(k), &text) != 0)
        damaged(c);
    else
        resp_bulk(&c->reply, buffer_slice(&text));
    buffer_fini(&text);
    close_debugged(k);
}

static void pfdebug(struct call *c)
{
    static const struct {
        const char *word;
        void (*run)(struct call *c, struct opened *k);
    } rows[] = {{"getreg", debug_getreg},
                {"todense", debug_todense},
                {"encoding", debug_encoding},
                {"decode", debug_decode}};
    struct opened k;
    if (!open_one(c, &k, call_arg(c, 2))) return;
    if (!opened_entry(&k)) {
        gate_close_unchanged(&k);
        resp_error(&c->reply, SLICE("ERR The specified key does not exist"));
        return;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!call_arg_is(c, 1, rows[i].word)) continue;
        rows[i].run(c, &k);
        return;
    }
    close_looked_at(&k);
    struct slice word = call_arg(c, 1);
    resp_errorf(&c->reply, "ERR Unknown PFDEBUG subcommand '%.*s'", (int)word.len, word.at);
}

/* ---- PFSELFTEST ---- */

/* A sparse and a dense one are given the same elements. They must agree, and be near the truth: the
 * standard error is 0.81 %. Fewer elements than in Redis, which this keeps busy for seconds. NULL,
 * or what is wrong. */
static const char *self_test(struct buffer *sparse, struct buffer *dense, uint64_t seed)
{
    enum { ELEMENTS = 100000, SPARSE_FOR_SURE = 1000 };
    uint64_t checked = 1;
    hll_new(sparse);
    hll_new(dense);
    hll_make_dense(dense);
    for (uint64_t i = 1; i <= ELEMENTS; i++) {
        uint64_t element = i ^ seed, a, b;
        struct hll_mark m = hll_mark_of(slice_of(&element, sizeof element));
        if (hll_add(sparse, m, HLL_DENSE_BYTES) < 0 || hll_add(dense, m, 0) < 0)
            return "an element cannot be added";
        if (i != checked) continue;
        checked *= 10;
        if (hll_count(buffer_slice(sparse), &a) != 0 || hll_count(buffer_slice(dense), &b) != 0)
            return "cannot be counted";
        if (a != b) return "dense/sparse disagree";
        if (i <= SPARSE_FOR_SURE && hll_is_dense(buffer_slice(sparse)))
            return "sparse encoding not used";
        if (fabs((double)a - (double)i) > ceil(0.05 * (double)i) + (i == 10))
            return "too big error";
    }
    return NULL;
}

static void pfselftest(struct call *c)
{
    struct buffer sparse = {0}, dense = {0};
    struct random random;
    random_init(&random, (uint64_t)engine_now(c->engine));
    const char *wrong = self_test(&sparse, &dense, random_u64(&random));
    if (wrong)
        resp_errorf(&c->reply, "ERR TESTFAILED %s", wrong);
    else
        resp_ok(&c->reply);
    buffer_fini(&sparse);
    buffer_fini(&dense);
}

void command_bind_hyperloglogs(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"pfadd", pfadd},     {"pfcount", pfcount},       {"pfmerge", pfmerge},
        {"pfdebug", pfdebug}, {"pfselftest", pfselftest},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
