/* TIME, LOLWUT */
#include "../base/text.h"
#include "../io/clock.h"
#include "server.h"

#include <math.h>

/* ---- BGREWRITEAOF ---- */

/* A snapshot is what a rewritten AOF is elsewhere: the journal before it is not needed to start. */
static void bgrewriteaof_command(struct call *c)
{
    switch (snapshots_ask(call_server(c))) {
    case SNAPSHOT_STARTED:
        resp_simple(&c->reply, SLICE("Background append only file rewriting started"));
        break;
    case SNAPSHOT_SCHEDULED:
        resp_simple(&c->reply, SLICE("Background append only file rewriting scheduled"));
        break;
    case SNAPSHOT_RUNNING:
        resp_error(&c->reply,
                   SLICE("ERR Background append only file rewriting already in progress"));
        break;
    case SNAPSHOT_NO_JOURNAL:
        resp_error(&c->reply, SLICE("ERR There is no journal to be rewritten: appendonly is no"));
        break;
    }
}

/* ---- TIME ---- */

static void time_command(struct call *c)
{
    int64_t now_us = io_unix_us();
    resp_array(&c->reply, 2);
    resp_bulk_int(&c->reply, now_us / 1000000);
    resp_bulk_int(&c->reply, now_us % 1000000);
}

/* ---- LOLWUT ---- */

/* Someone calls, and the waves meet: each cell is as bright as the sum of a few circular waves. */
enum { CALLERS = 3, COLUMNS_MAX = 160, ROWS_MAX = 80 };

struct caller {
    double x, y, wavelength;
};

static double wave(const struct caller *callers, double x, double y)
{
    double sum = 0;
    for (int i = 0; i < CALLERS; i++) {
        double distance = hypot(x - callers[i].x, y - callers[i].y);
        sum += cos(distance * 6.2831853 / callers[i].wavelength) / (1 + distance / 24);
    }
    return sum / CALLERS;
}

static void draw_waves(struct buffer *to, struct random *random, int columns, int rows)
{
    static const char shades[] = "  .:-=+*#";
    enum { SHADES = sizeof shades - 1 };
    struct caller callers[CALLERS];
    for (int i = 0; i < CALLERS; i++) {
        callers[i].x = (double)random_below(random, (uint64_t)columns);
        callers[i].y = (double)random_below(random, (uint64_t)rows * 2);
        callers[i].wavelength = 6 + (double)random_below(random, 8);
    }
    for (int row = 0; row < rows; row++) {
        for (int column = 0; column < columns; column++) {
            /* A character is about twice as high as it is wide. */
            double level = fmin(fabs(wave(callers, column, row * 2)) * 1.5, 1);
            buffer_add_byte(to, shades[(int)(level * (SHADES - 1) + 0.5)]);
        }
        buffer_add_byte(to, '\n');
    }
}

static int between(int64_t value, int min, int max)
{
    return value < min ? min : value > max ? max : (int)value;
}

/* LOLWUT [VERSION n] [columns] [rows]: there is one picture only, whatever the version. */
static void lolwut_command(struct call *c)
{
    struct server *s = call_server(c);
    int64_t version, size[2] = {72, 20};
    int first = 1;
    if (c->argc > 2 && call_arg_is(c, 1, "VERSION")) {
        if (!call_int(c, 2, &version)) return;
        first = 3;
    }
    for (int i = 0; i < 2 && first + i < c->argc; i++)
        if (!call_int(c, first + i, &size[i])) return;
    struct buffer text = {0};
    char redis_version[COMMAND_VERSION_MAX];
    draw_waves(&text, keyspace_random(s->keyspace), between(size[0], 1, COLUMNS_MAX),
               between(size[1], 1, ROWS_MAX));
    command_table_version(s->commands, redis_version);
    buffer_printf(&text, "\nEveryone within earshot heard it. Hark %s, Redis ver. %s\n",
                  HARK_VERSION, redis_version);
    resp_verbatim(&c->reply, "txt", buffer_slice(&text));
    buffer_fini(&text);
}

void bind_server_commands(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"bgrewriteaof", bgrewriteaof_command},
        {"time", time_command},
        {"lolwut", lolwut_command},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
