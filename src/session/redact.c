/* Secrets among the words of a request, which neither MONITOR nor the slow log may show. */
#include "internal.h"

/* In HELLO, behind each AUTH come a user and a password. */
static bool hello_has_secret(const struct slice *argv, int argc, int i)
{
    for (int at = 2; at < argc;) {
        if (slice_is(argv[at], "auth")) {
            if (i == at + 1 || i == at + 2) return true;
            at += 3;
        } else if (slice_is(argv[at], "setname")) {
            at += 2;
        } else {
            at++;
        }
    }
    return false;
}

static bool setting_is_secret(const struct sessions *all, struct slice name)
{
    /* Settings of Redis that are none here: a client may still send their values. */
    static const char *const others[] = {"masterauth", "masteruser", "tls-key-file-pass",
                                         "tls-client-key-file-pass"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (slice_is(name, others[i])) return true;
    return all->hooks.setting_is_secret(name);
}

struct slice redacted_word(const struct sessions *all, const struct command *command,
                           const struct slice *argv, int argc, int i)
{
    struct slice name = command->spec->name;
    bool secret = false;
    if (slice_is(name, "auth"))
        secret = i > 0;
    else if (slice_is(name, "hello"))
        secret = hello_has_secret(argv, argc, i);
    else if (slice_is(name, "config|set"))
        secret = i >= 3 && i % 2 == 1 && setting_is_secret(all, argv[i - 1]);
    return secret ? SLICE("(redacted)") : argv[i];
}
