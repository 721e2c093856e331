/* --hotkeys: the keys that are used most, as OBJECT FREQ counts it. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

enum {
    HOT_MAX = 16,        /* keys that are kept */
    LOOPS_PER_NAP = 100, /* SCANs between two naps of -i */
};

struct hot {
    struct text key; /* quoted */
    long long freq;
};

/* The list is in order, the hottest first. True when the key came into it. */
static bool keep(struct hot hot[HOT_MAX], const struct hark_reply *key, long long freq)
{
    struct hot *last = &hot[HOT_MAX - 1];
    if (freq == 0 || (last->key.len && freq <= last->freq)) return false;
    struct text place = last->key;
    size_t at = HOT_MAX - 1;
    for (; at > 0 && (hot[at - 1].key.len == 0 || hot[at - 1].freq < freq); at--)
        hot[at] = hot[at - 1];
    place.len = 0;
    text_add_quoted(&place, key->text, key->len);
    hot[at] = (struct hot){place, freq};
    return true;
}

/* The frequencies of a batch of keys, in one round trip. */
static void look_at(struct session *s, const struct hark_reply *keys, struct hot hot[HOT_MAX],
                    double percent)
{
    for (size_t i = 0; i < keys->count; i++)
        if (hark_queue(s->link, 3, (const char *[]){"OBJECT", "FREQ", keys->at[i].text},
                       (size_t[]){6, 4, keys->at[i].len}) < 0)
            session_die(s);
    for (size_t i = 0; i < keys->count; i++) {
        struct hark_reply *r;
        if (hark_read(s->link, &r) < 0) session_die(s);
        if (r->type == HARK_T_ERROR) {
            fflush(stdout);
            fprintf(stderr, "OBJECT FREQ: %s\n", r->text);
            exit(1);
        }
        if (r->type == HARK_T_INTEGER && keep(hot, &keys->at[i], r->integer)) {
            struct text quoted = {0};
            text_add_quoted(&quoted, keys->at[i].text, keys->at[i].len);
            printf("[%05.2f%%] Hot key %s found so far with counter %lld\n", percent, quoted.at,
                   (long long)r->integer);
            text_fini(&quoted);
        }
        hark_reply_free(r);
    }
}

int hotkeys_run(struct session *s)
{
    struct hot hot[HOT_MAX] = {{{0}, 0}};
    char cursor[24] = "0";
    unsigned long long total, seen = 0, loops = 0;
    struct hark_reply *r = session_ask(s, 1, (const char *[]){"DBSIZE"}, NULL);
    total = (unsigned long long)r->integer;
    hark_reply_free(r);
    printf("\n# Scanning the entire keyspace to find hot keys as well as\n"
           "# average sizes per key type.  You can use -i 0.1 to sleep 0.1 sec\n"
           "# per 100 SCAN commands (not usually needed).\n\n");
    do {
        r = session_ask(s, 2, (const char *[]){"SCAN", cursor}, NULL);
        if (r->count != 2 || !r->at[0].text || r->at[0].len >= sizeof cursor) {
            fputs("SCAN: the reply is not as it should be\n", stderr);
            exit(1);
        }
        strcpy(cursor, r->at[0].text);
        double percent = total ? 100.0 * (double)seen / (double)total : 0;
        look_at(s, &r->at[1], hot, percent < 100 ? percent : 100);
        seen += r->at[1].count;
        hark_reply_free(r);
        if (++loops % LOOPS_PER_NAP == 0) sleep_ms(s->options->interval_s * 1e3);
    } while (strcmp(cursor, "0") != 0);

    printf("\n-------- summary -------\n\nSampled %llu keys in the keyspace!\n", seen);
    for (int i = 0; i < HOT_MAX && hot[i].key.len; i++) {
        printf("hot key found with counter: %lld\tkeyname: %s\n", hot[i].freq, hot[i].key.at);
        text_fini(&hot[i].key);
    }
    return 0;
}
