/* The sparse form is changed where it stands, by the same steps as in Redis: there are many ways to
 * write the same registers, and ours are to be its.
 *
 *      zeros 16384  ──▶  zeros 99 | 3 | zeros 16284  ──▶  zeros 99 | 3 3 | zeros 16283
 *      one register set: the run is split              its neighbour: split again, equal runs
 * joined
 */
#include "hll.h"

#include "../base/err.h"
#include "../base/little.h"

#include <math.h>

enum {
    FORM_AT = 4,
    FORM_DENSE = 0,
    FORM_SPARSE = 1,
    INDEX_BITS = 14,
    SPARSE_RANK_MAX = 32,
    SHORT_ZEROS_MAX = 64,
    RANKS_MAX = 4, /* in one run */
    RUN_BYTES_MAX = 2,
    JOIN_RUNS = 5, /* so many are looked at to join equal ones */
    /* No longer: each run has a register at least. */
    SPARSE_BYTES_MAX = HLL_HEAD_BYTES + HLL_REGISTERS * RUN_BYTES_MAX,
};

/* ---- elements ---- */

/* MurmurHash64A, by Austin Appleby, public domain; the seed is that of Redis. */
static uint64_t murmur(struct slice s)
{
    const uint64_t m = UINT64_C(0xc6a4a7935bd1e995), seed = 0xadc83b19;
    uint64_t h = seed ^ (s.len * m);
    for (; s.len >= 8; s = slice_from(s, 8)) {
        uint64_t k = get64(s.at) * m;
        k = (k ^ k >> 47) * m;
        h = (h ^ k) * m;
    }
    for (size_t i = 0; i < s.len; i++) h ^= (uint64_t)(unsigned char)s.at[i] << (8 * i);
    if (s.len) h *= m;
    h = (h ^ h >> 47) * m;
    return h ^ h >> 47;
}

struct hll_mark hll_mark_of(struct slice element)
{
    uint64_t hash = murmur(element);
    uint64_t rest = hash >> INDEX_BITS | UINT64_C(1) << (HLL_RANK_MAX - 1);
    return (struct hll_mark){.index = (unsigned)hash & (HLL_REGISTERS - 1),
                             .rank = (unsigned)__builtin_ctzll(rest) + 1};
}

/* ---- the head ---- */

bool hll_is_one(struct slice value)
{
    if (value.len < HLL_HEAD_BYTES || memcmp(value.at, "HYLL", FORM_AT) != 0) return false;
    unsigned char form = (unsigned char)value.at[FORM_AT];
    return form == FORM_SPARSE || (form == FORM_DENSE && value.len == HLL_DENSE_BYTES);
}

bool hll_is_dense(struct slice value)
{
    return value.at[FORM_AT] == FORM_DENSE;
}

bool hll_kept_count(struct slice value, uint64_t *count)
{
    *count = get64(value.at + HLL_COUNT_AT);
    return !(value.at[HLL_STALE_AT] & HLL_STALE_BIT);
}

void hll_keep_count(char bytes[HLL_COUNT_BYTES], uint64_t count)
{
    put64(bytes, count);
}

/* ---- the dense form ---- */

unsigned hll_dense_bytes(unsigned index, size_t *at)
{
    *at = HLL_HEAD_BYTES + index * 6 / 8;
    return index * 6 % 8 > 2 ? 2 : 1;
}

unsigned hll_dense_rank(struct slice value, unsigned index)
{
    size_t at;
    unsigned bytes = hll_dense_bytes(index, &at), both = (unsigned char)value.at[at];
    if (bytes == 2) both |= (unsigned)(unsigned char)value.at[at + 1] << 8;
    return both >> index * 6 % 8 & 63;
}

void hll_dense_put(char *bytes, struct hll_mark m)
{
    unsigned shift = m.index * 6 % 8, mask = 63u << shift, rank = m.rank << shift;
    bytes[0] = (char)((bytes[0] & ~mask) | rank);
    if (shift > 2) bytes[1] = (char)((bytes[1] & ~(mask >> 8)) | rank >> 8);
}

static void unpack_dense(struct hll_registers *to, struct slice value)
{
    const unsigned char *p = (const unsigned char *)value.at + HLL_HEAD_BYTES;
    for (unsigned i = 0; i < HLL_REGISTERS; i += 4, p += 3) {
        to->at[i] = p[0] & 63;
        to->at[i + 1] = (uint8_t)((p[0] >> 6 | p[1] << 2) & 63);
        to->at[i + 2] = (uint8_t)((p[1] >> 4 | p[2] << 4) & 63);
        to->at[i + 3] = p[2] >> 2;
    }
}

/* ---- the runs of the sparse form ---- */

struct run {
    size_t at; /* in the value */
    unsigned bytes;
    unsigned first, span; /* its registers */
    unsigned rank;        /* that they all have */
};

/* Reads the run at `at`, whose first register is `first`; false at the end, and where the bytes
 * make no sense. */
static bool read_run(struct slice value, size_t at, unsigned first, struct run *r)
{
    if (at >= value.len) return false;
    unsigned byte = (unsigned char)value.at[at];
    *r = (struct run){.at = at, .bytes = 1, .first = first, .span = (byte & 63) + 1};
    if (byte & 0x80) {
        r->span = (byte & 3) + 1;
        r->rank = (byte >> 2 & 31) + 1;
    } else if (byte & 0x40) {
        if (value.len - at < 2) return false;
        r->bytes = 2;
        r->span = ((byte & 63) << 8 | (unsigned char)value.at[at + 1]) + 1;
    }
    return r->span <= HLL_REGISTERS - first;
}

/* The next one, or the first where `r` is all zeros. */
static bool next_run(struct slice value, struct run *r)
{
    return read_run(value, r->bytes ? r->at + r->bytes : HLL_HEAD_BYTES, r->first + r->span, r);
}

/* Were the runs all read, and are they all that there must be? */
static bool at_end(struct slice value, const struct run *last)
{
    return last->first + last->span == HLL_REGISTERS && last->at + last->bytes == value.len;
}

static char *put_ranks(char *to, unsigned rank, unsigned span)
{
    if (span) *to++ = (char)(0x80 | (rank - 1) << 2 | (span - 1));
    return to;
}

static char *put_zeros(char *to, unsigned span)
{
    if (!span) return to;
    if (span > SHORT_ZEROS_MAX) *to++ = (char)(0x40 | (span - 1) >> 8);
    *to++ = (char)(span - 1);
    return to;
}

/* ---- counting ---- */

/* By Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", 2017. The order
 * of the operations is that of Redis, so that the sum is the same to the last digit. */
static double sigma(double x)
{
    if (x == 1.) return INFINITY;
    double before, y = 1, z = x;
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (before != z);
    return z;
}

static double tau(double x)
{
    if (x == 0. || x == 1.) return 0.;
    double before, y = 1, z = 1 - x;
    do {
        x = sqrt(x);
        before = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (before != z);
    return z / 3;
}

/* From how many registers have each rank. */
static uint64_t estimate(const unsigned ranks[64])
{
    const double m = HLL_REGISTERS, alpha = 0.721347520444481703680; /* 0.5 / ln(2) */
    double z = m * tau((m - ranks[HLL_RANK_MAX]) / m);
    for (int i = HLL_RANK_MAX - 1; i >= 1; i--) z = (z + ranks[i]) * 0.5;
    z += m * sigma(ranks[0] / m);
    return (uint64_t)llroundl(alpha * m * m / z);
}

uint64_t hll_count_registers(const struct hll_registers *registers)
{
    unsigned ranks[64] = {0};
    for (unsigned i = 0; i < HLL_REGISTERS; i++) ranks[registers->at[i] & 63]++;
    return estimate(ranks);
}

static int count_sparse(struct slice value, uint64_t *count)
{
    unsigned ranks[64] = {0};
    struct run r = {0}, next = {0};
    for (; next_run(value, &next); r = next) ranks[next.rank] += next.span;
    if (!at_end(value, &r)) return ERR_CORRUPT;
    *count = estimate(ranks);
    return 0;
}

int hll_count(struct slice value, uint64_t *count)
{
    if (!hll_is_dense(value)) return count_sparse(value, count);
    struct hll_registers registers;
    unpack_dense(&registers, value);
    *count = hll_count_registers(&registers);
    return 0;
}

/* ---- looking at all of it ---- */

static int merge_sparse(struct hll_registers *to, struct slice value)
{
    struct run r = {0}, next = {0};
    for (; next_run(value, &next); r = next)
        for (unsigned i = 0; i < next.span && next.rank; i++) {
            uint8_t *rank = &to->at[next.first + i];
            if (*rank < next.rank) *rank = (uint8_t)next.rank;
        }
    return at_end(value, &r) ? 0 : ERR_CORRUPT;
}

int hll_merge(struct hll_registers *to, struct slice value)
{
    if (!hll_is_dense(value)) return merge_sparse(to, value);
    struct hll_registers registers;
    unpack_dense(&registers, value);
    for (unsigned i = 0; i < HLL_REGISTERS; i++)
        if (to->at[i] < registers.at[i]) to->at[i] = registers.at[i];
    return 0;
}

int hll_describe(struct slice value, struct buffer *to)
{
    struct run r = {0}, next = {0};
    size_t from = to->len;
    for (; next_run(value, &next); r = next) {
        if (to->len > from) buffer_add_byte(to, ' ');
        if (next.rank)
            buffer_printf(to, "v:%u,%u", next.rank, next.span);
        else
            buffer_printf(to, "%c:%u", next.bytes == 2 ? 'Z' : 'z', next.span);
    }
    return at_end(value, &r) ? 0 : ERR_CORRUPT;
}

/* ---- changing ---- */

void hll_new(struct buffer *b)
{
    static const char head[HLL_HEAD_BYTES] = {'H', 'Y', 'L', 'L', FORM_SPARSE};
    b->len = 0;
    buffer_add(b, head, sizeof head);
    char *to = buffer_reserve(b, RUN_BYTES_MAX);
    b->len += (size_t)(put_zeros(to, HLL_REGISTERS) - to);
}

int hll_make_dense(struct buffer *b)
{
    struct hll_registers registers = {{0}};
    if (hll_is_dense(buffer_slice(b))) return 0;
    if (merge_sparse(&registers, buffer_slice(b)) != 0) return ERR_CORRUPT;
    b->len = HLL_HEAD_BYTES;
    memset(buffer_reserve(b, HLL_DENSE_BYTES), 0, HLL_DENSE_BYTES - HLL_HEAD_BYTES);
    b->len = HLL_DENSE_BYTES;
    b->at[FORM_AT] = FORM_DENSE;
    for (unsigned i = 0; i < HLL_REGISTERS; i++) {
        size_t at;
        hll_dense_bytes(i, &at);
        if (registers.at[i]) hll_dense_put(b->at + at, (struct hll_mark){i, registers.at[i]});
    }
    return 0;
}

static int add_dense(struct buffer *b, struct hll_mark m)
{
    size_t at;
    if (hll_dense_rank(buffer_slice(b), m.index) >= m.rank) return 0;
    hll_dense_bytes(m.index, &at);
    hll_dense_put(b->at + at, m);
    return 1;
}

static int add_promoted(struct buffer *b, struct hll_mark m)
{
    return hll_make_dense(b) == 0 ? add_dense(b, m) : ERR_CORRUPT;
}

/* The bytes that take the place of a run when one of its registers is changed: at most five. */
static size_t split_run(char *to, const struct run *r, struct hll_mark m)
{
    unsigned before = m.index - r->first, after = r->span - before - 1;
    char *p = to;
    p = r->rank ? put_ranks(p, r->rank, before) : put_zeros(p, before);
    p = put_ranks(p, m.rank, 1);
    p = r->rank ? put_ranks(p, r->rank, after) : put_zeros(p, after);
    return (size_t)(p - to);
}

static void replace_run(struct buffer *b, const struct run *r, const char *bytes, size_t len)
{
    size_t end = r->at + r->bytes;
    buffer_reserve(b, len);
    memmove(b->at + r->at + len, b->at + end, b->len - end);
    memcpy(b->at + r->at, bytes, len);
    b->len = b->len + len - r->bytes;
}

/* Joins neighbours of the same rank from `at` on, few of them, as far as a run has room. */
static void join_runs(struct buffer *b, size_t at)
{
    for (int i = 0; i < JOIN_RUNS && at < b->len; i++) {
        struct run r, next;
        if (!read_run(buffer_slice(b), at, 0, &r)) return;
        at += r.bytes;
        if (!r.rank || !read_run(buffer_slice(b), at, 0, &next)) continue;
        if (next.rank != r.rank || r.span + next.span > RANKS_MAX) continue;
        replace_run(b, &r, "", 0);
        at -= r.bytes;
        put_ranks(b->at + at, r.rank, r.span + next.span);
    }
}

/* Runs that were read, up to the one that has a register. Where registers are added in order, what
 * is behind need not be read again: two runs before is where neither splitting nor joining goes. */
struct walk {
    struct run now, before, resume;
};

static bool walk_to(struct slice value, struct walk *w, unsigned index)
{
    w->now = w->before = w->resume;
    do {
        w->resume = w->before;
        w->before = w->now;
        if (!next_run(value, &w->now)) return false;
    } while (index >= w->now.first + w->now.span);
    return true;
}

static int add_sparse(struct buffer *b, struct walk *w, struct hll_mark m, size_t sparse_max)
{
    if (m.rank > SPARSE_RANK_MAX) return add_promoted(b, m);
    if (b->len > SPARSE_BYTES_MAX || !walk_to(buffer_slice(b), w, m.index)) return ERR_CORRUPT;
    if (w->now.rank >= m.rank) return 0;

    char bytes[2 * RUN_BYTES_MAX + 1];
    size_t len = split_run(bytes, &w->now, m);
    if (len > w->now.bytes && b->len + len - w->now.bytes > sparse_max) return add_promoted(b, m);
    replace_run(b, &w->now, bytes, len);
    join_runs(b, w->before.bytes ? w->before.at : HLL_HEAD_BYTES);
    b->at[HLL_STALE_AT] = (char)(b->at[HLL_STALE_AT] | HLL_STALE_BIT);
    return 1;
}

int hll_add(struct buffer *b, struct hll_mark m, size_t sparse_max)
{
    struct walk from_the_start = {0};
    if (hll_is_dense(buffer_slice(b))) return add_dense(b, m);
    return add_sparse(b, &from_the_start, m, sparse_max);
}

int hll_raise(struct buffer *b, const struct hll_registers *to, size_t sparse_max)
{
    struct walk w = {0};
    for (unsigned i = 0; i < HLL_REGISTERS; i++) {
        struct hll_mark m = {i, to->at[i]};
        if (!m.rank) continue;
        bool dense = hll_is_dense(buffer_slice(b));
        int raised = dense ? add_dense(b, m) : add_sparse(b, &w, m, sparse_max);
        if (raised < 0) return raised;
    }
    return 0;
}
