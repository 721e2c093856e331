#include "spec.h"

#include "../base/assert.h"

#define T(text)                   \
    {                             \
        "" text, sizeof(text) - 1 \
    }

#include "commands.inc" /* specs[] and SPECS_COUNT, from commands.json */

#define X(id, text) T(text),
static const struct slice flag_names[] = {COMMAND_FLAGS(X)};
static const struct slice category_names[] = {COMMAND_CATEGORIES(X)};
static const struct slice key_flag_names[] = {COMMAND_KEY_FLAGS(X)};
static const struct slice arg_flag_names[] = {COMMAND_ARG_FLAGS(X)};
static const struct slice group_names[] = {COMMAND_GROUPS(X)};
static const struct slice arg_type_names[] = {COMMAND_ARG_TYPES(X)};
#undef X

size_t command_specs_count(void)
{
    return SPECS_COUNT;
}

const struct command_spec *command_spec_at(size_t id)
{
    CHECK(id < SPECS_COUNT);
    return &specs[id];
}

const struct command_spec *command_spec_named(struct slice name)
{
    for (size_t i = 0; i < SPECS_COUNT; i++)
        if (slice_equal_nocase(specs[i].name, name)) return &specs[i];
    return NULL;
}

struct slice command_flag_name(unsigned bit)
{
    CHECK(bit < FLAG_COUNT);
    return flag_names[bit];
}

struct slice command_category_name(unsigned bit)
{
    CHECK(bit < CATEGORY_COUNT);
    return category_names[bit];
}

struct slice command_key_flag_name(unsigned bit)
{
    CHECK(bit < KEY_FLAG_COUNT);
    return key_flag_names[bit];
}

struct slice command_arg_flag_name(unsigned bit)
{
    CHECK(bit < ARG_FLAG_COUNT);
    return arg_flag_names[bit];
}

struct slice command_group_name(enum command_group group)
{
    CHECK(group < GROUP_COUNT);
    return group_names[group];
}

struct slice command_arg_type_name(enum command_arg_type type)
{
    CHECK(type < ARG_TYPE_COUNT);
    return arg_type_names[type];
}

uint32_t command_category_named(struct slice name)
{
    for (unsigned bit = 0; bit < CATEGORY_COUNT; bit++)
        if (slice_equal_nocase(category_names[bit], name)) return (uint32_t)1 << bit;
    return 0;
}
