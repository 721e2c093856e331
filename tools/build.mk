# The rules. Sources are found, not listed: a new file in a room is built, a new test is run.

GEN := $(BUILD)/generated
OBJ := $(BUILD)/obj

SERVER_SRC := $(wildcard src/*/*.c)
ROOM_SRC := $(filter-out src/server/main.c,$(SERVER_SRC))
CLIENT_SRC := $(wildcard client/*.c) $(wildcard src/base/*.c) $(wildcard src/resp/*.c)
CLI_SRC := $(wildcard cli/*.c)
UNIT_SRC := $(wildcard test/unit/test_*.c)

objects = $(patsubst %.c,$(OBJ)/%.o,$(1))

SERVER_LIBS := $(MALLOC_LIBS) -lm -lpthread
CLI_LIBS := $(MALLOC_LIBS) -ledit -lm -lpthread
GEN_SRC := $(wildcard $(GEN)/*.c)

PROGRAMS := $(BUILD)/hark-server $(BUILD)/hark-cli

.PHONY: all
all: $(PROGRAMS)

# Generated tables: headers that the sources include, so they come before every object.
COMMAND_DATA := $(wildcard src/command/commands.json)
GENERATED := $(GEN)/commands.inc

$(GEN)/commands.inc: $(COMMAND_DATA) tools/generate-commands
	@mkdir -p $(@D)
	python3 tools/generate-commands $(COMMAND_DATA) $@

$(OBJ)/%.o: %.c | $(GENERATED)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/hark-server: $(call objects,$(SERVER_SRC))
	$(CC) $(ALL_LDFLAGS) $^ -o $@ $(SERVER_LIBS)

$(BUILD)/libhark.a: $(call objects,$(CLIENT_SRC))
	@rm -f $@
	gcc-ar rcs $@ $^

$(BUILD)/hark-cli: $(call objects,$(CLI_SRC)) $(BUILD)/libhark.a
	$(CC) $(ALL_LDFLAGS) $^ -o $@ $(CLI_LIBS)

# Everything but main, for the C tests.
$(BUILD)/librooms.a: $(call objects,$(ROOM_SRC))
	@rm -f $@
	gcc-ar rcs $@ $^

$(BUILD)/unit/%: $(OBJ)/test/unit/%.o $(BUILD)/librooms.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) $^ -o $@ -lcmocka $(SERVER_LIBS)

UNIT_TESTS := $(patsubst test/unit/%.c,$(BUILD)/unit/%,$(UNIT_SRC))

.PHONY: unit
unit: $(UNIT_TESTS)

.SECONDARY:

-include $(patsubst %.o,%.d,$(call objects,$(SERVER_SRC) $(CLIENT_SRC) $(CLI_SRC) $(UNIT_SRC)))
