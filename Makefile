# Limpid.  `make help` lists the targets.
#
# Everything is built below $(B).  Sources are found by wildcard: a new src/DIR/FILE.c, tests/DIR/FILE_test.c or
# tests/fuzz/FILE_fuzz.c needs no line here.

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:

B       := build
VERSION := $(shell cat VERSION)
ARCH    := $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')
CCACHE  := $(shell command -v ccache)
CC      := $(CCACHE) gcc
CLANG   := clang-14
BPFTOOL := $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PREFIX  := /usr/local

PKGS    := libbpf libelf zlib libnghttp2 libprotobuf-c libssl libcrypto libwebsockets sqlite3 libcjson libseccomp \
           libcap libbrotlidec libzstd liblzma libpcre2-8
WARN    := -Wall -Wextra -Wshadow -Wvla -Wformat=2 -Wmissing-prototypes -Wstrict-prototypes -Wwrite-strings -Werror
CPPFLAGS := -D_GNU_SOURCE -DLIMPID_VERSION='"$(VERSION)"' -Isrc -Ibpf -I$(B)/gen
CFLAGS  := -std=gnu11 -g -O2 $(WARN) -fstack-protector-strong -fPIE
HARDEN  := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
LDFLAGS := -pie -Wl,-z,relro,-z,now
# Expanded only by the recipes that link, so that `make help` works before the packages are there.
LIBS     = $(shell pkg-config --libs $(PKGS)) -lZydis -lpthread
SAN     := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -O1

.PHONY: all
all: $(B)/limpid

# --- generated -------------------------------------------------------------------------------------------------
PB_C   := $(B)/gen/limpid.pb-c.c
SKEL   := $(if $(wildcard bpf/*.bpf.c),$(B)/gen/limpid.skel.h $(B)/gen/limpid_old.skel.h)
ASSETS := $(B)/gen/assets.c

$(PB_C) $(PB_C:.c=.h) &: api/limpid.proto
	@mkdir -p $(@D)
	protoc-c --proto_path=api --c_out=$(B)/gen limpid.proto

BPF_SRC := $(wildcard bpf/*.bpf.c)
BPF_OBJ := $(BPF_SRC:bpf/%.bpf.c=$(B)/bpf/%.bpf.o)
$(B)/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h)
	@mkdir -p $(@D)
	$(CLANG) -target bpf -mcpu=v3 -D__TARGET_ARCH_$(ARCH) -DOBJECT=$* -g -O2 -Wall -Wextra -Wno-unused-parameter -Werror -Ibpf -c $< -o $@
	llvm-strip-14 -g $@
$(B)/bpf/limpid.bpf.o: $(BPF_OBJ)
	$(BPFTOOL) gen object $@ $^
$(B)/gen/limpid.skel.h: $(B)/bpf/limpid.bpf.o
	@mkdir -p $(@D)
	{ echo '/* NOLINTBEGIN */'; $(BPFTOOL) gen skeleton $< name limpid_bpf && echo '/* NOLINTEND */'; } > $@
# The same once more for kernels like 5.10 (bpf/compat.bpf.h).  User space uses the skeleton of the first for both, so the
# variables must lie at the same places.
OLD_OBJ := $(BPF_SRC:bpf/%.bpf.c=$(B)/bpf/old/%.bpf.o)
$(B)/bpf/old/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h)
	@mkdir -p $(@D)
	$(CLANG) -target bpf -mcpu=v2 -DLIMPID_OLD_KERNEL -D__TARGET_ARCH_$(ARCH) -g -O2 -Wall -Wextra -Wno-unused-parameter -Werror -Ibpf -c $< -o $@
	llvm-strip-14 -g $@
$(B)/bpf/limpid_old.bpf.o: $(OLD_OBJ)
	$(BPFTOOL) gen object $@ $^
$(B)/gen/limpid_old.skel.h: $(B)/bpf/limpid_old.bpf.o $(B)/gen/limpid.skel.h
	@mkdir -p $(@D)
	{ echo '/* NOLINTBEGIN */'; $(BPFTOOL) gen skeleton $< name limpid_old_bpf && echo '/* NOLINTEND */'; } > $@
	@tools/check-flavours $(B)/gen/limpid.skel.h $@

WEB_SRC := $(shell find web -path web/node_modules -prune -o -type f -print 2>/dev/null) LICENSES/page.txt
$(B)/web/node_modules.stamp: web/package.json web/package-lock.json
	@mkdir -p $(@D)
	cd web && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
$(ASSETS): $(B)/web/node_modules.stamp $(WEB_SRC)
	@mkdir -p $(@D)
	cd web && node build.mjs --out $(abspath $(B)/web) --table $(abspath $@)

# --- the program -------------------------------------------------------------------------------------------------
LIB_SRC := $(filter-out src/cmd/%,$(wildcard src/*/*.c))
CMD_SRC := $(wildcard src/cmd/*.c)
GEN_SRC := $(PB_C) $(ASSETS)
obj      = $(patsubst src/%.c,$(1)/obj/%.o,$(filter src/%,$(2))) $(patsubst $(B)/gen/%.c,$(1)/obj/gen/%.o,$(filter $(B)/gen/%,$(2)))
LIB_OBJ := $(call obj,$(B),$(LIB_SRC) $(GEN_SRC))
CMD_OBJ := $(call obj,$(B),$(CMD_SRC))

# Generated headers must be there before anything is compiled; after that the .d files know who needs what.
GEN_HDR := $(PB_C:.c=.h) $(SKEL)
$(B)/obj/%.o: src/%.c | $(GEN_HDR)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(HARDEN) $(CFLAGS) -MMD -MP -c $< -o $@
$(B)/obj/gen/%.o: $(B)/gen/%.c | $(GEN_HDR)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(HARDEN) $(CFLAGS) -MMD -MP -c $< -o $@
$(B)/liblimpid.a: $(LIB_OBJ)
	@rm -f $@
	ar rcs $@ $^
$(B)/limpid: $(CMD_OBJ) $(B)/liblimpid.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

# --- quick tests: units and fixtures under the sanitizers ----------------------------------------------------------
S        := $(B)/san
# The page's assets are not needed by the units; leaving them out keeps npm out of the quick loop.
SAN_OBJ  := $(call obj,$(S),$(LIB_SRC) $(filter-out src/cmd/main.c,$(CMD_SRC)) $(PB_C))
TEST_SRC := $(wildcard tests/*/*_test.c)
TESTS    := $(TEST_SRC:tests/%.c=$(S)/tests/%)
WRAP     := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
TEST_LIB := $(patsubst tests/lib/%.c,$(S)/tests/lib/%.o,$(wildcard tests/lib/*.c))
$(S)/obj/%.o: src/%.c | $(GEN_HDR)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(SAN) -MMD -MP -c $< -o $@
$(S)/obj/gen/%.o: $(B)/gen/%.c | $(GEN_HDR)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(SAN) -MMD -MP -c $< -o $@
$(S)/liblimpid.a: $(SAN_OBJ)
	@rm -f $@
	ar rcs $@ $^
$(S)/tests/lib/%.o: tests/lib/%.c | $(GEN_HDR)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Itests/lib $(CFLAGS) $(SAN) -MMD -MP -c $< -o $@
$(S)/tests/%_test: tests/%_test.c $(TEST_LIB) $(S)/liblimpid.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Itests/lib $(CFLAGS) $(SAN) -MMD -MP -MF $@.d $(LDFLAGS) $(WRAP) -o $@ $< $(TEST_LIB) $(S)/liblimpid.a $(LIBS) -lcmocka

$(S)/tests/proto/coding_test: LIBS += -lbrotlienc

# Programs that an end-to-end script runs and builds by name.
$(S)/e2e/%: tests/e2e/%.c $(S)/liblimpid.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(SAN) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(S)/liblimpid.a $(LIBS)
# llhttp comes as C source: node-llhttp has it below /usr/share.
LLHTTP   := $(addprefix $(S)/llhttp/,llhttp.o api.o http.o)
$(S)/llhttp/%.o: /usr/share/llhttp/%.c
	@mkdir -p $(@D)
	$(CC) -w -O2 -fPIE -I/usr/share/include/llhttp -c $< -o $@
$(S)/tests/proto/llhttp_test: $(LLHTTP)
$(S)/tests/proto/llhttp_test: CPPFLAGS += -isystem /usr/share/include/llhttp
$(S)/tests/proto/llhttp_test: LIBS += $(LLHTTP)

.PHONY: check units lint
check: units lint
	@tests/run --summary units lint
units: $(TESTS)
	@tests/run units $(TESTS)

# --- lint ----------------------------------------------------------------------------------------------------------
TIDY := $(patsubst %.c,$(B)/tidy/%.ok,$(LIB_SRC) $(CMD_SRC))
$(B)/tidy/%.ok: %.c .clang-tidy | $(GEN_HDR)
	@mkdir -p $(@D)
	clang-tidy-14 --quiet --warnings-as-errors='*' $< -- $(CPPFLAGS) -std=gnu11 2>$@.log || { cat $@.log; exit 1; }
	@touch $@
# The benchmarks are built too, so that they do not fall behind (http1 needs another parser's library).
BENCHES := $(patsubst %.c,$(B)/%-bin,$(filter-out bench/http1.c %.bpf.c,$(wildcard bench/*.c)))
lint: $(TIDY) $(BENCHES)
	@tests/run lint tools/check-layers tools/check-banned tools/check-shell tools/check-spdx

# --- fuzzing -------------------------------------------------------------------------------------------------------
F        := $(B)/fuzz
FUZZ_SRC := $(wildcard tests/fuzz/*_fuzz.c)
FUZZERS  := $(FUZZ_SRC:tests/fuzz/%.c=$(F)/%)
FUZZ_OBJ := $(call obj,$(F),$(LIB_SRC) $(PB_C))
FUZZ_CC  := $(CCACHE) $(CLANG) $(CPPFLAGS) -std=gnu11 -g -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
$(F)/obj/%.o: src/%.c | $(GEN_HDR)
	@mkdir -p $(@D)
	$(FUZZ_CC) -MMD -MP -c $< -o $@
$(F)/obj/gen/%.o: $(B)/gen/%.c | $(GEN_HDR)
	@mkdir -p $(@D)
	$(FUZZ_CC) -MMD -MP -c $< -o $@
$(F)/liblimpid.a: $(FUZZ_OBJ)
	@rm -f $@
	ar rcs $@ $^
$(F)/%_fuzz: tests/fuzz/%_fuzz.c $(F)/liblimpid.a
	$(FUZZ_CC) -fsanitize=fuzzer -o $@ $< $(F)/liblimpid.a $(LIBS)
.PHONY: fuzz
fuzz: $(FUZZERS)
	@FUZZ_SECONDS='$(FUZZ_SECONDS)' tests/run fuzz $(FUZZERS)

# --- the kernel side's checker: few libraries, because a virtual machine gets a copy of them ------------------------
CHECK_SRC := $(wildcard tests/bpf/*.c)
CHECK_LIBS := -lbpf -lcap -lpthread
$(B)/tests/capture_check: $(CHECK_SRC) $(wildcard tests/bpf/*.h) $(B)/liblimpid.a
	@mkdir -p $(@D)
	@tools/check-stack $(B)/bpf/limpid.bpf.o && tools/check-stack $(B)/bpf/limpid_old.bpf.o
	$(CC) $(CPPFLAGS) -Itests/bpf $(CFLAGS) $(LDFLAGS) -o $@ $(CHECK_SRC) $(B)/liblimpid.a $(CHECK_LIBS)

# --- everything ----------------------------------------------------------------------------------------------------
.PHONY: run test e2e test-kernels kernels kernels-table bench install uninstall clean fmt help bootstrap
run:
	@tools/bootstrap build
	@$(MAKE) --no-print-directory -s -j2 all
	@$(B)/limpid $(ARGS)
# A group that does not even build is a failure, not silence.
GROUPS := units lint fuzz e2e kernels
test:
	@tools/bootstrap test
	@rm -rf $(B)/results
	@for g in $(GROUPS); do \
		$(MAKE) --no-print-directory -k -s -j2 $$g || \
		[ -s $(B)/results/$$g ] || { mkdir -p $(B)/results; echo 0 1 0 > $(B)/results/$$g; echo "$$g does not build"; }; \
	done
	@tests/run --summary $(GROUPS)
# Kernels in virtual machines.  FULL=1 TIME_LIMIT=3600: all groups of checks, which takes an hour.
test-kernels kernels: $(B)/limpid $(B)/tests/capture_check
	@tests/run kernels tests/kernels/matrix.sh tests/kernels/containers.sh
kernels-table: # of the last run, into the README
	@tests/kernels/readme update
e2e: $(B)/limpid
	@tests/run e2e $(sort $(wildcard tests/e2e/[0-9]*.sh))
$(B)/bench/%-bin: bench/%.c $(B)/liblimpid.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(HARDEN) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
$(B)/bench/%.bpf.o: bench/%.bpf.c bpf/vmlinux.h
	@mkdir -p $(@D)
	$(CLANG) -target bpf -mcpu=v3 -D__TARGET_ARCH_$(ARCH) -g -O2 -Wall -Werror -Ibpf -c $< -o $@
bench: $(B)/limpid
	@bench/run
bootstrap:
	@tools/bootstrap test

install: $(B)/limpid
	install -D -m 755 $(B)/limpid $(DESTDIR)$(PREFIX)/bin/limpid
	install -D -m 644 packaging/limpid.8 $(DESTDIR)$(PREFIX)/share/man/man8/limpid.8
	install -d $(DESTDIR)/usr/lib/systemd/system
	sed 's#@PREFIX@#$(PREFIX)#' packaging/limpid.service > $(DESTDIR)/usr/lib/systemd/system/limpid.service
	install -D -m 644 packaging/limpid.sysusers $(DESTDIR)/usr/lib/sysusers.d/limpid.conf
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/limpid $(DESTDIR)$(PREFIX)/share/man/man8/limpid.8
	rm -f $(DESTDIR)/usr/lib/systemd/system/limpid.service $(DESTDIR)/usr/lib/sysusers.d/limpid.conf
clean:
	rm -rf $(B)
fmt:
	clang-format-14 -i $(LIB_SRC) $(CMD_SRC) $(TEST_SRC) $(FUZZ_SRC) $(filter-out bpf/vmlinux.h bpf/syscalls.bpf.h,$(wildcard bpf/*.[ch] src/*/*.h tests/lib/*.[ch]))
help:
	@printf '%s\n' \
	'sudo make run        install what is missing, build, start Limpid (ARGS="..." are passed on)' \
	'sudo make test       install what is missing, build, run all tests' \
	'make                 build build/limpid' \
	'make check           units and fixtures under sanitizers, lint; no root' \
	'sudo make e2e        the real thing: containers, kernel, browser' \
	'sudo make test-kernels   the capture checks on kernels 5.10 to 7 and on arm64, in virtual machines (FULL=1: all of them)' \
	'make kernels-table   what that run found, into the README' \
	'make fuzz            every parser: the same 10,000 inputs each, or new ones for FUZZ_SECONDS=60 each' \
	'sudo make bench      overhead and speed, as ratios; writes build/bench' \
	'sudo make install    PREFIX=$(PREFIX)'

-include $(shell find $(B) -path $(B)/cache -prune -o -type f -name '*.d' -print 2>/dev/null)
