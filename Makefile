EXTENSION = pg_session_guard
# The control file is the only place that states the version.
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(EXTENSION).control)

MODULE_big = $(EXTENSION)
OBJS = $(patsubst %.cpp,%.o,$(wildcard src/*.cpp src/*/*.cpp))
DATA = $(wildcard sql/$(EXTENSION)--*.sql)
EXTRA_CLEAN = src/*.d src/*/*.d tmp_check tmp_regress tmp_isolation

# A new test is only a new file in its folder.
REGRESS = $(patsubst sql/%.sql,%,$(filter-out $(DATA),$(wildcard sql/*.sql)))
ISOLATION = $(patsubst specs/%.spec,%,$(wildcard specs/*.spec))
TAP_TESTS = 1
PROVE_TESTS = test/tap/*.pl

# The tests start servers of their own, since the library must be preloaded.
# TEMP_CONFIG names a file with further settings for them, for example the
# paths of a build that is not installed into the system.
temp_instance = --temp-instance=tmp_$(1) --temp-config=test/$(1).conf $(if $(TEMP_CONFIG),--temp-config=$(TEMP_CONFIG))
REGRESS_OPTS = $(call temp_instance,regress) --use-existing
ISOLATION_OPTS = $(call temp_instance,isolation)
override CONTRIB_TESTDB = postgres

PG_CONFIG ?= pg_config
override PG_CPPFLAGS += -std=c++20 -Isrc -isystem $(shell $(PG_CONFIG) --includedir-server)
override PG_CXXFLAGS += -Wall -Wextra -fno-exceptions -fno-rtti -MMD -MP
# C++ objects are linked by the C++ compiler.
override COMPILER = $(CXX) $(CXXFLAGS)
# Nothing here is worth inlining by JIT, and clang is then not needed.
override with_llvm = no

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)
-include $(OBJS:.o=.d)

src/module.o: override CPPFLAGS += -DEXTENSION_VERSION='"$(EXTVERSION)"'
src/module.o: $(EXTENSION).control

# The core compiles without the server's headers in reach.
$(patsubst %.cpp,%.o,$(wildcard src/core/*.cpp)): override CPPFLAGS = -std=c++20 -Isrc

.PHONY: check-layers
# A file of src/ includes only files of its own room or of a lower rank.
check-layers:
	$(PERL) scripts/check-layers.pl

.PHONY: check-symbols
# No exception, heap allocation or guarded static of C++ may enter the server.
check-symbols: $(shlib)
	! nm -D --undefined-only $< | grep -E 'GLIBCXX|CXXABI|GCC_3'
