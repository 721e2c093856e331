/* Views as keys. The name of a view is never that of a stored key: to TYPE, EXISTS, TTL and OBJECT
 * ENCODING it is a stream, stream commands read it, and all others are refused before they run. */
#ifndef HARK_COMMAND_VIEW_KEYS_H
#define HARK_COMMAND_VIEW_KEYS_H

#include "../view/view.h"
#include "call.h"

/* Only such words are worth a closer look. */
static inline bool view_key_maybe(struct slice word)
{
    return word.len > 5 && memcmp(word.at, "__key", 5) == 0;
}

static inline bool view_key(struct slice key)
{
    return view_key_maybe(key) && view_name_kind(key) == VIEW_NAME_OF_VIEW;
}

/* Has the request a view among its keys that the command must not have? Writes the error. */
bool view_key_refuses_slowly(struct call *c);

static inline bool view_key_refuses(struct call *c)
{
    for (int i = 1; i < c->argc; i++)
        if (__builtin_expect(view_key_maybe(c->argv[i]), 0)) return view_key_refuses_slowly(c);
    return false;
}

#endif
