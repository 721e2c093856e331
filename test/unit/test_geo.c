#include "../../src/base/random.h"
#include "../../src/value/geo.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static uint64_t seed;

static double between(struct random *random, double low, double high)
{
    return low + (high - low) * (double)(random_u64(random) >> 11) / 9007199254740992.0;
}

static struct geo_point any_point(struct random *random, double longitude_max, double latitude_max)
{
    return (struct geo_point){between(random, -longitude_max, longitude_max),
                              between(random, -latitude_max, latitude_max)};
}

/* A place comes back from its score, give or take half a step, and from there always the same. */
static void test_scores(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, seed);
    for (int i = 0; i < 100000; i++) {
        struct geo_point p = any_point(&random, 180, GEO_LATITUDE_MAX);
        double score = geo_score(p);
        struct geo_point back = geo_of_score(score);
        assert_true(score >= 0 && score < 4503599627370496.0 && score == floor(score));
        assert_true(fabs(p.longitude - back.longitude) <= 180.0 / (1 << 26));
        assert_true(fabs(p.latitude - back.latitude) <= GEO_LATITUDE_MAX / (1 << 26));
        assert_true(geo_score(back) == score);
    }
}

/* Whatever the score, it is a place. */
static void test_odd_scores(void **state)
{
    (void)state;
    static const double odd[] = {-1,   -0.0, 0.5,   1e300, -1e300,    INFINITY,
                                 1e19, 2e19, -9e18, -1e19, -INFINITY, 4503599627370496.0};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        assert_true(geo_is_valid(geo_of_score(odd[i])));
}

static bool is_covered(const struct geo_range *ranges, int count, double score)
{
    int found = 0;
    for (int i = 0; i < count; i++) found += score >= ranges[i].from && score < ranges[i].to;
    assert_true(found <= 1);
    return found;
}

static struct geo_shape any_shape(struct random *random)
{
    struct geo_shape s = {.center = any_point(random, 170, 60), .unit = 1};
    double reach = pow(10, between(random, 0, 5.5));
    s.is_box = random_below(random, 2);
    s.radius = s.is_box ? 0 : reach;
    s.width = s.is_box ? reach * between(random, 0, 2) : 0;
    s.height = s.is_box ? reach * between(random, 0, 2) : 0;
    return s;
}

/* Away from the poles and the edge of the map, a search misses nothing. */
static void test_cover(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, seed);
    int within = 0;
    for (int i = 0; i < 3000; i++) {
        struct geo_shape s = any_shape(&random);
        struct geo_range ranges[GEO_RANGES_MAX];
        int count = geo_cover(&s, ranges);
        assert_in_range(count, 1, GEO_RANGES_MAX);
        double reach = (s.radius + s.width + s.height) / 111000;
        for (int j = 0; j < 30; j++) {
            struct geo_point p = {s.center.longitude + between(&random, -2 * reach, 2 * reach),
                                  s.center.latitude + between(&random, -reach, reach)};
            double distance, score;
            if (!geo_is_valid(p)) continue;
            score = geo_score(p);
            if (!geo_within(&s, geo_of_score(score), &distance)) continue;
            assert_true(is_covered(ranges, count, score));
            within++;
        }
    }
    assert_true(within > 10000);
}

static void test_distance(void **state)
{
    (void)state;
    struct geo_point a = {13.361389, 38.115556}, b = {15.087269, 37.502669};
    char text[GEO_TEXT_LEN];
    assert_true(fabs(geo_distance(a, b) - 166274.26) < 0.1);
    assert_true(geo_distance(a, a) == 0);
    geo_text(text, a);
    assert_memory_equal(text, "sqc8b49rny0", GEO_TEXT_LEN);
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores),
        cmocka_unit_test(test_odd_scores),
        cmocka_unit_test(test_cover),
        cmocka_unit_test(test_distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
