# Hark: a Redis-compatible server whose heart is keyspace notifications.
#
#   make                  builds build/hark-server, hark-cli, hark-check, hark-bench
#   make run PORT=7000    installs what is missing, builds, serves on 127.0.0.1, data in ./data
#   make test             every test; the last line says `N passed, N failed`
#   make check            the same under address and undefined-behaviour sanitizers
#   make test-long        the same with the tests that take minutes
#   make crash            kills the server under load, thousands of times (ROUNDS, SEED; tools/crash)
#   make fuzz TARGET=x    fuzzes test/fuzz/fuzz_x.c for SECONDS (60) with clang
#   make bench            measures beside redis-server (tools/bench)
#   make build/unit/bench_journal   what the journal costs by itself (test/unit/bench_journal.c)
#   make demo             a short tour of what Hark does (tools/demo)
#   make install          into PREFIX (/usr/local), below DESTDIR
#   make debug | format | clean
#
# One build tree per flavour, so that they never mix: build (release), build-debug (-O0, DCHECKs),
# build-asan, build-tsan, build-fuzz. `make MODE=debug all` fills a given one.

VERSION := 0.1.0
PORT ?= 6379
PREFIX ?= /usr/local
MODE ?= release

ifeq ($(origin CC),default)
CC := $(if $(filter fuzz,$(MODE)),clang,gcc)
endif
IS_CLANG := $(findstring clang,$(CC))
AR := $(if $(IS_CLANG),llvm-ar,gcc-ar)

BUILD ?= $(if $(filter release,$(MODE)),build,build-$(MODE))

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
SANITIZE := -DHARK_DEBUG -DHARK_SYSTEM_MALLOC -fno-omit-frame-pointer -fno-sanitize-recover=all
LTO := $(if $(IS_CLANG),-flto=thin,-flto=auto)

CFLAGS_release := -O2 -fno-plt $(LTO)
CFLAGS_debug := -O0 -DHARK_DEBUG
CFLAGS_asan := -O1 $(SANITIZE) -fsanitize=address,undefined
CFLAGS_tsan := -O1 $(SANITIZE) -fsanitize=thread
CFLAGS_fuzz := -O1 $(SANITIZE) -fsanitize=address,undefined,fuzzer-no-link

ALL_CFLAGS := -std=c17 -D_GNU_SOURCE -DHARK_VERSION='"$(VERSION)"' -g -fno-strict-aliasing \
	$(WARN) $(CFLAGS_$(MODE)) -I$(BUILD)/generated $(CFLAGS)
ALL_LDFLAGS := $(filter -O% -flto% -fsanitize% -fno-sanitize%,$(ALL_CFLAGS)) \
	$(if $(IS_CLANG),-fuse-ld=lld) $(LDFLAGS)
MALLOC_LIBS := $(if $(filter release debug,$(MODE)),-lmimalloc)

# libhark speaks TLS where OpenSSL's headers are (make TLS=no: nowhere).
TLS ?= $(if $(wildcard /usr/include/openssl/ssl.h /usr/local/include/openssl/ssl.h),yes,no)
TLS_LIBS := $(if $(filter yes,$(TLS)),-lssl -lcrypto)

.PHONY: default
default: all

include tools/build.mk

.PHONY: run test test-long check crash fuzz bench demo install debug format clean

run:
	@tools/setup run
	@echo 'Building ...'
	@$(MAKE) -s --no-print-directory -j$$(nproc) all
	@mkdir -p data
	@tools/how-to-try $(PORT)
	@exec $(BUILD)/hark-server --bind 127.0.0.1 --port $(PORT) --dir ./data

test:
	@tools/test $(MAKEOVERRIDES)
test-long:
	@tools/test --long $(MAKEOVERRIDES)
check:
	@tools/test --check $(MAKEOVERRIDES)

crash:
	@tools/setup test
	@$(MAKE) -s --no-print-directory -j$$(nproc) all faulty
	@HARK_BUILD=$(BUILD) HARK_SERVER=$(BUILD)/hark-server tools/crash \
		--rounds $(or $(ROUNDS),2000) $(if $(SEED),--seed $(SEED))

fuzz:
	@tools/setup dev
	@$(MAKE) --no-print-directory MODE=fuzz build-fuzz/fuzz/fuzz_$(TARGET)
	@mkdir -p build-fuzz/found
	build-fuzz/fuzz/fuzz_$(TARGET) -max_total_time=$(or $(SECONDS),60) \
		-artifact_prefix=build-fuzz/found/ build-fuzz/found test/fuzz/corpus/$(TARGET)

bench: all bench-clients
	@tools/bench
demo: all
	@tools/demo

debug:
	@$(MAKE) --no-print-directory MODE=debug all

# The pkg-config file is written here, for it names PREFIX.
LIB := $(DESTDIR)$(PREFIX)/lib
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(LIB)/pkgconfig $(DESTDIR)$(PREFIX)/include \
		$(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man3
	install $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	install -m 644 include/hark.h $(DESTDIR)$(PREFIX)/include
	install -m 644 $(BUILD)/libhark.a $(LIB)
	install -m 644 $(BUILD)/$(SONAME) $(LIB)/libhark.so.$(VERSION)
	ln -sf libhark.so.$(VERSION) $(LIB)/$(SONAME)
	ln -sf $(SONAME) $(LIB)/libhark.so
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' -e 's|@TLS_LIBS@|$(TLS_LIBS)|' \
		client/libhark.pc.in >$(LIB)/pkgconfig/libhark.pc
	install -m 644 docs/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 docs/man/*.3 $(DESTDIR)$(PREFIX)/share/man/man3
	@cd docs/man && for page in *.3; do \
		for name in $$(sed -n '/^.SH NAME/,/\\-/p' $$page | tr ', ' '\n\n' | grep '^hark_'); do \
			[ $$name.3 = $$page ] || ln -sf $$page $(DESTDIR)$(PREFIX)/share/man/man3/$$name.3; \
		done; \
	done

format:
	clang-format -i $(wildcard src/*/*.[ch] client/*.[ch] cli/*.[ch] check/*.[ch] bench/*.[ch] \
		include/*.h examples/*.[ch] test/*/*.[ch])

clean:
	rm -rf build build-*
