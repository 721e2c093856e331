# How files are made. Sources are found, not listed: a new file in a room is built, a new test is
# built and run.

GEN := $(BUILD)/generated
OBJ := $(BUILD)/obj

SERVER_SRC := $(wildcard src/*/*.c)
ROOM_SRC := $(filter-out src/server/main.c,$(SERVER_SRC))
CLIENT_SRC := $(wildcard client/*.c) src/resp/reply.c
CLI_SRC := $(wildcard cli/*.c)
CHECK_SRC := $(wildcard check/*.c)
BENCH_SRC := $(wildcard bench/*.c)
UNIT_SRC := $(wildcard test/unit/test_*.c)
FUZZ_SRC := $(wildcard test/fuzz/fuzz_*.c)
ALL_SRC := $(sort $(SERVER_SRC) $(CLIENT_SRC) $(CLI_SRC) $(CHECK_SRC) $(BENCH_SRC) $(UNIT_SRC) $(FUZZ_SRC) \
	test/fuzz/replay.c)

comma := ,
objects = $(patsubst %.c,$(OBJ)/%.o,$(1))

SERVER_LIBS := $(MALLOC_LIBS) -llz4 -llzf -lm -lpthread
TOOL_LIBS := $(MALLOC_LIBS) $(TLS_LIBS) -ledit -lm -lpthread

PROGRAMS := $(BUILD)/hark-server $(if $(CLI_SRC),$(BUILD)/hark-cli) \
	$(if $(BENCH_SRC),$(BUILD)/hark-bench) $(BUILD)/hark-check
SONAME := libhark.so.$(firstword $(subst ., ,$(VERSION)))
UNIT_TESTS := $(patsubst test/unit/%.c,$(BUILD)/unit/%,$(UNIT_SRC))
FUZZ_TESTS := $(patsubst test/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZ_SRC))

PROGRAM_OBJECTS = $(sort $(call objects,$(SERVER_SRC) $(CLI_SRC) $(CHECK_SRC) $(BENCH_SRC)) \
	$(LIB_OBJECTS))

.PHONY: all tests objects faulty
all: $(PROGRAMS) $(BUILD)/libhark.a $(BUILD)/$(SONAME) $(BUILD)/layers.ok
faulty: $(BUILD)/crash/faulty.so
tests: $(UNIT_TESTS) $(FUZZ_TESTS)
objects: $(PROGRAM_OBJECTS)

$(BUILD)/layers.ok: $(PROGRAM_OBJECTS) tools/layers
	tools/layers $(BUILD)
	@touch $@

# Generated tables: headers that sources include, so they come before every object.
COMMAND_DATA := $(wildcard src/command/commands.json)
GENERATED := $(GEN)/crc64.inc $(if $(COMMAND_DATA),$(GEN)/commands.inc $(GEN)/cli_help.inc)

$(GEN)/crc64.inc: tools/generate-crc64
	@mkdir -p $(@D)
	python3 tools/generate-crc64 $@

$(GEN)/commands.inc: $(COMMAND_DATA) tools/generate-commands
	@mkdir -p $(@D)
	python3 tools/generate-commands $(COMMAND_DATA) $@

$(GEN)/cli_help.inc: $(COMMAND_DATA) tools/generate-cli-help
	@mkdir -p $(@D)
	tools/generate-cli-help $(COMMAND_DATA) $@

$(OBJ)/%.o: %.c Makefile tools/build.mk | $(GENERATED)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# ar adds to an archive that is there, so an old one goes first.
define archive
@rm -f $@
$(AR) rcs $@ $^
endef

# libhark, static and shared, from the same objects: for any linker, so without link-time
# optimisation, and with nothing to be seen but what the header declares (HARK_API). The archive holds
# one object, whose other names are local: they cannot clash with a program's own.
LIB_CFLAGS = $(filter-out -flto% -DHARK_SYSTEM_MALLOC,$(ALL_CFLAGS)) -fPIC -fvisibility=hidden \
	$(if $(TLS_LIBS),-DHARK_WITH_TLS)
LIB_OBJECTS := $(patsubst %.c,$(OBJ)/lib/%.o,$(CLIENT_SRC))

$(OBJ)/lib/%.o: %.c Makefile tools/build.mk
	@mkdir -p $(@D)
	$(CC) $(LIB_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/libhark.a: $(LIB_OBJECTS)
	@rm -f $@
	ld -r $^ -o $(OBJ)/lib/libhark.o
	objcopy --localize-hidden $(OBJ)/lib/libhark.o
	ar rcs $@ $(OBJ)/lib/libhark.o

$(BUILD)/$(SONAME): $(LIB_OBJECTS) client/libhark.map
	$(CC) -shared $(filter-out -flto% -fuse-ld%,$(ALL_LDFLAGS)) -Wl,-soname,$(SONAME) \
		-Wl,--version-script=client/libhark.map $(if $(findstring sanitize,$(ALL_LDFLAGS)),,-Wl$(comma)-z$(comma)defs) -Wl,-z,relro,-z,now $(LIB_OBJECTS) \
		-o $@ $(TLS_LIBS) -lpthread
	ln -sf $(SONAME) $(BUILD)/libhark.so

# Everything but the server's main, for tests.
$(BUILD)/librooms.a: $(call objects,$(ROOM_SRC))
	$(archive)

$(BUILD)/hark-server: $(call objects,$(SERVER_SRC))
	$(CC) $(ALL_LDFLAGS) $^ -o $@ $(SERVER_LIBS)

$(BUILD)/hark-cli: $(call objects,$(CLI_SRC)) $(BUILD)/libhark.a
	$(CC) $(ALL_LDFLAGS) $^ -o $@ $(TOOL_LIBS)

$(BUILD)/hark-check: $(call objects,$(CHECK_SRC)) $(BUILD)/librooms.a
	$(CC) $(ALL_LDFLAGS) $^ -o $@ $(SERVER_LIBS)

$(BUILD)/hark-bench: $(call objects,$(BENCH_SRC)) $(BUILD)/libhark.a
	$(CC) $(ALL_LDFLAGS) $^ -o $@ $(TOOL_LIBS)

# The same measurements for two client libraries (tools/bench).
.PHONY: bench-clients
bench-clients: $(BUILD)/bench/client-hark $(BUILD)/bench/client-hiredis
$(BUILD)/bench/client-hark: bench/clients/hark.c bench/clients/rounds.h $(BUILD)/libhark.a
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O2 -g $(WARN) $< $(BUILD)/libhark.a -o $@ $(TLS_LIBS) -lpthread
$(BUILD)/bench/client-hiredis: bench/clients/hiredis.c bench/clients/rounds.h
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O2 -g $(WARN) $< -o $@ -lhiredis

$(BUILD)/unit/test_lib%: $(OBJ)/test/unit/test_lib%.o $(BUILD)/libhark.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) $^ -o $@ -lcmocka $(TLS_LIBS) -lpthread

# Those that let memory run out (test/unit/scarce.h) stand between the code and the allocator.
SCARCE := mem_try_alloc mmap $(if $(MALLOC_LIBS),mi_malloc mi_zalloc mi_realloc,malloc calloc realloc)
$(BUILD)/unit/test_scarce_%: $(OBJ)/test/unit/test_scarce_%.o $(BUILD)/librooms.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) $(addprefix -Wl$(comma)--wrap=,$(SCARCE)) $^ -o $@ -lcmocka $(SERVER_LIBS)

$(BUILD)/unit/%: $(OBJ)/test/unit/%.o $(BUILD)/librooms.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) $^ -o $@ -lcmocka $(SERVER_LIBS)

# A disk that fails, to preload into servers; never itself under a sanitizer.
$(BUILD)/crash/faulty.so: test/crash/faulty.c Makefile tools/build.mk
	@mkdir -p $(@D)
	$(CC) -std=c17 -O2 -g -shared -fPIC $(WARN) -Wno-missing-prototypes $< -o $@ -lpthread

# A fuzz target has a main of ours that plays inputs back, or the fuzzer's own.
ifeq ($(MODE),fuzz)
$(BUILD)/fuzz/%: $(OBJ)/test/fuzz/%.o $(BUILD)/librooms.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer $^ -o $@ $(SERVER_LIBS)
else
$(BUILD)/fuzz/%: $(OBJ)/test/fuzz/%.o $(OBJ)/test/fuzz/replay.o $(BUILD)/librooms.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) $^ -o $@ $(SERVER_LIBS)
endif

.SECONDARY:

-include $(patsubst %.o,%.d,$(call objects,$(ALL_SRC)) $(LIB_OBJECTS))
