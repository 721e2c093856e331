/* What hark-cli knows of the commands: made at build time from the server's own table, so that
 * help, completion and hints work without a server. */
#include "cli.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

const struct help help_table[] = {
#define HELP(name, arguments, summary, since, group) {name, arguments, summary, since, group},
#define HELP_GROUP(name)
#include "cli_help.inc"
#undef HELP
#undef HELP_GROUP
};
const int help_count = sizeof help_table / sizeof *help_table;

const char *const help_groups[] = {
#define HELP(name, arguments, summary, since, group)
#define HELP_GROUP(name) "@" name,
#include "cli_help.inc"
#undef HELP
#undef HELP_GROUP
};
const int help_group_count = sizeof help_groups / sizeof *help_groups;

/* ---- help ---- */

static void print_general(void)
{
    printf("hark-cli %s\n"
           "To get help about commands type:\n"
           "      \"help @<group>\" to get a list of commands in <group>\n"
           "      \"help <command>\" for help on <command>\n"
           "      \"help <tab>\" to get a list of possible help topics\n"
           "      \"quit\" to exit\n"
           "\n"
           "To set preferences:\n"
           "      \":set hints\" enable hints while typing\n"
           "      \":set nohints\" disable them\n"
           "Lasting preferences go into ~/.harkclirc\n",
           hark_version());
}

static void print_entry(const struct help *h, bool with_group, bool colour)
{
    const char *bold = colour ? "\x1b[1m" : "", *grey = colour ? "\x1b[90m" : "";
    const char *yellow = colour ? "\x1b[33m" : "", *plain = colour ? "\x1b[0m" : "";
    printf("\n  %s%s%s %s%s%s\n", bold, h->name, plain, grey, h->arguments, plain);
    printf("  %ssummary:%s %s\n", yellow, plain, h->summary);
    printf("  %ssince:%s %s\n", yellow, plain, h->since);
    if (with_group) printf("  %sgroup:%s %s\n", yellow, plain, h->group);
}

/* Does a name begin with these whole words? */
static bool name_starts_with(const char *name, int argc, const char *const argv[])
{
    for (int i = 0; i < argc; i++) {
        size_t len = strcspn(name, " ");
        if (len == 0 || strlen(argv[i]) != len || strncasecmp(argv[i], name, len) != 0)
            return false;
        name += len + (name[len] == ' ');
    }
    return true;
}

void help_print(int argc, const char *const argv[], bool colour)
{
    if (argc == 0) {
        print_general();
        return;
    }
    const char *group = argv[0][0] == '@' ? argv[0] + 1 : NULL;
    for (int i = 0; i < help_count; i++) {
        const struct help *h = &help_table[i];
        bool found =
            group ? strcasecmp(group, h->group) == 0 : name_starts_with(h->name, argc, argv);
        if (found) print_entry(h, !group, colour);
    }
    printf("\n");
}

/* ---- words of a line that is being typed ---- */

/* The length of the first words of `line` when they are all of `name` and whole, otherwise 0. */
static size_t match_name(const char *line, const char *name)
{
    const char *start = line;
    for (;;) {
        while (*line == ' ') line++;
        size_t len = strcspn(name, " ");
        if (strncasecmp(line, name, len) != 0 || (line[len] && line[len] != ' ')) return 0;
        line += len;
        name += len;
        if (!*name) return (size_t)(line - start);
        name++;
    }
}

static const struct help *longest_match(const char *line, size_t *matched)
{
    const struct help *best = NULL;
    *matched = 0;
    for (int i = 0; i < help_count; i++) {
        size_t len = match_name(line, help_table[i].name);
        if (len <= *matched) continue;
        *matched = len;
        best = &help_table[i];
    }
    return best;
}

void help_hint(struct text *out, const char *line)
{
    size_t matched;
    const struct help *h = longest_match(line, &matched);
    struct words typed = {0};
    if (!h || !words_split(&typed, line + matched)) return;
    /* What was typed fills the first arguments, as far as these must be given. */
    const char *rest = h->arguments;
    for (int i = 0; i < typed.count && *rest && *rest != '['; i++) {
        rest += strcspn(rest, " ");
        rest += *rest == ' ';
    }
    words_fini(&typed);
    if (!*rest) return;
    if (line[strlen(line) - 1] != ' ') text_add(out, " ", 1);
    text_add(out, rest, strlen(rest));
}

/* ---- completion ---- */

/* Follows the words of `line` along `name`; NULL when they differ. Otherwise the word of the name
 * that the line's last, unfinished word may become. */
static const char *next_word(const char *line, const char *name, size_t *begun)
{
    for (;;) {
        while (*line == ' ') line++;
        size_t len = strcspn(line, " "), wanted = strcspn(name, " ");
        bool last = line[len] == '\0';
        if (!*name || len > wanted || strncasecmp(line, name, len) != 0) return NULL;
        if (!last && len != wanted) return NULL;
        if (last) {
            *begun = len;
            return name;
        }
        line += len;
        name += wanted + (name[wanted] == ' ');
    }
}

size_t help_complete(const char *line, void (*each)(void *context, const char *word, size_t len),
                     void *context)
{
    size_t begun = 0, previous_len = 0;
    const char *previous = NULL;
    bool topics = strncasecmp(line, "help ", 5) == 0 || strncmp(line, "? ", 2) == 0;
    if (topics) line += strcspn(line, " ");
    for (int i = 0; i < help_count; i++) {
        size_t here;
        const char *word = next_word(line, help_table[i].name, &here);
        if (!word) continue;
        size_t len = strcspn(word, " ");
        /* Names are sorted, so the same word comes again right behind itself. */
        bool again = previous && len == previous_len && strncmp(word, previous, len) == 0;
        previous = word, previous_len = len, begun = here;
        if (!again) each(context, word, len);
    }
    for (int i = 0; topics && i < help_group_count; i++) {
        const char *word = next_word(line, help_groups[i], &begun);
        if (word) each(context, word, strlen(word));
    }
    return begun;
}
