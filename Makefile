# Hark. `make run` starts a server, `make test` runs every test; README.md has the rest.
#
# One build tree per flavour, so that they never mix:
#   build/        optimised (make, make install)      build-debug/  -O0 -g, DCHECKs (make debug)
#   build-asan/   ASan + UBSan (make check)            build-tsan/   TSan

VERSION := 0.1.0

MODE ?= release
CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif

BUILD_release := build
BUILD_debug := build-debug
BUILD_asan := build-asan
BUILD_tsan := build-tsan
BUILD ?= $(BUILD_$(MODE))

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
CFLAGS_release := -O2 -flto=auto -fno-plt
CFLAGS_debug := -O0 -DHARK_DEBUG
CFLAGS_asan := -O1 -DHARK_DEBUG -DHARK_SYSTEM_MALLOC -fsanitize=address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_tsan := -O1 -DHARK_DEBUG -DHARK_SYSTEM_MALLOC -fsanitize=thread
ifneq (,$(findstring clang,$(CC)))
CFLAGS_release := -O2 -flto=thin -fno-plt -fuse-ld=lld
endif
ALL_CFLAGS := -std=c17 -D_GNU_SOURCE -DHARK_VERSION='"$(VERSION)"' -g -fno-strict-aliasing \
	$(WARN) $(CFLAGS_$(MODE)) -I$(BUILD)/generated $(CFLAGS)
ALL_LDFLAGS := $(filter -O% -flto% -fsanitize% -fuse-ld%,$(ALL_CFLAGS)) $(LDFLAGS)

ifeq ($(filter $(MODE),asan tsan),)
MALLOC_LIBS := -lmimalloc
endif

include tools/build.mk
