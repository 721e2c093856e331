/* Which words of a request are keys. For most commands the key specs say it; for the few where the
 * other arguments decide, the functions at the end do. */
#include "table.h"

#include "../base/err.h"
#include "../base/text.h"

struct keys {
    struct command_key *at;
    int count, max;
};

static void add_key(struct keys *keys, int pos, uint32_t flags)
{
    if (keys->count < keys->max) keys->at[keys->count] = (struct command_key){pos, flags};
    keys->count++;
}

/* Where the keys of a spec begin; 0 when its keyword is not there. The last word is no keyword, as
 * no key could follow. */
static int find_begin(const struct command_key_spec *spec, const struct slice *argv, int argc)
{
    if (spec->begin == BEGIN_INDEX) return spec->pos;
    for (int i = spec->pos; i < argc - 1; i++)
        if (slice_equal_nocase(argv[i], spec->keyword)) return i + 1;
    return 0;
}

/* Adds the keys of one spec; 0 or ERR_SYNTAX. A count among the words must be at least `least`. */
static int add_spec(struct keys *keys, const struct command_key_spec *spec, int least,
                    const struct slice *argv, int argc)
{
    int first = find_begin(spec, argv, argc);
    if (first == 0) return 0;
    int step, last;
    if (spec->find == FIND_KEYNUM) {
        int counted_at = first + spec->keynum.index;
        int64_t count;
        if (counted_at >= argc || !text_to_int(argv[counted_at], &count)) return ERR_SYNTAX;
        if (count < least || count > argc) return ERR_SYNTAX;
        step = spec->keynum.step;
        first += spec->keynum.first;
        last = first + ((int)count - 1) * step;
    } else {
        step = spec->range.step;
        if (spec->range.last >= 0)
            last = first + spec->range.last;
        else if (spec->range.limit == 0)
            last = argc + spec->range.last;
        else
            last = first + (argc - first) / spec->range.limit + spec->range.last;
    }
    if (last >= argc) return ERR_SYNTAX;
    for (int i = first; i <= last; i += step) add_key(keys, i, spec->flags);
    return 0;
}

/* SET reads the key only with GET. */
static void add_set(struct keys *keys, const struct slice *argv, int argc)
{
    uint32_t flags = KEY_OW | KEY_UPDATE;
    for (int i = 3; i < argc; i++)
        if (slice_is(argv[i], "get")) flags = KEY_RW | KEY_ACCESS | KEY_UPDATE;
    add_key(keys, 1, flags);
}

/* BITFIELD writes unless all its operations are GETs; what is no operation might be a write. */
static void add_bitfield(struct keys *keys, const struct slice *argv, int argc)
{
    int i = 2;
    while (i < argc) {
        if (slice_is(argv[i], "get") && i + 2 < argc)
            i += 3;
        else if (slice_is(argv[i], "overflow") && i + 1 < argc)
            i += 2;
        else
            break;
    }
    add_key(keys, 1, i >= argc ? KEY_RO | KEY_ACCESS : KEY_RW | KEY_ACCESS | KEY_UPDATE);
}

/* SORT reads its first key and writes the one behind the last STORE. What BY and GET point to has
 * names that depend on the data. */
static void add_sort(struct keys *keys, const struct slice *argv, int argc)
{
    int store = 0;
    for (int i = 2; i < argc; i++) {
        if (slice_is(argv[i], "limit"))
            i += 2;
        else if (slice_is(argv[i], "get") || slice_is(argv[i], "by"))
            i += 1;
        else if (slice_is(argv[i], "store") && i + 1 < argc)
            store = ++i;
    }
    add_key(keys, 1, KEY_RO | KEY_ACCESS);
    if (store) add_key(keys, store, KEY_OW | KEY_UPDATE);
}

/* MIGRATE has its one key in the third word, or that is empty and the keys follow KEYS. */
static void add_migrate(struct keys *keys, const struct slice *argv, int argc)
{
    int first = 3, last = 3;
    for (int i = 6; i < argc - 1; i++) {
        if (slice_is(argv[i], "auth")) {
            i += 1;
        } else if (slice_is(argv[i], "auth2")) {
            i += 2;
        } else if (slice_is(argv[i], "keys")) {
            first = i + 1;
            last = argv[3].len ? i : argc - 1; /* both ways at once: no keys at all */
            break;
        }
    }
    for (int i = first; i <= last; i++) add_key(keys, i, KEY_RW | KEY_ACCESS | KEY_DELETE);
}

bool command_has_keys(const struct command_spec *spec)
{
    for (int i = 0; i < spec->key_specs_count; i++)
        if (!(spec->key_specs[i].flags & KEY_NOT_KEY)) return true;
    return false;
}

int command_keys(const struct command_spec *spec, const struct slice *argv, int argc,
                 struct command_key *out, int max)
{
    struct keys keys = {.at = out, .max = max};
    switch ((enum command_special_keys)spec->special_keys) {
    case SPECIAL_KEYS_SET: add_set(&keys, argv, argc); return keys.count;
    case SPECIAL_KEYS_BITFIELD: add_bitfield(&keys, argv, argc); return keys.count;
    case SPECIAL_KEYS_SORT: add_sort(&keys, argv, argc); return keys.count;
    case SPECIAL_KEYS_SORT_RO: add_key(&keys, 1, KEY_RO | KEY_ACCESS); return keys.count;
    case SPECIAL_KEYS_MIGRATE: add_migrate(&keys, argv, argc); return keys.count;
    case SPECIAL_KEYS_NONE: break;
    }
    int least = !(spec->flags & FLAG_NO_MANDATORY_KEYS);
    for (int i = 0; i < spec->key_specs_count; i++) {
        const struct command_key_spec *ks = &spec->key_specs[i];
        if (ks->flags & KEY_NOT_KEY) continue;
        int err = add_spec(&keys, ks, least, argv, argc);
        if (err) return err;
    }
    return keys.count;
}
