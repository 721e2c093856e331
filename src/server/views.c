/* Views in the server: opened when the journal is there and loaded, woken by their reader. */
#include "../base/err.h"
#include "../io/thread.h"
#include "server.h"

static void wake(void *ctx)
{
    const struct server *s = ctx;
    wakeup_ring(s->views_fd);
}

static void woken(void *ctx)
{
    struct server *s = ctx;
    wakeup_clear(s->views_fd);
    if (s->streams.views) views_poll(s->streams.views);
}

static void begin_groups(void *ctx)
{
    struct server *s = ctx;
    groups_save_begin(s->streams.groups);
}

static bool save_groups(void *ctx, size_t bytes, struct buffer *to)
{
    struct server *s = ctx;
    return groups_save_some(s->streams.groups, bytes, to);
}

static void end_groups(void *ctx)
{
    struct server *s = ctx;
    groups_save_end(s->streams.groups);
}

static bool load_groups(void *ctx, struct slice bytes)
{
    struct server *s = ctx;
    return groups_load(s->streams.groups, bytes) == 0; /* else there are none now */
}

int server_init_views(struct server *s)
{
    streams_init(&s->streams, s->engine);
    struct snapshot_section groups = {SLICE("groups"), begin_groups, save_groups,
                                      end_groups,      load_groups,  s};
    snapshots_add_section(&s->snapshots, groups);
    sessions_set_streams(s->sessions, &s->streams);
    s->views_fd = wakeup_open();
    return s->views_fd < 0 ? ERR_IO : net_watch(s->net, s->views_fd, woken, s);
}

void server_open_views(struct server *s)
{
    if (s->streams.views) {
        views_set_journal(s->streams.views, s->store.journal);
        return;
    }
    struct views_config config = {
        .reply_bytes_max = (size_t)s->config.view_reply_bytes_max,
        .keychange_bytes_max = (size_t)s->config.keychange_max,
        .threaded = true,
        .secret = keyspace_secret(s->keyspace),
        .wake = wake,
        .wake_ctx = s,
    };
    s->streams.views = views_new(s->engine, s->store.journal, &config);
    s->streams.reply_bytes_max = config.reply_bytes_max;
}

void server_apply_views(struct server *s, const struct config *c)
{
    s->streams.reply_bytes_max = (size_t)c->view_reply_bytes_max;
    if (s->streams.views)
        views_set_limits(s->streams.views, (size_t)c->view_reply_bytes_max,
                         (size_t)c->keychange_max);
}

void server_tick_views(struct server *s, int64_t mono_us)
{
    enum { EVERY_US = 10 * 1000 * 1000 };
    if (!s->streams.views || mono_us < s->next_views_us) return;
    s->next_views_us = mono_us + EVERY_US;
    engine_begin(s->engine, s->now_us / 1000, SLICE("xgroup"), 0);
    streams_note_scanned(&s->streams);
    engine_seal(s->engine);
}

void server_stop_views(struct server *s)
{
    if (s->streams.views) views_set_journal(s->streams.views, NULL);
}

void server_fini_views(struct server *s)
{
    if (s->streams.views) views_free(s->streams.views);
    streams_fini(&s->streams);
    if (s->views_fd >= 0) wakeup_close(s->views_fd);
}
