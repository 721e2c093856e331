#include "events.h"

#include "../base/err.h"

static const struct {
    struct slice name;
    enum event_class class;
} events[EVENT_COUNT] = {
#define X(code, id, text, class_) [EVENT_##id] = {{text, sizeof(text) - 1}, CLASS_##class_},
    EVENTS(X)
#undef X
};

/* The flags in the order in which they are printed. The classes of 'A' come first and collapse
 * into it when all are set; Redis prints the classes outside 'A' only when it does not collapse,
 * and so forgets `n`. We print every one. */
static const struct {
    char flag;
    bool in_all;
    uint32_t bit;
} flags_printed[] = {
#define X(name, flag, all) {flag, all, 1u << CLASS_##name},
    EVENT_CLASSES(X)
#undef X
        {'K', false, NOTIFY_KEYSPACE},
    {'E', false, NOTIFY_KEYEVENT},
    {'S', false, NOTIFY_SUBKEYSPACE},
    {'T', false, NOTIFY_SUBKEYEVENT},
    {'I', false, NOTIFY_SUBKEYSPACEITEM},
    {'V', false, NOTIFY_SUBKEYSPACEEVENT},
    {'C', false, NOTIFY_KEYCHANGE},
    {'m', false, 1u << CLASS_KEYMISS},
};

enum { FLAGS_COUNT = sizeof flags_printed / sizeof *flags_printed };

static uint32_t all_classes(void)
{
    uint32_t bits = 0;
    for (int i = 0; i < FLAGS_COUNT; i++)
        if (flags_printed[i].in_all) bits |= flags_printed[i].bit;
    return bits;
}

struct slice event_text(enum event_name event)
{
    return events[event].name;
}

enum event_class event_class(enum event_name event)
{
    return events[event].class;
}

static uint32_t bit_of_flag(char flag)
{
    for (int i = 0; i < FLAGS_COUNT; i++)
        if (flags_printed[i].flag == flag) return flags_printed[i].bit;
    return 0;
}

int notify_from_text(struct slice text, uint32_t *flags)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint32_t bit = text.at[i] == 'A' ? all_classes() : bit_of_flag(text.at[i]);
        if (!bit) return ERR_SYNTAX;
        bits |= bit;
    }
    *flags = bits;
    return 0;
}

size_t notify_to_text(char to[NOTIFY_TEXT_MAX], uint32_t flags)
{
    size_t n = 0;
    bool all = (flags & all_classes()) == all_classes();
    if (all) to[n++] = 'A';
    for (int i = 0; i < FLAGS_COUNT; i++)
        if ((flags & flags_printed[i].bit) && !(all && flags_printed[i].in_all))
            to[n++] = flags_printed[i].flag;
    return n;
}
