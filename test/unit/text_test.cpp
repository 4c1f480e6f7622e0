/*
 * Durations and sizes as people write them, and text that ends where its buffer does.
 */
#include "core/text.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <limits>
#include <ostream>
#include <string>
#include <vector>

namespace session_guard::test
{
namespace
{

std::string
duration_text(Duration duration)
{
	std::array<char, 100> buffer;
	Text text(buffer);

	text.append_duration(duration);
	EXPECT_EQ(text.c_str(), text.view());
	return std::string(text.view());
}

struct DurationCase
{
	Duration duration;
	const char *text;

	friend std::ostream &
	operator<<(std::ostream &out, const DurationCase &test)
	{
		return out << test.text;
	}
};

class DurationText : public testing::TestWithParam<DurationCase>
{
};

TEST_P(DurationText, IsAsPeopleWriteIt)
{
	EXPECT_EQ(duration_text(GetParam().duration), GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(Milliseconds, DurationText,
                         testing::Values(DurationCase{0, "0 ms"}, DurationCase{millisecond, "1 ms"},
                                         DurationCase{200 * millisecond, "200 ms"},
                                         DurationCase{999 * millisecond, "999 ms"}));

INSTANTIATE_TEST_SUITE_P(
    RoundedUp, DurationText,
    testing::Values(DurationCase{1, "1 ms"}, DurationCase{999, "1 ms"}, DurationCase{1001, "2 ms"},
                    DurationCase{999 * millisecond + 1, "1 s"}, DurationCase{second + 1, "1.001 s"},
                    DurationCase{minute - millisecond + 1, "1 min"},
                    DurationCase{5 * minute + 1, "5 min 0.001 s"}, DurationCase{hour - 1, "1 h"},
                    DurationCase{day - 1, "1 d"}, DurationCase{2 * day + 1, "2 d 0.001 s"}));

INSTANTIATE_TEST_SUITE_P(Seconds, DurationText,
                         testing::Values(DurationCase{second, "1 s"},
                                         DurationCase{second + millisecond, "1.001 s"},
                                         DurationCase{second + 10 * millisecond, "1.01 s"},
                                         DurationCase{second + 100 * millisecond, "1.1 s"},
                                         DurationCase{second + 110 * millisecond, "1.11 s"},
                                         DurationCase{1500 * millisecond, "1.5 s"},
                                         DurationCase{12345 * millisecond, "12.345 s"},
                                         DurationCase{10 * second, "10 s"},
                                         DurationCase{59 * second, "59 s"},
                                         DurationCase{minute - millisecond, "59.999 s"}));

INSTANTIATE_TEST_SUITE_P(Minutes, DurationText,
                         testing::Values(DurationCase{minute, "1 min"},
                                         DurationCase{minute + millisecond, "1 min 0.001 s"},
                                         DurationCase{minute + second, "1 min 1 s"},
                                         DurationCase{5 * minute + 2 * second, "5 min 2 s"},
                                         DurationCase{10 * minute, "10 min"},
                                         DurationCase{hour - millisecond, "59 min 59.999 s"}));

INSTANTIATE_TEST_SUITE_P(Hours, DurationText,
                         testing::Values(DurationCase{hour, "1 h"},
                                         DurationCase{hour + second, "1 h 1 s"},
                                         DurationCase{hour + minute, "1 h 1 min"},
                                         DurationCase{20 * hour, "20 h"},
                                         DurationCase{day - millisecond, "23 h 59 min 59.999 s"}));

INSTANTIATE_TEST_SUITE_P(
    Days, DurationText,
    testing::Values(DurationCase{day, "1 d"}, DurationCase{day + 3 * hour, "1 d 3 h"},
                    DurationCase{day + minute, "1 d 1 min"}, DurationCase{day + second, "1 d 1 s"},
                    DurationCase{400 * day + hour + minute + 1500 * millisecond,
                                 "400 d 1 h 1 min 1.5 s"},
                    DurationCase{never, "106751991 d 4 h 54.776 s"}));

std::string
size_text(std::int64_t bytes, Rounding rounding = Rounding::Up)
{
	std::array<char, 100> buffer;
	Text text(buffer);

	text.append_size(bytes, rounding);
	EXPECT_EQ(text.c_str(), text.view());
	return std::string(text.view());
}

constexpr std::int64_t kilobyte = 1024;
constexpr std::int64_t megabyte = 1024 * kilobyte;
constexpr std::int64_t gigabyte = 1024 * megabyte;
constexpr std::int64_t terabyte = 1024 * gigabyte;
constexpr std::int64_t petabyte = 1024 * terabyte;
constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();

TEST(SizeText, IsInTheLargestUnitOfWhichThereIsOne)
{
	EXPECT_EQ(size_text(0), "0 bytes");
	EXPECT_EQ(size_text(1), "1 bytes");
	EXPECT_EQ(size_text(1023), "1023 bytes");
	EXPECT_EQ(size_text(1024), "1 kB");
	EXPECT_EQ(size_text(512 * kilobyte), "512 kB");
	EXPECT_EQ(size_text(1023 * kilobyte), "1023 kB");
	EXPECT_EQ(size_text(megabyte), "1 MB");
	EXPECT_EQ(size_text(16 * megabyte), "16 MB");
	EXPECT_EQ(size_text(1023 * megabyte), "1023 MB");
	EXPECT_EQ(size_text(gigabyte), "1 GB");
	EXPECT_EQ(size_text(2 * gigabyte + 100 * megabyte), "2.1 GB");
	EXPECT_EQ(size_text(terabyte), "1 TB");
	EXPECT_EQ(size_text(petabyte), "1 PB");
	EXPECT_EQ(size_text(1024 * petabyte), "1024 PB");
	EXPECT_EQ(size_text(5000 * petabyte), "5000 PB");
}

TEST(SizeText, IsRoundedUpToATenth)
{
	EXPECT_EQ(size_text(1025), "1.1 kB");
	EXPECT_EQ(size_text(kilobyte * 3 / 2), "1.5 kB");
	EXPECT_EQ(size_text(megabyte + 1), "1.1 MB");
	EXPECT_EQ(size_text(2 * gigabyte + 1), "2.1 GB");
	EXPECT_EQ(size_text(largest), "8192 PB");
}

TEST(SizeText, RoundedUpMayBeOneOfTheNextUnit)
{
	EXPECT_EQ(size_text(megabyte - 103), "1023.9 kB");
	EXPECT_EQ(size_text(megabyte - 102), "1 MB");
	EXPECT_EQ(size_text(megabyte - 1), "1 MB");
	EXPECT_EQ(size_text(gigabyte - 1), "1 GB");
	EXPECT_EQ(size_text(petabyte - 1), "1 PB");
}

TEST(SizeText, IsRoundedDownIfThatIsAskedFor)
{
	EXPECT_EQ(size_text(1023, Rounding::Down), "1023 bytes");
	EXPECT_EQ(size_text(1025, Rounding::Down), "1 kB");
	EXPECT_EQ(size_text(2 * kilobyte - 1, Rounding::Down), "1.9 kB");
	EXPECT_EQ(size_text(megabyte - 1, Rounding::Down), "1023.9 kB");
	EXPECT_EQ(size_text(512 * megabyte - 1, Rounding::Down), "511.9 MB");
	EXPECT_EQ(size_text(512 * megabyte, Rounding::Down), "512 MB");
	EXPECT_EQ(size_text(largest, Rounding::Down), "8191.9 PB");
}

TEST(SizeText, IsNeverNegative)
{
	EXPECT_EQ(size_text(-1), "0 bytes");
	EXPECT_EQ(size_text(std::numeric_limits<std::int64_t>::min(), Rounding::Down), "0 bytes");
}

/* What is more than a limit of whole megabytes never reads as equal to it. */
TEST(SizeText, TellsALimitFromWhatIsBeyondIt)
{
	for (std::int64_t limit = 1; limit <= 4096; limit++)
	{
		const std::int64_t bytes = limit * megabyte;

		if (limit >= 1024 && limit % 1024 != 0)
			continue;
		ASSERT_NE(size_text(bytes), size_text(bytes + 1)) << limit;
		ASSERT_NE(size_text(bytes, Rounding::Down), size_text(bytes - 1, Rounding::Down)) << limit;
	}
}

TEST(Text, BeginsEmpty)
{
	std::array<char, 3> buffer{'x', 'x', 'x'};
	Text text(buffer);

	EXPECT_EQ(text.view(), "");
	EXPECT_STREQ(text.c_str(), "");
}

TEST(Text, AppendsOneAfterTheOther)
{
	std::array<char, 50> buffer;
	Text text(buffer);

	text.append("a").append(" ").append(std::int64_t{42}).append("").append(" b");
	EXPECT_EQ(text.view(), "a 42 b");
	EXPECT_STREQ(text.c_str(), "a 42 b");
}

TEST(Text, AppendsAnyNumber)
{
	std::array<char, 50> buffer;

	EXPECT_EQ(Text(buffer).append(std::int64_t{0}).view(), "0");
	EXPECT_EQ(Text(buffer).append(std::int64_t{-7}).view(), "-7");
	EXPECT_EQ(Text(buffer).append(std::numeric_limits<std::int64_t>::max()).view(),
	          "9223372036854775807");
	EXPECT_EQ(Text(buffer).append(std::numeric_limits<std::int64_t>::min()).view(),
	          "-9223372036854775808");
}

TEST(Text, QuotesSoThatNothingCanPassForTheEnd)
{
	std::array<char, 50> buffer;

	EXPECT_EQ(Text(buffer).append_quoted("").view(), "\"\"");
	EXPECT_EQ(Text(buffer).append("role ").append_quoted("it's me").view(), "role \"it's me\"");
	EXPECT_EQ(Text(buffer).append_quoted("x\", client [local])").view(),
	          "\"x\"\", client [local])\"");
	EXPECT_EQ(Text(buffer).append_quoted("\"\"").append(".").view(), "\"\"\"\"\"\".");
}

TEST(Text, QuotesWhatFits)
{
	std::array<char, 8> buffer;

	EXPECT_EQ(Text(buffer).append_quoted("a\"cde").view(), "\"a\"\"cde");
}

TEST(Text, DurationKeepsTheBlankBeforeIt)
{
	std::array<char, 50> buffer;

	EXPECT_EQ(Text(buffer).append("for ").append_duration(minute).append(".").view(), "for 1 min.");
	EXPECT_EQ(Text(buffer).append("for ").append_duration(second).append(".").view(), "for 1 s.");
}

TEST(Text, ExactlyFits)
{
	std::array<char, 6> buffer;

	EXPECT_EQ(Text(buffer).append("12345").view(), "12345");
	EXPECT_STREQ(buffer.data(), "12345");
}

TEST(Text, IsCutOffAtTheEndOfItsBuffer)
{
	std::array<char, 6> buffer;
	Text text(buffer);

	text.append("1234567").append("x").append(std::int64_t{8}).append_duration(day);
	EXPECT_EQ(text.view(), "12345");
	EXPECT_STREQ(buffer.data(), "12345");
}

TEST(Text, HasRoomForNothingButTheEnd)
{
	std::array<char, 1> buffer{'x'};
	Text text(buffer);

	text.append("a").append(std::int64_t{1}).append_duration(minute).append_size(1025);
	EXPECT_EQ(text.view(), "");
	EXPECT_EQ(buffer[0], '\0');
}

TEST(Text, BlankOfTheCallerSurvivesADurationThatDoesNotFit)
{
	std::array<char, 5> buffer;

	EXPECT_EQ(Text(buffer).append("for ").append_duration(minute).view(), "for ");
}

TEST(Text, CutOffAnywhereIsTheBeginningOfTheWhole)
{
	const Duration duration = 12 * day + 3 * hour + 45 * minute + 6789 * millisecond;
	const std::string whole = "since 12 d 3 h 45 min 6.789 s, 1234567 more";

	for (std::size_t size = 1; size <= whole.size() + 3; size++)
	{
		/* One byte more than the text may use. */
		std::vector<char> memory(size + 1, '#');
		Text text{std::span(memory).first(size)};

		text.append("since ").append_duration(duration).append(", ");
		text.append(std::int64_t{1234567}).append(" more");
		EXPECT_EQ(text.view(), whole.substr(0, size - 1));
		EXPECT_EQ(std::strlen(text.c_str()), text.view().size());
		EXPECT_EQ(memory[size], '#');
	}
}

TEST(TextCut, IsMarkedOnlyIfSomethingDidNotFit)
{
	std::array<char, 8> buffer;
	Text whole(buffer);
	EXPECT_EQ(whole.append("seven c").mark_cut().view(), "seven c");

	Text cut(buffer);
	EXPECT_EQ(cut.append("eight ch").mark_cut().view(), "eigh...");
	EXPECT_EQ(std::string(cut.c_str()), "eigh...");

	Text cut_later(buffer);
	EXPECT_EQ(cut_later.append("seven c").append("").append("x").mark_cut().view(), "seve...");
}

TEST(TextCut, FindsNoRoomForAMark)
{
	std::array<char, 3> buffer;
	Text text(buffer);

	EXPECT_EQ(text.append("abc").mark_cut().view(), "ab");
}

} // namespace
} // namespace session_guard::test
