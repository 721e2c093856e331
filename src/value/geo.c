#include "geo.h"

#include <math.h>
#include <stdint.h>

enum { STEPS_MAX = 26 }; /* bits of each coordinate in a score */

#define LONGITUDE_MAX  180.0
#define EARTH_RADIUS   6372797.560856 /* in meters, the quadratic mean */
#define MERCATOR_MAX   20037726.37    /* half the width of the map, in meters */
#define RADIANS_DEGREE (M_PI / 180.0)

static double radians(double degrees)
{
    return degrees * RADIANS_DEGREE;
}

static double degrees(double in_radians)
{
    return in_radians / RADIANS_DEGREE;
}

bool geo_is_valid(struct geo_point p)
{
    return p.longitude >= -LONGITUDE_MAX && p.longitude <= LONGITUDE_MAX &&
           p.latitude >= -GEO_LATITUDE_MAX && p.latitude <= GEO_LATITUDE_MAX;
}

/* ---- cells: boxes of 2 * steps bits ---- */

struct cell {
    uint32_t x, y; /* from the west, from the south */
    int steps;
};

/* The bits of a number, with gaps for those of another. */
static uint64_t spread(uint32_t bits)
{
    uint64_t x = bits;
    x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
    x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
    x = (x | x << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    x = (x | x << 2) & UINT64_C(0x3333333333333333);
    return (x | x << 1) & UINT64_C(0x5555555555555555);
}

static uint32_t gather(uint64_t x)
{
    x &= UINT64_C(0x5555555555555555);
    x = (x | x >> 1) & UINT64_C(0x3333333333333333);
    x = (x | x >> 2) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    x = (x | x >> 4) & UINT64_C(0x00ff00ff00ff00ff);
    x = (x | x >> 8) & UINT64_C(0x0000ffff0000ffff);
    return (uint32_t)(x | x >> 16);
}

static uint64_t cell_bits(struct cell c)
{
    return spread(c.y) | spread(c.x) << 1;
}

/* The part of the way from -max to max, in steps. */
static uint32_t steps_to(double at, double max, int steps)
{
    double offset = (at - -max) / (max - -max);
    return (uint32_t)(offset * (double)(UINT64_C(1) << steps));
}

static struct cell cell_of(struct geo_point p, double latitude_max, int steps)
{
    return (struct cell){.x = steps_to(p.longitude, LONGITUDE_MAX, steps),
                         .y = steps_to(p.latitude, latitude_max, steps),
                         .steps = steps};
}

static double edge(uint32_t at, double max, int steps)
{
    return -max + at * 1.0 / (double)(UINT64_C(1) << steps) * (max - -max);
}

struct box {
    double west, east, south, north;
};

static struct box box_of(struct cell c)
{
    return (struct box){.west = edge(c.x, LONGITUDE_MAX, c.steps),
                        .east = edge(c.x + 1, LONGITUDE_MAX, c.steps),
                        .south = edge(c.y, GEO_LATITUDE_MAX, c.steps),
                        .north = edge(c.y + 1, GEO_LATITUDE_MAX, c.steps)};
}

/* Around the world where it ends. */
static uint32_t moved(uint32_t at, int by, int steps)
{
    return by ? (at + (uint32_t)by) & (uint32_t)((UINT64_C(1) << steps) - 1) : at;
}

/* The cell so far to the east and north. */
static struct cell neighbour(struct cell c, int x, int y)
{
    return (struct cell){moved(c.x, x, c.steps), moved(c.y, y, c.steps), c.steps};
}

/* ---- scores and texts ---- */

double geo_score(struct geo_point p)
{
    return (double)cell_bits(cell_of(p, GEO_LATITUDE_MAX, STEPS_MAX));
}

/* As the processor that Redis mostly runs on makes one of it, where C leaves it open. */
static uint64_t bits_of_score(double score)
{
    const double half = 9223372036854775808.0; /* 2^63 */
    if (score >= 0 && score < 2 * half) return (uint64_t)score;
    if (score < 0) return score >= -half ? (uint64_t)(int64_t)score : UINT64_C(1) << 63;
    return 0;
}

static double between(double a, double b, double max)
{
    double middle = (a + b) / 2;
    if (middle > max) return max;
    return middle < -max ? -max : middle;
}

struct geo_point geo_of_score(double score)
{
    uint64_t bits = bits_of_score(score);
    struct box b =
        box_of((struct cell){.x = gather(bits >> 1), .y = gather(bits), .steps = STEPS_MAX});
    return (struct geo_point){.longitude = between(b.west, b.east, LONGITUDE_MAX),
                              .latitude = between(b.south, b.north, GEO_LATITUDE_MAX)};
}

/* The common text counts latitudes from pole to pole. Its last character would need three bits more
 * than there are. */
void geo_text(char to[GEO_TEXT_LEN], struct geo_point p)
{
    static const char letters[] = "0123456789bcdefghjkmnpqrstuvwxyz";
    uint64_t bits = cell_bits(cell_of(p, 90, STEPS_MAX));
    for (int i = 0; i < GEO_TEXT_LEN - 1; i++) to[i] = letters[bits >> (47 - 5 * i) & 31];
    to[GEO_TEXT_LEN - 1] = letters[0];
}

/* ---- distances ---- */

double geo_distance(struct geo_point a, struct geo_point b)
{
    double a_latitude = radians(a.latitude), b_latitude = radians(b.latitude);
    double u = sin((b_latitude - a_latitude) / 2);
    double v = sin((radians(b.longitude) - radians(a.longitude)) / 2);
    return 2.0 * EARTH_RADIUS * asin(sqrt(u * u + cos(a_latitude) * cos(b_latitude) * v * v));
}

bool geo_within(const struct geo_shape *shape, struct geo_point p, double *distance)
{
    struct geo_point center = shape->center;
    if (shape->is_box) {
        double width = shape->width * shape->unit, height = shape->height * shape->unit;
        struct geo_point across = {center.longitude, p.latitude};
        struct geo_point along = {p.longitude, center.latitude};
        if (geo_distance(p, across) > width / 2 || geo_distance(p, along) > height / 2)
            return false;
    }
    *distance = geo_distance(center, p);
    return shape->is_box || *distance <= shape->radius * shape->unit;
}

/* ---- areas ---- */

/* The box around the shape. Meridians draw together towards the poles: its width is that of the
 * edge nearer to a pole. */
static struct box bounds(const struct geo_shape *s)
{
    double height = s->unit * (s->is_box ? s->height / 2 : s->radius);
    double width = s->unit * (s->is_box ? s->width / 2 : s->radius);
    struct geo_point at = s->center;
    double up = degrees(height / EARTH_RADIUS);
    double pole = at.latitude < 0 ? at.latitude - up : at.latitude + up;
    double aside = degrees(width / EARTH_RADIUS / cos(radians(pole)));
    return (struct box){.west = at.longitude - aside,
                        .east = at.longitude + aside,
                        .south = at.latitude - up,
                        .north = at.latitude + up};
}

/* So many steps that nine cells should cover the shape. */
static int estimate_steps(const struct geo_shape *s)
{
    double corner = sqrt((s->width / 2) * (s->width / 2) + (s->height / 2) * (s->height / 2));
    double reach = (s->is_box ? corner : s->radius) * s->unit, pole = fabs(s->center.latitude);
    if (reach == 0) return STEPS_MAX;
    int steps = -1;
    for (; reach < MERCATOR_MAX; reach *= 2) steps++;
    if (pole > 66) steps--;
    if (pole > 80) steps--;
    if (steps < 1) return 1;
    return steps > STEPS_MAX ? STEPS_MAX : steps;
}

/* Do the cells around this one reach beyond the bounds? */
static bool is_covered(struct cell c, struct box b)
{
    return !(box_of(neighbour(c, 0, 1)).north < b.north ||
             box_of(neighbour(c, 0, -1)).south > b.south ||
             box_of(neighbour(c, 1, 0)).east < b.east || box_of(neighbour(c, -1, 0)).west > b.west);
}

/* Can nothing that is searched for lie in that direction, as the cell itself reaches beyond? Of the
 * largest cells none is left out. */
static bool is_useless(struct box cell, struct box b, int x, int y)
{
    return (y < 0 && cell.south < b.south) || (y > 0 && cell.north > b.north) ||
           (x < 0 && cell.west < b.west) || (x > 0 && cell.east > b.east);
}

int geo_cover(const struct geo_shape *shape, struct geo_range ranges[GEO_RANGES_MAX])
{
    static const int directions[GEO_RANGES_MAX][2] = {{0, 0}, {0, 1},  {0, -1}, {1, 0},  {-1, 0},
                                                      {1, 1}, {-1, 1}, {1, -1}, {-1, -1}};
    struct box b = bounds(shape);
    int steps = estimate_steps(shape), count = 0;
    struct cell center = cell_of(shape->center, GEO_LATITUDE_MAX, steps);
    if (steps > 1 && !is_covered(center, b))
        center = cell_of(shape->center, GEO_LATITUDE_MAX, --steps);
    struct box cell = box_of(center);
    for (int i = 0; i < GEO_RANGES_MAX; i++) {
        int x = directions[i][0], y = directions[i][1], shift = 2 * (STEPS_MAX - steps);
        if (steps >= 2 && is_useless(cell, b, x, y)) continue;
        uint64_t bits = cell_bits(neighbour(center, x, y));
        struct geo_range r = {(double)(bits << shift), (double)((bits + 1) << shift)};
        /* Around a small world the same comes twice. */
        if (count > 1 && ranges[count - 1].from == r.from) continue;
        ranges[count++] = r;
    }
    return count;
}
