/* Whole files: read, replaced in one step, found. */
#include "../../src/base/err.h"
#include "../../src/io/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static char why[256];

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/hark-file-XXXXXX");
    why[0] = '\0';
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static void assert_file(const char *path, struct slice expected)
{
    struct buffer text = {0};
    assert_int_equal(io_file_read_all(path, &text, 1 << 20, why, sizeof why), 0);
    assert_true(slice_equal(buffer_slice(&text), expected));
    buffer_fini(&text);
}

static int count_path(void *ctx, const char *path)
{
    (void)path;
    ++*(int *)ctx;
    return 0;
}

static int files_here(void)
{
    int count = 0;
    assert_int_equal(io_file_each_match("*", count_path, &count, why, sizeof why), 0);
    return count;
}

static void replaced_file_has_the_new_bytes(void **state)
{
    (void)state;
    assert_int_equal(io_file_replace("f", SLICE("a\0b"), why, sizeof why), 0);
    assert_file("f", SLICE("a\0b"));
    struct stat st;
    assert_int_equal(stat("f", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    ino_t before = st.st_ino;

    assert_int_equal(chmod("f", 0644), 0);
    assert_int_equal(io_file_replace("f", SLICE(""), why, sizeof why), 0);
    assert_file("f", SLICE(""));
    assert_int_equal(stat("f", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_true(st.st_ino != before); /* never written in place */
    assert_int_equal(files_here(), 1);
}

static void failed_replacement_leaves_nothing_behind(void **state)
{
    (void)state;
    assert_int_equal(io_file_replace("none/f", SLICE("x"), why, sizeof why), ERR_ABSENT);
    assert_string_equal(why, "No such file or directory");
    /* A folder cannot be renamed over: the last step fails, after everything was written. */
    assert_int_equal(mkdir("d", 0700), 0);
    assert_true(io_file_replace("d", SLICE("x"), why, sizeof why) < 0);
    assert_string_equal(why, "Is a directory");
    assert_int_equal(files_here(), 1);
}

static void reading_stops_at_the_bound(void **state)
{
    (void)state;
    assert_int_equal(io_file_replace("f", SLICE("12345"), why, sizeof why), 0);
    struct buffer text = {0};
    buffer_add_byte(&text, '0');
    assert_int_equal(io_file_read_all("f", &text, 5, why, sizeof why), 0);
    assert_true(slice_equal(buffer_slice(&text), SLICE("012345")));
    assert_int_equal(io_file_read_all("f", &text, 4, why, sizeof why), ERR_LIMIT);
    assert_string_equal(why, "longer than 4 bytes");
    assert_int_equal(io_file_read_all("/dev/zero", &text, 1 << 20, why, sizeof why), ERR_LIMIT);
    assert_int_equal(io_file_read_all("none", &text, 5, why, sizeof why), ERR_ABSENT);
    assert_true(io_file_read_all(".", &text, 5, why, sizeof why) < 0);
    assert_string_equal(why, "Is a directory");
    buffer_fini(&text);
}

struct order {
    char names[16];
    int stop_at;
    int count;
};

static int note_path(void *ctx, const char *path)
{
    struct order *o = ctx;
    strcat(o->names, path);
    return ++o->count == o->stop_at ? -7 : 0;
}

static void matches_come_in_order_until_told_to_stop(void **state)
{
    (void)state;
    for (const char *name = "cabx"; *name; name++)
        assert_int_equal(io_file_replace((char[]){*name, '\0'}, SLICE(""), why, sizeof why), 0);
    struct order o = {0};
    assert_int_equal(io_file_each_match("[a-c]", note_path, &o, why, sizeof why), 0);
    assert_string_equal(o.names, "abc");
    o = (struct order){.stop_at = 2};
    assert_int_equal(io_file_each_match("*", note_path, &o, why, sizeof why), -7);
    assert_string_equal(o.names, "ab");
    o = (struct order){0};
    assert_int_equal(io_file_each_match("none*", note_path, &o, why, sizeof why), 0);
    assert_int_equal(o.count, 0);
}

static void folders_are_entered(void **state)
{
    (void)state;
    assert_int_equal(mkdir("d", 0700), 0);
    char expected[128];
    snprintf(expected, sizeof expected, "%s/d", folder);
    struct buffer path = {0};
    assert_int_equal(io_dir_enter("d", &path, why, sizeof why), 0);
    assert_string_equal(path.at, expected);
    assert_int_equal(path.len, strlen(expected));
    assert_int_equal(io_dir_enter("none", &path, why, sizeof why), ERR_ABSENT);
    path.len = 0;
    assert_int_equal(io_file_absolute("../d/.", &path, why, sizeof why), 0);
    assert_string_equal(path.at, expected);
    buffer_fini(&path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(replaced_file_has_the_new_bytes),
        TEST(failed_replacement_leaves_nothing_behind),
        TEST(reading_stops_at_the_bound),
        TEST(matches_come_in_order_until_told_to_stop),
        TEST(folders_are_entered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
