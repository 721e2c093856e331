/* Lists against an array of texts, with nodes of all sizes, pressed or not; their bytes, sound and
 * damaged; and the encoding as Redis 7.2 has it. */
#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/value/list.h"
#include "../../src/value/list_nodes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static uint64_t seed;

/* ---- the model ---- */

enum { TEXTS_MAX = 3000, TEXT_BYTES_MAX = 70000 };

struct model {
    struct slice at[TEXTS_MAX];
    size_t count;
};

static void model_insert(struct model *m, size_t i, struct slice text)
{
    char *bytes = malloc(text.len + 1);
    if (text.len) memcpy(bytes, text.at, text.len);
    memmove(&m->at[i + 1], &m->at[i], (m->count - i) * sizeof m->at[0]);
    m->at[i] = slice_of(bytes, text.len);
    m->count++;
}

static void model_remove(struct model *m, size_t i, size_t n)
{
    for (size_t k = i; k < i + n; k++) free((char *)(uintptr_t)m->at[k].at);
    memmove(&m->at[i], &m->at[i + n], (m->count - i - n) * sizeof m->at[0]);
    m->count -= n;
}

/* Few different ones, mostly short; some fill a node, and some are larger than any. */
static struct slice random_text(struct random *r, char *bytes)
{
    size_t len;
    switch (random_below(r, 40)) {
    default: return slice_of(bytes, text_from_uint(bytes, random_below(r, 30)));
    case 0:
    case 1: len = random_below(r, 100); break;
    case 2:
    case 3: len = 500 + random_below(r, 3000); break;
    case 4: len = random_below(r, 12) ? 20 : 4000 + random_below(r, 66000); break;
    case 5: { /* what LZF cannot make smaller */
        len = 60 + random_below(r, 60);
        for (size_t i = 0; i < len; i++) bytes[i] = (char)random_u64(r);
        return slice_of(bytes, len);
    }
    }
    memset(bytes, 'a' + (int)random_below(r, 4), len);
    return slice_of(bytes, len);
}

/* ---- checks ---- */

static void check_nodes(const struct list_nodes *n, const struct value_config *config)
{
    size_t elements = 0, depth = (size_t)config->list_compress_depth;
    assert_true(n->first + n->count <= n->cap || !n->count);
    for (uint32_t i = 0; i < n->count; i++) {
        const struct list_node *node = nodes_at(n, i);
        assert_true(node->count > 0);
        elements += node->count;
        bool outer = !depth || i < depth || i + depth >= n->count;
        if (outer) assert_int_not_equal(node->kind, NODE_PRESSED);
        if (!outer && node->kind == NODE_PACKED) assert_true(node->hard || node->size < 48);
        if (node->kind == NODE_PLAIN) {
            assert_int_equal(node->count, 1);
            continue;
        }
        struct packed *scratch;
        const struct packed *p = node_look(node, &scratch);
        assert_true(packed_is_sound(packed_slice(p)));
        assert_int_equal(packed_bytes(p), node->size);
        assert_int_equal(packed_count(p), node->count);
        packed_free(scratch);
    }
    assert_int_equal(elements, n->elements);
}

static void check_same(const struct value *v, const struct model *m,
                       const struct value_config *config)
{
    struct list_iter it;
    size_t i = 0;
    if (v->encoding == ENCODING_NODES) check_nodes(v->at, config);
    assert_int_equal(list_count(v), m->count);
    assert_int_equal(value_kind_list.count(v), m->count);
    list_begin(&it, v, 0, false);
    while (list_next(&it)) assert_true(slice_equal(list_text(&it), m->at[i++]));
    list_end(&it);
    assert_int_equal(i, m->count);
    if (!m->count) return;
    list_begin(&it, v, m->count - 1, true);
    while (list_next(&it)) assert_true(slice_equal(list_text(&it), m->at[--i]));
    list_end(&it);
    assert_int_equal(i, 0);
}

/* A few steps from anywhere, and what is asked of them. */
static void check_from(const struct value *v, const struct model *m, struct random *r)
{
    char *bytes = malloc(TEXT_BYTES_MAX);
    struct list_iter it;
    if (m->count) {
        size_t i = random_below(r, m->count), index;
        bool backward = random_below(r, 2);
        struct list_sought sought = list_sought(random_text(r, bytes));
        assert_true(list_index(v, (int64_t)i - (int64_t)m->count, &index) && index == i);
        list_begin(&it, v, i, backward);
        for (int steps = 0; steps < 20 && i < m->count; steps++, i += backward ? SIZE_MAX : 1) {
            assert_true(list_next(&it));
            assert_true(slice_equal(list_text(&it), m->at[i]));
            assert_int_equal(list_is(&it, &sought), slice_equal(m->at[i], sought.text));
        }
        if (i >= m->count) assert_false(list_next(&it));
        list_end(&it);
    }
    size_t none;
    assert_false(list_index(v, (int64_t)m->count, &none));
    assert_false(list_index(v, -(int64_t)m->count - 1, &none));
    free(bytes);
}

/* Before or after a pivot, which may not be there. */
static void insert_somewhere(struct value *v, struct model *m, struct random *r, struct slice text,
                             const struct value_config *config)
{
    bool after = random_below(r, 2);
    struct slice pivot = SLICE("not there");
    if (m->count && random_below(r, 8)) pivot = m->at[random_below(r, m->count)];
    size_t at = 0;
    while (at < m->count && !slice_equal(m->at[at], pivot)) at++;
    bool found = list_insert(v, after, pivot, text, config);
    assert_int_equal(found, at < m->count);
    if (found) model_insert(m, at + after, text);
}

static void remove_equal(struct value *v, struct model *m, struct random *r, struct slice text,
                         const struct value_config *config)
{
    int64_t count = (int64_t)random_below(r, 7) - 3;
    size_t removed = 0, max = count ? (size_t)llabs(count) : SIZE_MAX;
    for (size_t k = 0; k < m->count && removed < max;) {
        size_t at = count < 0 ? m->count - 1 - k : k;
        if (slice_equal(m->at[at], text)) {
            model_remove(m, at, 1);
            removed++;
        } else {
            k++;
        }
    }
    assert_int_equal(list_remove_equal(v, count, text, config), removed);
}

/* Little, or much. */
static void trim(struct value *v, struct model *m, struct random *r,
                 const struct value_config *config)
{
    int64_t start = (int64_t)random_below(r, 6) - 3, stop = -1 - (int64_t)random_below(r, 3);
    if (random_below(r, 20) == 0) stop = (int64_t)random_below(r, 40);
    size_t from, n = list_range(v, start, stop, &from);
    list_trim(v, start, stop, config);
    if (!n) from = 0;
    model_remove(m, from + n, m->count - from - n);
    model_remove(m, 0, from);
}

static void take_away(struct value *v, struct model *m, struct random *r,
                      const struct value_config *config)
{
    size_t i = m->count ? random_below(r, m->count) : 0;
    enum list_end end = random_below(r, 2) ? LIST_LEFT : LIST_RIGHT;
    size_t n = random_below(r, 10) ? 1 + random_below(r, 3) : random_below(r, 300);
    size_t there = n < m->count - i ? n : m->count - i;
    switch (random_below(r, 4)) {
    case 0: trim(v, m, r, config); break;
    case 1:
        list_remove(v, i, n, config);
        model_remove(m, i, there);
        break;
    default:
        if (n > m->count) n = m->count;
        list_drop(v, end, n, config);
        model_remove(m, end == LIST_LEFT ? 0 : m->count - n, n);
    }
}

static void change(struct value *v, struct model *m, struct random *r, char *bytes,
                   const struct value_config *config)
{
    struct slice text = random_text(r, bytes);
    size_t i = m->count ? random_below(r, m->count) : 0;
    switch (random_below(r, 14)) {
    case 0:
    case 1:
    case 2:
        list_push(v, LIST_RIGHT, &text, 1, config);
        model_insert(m, m->count, text);
        break;
    case 3:
    case 4:
        list_push(v, LIST_LEFT, &text, 1, config);
        model_insert(m, 0, text);
        break;
    case 5:
    case 6: insert_somewhere(v, m, r, text, config); break;
    case 7:
    case 8:
        if (!m->count) break;
        list_set(v, i, text, config);
        model_remove(m, i, 1);
        model_insert(m, i, text);
        break;
    case 9: remove_equal(v, m, r, text, config); break;
    default: take_away(v, m, r, config);
    }
}

static void check_copies(const struct value *v, const struct model *m,
                         const struct value_config *config)
{
    struct value copy = value_kind_list.copy(v, config), decoded;
    struct buffer bytes = {0}, again = {0};
    check_same(&copy, m, config);
    value_kind_list.encode(v, &bytes);
    struct slice from = buffer_slice(&bytes);
    assert_true(value_kind_list.decode(&from, config, &decoded));
    assert_int_equal(from.len, 0);
    assert_int_equal(decoded.encoding, v->encoding);
    check_same(&decoded, m, config);
    value_kind_list.encode(&decoded, &again);
    assert_true(slice_equal(buffer_slice(&bytes), buffer_slice(&again)));
    while (!value_kind_list.free_some(&decoded, 10)) {
    }
    value_kind_list.free_some(&copy, SIZE_MAX);
    buffer_fini(&bytes);
    buffer_fini(&again);
}

static void run_model(struct random *r, const struct value_config *config, int steps)
{
    char *bytes = malloc(TEXT_BYTES_MAX);
    struct model *m = calloc(1, sizeof *m);
    struct value_config now = *config;
    size_t before = mem_used();
    struct value v = list_new();
    for (int step = 0; step < steps; step++) {
        if (m->count < TEXTS_MAX - 100 && (step / 300) % 3 != 2) { /* it swells, and shrinks */
            struct slice texts[4];
            for (int i = 0; i < 4; i++) {
                texts[i] =
                    slice_of(bytes + 8 * i, text_from_uint(bytes + 8 * i, (uint64_t)i * step));
                model_insert(m, m->count, texts[i]);
            }
            list_push(&v, LIST_RIGHT, texts, 4, &now);
        }
        change(&v, m, r, bytes, &now);
        assert_int_equal(mem_used() - before, value_kind_list.bytes(&v));
        check_from(&v, m, r);
        if (step % 16 == 0) check_same(&v, m, &now);
        if (m->count && step % 200 == 0) check_copies(&v, m, &now);
    }
    check_same(&v, m, &now);
    model_remove(m, 0, m->count);
    value_kind_list.free_some(&v, SIZE_MAX);
    assert_int_equal(mem_used(), before);
    free(m);
    free(bytes);
}

static void test_against_model(void **state)
{
    (void)state;
    static const int sizes[] = {-1, -2, -5, -9, 1, 3, 16, 128, 0};
    static const int depths[] = {0, 1, 2, 5};
    struct random r;
    random_init(&r, seed);
    struct value_config config = value_config_default(NULL);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        for (size_t d = 0; d < sizeof depths / sizeof *depths; d++) {
            config.list_max_listpack_size = sizes[s];
            config.list_compress_depth = depths[d];
            run_model(&r, &config, 900);
        }
    }
}

/* Plain nodes that are no larger than packed ones, among these. */
static void test_small_plain_nodes(void **state)
{
    (void)state;
    static const int sizes[] = {-2, 1, 16};
    static const size_t plain[] = {1, 3, 40};
    struct random r;
    random_init(&r, seed);
    struct value_config config = value_config_default(NULL);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        for (size_t p = 0; p < sizeof plain / sizeof *plain; p++) {
            config.list_max_listpack_size = sizes[s];
            config.list_compress_depth = (int)p;
            config.list_plain_size = plain[p];
            run_model(&r, &config, 900);
        }
    }
}

static void test_layout(void **state)
{
    (void)state;
    struct value_config config = value_config_default(NULL);
    struct list_layout l;
    const struct slice texts[] = {SLICE("a"), SLICE("b"), SLICE("long"), SLICE("c")};
    struct value v = list_new();
    list_push(&v, LIST_RIGHT, texts, 4, &config);
    assert_false(list_layout(&v, &l));
    value_kind_list.free_some(&v, SIZE_MAX);

    config.list_max_listpack_size = 2;
    config.list_plain_size = 4;
    v = list_new();
    list_push(&v, LIST_RIGHT, texts, 4, &config);
    assert_true(list_layout(&v, &l));
    assert_int_equal(l.nodes, 3); /* a and b; long; c */
    assert_int_equal(l.bytes, (PACKED_EMPTY_BYTES + 6) + 4 + (PACKED_EMPTY_BYTES + 3));
    value_kind_list.free_some(&v, SIZE_MAX);
}

/* ---- the encoding ---- */

static void push_many(struct value *v, size_t count, const struct value_config *config)
{
    struct slice text = SLICE("x");
    while (count--) list_push(v, LIST_RIGHT, &text, 1, config);
}

static void test_encoding_by_count(void **state)
{
    (void)state;
    struct value_config config = value_config_default(NULL);
    config.list_max_listpack_size = 10;
    struct value v = list_new();
    push_many(&v, 10, &config);
    assert_int_equal(v.encoding, ENCODING_PACKED);
    push_many(&v, 1, &config);
    assert_int_equal(v.encoding, ENCODING_NODES);
    list_drop(&v, LIST_RIGHT, 1, &config); /* back at half only */
    assert_int_equal(v.encoding, ENCODING_NODES);
    list_drop(&v, LIST_LEFT, 4, &config);
    assert_int_equal(v.encoding, ENCODING_NODES);
    list_drop(&v, LIST_LEFT, 1, &config);
    assert_int_equal(v.encoding, ENCODING_PACKED);
    value_kind_list.free_some(&v, SIZE_MAX);
}

static void test_encoding_by_bytes(void **state)
{
    (void)state;
    static char large[9000], half[4096];
    struct value_config config = value_config_default(NULL);
    struct slice text = slice_of(half, sizeof half);
    struct value v = list_new();
    memset(large, 'x', sizeof large);
    memset(half, 'y', sizeof half);
    list_push(&v, LIST_RIGHT, &text, 1, &config);
    assert_int_equal(v.encoding, ENCODING_PACKED); /* 8 KB is the limit */
    list_push(&v, LIST_RIGHT, &text, 1, &config);
    assert_int_equal(v.encoding, ENCODING_NODES);
    list_drop(&v, LIST_RIGHT, 1, &config);
    assert_int_equal(v.encoding, ENCODING_NODES); /* one node, but of more than half */
    list_set(&v, 0, SLICE("small"), &config);
    assert_int_equal(v.encoding, ENCODING_PACKED);
    text = slice_of(large, sizeof large);
    list_push(&v, LIST_LEFT, &text, 1, &config);
    assert_int_equal(v.encoding, ENCODING_NODES);
    assert_int_equal(((struct list_nodes *)v.at)->count, 2);
    list_remove_equal(&v, 0, text, &config);
    assert_int_equal(v.encoding, ENCODING_PACKED);
    assert_false(list_insert(&v, true, SLICE("none"), text, &config));
    assert_int_equal(v.encoding, ENCODING_PACKED);
    assert_true(list_insert(&v, true, SLICE("small"), text, &config));
    assert_int_equal(v.encoding, ENCODING_NODES);
    value_kind_list.free_some(&v, SIZE_MAX);
}

/* A node that is divided is joined with others, so that nodes do not become more and more. */
static void test_joined(void **state)
{
    (void)state;
    struct value_config config = value_config_default(NULL);
    config.list_max_listpack_size = 4;
    struct value v = list_new();
    for (int i = 0; i < 16; i++) {
        char digits[TEXT_INT_MAX];
        struct slice text = slice_of(digits, text_from_int(digits, i));
        list_push(&v, LIST_RIGHT, &text, 1, &config);
    }
    list_remove(&v, 14, 2, &config);
    list_remove(&v, 9, 3, &config);
    struct list_nodes *n = v.at; /* of 4, 4, 1 and 2 */
    assert_int_equal(n->count, 4);
    assert_true(list_insert(&v, true, SLICE("6"), SLICE("x"), &config));
    static const uint32_t expected[] = {4, 3, 3, 2}; /* x and 7 go to the next one */
    assert_int_equal(n->count, 4);
    for (uint32_t i = 0; i < 4; i++) assert_int_equal(nodes_at(n, i)->count, expected[i]);
    value_kind_list.free_some(&v, SIZE_MAX);
}

/* A queue travels through memory without taking more and more. */
static void test_queue(void **state)
{
    (void)state;
    struct value_config config = value_config_default(NULL);
    config.list_max_listpack_size = 4;
    struct value v = list_new();
    push_many(&v, 200, &config);
    size_t most = 2 * value_kind_list.bytes(&v);
    for (int i = 0; i < 20000; i++) {
        push_many(&v, 1, &config);
        list_drop(&v, LIST_LEFT, 1, &config);
        assert_true(value_kind_list.bytes(&v) < most);
    }
    assert_int_equal(list_count(&v), 200);
    list_drop(&v, LIST_LEFT, 190, &config);
    assert_true(value_kind_list.bytes(&v) < most / 8); /* the row of nodes shrinks, too */
    value_kind_list.free_some(&v, SIZE_MAX);
}

/* Ten times smaller, and whoever reads does not notice. */
static void test_pressed(void **state)
{
    (void)state;
    struct value_config config = value_config_default(NULL);
    struct value open = list_new(), pressed = list_new();
    struct slice text = SLICE("a text that comes again and again");
    struct value_config pressing = config;
    pressing.list_compress_depth = 1;
    for (int i = 0; i < 20000; i++) {
        list_push(&open, LIST_RIGHT, &text, 1, &config);
        list_push(&pressed, LIST_RIGHT, &text, 1, &pressing);
    }
    assert_true(value_kind_list.bytes(&pressed) * 10 < value_kind_list.bytes(&open));
    struct list_iter it;
    size_t count = 0;
    list_begin(&it, &pressed, 0, false);
    while (list_next(&it)) count += slice_equal(list_text(&it), text);
    list_end(&it);
    assert_int_equal(count, 20000);
    /* With the directive back at 0 what is pressed is opened where it is changed. */
    for (int i = 0; i < 20000; i++) list_drop(&pressed, LIST_RIGHT, 1, &config);
    assert_int_equal(list_count(&pressed), 0);
    value_kind_list.free_some(&pressed, SIZE_MAX);
    value_kind_list.free_some(&open, SIZE_MAX);
}

/* ---- parts from elsewhere ---- */

static struct packed *packed_of(size_t count)
{
    struct packed *p = packed_new();
    for (size_t i = 0; i < count; i++) p = packed_append(p, SLICE("12345"));
    return p;
}

static void test_parts(void **state)
{
    (void)state;
    struct value_config config = value_config_default(NULL);
    struct value v = list_new();
    list_add_packed(&v, packed_of(100), &config);
    list_settle(&v, &config);
    assert_int_equal(v.encoding, ENCODING_PACKED);
    list_add_packed(&v, packed_of(3000), &config); /* larger than our nodes */
    list_add_packed(&v, packed_of(0), &config);
    list_settle(&v, &config);
    assert_int_equal(v.encoding, ENCODING_NODES);
    assert_int_equal(list_count(&v), 3100);
    push_many(&v, 1, &config);
    assert_int_equal(((struct list_nodes *)v.at)->count, 3);
    value_kind_list.free_some(&v, SIZE_MAX);
}

/* ---- damage ---- */

static bool try(struct slice bytes, const struct value_config *config)
{
    struct value v;
    struct list_iter it;
    char *exact = malloc(bytes.len + 1);
    memcpy(exact, bytes.at, bytes.len);
    struct slice from = slice_of(exact, bytes.len);
    bool good = value_kind_list.decode(&from, config, &v);
    if (good) {
        size_t count = 0;
        list_begin(&it, &v, 0, false);
        while (list_next(&it)) count += list_text(&it).len < SIZE_MAX;
        list_end(&it);
        assert_int_equal(count, list_count(&v));
        assert_true(count > 0);
        list_drop(&v, LIST_LEFT, 1, config);
        value_kind_list.free_some(&v, SIZE_MAX);
    }
    free(exact);
    return good;
}

static void test_damage(void **state)
{
    (void)state;
    struct random r;
    random_init(&r, seed);
    struct value_config config = value_config_default(NULL);
    config.list_max_listpack_size = 20;
    config.list_compress_depth = 1;
    static char large[8200];
    memset(large, 'z', sizeof large);
    struct value v = list_new();
    for (int i = 0; i < 120; i++) {
        struct slice text = i == 70 ? slice_of(large, sizeof large) : SLICE("some text");
        list_push(&v, LIST_RIGHT, &text, 1, &config);
    }
    struct buffer bytes = {0};
    value_kind_list.encode(&v, &bytes);
    size_t before = mem_used();
    for (size_t cut = 0; cut < bytes.len; cut++)
        assert_false(try(slice_of(bytes.at, cut), &config));
    assert_true(try(buffer_slice(&bytes), &config));
    for (int round = 0; round < 20000; round++) {
        size_t i = random_below(&r, bytes.len);
        if (random_below(&r, 2)) i = i < bytes.len / 2 ? i % 300 : bytes.len - 1 - i % 300;
        char was = bytes.at[i];
        bytes.at[i] = (char)random_u64(&r);
        try(buffer_slice(&bytes), &config);
        bytes.at[i] = was;
    }
    assert_int_equal(mem_used(), before);
    buffer_fini(&bytes);
    value_kind_list.free_some(&v, SIZE_MAX);
}

int main(void)
{
    seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : (uint64_t)time(NULL);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_small_plain_nodes),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_encoding_by_count),
        cmocka_unit_test(test_encoding_by_bytes),
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_joined),
        cmocka_unit_test(test_pressed),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
