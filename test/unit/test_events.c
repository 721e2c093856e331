/* The vocabulary of events, and the text of notify-keyspace-events. */
#include "../../src/base/err.h"
#include "../../src/record/events.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static uint32_t read_flags(struct slice text)
{
    uint32_t flags = 0;
    assert_int_equal(notify_from_text(text, &flags), 0);
    return flags;
}

static void expect_canonical(const char *text, const char *canonical)
{
    char to[NOTIFY_TEXT_MAX];
    size_t len = notify_to_text(to, read_flags(slice_text(text)));
    assert_int_equal(len, strlen(canonical));
    assert_memory_equal(to, canonical, len);
}

static void test_canonical_form(void **state)
{
    (void)state;
    expect_canonical("", "");
    expect_canonical("KEA", "AKE");
    expect_canonical("Ex", "xE");
    expect_canonical("Kg$", "g$K");
    expect_canonical("EKExx", "xKE");
    expect_canonical("KEg$lshzxetd", "AKE");
    expect_canonical("KEg$lshzxet", "g$lshzxetKE");
    expect_canonical("KEAmn", "AnKEm"); /* Redis forgets the n here */
    expect_canonical("cAoKn", "AnocK");
    expect_canonical("x", "x");
    expect_canonical("CVITSEK", "KESTIVC");
    expect_canonical("mCVITSEKcondtexzhsl$g", "AnocKESTIVCm");
}

static void test_every_set_of_flags_returns(void **state)
{
    (void)state;
    static const char all[] = "g$lshzxetdnocKESTIVCm";
    enum { FLAGS = sizeof all - 1 };
    for (uint32_t set = 0; set < 1u << FLAGS; set += set < 4096 ? 1 : 257) {
        char text[FLAGS], canonical[NOTIFY_TEXT_MAX];
        size_t len = 0;
        for (int i = 0; i < FLAGS; i++)
            if (set >> i & 1) text[len++] = all[i];
        uint32_t flags = read_flags(slice_of(text, len));
        size_t n = notify_to_text(canonical, flags);
        assert_true(n <= NOTIFY_TEXT_MAX);
        assert_int_equal(read_flags(slice_of(canonical, n)), flags);
        assert_int_equal(__builtin_popcount(flags), len);
    }
}

static void test_unknown_flags(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char byte = (char)c, text[3] = {'K', byte, 'x'};
        bool known = c && strchr("Ag$lshzxetdnocKESTIVCm", c);
        uint32_t flags = 12345;
        assert_int_equal(notify_from_text(slice_of(text, 3), &flags), known ? 0 : ERR_SYNTAX);
        if (!known) assert_int_equal(flags, 12345);
    }
}

static void test_names_and_classes(void **state)
{
    (void)state;
    assert_true(slice_equal(event_text(EVENT_RENAME_FROM), SLICE("rename_from")));
    assert_true(slice_equal(event_text(EVENT_EXPIRED), SLICE("expired")));
    assert_int_equal(event_class(EVENT_DEL), CLASS_GENERIC);
    assert_int_equal(event_class(EVENT_EXPIRE), CLASS_GENERIC);
    assert_int_equal(event_class(EVENT_EXPIRED), CLASS_EXPIRED);
    assert_int_equal(event_class(EVENT_SET), CLASS_STRING);
    assert_int_equal(event_class(EVENT_KEYMISS), CLASS_KEYMISS);
    for (int i = 0; i < EVENT_COUNT; i++) {
        struct slice name = event_text((enum event_name)i);
        assert_true(name.len > 0);
        assert_null(memchr(name.at, ':', name.len)); /* channels are taken apart there */
        assert_null(memchr(name.at, '|', name.len)); /* and subkey channels there */
        for (int j = 0; j < i; j++) assert_false(slice_equal(name, event_text((enum event_name)j)));
    }
    assert_int_equal(read_flags(SLICE("A")) & read_flags(SLICE("nocmKESTIVC")), 0);
    assert_int_equal(read_flags(SLICE("KESTIVC")), NOTIFY_FAMILIES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical_form),
        cmocka_unit_test(test_every_set_of_flags_returns),
        cmocka_unit_test(test_unknown_flags),
        cmocka_unit_test(test_names_and_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
