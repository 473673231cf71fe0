# A thin front of CMake presets and Ninja. `make help` lists what there is.
PRESET ?= release
BUILD = build/$(PRESET)
SHELL = /bin/bash
export QUARRY_PRESET = $(PRESET)

.DEFAULT_GOAL = help
.PHONY: help setup build run shell rustshim run-rustshim replay grade gdb iso debug release format lint bench bench-kernel bench-linux bench-malloc bench-heap bench-pairs probe-heaps check-heapmap fuzz soak soak-linux conformance clean

help:
	@echo "make run [FILE=path] [PROGRAM=name ARGS='…']   boot Quarry and run a program (wordcount)"
	@echo "    TRACE=1: system calls to build/<preset>/trace.txt; MONITOR=1: breakpoints enter the monitor; CPUS=n;"
	@echo "    HEAPMAP=page.html: a picture of the program's heap"
	@echo "make shell                                     a busybox shell: static Linux programs run unchanged"
	@echo "make run PROGRAM=path/to/linux/program         one of them (or sh, bash, zsh, mksh, sash)"
	@echo "make run-rustshim                              a Rust program on the slab heap"
	@echo "make grade [ONLY=name] [V=1]                   build and run every test"
	@echo "make gdb [PROGRAM=name ARGS='…']               QEMU stopped, gdb attached, helpers loaded"
	@echo "make replay [PROGRAM=name ARGS='…']            records a run; then gdb, forwards and backwards"
	@echo "make iso                                       an image that boots by BIOS and by UEFI"
	@echo "make bench                                     what things cost, in guest instructions"
	@echo "make bench-kernel                              only the kernel's mechanisms, beside others'"
	@echo "make bench-linux                               Linux's calls, beside Linux under the same emulator"
	@echo "make bench-malloc                              five mallocs, in Quarry and on Linux"
	@echo "make bench-heap [RUNS=9]                       programs of this machine with this heap and others"
	@echo "make bench-pairs                               instructions of an allocation and a free, the same heaps"
	@echo "make probe-heaps                               mistakes that this heap and others catch"
	@echo "make check-heapmap                             a heap map in headless Chromium, and a screenshot of it"
	@echo "make fuzz [RUNS=1000000]                       inputs of up to 4,096 calls for the heap"
	@echo "make soak [CALLS=1000000000]                   the model check, for hours"
	@echo "make soak-linux [CALLS=100000000]              random Linux calls from many processes"
	@echo "make conformance SUITE=libstdc++ TESTS=folder  the C++ libraries' own tests, here and in Quarry"
	@echo "make debug | release                           build that preset"
	@echo "make format | lint                             format the sources; check them"
	@echo "make setup                                     install missing Debian packages (INSTALL=no: list)"
	@echo "PRESET=debug uses the debug build with any of these."

setup:
	@tools/setup.sh

$(BUILD)/build.ninja: CMakePresets.json | setup
	@echo "Configuring..."
	@cmake --preset $(PRESET) >/dev/null

# Says what it does only if there is something to do, and shows all from the first failure on.
build: $(BUILD)/build.ninja
	@ninja -C $(BUILD) kernel programs | awk ' \
		/^\[.*(Building|Linking)/ && !said++ { print "Building (a minute the first time)..."; fflush() } \
		/^FAILED/ { failed = 1 } failed'; \
	[ $${PIPESTATUS[0]} -eq 0 ] || { echo "The build failed; the first error is above." >&2; exit 1; }

run: setup build
	@tools/run.py $(if $(PROGRAM),--program "$(PROGRAM)") $(if $(ARGS),--args "$(ARGS)") $(if $(FILE),--file "$(FILE)") $(if $(MACHINE),--machine "$(MACHINE)") $(if $(TRACE),--trace) $(if $(MONITOR),--monitor) $(if $(CPUS),--processors "$(CPUS)") $(if $(HEAPMAP),--heapmap "$(HEAPMAP)")

shell: setup build
	@tools/run.py --program sh $(if $(CPUS),--processors "$(CPUS)") $(if $(TRACE),--trace)

# Debian's own compiler, which only this needs.
RUSTC = /usr/bin/rustc
rustshim:
	@[ -x $(RUSTC) ] || PACKAGES=rustc tools/setup.sh
	@ninja -C $(BUILD) --quiet slab_static >/dev/null
	@$(RUSTC) --edition 2021 -O -C target-feature=+crt-static -L $(BUILD)/heap -l static=slab \
		-o $(BUILD)/rustshim programs/rust/shim.rs
run-rustshim: setup build rustshim
	@tools/run.py --program $(BUILD)/rustshim $(if $(CPUS),--processors "$(CPUS)")

replay: setup build
	@tools/replay.sh $(if $(PROGRAM),--program "$(PROGRAM)") $(if $(ARGS),--args "$(ARGS)") $(if $(FILE),--file "$(FILE)")

grade: setup $(BUILD)/build.ninja
	@tools/grade.py $(if $(ONLY),--only "$(ONLY)") $(if $(V),--verbose)

gdb: setup build
	@tools/debug.sh $(if $(PROGRAM),--program "$(PROGRAM)") $(if $(ARGS),--args "$(ARGS)") $(if $(FILE),--file "$(FILE)")

iso: setup build
	@tools/make_iso.py $(BUILD)/quarry.iso $(if $(PROGRAM),--program "$(PROGRAM)") $(if $(ARGS),--args "$(ARGS)")

debug release: setup
	@cmake --preset $@ >/dev/null && ninja -C build/$@ --quiet && echo "built build/$@"

bench: setup build
	@tools/bench.py

bench-kernel: setup build
	@tools/bench.py --kernel

bench-linux: setup build
	@tools/bench_linux.py

bench-malloc: setup build
	@ninja -C $(BUILD) --quiet slab_static >/dev/null
	@tools/bench_malloc.py

fuzz: setup $(BUILD)/build.ninja
	@ninja -C $(BUILD) --quiet heap_fuzz
	@mkdir -p $(BUILD)/fuzz-corpus
	@$(BUILD)/tests/host/heap_fuzz -max_len=16384 -runs=$(or $(RUNS),1000000) -print_final_stats=1 $(BUILD)/fuzz-corpus

bench-pairs: setup $(BUILD)/build.ninja
	@ninja -C $(BUILD) --quiet slab heap_pairs heap_pairs_unchecked
	@tools/bench_pairs.py

probe-heaps: setup $(BUILD)/build.ninja
	@ninja -C $(BUILD) --quiet slab heap_probes
	@tools/probe_heaps.py

bench-heap: setup $(BUILD)/build.ninja
	@ninja -C $(BUILD) --quiet slab slab_unchecked heap_programs run_measured
	@tools/bench_heap.py $(if $(RUNS),--runs "$(RUNS)")

# Chromium is installed for this only.
check-heapmap: setup $(BUILD)/build.ninja
	@PACKAGES="chromium" tools/setup.sh
	@ninja -C $(BUILD) --quiet slab heap_programs
	@tools/check_heapmap.py

CALLS ?= 1000000000
soak: setup $(BUILD)/build.ninja
	@ninja -C $(BUILD) --quiet model_test
	@QUARRY_MODEL_CALLS=$(CALLS) $(BUILD)/tests/host/model_test

soak-linux: setup build
	@tools/soak_linux.py $(if $(filter command line,$(origin CALLS)),--calls "$(CALLS)")

conformance: setup build
	@tools/conformance.py "$(SUITE)" "$(TESTS)" $(if $(ONLY),--only "$(ONLY)") $(if $(EVERY),--every "$(EVERY)")

format: setup
	@git ls-files -co --exclude-standard '*.cpp' '*.hpp' | xargs clang-format-19 -i

lint: setup $(BUILD)/build.ninja
	@tools/lint.py

clean:
	rm -rf build
