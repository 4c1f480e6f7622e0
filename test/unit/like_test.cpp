/*
 * Patterns as of SQL's LIKE.
 */
#include "core/like.h"

#include "unit/rules.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace session_guard::test
{
namespace
{

struct Case
{
	const char *text;
	const char *pattern;
	bool is_like;
};

constexpr Case cases[] = {
    {"", "", true},
    {"a", "", false},
    {"", "a", false},
    {"psql", "psql", true},
    {"psql", "PSQL", false},
    {"psql", "psq", false},
    {"psql", "psqll", false},
    {"", "%", true},
    {"", "%%", true},
    {"", "_", false},
    {"psql", "%", true},
    {"psql", "p%", true},
    {"psql", "%l", true},
    {"psql", "%q%", true},
    {"psql", "%x%", false},
    {"psql", "p%l", true},
    {"psql", "p%q", false},
    {"psql", "psql%", true},
    {"psql", "%psql", true},
    {"psql", "p%x", false},
    {"psql", "____", true},
    {"psql", "___", false},
    {"psql", "_____", false},
    {"psql", "_%_", true},
    {"p", "_%_", false},
    {"psql", "p_q%", true},
    {"psql", "p_l%", false},
    /* Only a later place will do. */
    {"aab", "%ab", true},
    {"abcabd", "%abd", true},
    {"abcabc", "%abc%abc%", true},
    {"abcab", "%abc%abc%", false},
    {"aXbXc", "a%X_", true},
    /* Escapes. */
    {"100%", "100\\%", true},
    {"100x", "100\\%", false},
    {"a_b", "a\\_b", true},
    {"axb", "a\\_b", false},
    {"a\\b", "a\\\\b", true},
    {"ab", "a\\b", true},
    {"a\\b", "a\\b", false},
    {"x%y", "%\\%%", true},
    {"xy", "%\\%%", false},
    /* A lone escape at the end. */
    {"a", "a\\", false},
    {"a\\", "a\\", false},
    {"", "\\", false},
    {"\\", "\\", false},
    {"abc", "%\\", false},
    {"a\\", "%\\", false},
    {"a\\", "a\\\\", true},
};

TEST(Like, IsAsInSql)
{
	for (const Case &test : cases)
	{
		EXPECT_EQ(is_like(test.text, test.pattern), test.is_like)
		    << test.text << " LIKE " << test.pattern;
		EXPECT_EQ(is_like_by_definition(test.text, test.pattern), test.is_like)
		    << test.text << " LIKE " << test.pattern;
	}
}

TEST(Like, DoesNotLookBeyondItsTexts)
{
	std::string_view both = "abcabc%";

	EXPECT_TRUE(is_like({both.data(), 3}, {both.data() + 3, 3}));
	EXPECT_FALSE(is_like({both.data(), 2}, {both.data() + 3, 3}));
	EXPECT_FALSE(is_like({both.data(), 4}, {both.data() + 3, 3}));
	EXPECT_TRUE(is_like({both.data(), 6}, {both.data() + 3, 4}));
	EXPECT_TRUE(is_like({}, {}));
	EXPECT_TRUE(is_like({}, {both.data() + 6, 1}));
}

/* A program that tried all ways to divide the text would not come to an end. */
TEST(Like, IsQuickWithManyPercentSigns)
{
	std::string text(1000, 'a');
	std::string pattern;

	for (int i = 0; i < 300; i++)
		pattern += "%a";
	EXPECT_TRUE(is_like(text, pattern));
	EXPECT_FALSE(is_like(text, pattern + "b"));
}

/* Another seed in each test; few different bytes make them meet often. */
class RandomLike : public testing::TestWithParam<unsigned>
{
  protected:
	std::mt19937 random{GetParam()};

	std::string
	text_of(std::string_view bytes, std::size_t longest)
	{
		std::string text(random() % (longest + 1), ' ');

		for (char &byte : text)
			byte = bytes[random() % bytes.size()];
		return text;
	}
};

TEST_P(RandomLike, IsAsDefined)
{
	int matches = 0;

	for (int i = 0; i < 20000; i++)
	{
		std::string text = text_of("ab%\\", 9);
		std::string pattern = text_of("aabb%%_\\", 8);
		bool expected = is_like_by_definition(text, pattern);

		matches += expected;
		ASSERT_EQ(is_like(text, pattern), expected) << text << " LIKE " << pattern;
	}
	EXPECT_GT(matches, 500);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomLike, testing::Range(0U, 5U));

} // namespace
} // namespace session_guard::test
