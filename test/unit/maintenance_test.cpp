/*
 * Maintenance known by its text, and what only looks like it.
 */
#include "core/maintenance.h"

#include <gtest/gtest.h>

#include <string>

namespace session_guard::test
{
namespace
{

bool
is_maintenance(std::string_view query)
{
	return maintenance_in(query) != MaintenanceCommand::None;
}

class Maintenance : public testing::TestWithParam<const char *>
{
};

TEST_P(Maintenance, IsKnown)
{
	EXPECT_TRUE(is_maintenance(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(
    Queries, Maintenance,
    testing::Values("VACUUM", "vacuum", "VaCuUm;", "VACUUM (FULL, ANALYZE) t", "VACUUM(ANALYZE)t",
                    "ANALYZE t", "ANALYSE t", "CLUSTER t USING i", "REPACK t", "REINDEX TABLE t",
                    "reindex(verbose)table t", "CREATE INDEX i ON t (a)",
                    "CREATE UNIQUE INDEX i ON t (a)", "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)",
                    "create index concurrently on t (a)", "CREATE\n\tUNIQUE\r\nINDEX ON t (a)",
                    "REFRESH MATERIALIZED VIEW v", "refresh/**/materialized view v"));

INSTANTIATE_TEST_SUITE_P(AfterBlanks, Maintenance,
                         testing::Values("  VACUUM", "\t\n\r\f\vVACUUM", "-- nightly\nVACUUM",
                                         "--\nVACUUM", "/* nightly */ VACUUM", "/**/VACUUM",
                                         "/***/VACUUM", "/* a */ /* b */ -- c\n VACUUM",
                                         "/* outer /* inner */ still outer */ VACUUM",
                                         "/*/* */*/VACUUM", "/* -- */ VACUUM", "-- /*\nVACUUM",
                                         "CREATE /* a */ UNIQUE -- b\n INDEX ON t (a)",
                                         "CREATE/**/INDEX ON t (a)", "VACUUM/**/t"));

class NoMaintenance : public testing::TestWithParam<const char *>
{
};

TEST_P(NoMaintenance, IsNotTakenForIt)
{
	EXPECT_FALSE(is_maintenance(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(
    Queries, NoMaintenance,
    testing::Values("SELECT 1", "vacuumx", "xvacuum", "vacuu", "CREATE TABLE t ()", "CREATE",
                    "CREATE UNIQUE", "CREATE UNIQUE TABLE", "CREATE INDEXES ON t (a)",
                    "CREATE TABLE index ()", "REFRESH", "REFRESH VIEW v",
                    "CREATE MATERIALIZED VIEW v AS SELECT 1", "CREATE VIEW vacuum AS SELECT 1",
                    "INDEX", "UNIQUE INDEX", "EXPLAIN ANALYZE SELECT 1", "COPY t FROM STDIN",
                    "SELECT 'VACUUM'", "\"VACUUM\"", "'VACUUM'", "(VACUUM)", "DROP INDEX i",
                    "CREATE OR REPLACE INDEX", "CREATEINDEX ON t (a)", "createunique index"));

INSTANTIATE_TEST_SUITE_P(Empty, NoMaintenance,
                         testing::Values("", " ", " \t\n\r\f\v", "--", "-- VACUUM", "-- VACUUM\n",
                                         "/* VACUUM */", "/* VACUUM", "/*", "/*/",
                                         "/* /* */ VACUUM", "/*/* VACUUM */", "-", "/", ";",
                                         "-- a\n/* b */ \n", "CREATE --", "CREATE /* INDEX",
                                         "CREATE UNIQUE /* INDEX */"));

TEST(Maintenance, IsNamed)
{
	EXPECT_EQ(maintenance_in("vacuum full t"), MaintenanceCommand::Vacuum);
	EXPECT_EQ(maintenance_in("analyse t"), MaintenanceCommand::Analyze);
	EXPECT_EQ(maintenance_in("create unique index concurrently on t (a)"),
	          MaintenanceCommand::CreateIndex);
	EXPECT_EQ(maintenance_in("refresh materialized view concurrently v"),
	          MaintenanceCommand::RefreshMaterializedView);
	EXPECT_EQ(maintenance_in("SELECT 1"), MaintenanceCommand::None);
}

TEST(Maintenance, IsNotLookedForBehindTheEndOfTheText)
{
	std::string_view text = "VACUUM";

	EXPECT_FALSE(is_maintenance(text.substr(0, 5)));
	/* On the heap, where a sanitizer sees a byte too many. */
	for (std::string cut : {"CREATE UNIQUE /* a */ INDEX", "-- a\n/* /* */ */VACUUM"})
		for (std::size_t length = 0; length < cut.size(); length++)
		{
			std::string exact(cut, 0, length);

			EXPECT_FALSE(is_maintenance({exact.data(), exact.size()}));
		}
}

} // namespace
} // namespace session_guard::test
