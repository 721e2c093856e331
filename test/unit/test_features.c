#include "../../src/io/disk_memory.h"
#include "../../src/view/features.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Every record tells of one event; of every 500th a rare one. */
static const struct {
    enum event_name event;
    int db;
    const char *key;
} RARE[] = {
    {EVENT_EXPIRED, 0, "a"},
    {EVENT_SET, 5, "order:17"},
    {EVENT_SET, 0, "order"},
    {EVENT_SET, 0, "ord:"},
    {EVENT_SET, 0, "session:0123456789abcdef"},
    {EVENT_SET, 0, "session:01234567"},
    {EVENT_SET, 133, "x"},
    {EVENT_DEL, 0, ""},
};
enum { RARES = sizeof RARE / sizeof *RARE, RECORDS = RARES * 500 };

static void append(struct journal *j, uint64_t n)
{
    char key[40], bytes[300];
    struct note note = {.kind = NOTE_EVENT, .event = EVENT_SET, .effect = -1};
    snprintf(key, sizeof key, "%llx:user", (unsigned long long)n * 0x9e3779b97f4a7c15u);
    note.key = slice_of(key, strlen(key));
    if (n % 500 == 250) {
        note.event = RARE[n / 500].event;
        note.db = RARE[n / 500].db;
        note.key = slice_of(RARE[n / 500].key, strlen(RARE[n / 500].key));
    }
    struct record r = {.seq = n, .id = {1, n}, .cause = SLICE("set"), .notes = &note};
    r.notes_count = 1;
    assert_int_equal(journal_append(j, slice_of(bytes, record_encode(bytes, &r)), 1), n);
    if (n % 10 == 0) journal_write(j, 1);
    while (journal_step(j)) {
    }
}

/* The filter lets through the records wanted, as bits of RARE, and not much else. */
static void expect(struct journal *j, const struct view_filter *f, unsigned wanted)
{
    struct journal_cursor *c = journal_cursor_open(j, 1);
    struct slice record;
    struct disk_why why;
    uint64_t seq, given = 0;
    unsigned found = 0, count = 0;
    int rc;
    journal_cursor_filter(c, &f->filter);
    while ((rc = journal_cursor_next(c, RECORDS, &seq, &record, &why)) > 0) {
        if (rc == 1) given++;
        if (rc == 1 && seq % 500 == 250) found |= 1u << seq / 500;
    }
    assert_int_equal(rc, 0);
    for (unsigned w = wanted; w; w &= w - 1) count++;
    assert_int_equal(found & wanted, wanted);
    assert_in_range(given, 0, 150 + 100 * count);
    journal_cursor_close(c);
}

static void asks_for_what_is_rare(void **state)
{
    (void)state;
    struct record_room room = {0};
    struct journal_config config = {
        .segment_bytes = 1 << 16,
        .tail_bytes_max = 1 << 16,
        .backlog_bytes_max = 1 << 20,
        .index_bytes = 1024,
        .describer = {VIEW_FEATURES_SCHEME, view_describe, &room},
        .seed = 1,
    };
    struct journal *j;
    struct journal_recovery found;
    struct disk_why why;
    struct view_filter f;
    struct disk *d = disk_memory_new();
    assert_int_equal(journal_open(&j, &config, d, 1, &found, &why), 0);
    for (uint64_t n = 1; n <= RECORDS; n++) append(j, n);
    journal_flush(j, 1);
    while (journal_step(j)) {
    }

    view_filter_init(&f);
    view_filter_event(&f, EVENT_EXPIRED);
    expect(j, &f, 1);
    view_filter_event(&f, EVENT_DEL);
    view_filter_db(&f, 0);
    expect(j, &f, 1 | 128);
    view_filter_init(&f);
    view_filter_db(&f, 5);
    expect(j, &f, 2);
    view_filter_init(&f);
    view_filter_db(&f, 133);
    expect(j, &f, 64);

    static const struct {
        const char *literal;
        unsigned wanted;
    } prefixes[] = {
        {"order:", 2},
        {"orde", 2 | 4},
        {"ord:", 8},
        {"order", 2 | 4},
        {"session:0", 16 | 32},
        {"session:01234567", 16 | 32},
        {"session:012345678", 16},
        {"order:17", 2},
    };
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        view_filter_init(&f);
        view_filter_event(&f, EVENT_SET);
        view_filter_prefix(&f, slice_of(prefixes[i].literal, strlen(prefixes[i].literal)));
        expect(j, &f, prefixes[i].wanted);
    }
    for (unsigned i = 0; i < RARES; i++) {
        view_filter_init(&f);
        view_filter_key(&f, slice_of(RARE[i].key, strlen(RARE[i].key)));
        view_filter_event(&f, RARE[i].event);
        view_filter_db(&f, RARE[i].db);
        expect(j, &f, 1u << i);
    }
    assert_int_equal(journal_close(j, 1, &why), 0);
    disk_memory_free(d);
    record_room_fini(&room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(asks_for_what_is_rare)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
