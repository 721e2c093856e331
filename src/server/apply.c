/* What a change of the configuration means to everybody below. */
#include "../base/assert.h"
#include "../base/err.h"
#include "../io/file.h"
#include "../io/process.h"
#include "server.h"

_Static_assert((int)POLICY_NOEVICTION == (int)EVICT_NOEVICTION, "two lists of the same policies");

static struct out_limit output_limit(const struct config *c, enum config_output_class class)
{
    const struct config_output_limit *l = &c->output_limits[class];
    return (struct out_limit){l->hard, l->soft, l->soft_seconds * 1000};
}

static void apply_net(struct server *s, const struct config *c)
{
    /* What all clients together may leave unread: a quarter of the memory that we may take. A bound
     * is needed even where no limit is configured, and this one no honest client will meet. */
    net_set_config(s->net, (struct net_config){
                               .input_max = c->query_buffer_max,
                               .output_total_max = (size_t)process_memory_limit() / 4,
                               .coalesce_us = c->pubsub_coalesce_us,
                               .keepalive_s = (int)c->tcp_keepalive_s,
                           });
}

static void apply_sessions(struct server *s, const struct config *c)
{
    struct sessions_config sessions = {
        .password = c->requirepass,
        .protected_mode = c->protected_mode,
        .clients_max = (size_t)c->maxclients,
        .output = {[OUTPUT_CLASS_NORMAL] = output_limit(c, OUTPUT_NORMAL),
                   [OUTPUT_CLASS_REPLICA] = output_limit(c, OUTPUT_REPLICA),
                   [OUTPUT_CLASS_PUBSUB] = output_limit(c, OUTPUT_PUBSUB)},
        .bulk_max = (int64_t)c->bulk_len_max,
        .queue_max = c->query_buffer_max,
        .slow_us = c->slowlog_slower_us,
        .slow_len_max = (size_t)c->slowlog_len_max,
        .latency_histograms = c->latency_tracking,
        .overflow_disconnects = c->pubsub_overflow == OVERFLOW_DISCONNECT,
        .tracking_keys_max = (size_t)c->tracking_keys_max,
        .latency_event_ms = c->latency_threshold_ms,
        .ticks_per_us = s->ticks_per_us,
    };
    sessions_set_config(s->sessions, sessions);
}

static void apply_engine(struct server *s, const struct config *c)
{
    engine_set_config(s->engine, (struct engine_config){
                                     .memory_max = c->maxmemory,
                                     .policy = (enum evict_policy)c->maxmemory_policy,
                                     .samples = (int)c->maxmemory_samples,
                                     .notify = c->notify,
                                 });
    struct access_config access = {
        .lfu = evict_policy_is_lfu((enum evict_policy)c->maxmemory_policy),
        .lfu_log_factor = (int)c->lfu_log_factor,
        .lfu_decay_min = (int)c->lfu_decay_minutes,
    };
    keyspace_set_access(s->keyspace, access);
}

static void apply_pubsub(struct server *s, const struct config *c)
{
    pubsub_set_limits(s->pubsub, (struct pubsub_limits){
                                     .pattern_bytes_max = c->pubsub_pattern_max,
                                     .globs_max = (size_t)c->pubsub_globs_max,
                                 });
    pubsub_set_subscriptions_max(s->pubsub, (size_t)c->subscriptions_max);
    pubsub_set_keychange_max(s->pubsub, c->keychange_max);
    server_apply_views(s, c);
}

static void apply_values(struct server *s, const struct config *c)
{
    struct value_config values = *keyspace_values(s->keyspace);
    values.hash_max_listpack_entries = (size_t)c->hash_packed_entries;
    values.hash_max_listpack_value = c->hash_packed_value;
    values.hll_sparse_max_bytes = c->hll_sparse_bytes;
    values.list_max_listpack_size = (int)c->list_packed_size;
    values.list_compress_depth = (int)c->list_compress_depth;
    values.set_max_intset_entries = (size_t)c->set_ints;
    values.set_max_listpack_entries = (size_t)c->set_packed_entries;
    values.set_max_listpack_value = c->set_packed_value;
    values.stream_node_max_entries = (size_t)c->stream_node_entries;
    values.stream_node_max_bytes = c->stream_node_bytes;
    values.zset_max_listpack_entries = (size_t)c->zset_packed_entries;
    values.zset_max_listpack_value = c->zset_packed_value;
    keyspace_set_values(s->keyspace, values);
}

void server_apply_all(struct server *s)
{
    apply_net(s, &s->config);
    apply_sessions(s, &s->config);
    apply_engine(s, &s->config);
    apply_pubsub(s, &s->config);
    apply_values(s, &s->config);
}

/* ---- hooks of CONFIG SET ---- */

static int listen_hook(void *ctx, struct config *now, const struct config *before, char *why,
                       size_t why_size)
{
    struct server *s = ctx;
    char reason[512], again[512];
    if (server_listen(s, now, reason, sizeof reason) == 0) return 0;
    snprintf(why, why_size, "%s", reason);
    if (server_listen(s, before, again, sizeof again) != 0)
        log_line(&s->log, LOGLEVEL_WARNING, "Nor can the former address be had again: %s", again);
    return ERR_BUSY;
}

static int sessions_hook(void *ctx, struct config *now, const struct config *before, char *why,
                         size_t why_size)
{
    struct server *s = ctx;
    (void)before;
    if ((uint64_t)now->maxclients + 32 > s->files_max) {
        s->files_max = process_raise_files((uint64_t)now->maxclients + 32);
        if ((uint64_t)now->maxclients + 32 > s->files_max) {
            snprintf(why, why_size,
                     "The operating system is not able to handle the specified number of clients, "
                     "try with %lld",
                     (long long)s->files_max - 32);
            return ERR_LIMIT;
        }
    }
    apply_net(s, now);
    apply_sessions(s, now);
    return 0;
}

static int engine_hook(void *ctx, struct config *now, const struct config *before, char *why,
                       size_t why_size)
{
    (void)before;
    (void)why;
    (void)why_size;
    apply_engine(ctx, now);
    return 0;
}

static int pubsub_hook(void *ctx, struct config *now, const struct config *before, char *why,
                       size_t why_size)
{
    (void)before;
    (void)why;
    (void)why_size;
    apply_pubsub(ctx, now);
    apply_net(ctx, now);
    return 0;
}

int server_enter_dir(struct config *c, char *why, size_t why_size)
{
    struct buffer absolute = {0};
    int rc = io_dir_enter(c->dir.at, &absolute, why, why_size);
    if (rc == 0) config_text_set(&c->dir, buffer_slice(&absolute));
    buffer_fini(&absolute);
    return rc;
}

static int dir_hook(void *ctx, struct config *now, const struct config *before, char *why,
                    size_t why_size)
{
    (void)ctx;
    (void)before;
    return server_enter_dir(now, why, why_size);
}

static int saving_hook(void *ctx, struct config *now, const struct config *before, char *why,
                       size_t why_size)
{
    (void)now;
    (void)before;
    (void)why;
    (void)why_size;
    saving_apply(ctx);
    return 0;
}

static int values_hook(void *ctx, struct config *now, const struct config *before, char *why,
                       size_t why_size)
{
    (void)before;
    (void)why;
    (void)why_size;
    apply_values(ctx, now);
    return 0;
}

static int store_hook(void *ctx, struct config *now, const struct config *before, char *why,
                      size_t why_size)
{
    (void)before;
    return store_apply(ctx, now, why, why_size);
}

static int log_hook(void *ctx, struct config *now, const struct config *before, char *why,
                    size_t why_size)
{
    struct server *s = ctx;
    (void)before;
    (void)why;
    (void)why_size;
    s->log.level = now->loglevel;
    s->log.format = now->log_format;
    return 0;
}

struct config_hooks server_config_hooks(struct server *s)
{
    return (struct config_hooks){
        .ctx = s,
        .apply = {[APPLY_LISTEN] = listen_hook,
                  [APPLY_ACCESS] = sessions_hook,
                  [APPLY_CLIENTS] = sessions_hook,
                  [APPLY_LIMITS] = sessions_hook,
                  [APPLY_MEMORY] = engine_hook,
                  [APPLY_DIR] = dir_hook,
                  [APPLY_SAVING] = saving_hook,
                  [APPLY_STORE] = store_hook,
                  [APPLY_NOTIFY] = engine_hook,
                  [APPLY_PUBSUB] = pubsub_hook,
                  [APPLY_LOG] = log_hook,
                  [APPLY_SLOWLOG] = sessions_hook,
                  [APPLY_LATENCY] = sessions_hook,
                  [APPLY_TRACKING] = sessions_hook,
                  [APPLY_VALUES] = values_hook},
    };
}
