/* The geo commands stand in two files: places and distances (geo.c), and searches (geo_search.c).
 * All of them are about sorted sets whose scores are places (src/value/geo.h). */
#ifndef HARK_COMMAND_GEO_H
#define HARK_COMMAND_GEO_H

#include "../value/geo.h"
#include "call.h"

/* Reads a number from argument i; false after writing the error, `why` or that of all numbers. */
bool geo_read_number(struct call *c, int i, const char *why, double *out);
/* Reads longitude and latitude from argument i on; false after writing the error. */
bool geo_read_point(struct call *c, int i, struct geo_point *out);
/* Reads a unit, in meters; false after writing the error. */
bool geo_read_unit(struct call *c, int i, double *out);
/* The place of a member; false where there is none. */
bool geo_find(const struct value *zset, struct slice member, struct geo_point *out);
/* Longitude and latitude, in an array. */
void geo_reply_point(struct call *c, struct geo_point p);
/* Meters, in another unit, with four digits behind the point. */
void geo_reply_distance(struct call *c, double meters, double unit);

void geo_bind_searches(struct command_table *t);

#endif
