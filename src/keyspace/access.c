/* When and how often a key was used, in the 24 bits that an entry has for it.
 *
 *      LRU   the time of the last use, in seconds, modulo 2^24 (194 days)
 *      LFU   16 bits: minutes, modulo 2^16, at which the counter was last decayed
 *             8 bits: a counter that grows ever more slowly (Morris), from 5 for a new key */
#include "internal.h"

enum { LRU_MASK = (1 << 24) - 1, LFU_FIRST = 5, LFU_MAX = 255 };

void keyspace_set_access(struct keyspace *ks, struct access_config config)
{
    ks->access = config;
    ks->victims_count = 0;
}

struct access_config keyspace_access_config(const struct keyspace *ks)
{
    return ks->access;
}

static uint32_t minutes_of(int64_t now_ms)
{
    return (uint32_t)(now_ms / 60000) & 0xffff;
}

static int decayed(const struct keyspace *ks, uint32_t bits, int64_t now_ms)
{
    int counter = (int)(bits & 0xff);
    if (ks->access.lfu_decay_min <= 0) return counter;
    uint32_t passed = (minutes_of(now_ms) - (bits >> 8)) & 0xffff;
    uint32_t periods = passed / (uint32_t)ks->access.lfu_decay_min;
    return periods >= (uint32_t)counter ? 0 : counter - (int)periods;
}

static int grown(struct keyspace *ks, int counter)
{
    if (counter >= LFU_MAX) return counter;
    int above = counter > LFU_FIRST ? counter - LFU_FIRST : 0;
    uint64_t odds = (uint64_t)above * (uint64_t)ks->access.lfu_log_factor + 1;
    return random_below(&ks->random, odds) == 0 ? counter + 1 : counter;
}

uint32_t keyspace_new_access(const struct keyspace *ks, int64_t now_ms)
{
    if (ks->access.lfu) return minutes_of(now_ms) << 8 | LFU_FIRST;
    return (uint32_t)(now_ms / 1000) & LRU_MASK;
}

void keyspace_touch(struct keyspace *ks, const struct entry *used, int64_t now_ms)
{
    struct entry *e = (struct entry *)used; /* const is what would go past the gate */
    if (!ks->access.lfu) {
        entry_set_access(e, (uint32_t)(now_ms / 1000) & LRU_MASK);
        return;
    }
    int counter = grown(ks, decayed(ks, entry_access(e), now_ms));
    entry_set_access(e, minutes_of(now_ms) << 8 | (uint32_t)counter);
}

void keyspace_recall_access(const struct keyspace *ks, const struct entry *restored, int64_t idle_s,
                            int freq, int64_t now_ms)
{
    struct entry *e = (struct entry *)restored; /* as above */
    if (ks->access.lfu) {
        if (freq >= 0) entry_set_access(e, minutes_of(now_ms) << 8 | (uint32_t)(freq & LFU_MAX));
    } else if (idle_s >= 0) {
        if (idle_s > LRU_MASK) idle_s = LRU_MASK; /* as long ago as can be told */
        entry_set_access(e, (uint32_t)(now_ms / 1000 - idle_s) & LRU_MASK);
    }
}

int64_t keyspace_idle_s(const struct keyspace *ks, const struct entry *e, int64_t now_ms)
{
    (void)ks;
    return (int64_t)(((uint32_t)(now_ms / 1000) - entry_access(e)) & LRU_MASK);
}

int keyspace_frequency(const struct keyspace *ks, const struct entry *e, int64_t now_ms)
{
    return decayed(ks, entry_access(e), now_ms);
}
