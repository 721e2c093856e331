/* Places on earth as scores of a sorted set, and areas as ranges of scores.
 *
 * Longitude and latitude are cut into 2^26 steps each; the bits of the two numbers, one of the
 * latitude and one of the longitude in turn from the lowest on, make a score of 52 bits. So places
 * that share the upper bits of their score lie in one box, the smaller the more bits they share:
 *
 *      2 bits     01 | 11        4 bits    the same again in each box,  …  52 bits
 *                 ---+---                  and so on
 *                 00 | 10
 *
 * A search looks at the box of a suitable size in which its center lies, and at the eight around
 * it: nine ranges of scores, of which every place is measured then.
 *
 * All sums are made in the order in which Redis makes them: the same places are found, in the same
 * order, at the same distance to the last digit. */
#ifndef HARK_VALUE_GEO_H
#define HARK_VALUE_GEO_H

#include <stdbool.h>

struct geo_point {
    double longitude, latitude; /* in degrees */
};

/* How far north and south there are places: where a map in Mercator's projection is a square. */
#define GEO_LATITUDE_MAX 85.05112878

enum { GEO_TEXT_LEN = 11, GEO_RANGES_MAX = 9 };

/* Is there such a place? */
bool geo_is_valid(struct geo_point p);
/* The place must be valid. */
double geo_score(struct geo_point p);
/* The middle of the smallest box. Bears any score. */
struct geo_point geo_of_score(double score);
/* The place as other systems write it (geohash.org): GEO_TEXT_LEN characters, no NUL. */
void geo_text(char to[GEO_TEXT_LEN], struct geo_point p);
/* In meters, on a sphere. */
double geo_distance(struct geo_point a, struct geo_point b);

struct geo_shape {
    struct geo_point center;
    bool is_box;
    double radius, width, height; /* in units; radius or the other two */
    double unit;                  /* in meters */
};

/* Scores from `from` on, below `to`. */
struct geo_range {
    double from, to;
};

/* The ranges in which all places of the shape lie, in the order in which they are searched. How
 * many. */
int geo_cover(const struct geo_shape *shape, struct geo_range ranges[GEO_RANGES_MAX]);
/* Does it lie in the shape, and how far from the center is it, in meters? */
bool geo_within(const struct geo_shape *shape, struct geo_point p, double *distance);

#endif
