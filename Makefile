EXTENSION = pg_session_guard
# The build may be in another folder; the sources are where PGXS will look for them.
sources := $(or $(VPATH),$(patsubst %/,%,$(dir $(firstword $(MAKEFILE_LIST)))))
# The control file is the only place that states the version.
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(sources)/$(EXTENSION).control)
find_sources = $(patsubst $(sources)/%,%,$(wildcard $(sources)/$(1)))

MODULE_big = $(EXTENSION)
OBJS = $(patsubst %.cpp,%.o,$(call find_sources,src/*.cpp) $(call find_sources,src/*/*.cpp))
ifeq ($(OBJS),)
$(error no sources in "$(sources)"; "make -f .../Makefile" builds in another folder)
endif
DATA = $(call find_sources,sql/$(EXTENSION)--*.sql)
# The report is for psql, and found beside the scripts of the extension.
DATA += monitoring/pg_session_guard_report.sql
# A new page of the manual is only a new file in doc/.
DOCS = README.md CHANGELOG.md LICENSE
manual = $(call find_sources,doc/*.*)
EXTRA_CLEAN = src/*.d src/*/*.d tmp_check tmp_regress tmp_isolation tmp_destdir.conf

# A new test is only a new file in its folder.
REGRESS = $(patsubst sql/%.sql,%,$(filter-out $(DATA),$(call find_sources,sql/*.sql)))
ISOLATION = $(patsubst specs/%.spec,%,$(call find_sources,specs/*.spec))
TAP_TESTS = 1
PROVE_TESTS = test/tap/*.pl

# The tests start servers of their own, since the library must be preloaded.
# TEMP_CONFIG names a file with further settings for them, for example the
# paths of a build that is not installed into the system.  With DESTDIR, as it
# was given to "make install", such a file is made.
ifneq ($(DESTDIR),)
ifndef TEMP_CONFIG
export TEMP_CONFIG = $(CURDIR)/tmp_destdir.conf
REGRESS_PREP = tmp_destdir.conf
endif
endif
temp_instance = --temp-instance=tmp_$(1) --temp-config=$(sources)/test/$(1).conf $(if $(TEMP_CONFIG),--temp-config=$(TEMP_CONFIG))
REGRESS_OPTS = $(call temp_instance,regress) --use-existing
ISOLATION_OPTS = $(call temp_instance,isolation)
override CONTRIB_TESTDB = postgres

PG_CONFIG ?= pg_config
override PG_CPPFLAGS += -std=c++20 -I$(sources)/src -isystem $(shell $(PG_CONFIG) --includedir-server)
override PG_CXXFLAGS += -Wall -Wextra -fno-exceptions -fno-rtti -MMD -MP
# C++ objects are linked by the C++ compiler.
override COMPILER = $(CXX) $(CXXFLAGS)
# Nothing here is worth inlining by JIT, and clang is then not needed.
override with_llvm = no

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)
-include $(OBJS:.o=.d)

# Look for sources only in the other folder, not for what was built there.
override VPATH =
# It would be the same as VPATH, and is where "make install" takes from what is not built.
override srcdir := $(sources)
vpath %.cpp $(sources)
vpath %.control $(sources)
object_dirs = $(sort $(dir $(OBJS)))
$(OBJS): | $(object_dirs)
$(object_dirs):
	$(MKDIR_P) $@

# The manual has a folder of its own, as in the tree: others have a README.md, too.
override docmoduledir = extension/$(EXTENSION)
installed_manual = $(DESTDIR)$(docdir)/$(docmoduledir)/doc
.PHONY: install-manual uninstall-manual
install: install-manual
install-manual: installdirs
	$(MKDIR_P) '$(installed_manual)'
	$(INSTALL_DATA) $(addprefix $(sources)/,$(manual)) '$(installed_manual)/'
uninstall: uninstall-manual
uninstall-manual:
	rm -f $(addprefix '$(dir $(installed_manual))'/,$(manual))

.PHONY: tmp_destdir.conf
tmp_destdir.conf:
	PG_CONFIG='$(PG_CONFIG)' bash -c '. "$(sources)/scripts/common.sh" && find_server && \
		settings_for_build "$(abspath $(DESTDIR))"' >$@

knows_version = src/module.o src/pg/versions.o
$(knows_version): override CPPFLAGS += -DEXTENSION_VERSION='"$(EXTVERSION)"'
$(knows_version): $(EXTENSION).control

# The core compiles without the server's headers in reach.
$(filter src/core/%,$(OBJS)): override CPPFLAGS = -std=c++20 -I$(sources)/src

.PHONY: dist
# The source archive of the version in the control file, of what is committed.
dist:
	git -C $(sources) archive --prefix=$(EXTENSION)-$(EXTVERSION)/ -o $(CURDIR)/$(EXTENSION)-$(EXTVERSION).tar.gz HEAD

.PHONY: check-layers
# A file of src/ includes only files of its own room or of a lower rank.
check-layers:
	$(PERL) $(sources)/scripts/check-layers.pl

.PHONY: check-symbols
# No exception, heap allocation or guarded static of C++ may enter the server.
check-symbols: $(shlib)
	! nm -D --undefined-only $< | grep -E 'GLIBCXX|CXXABI|GCC_3'
