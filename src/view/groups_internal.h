/* Shared by the groups*.c files alone: the code of changes, and what makes them. */
#ifndef HARK_VIEW_GROUPS_INTERNAL_H
#define HARK_VIEW_GROUPS_INTERNAL_H

#include "groups.h"

/* What a change does, in the low bits of its first number; above them the number of the group.
 * The values are in journals: docs/format/views.md. */
enum group_change {
    CHANGE_CREATE = 1,
    CHANGE_DESTROY = 2,
    CHANGE_POSITION = 3,
    CHANGE_CONSUMER_ADD = 4,
    CHANGE_CONSUMER_DELETE = 5,
    CHANGE_DELIVER = 6,
    CHANGE_PASS = 7, /* delivered and forgotten */
    CHANGE_ACK = 8,
    CHANGE_REDELIVER = 9,
    CHANGE_CLAIM = 10,
    CHANGE_SCANNED = 11,
};
enum { CHANGE_BITS = 4, CHANGE_MASK = 15 };

struct group_list {
    struct group **groups; /* by name */
    size_t count, cap;
};

/* A group as it was when saving began. */
struct frozen_group {
    struct slice view, name; /* its own */
    struct group_position position;
    struct crew crew;
};

/* Saving, while it is on: a group that changes before it was saved is copied first, which takes a
 * thousandth of a second for a million that are pending; what changes is not saved. */
struct groups_saving {
    uint64_t round; /* 0: none is on; groups with this number need not be saved any more */
    uint64_t last_round;
    uint32_t numbers, at, next; /* how many there are; the one to look at; behind the last saved */
    size_t count;
    bool begun, within; /* the head is saved; of group `at` a part */
    struct progress_within progress;
    struct frozen_group **frozen; /* by number */
};

struct groups {
    struct groups_saving saving;
    struct engine *engine;
    struct map views;         /* name → struct group_list, never empty */
    struct group **by_number; /* with holes */
    uint32_t numbers_count, numbers_cap;
    size_t count;
    uint64_t waited_seq; /* the last record that made or ended a group */
    uint64_t placed;     /* how often somebody has said where one stands */
    void (*ends)(void *ctx, struct group *g);
    void *ends_ctx;
    struct buffer code; /* of the change in the making */
};

/* groups_save.c: the group is about to change, or to go. */
void groups_freeze(struct groups *gs, struct group *g);

/* groups.c: changes without a word to anyone. */
struct group *groups_insert(struct groups *gs, uint32_t number, struct slice view,
                            struct slice name, struct group_position position);
void groups_erase(struct groups *gs, struct group *g);
void groups_clear(struct groups *gs);
/* The lowest number that is free. */
uint32_t groups_free_number(const struct groups *gs);

#endif
