/*
 * The rows of session_guard.rule as a piece of memory that can be kept, compared, and handed to
 * sessions of other databases, which cannot read the table.
 */
#pragma once

#include "core/limits.h"
#include "core/network.h"

#include "pg/pg.h"

#include <array>
#include <cstddef>
#include <optional>
#include <span>

namespace session_guard
{

using NameList = std::optional<std::span<const char *const>>;

/* One row; a selector that is none, or nullptr, selects all. */
struct RuleRow
{
	std::int32_t position;
	const char *name;
	bool is_enabled;
	bool only_logs;
	NameList databases;
	NameList roles;
	NameList except_roles;
	const char *application_name;
	const char *except_application_name;
	std::optional<std::span<const Network>> client_addr;
	const char *query;
	/* As the limit measures. */
	std::array<std::optional<std::int64_t>, limit_count> limits;
	std::optional<bool> exempt;
};

/* All rows in the order of their positions, and the encoding of their texts. */
struct RuleRows
{
	int encoding;
	std::span<RuleRow> rows;
};

using RuleImage = std::span<const std::byte>;

/* Two images are alike if and only if their rows are; in the current memory context. */
RuleImage image_of(RuleRows rows);

/* The rows of an image, in the current memory context; their texts are those of the image. */
RuleRows rows_of(RuleImage image);

bool is_alike(RuleImage a, RuleImage b);

} // namespace session_guard
