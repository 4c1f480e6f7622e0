/*
 * What the kernel says of processes and of memory, whole and cut off.
 */
#include "core/proc_text.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace session_guard::test
{
namespace
{

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t page = 4096;

TEST(LeadingNumber, IsWhatAWholeNumberSays)
{
	EXPECT_EQ(leading_number("0\n"), 0);
	EXPECT_EQ(leading_number("765 444\n"), 765);
	EXPECT_EQ(leading_number("  \t 23 kB\n"), 23);
	EXPECT_EQ(leading_number("23\tkB\n"), 23);
	EXPECT_EQ(leading_number("007\n"), 7);
	EXPECT_EQ(leading_number("9223372036854775807\n"), largest);
}

TEST(LeadingNumber, IsNoneThatCannotBeRead)
{
	for (const char *text :
	     {"", "\n", " ", "max\n", "-1\n", "+1\n", "kB 5\n", "0x10\n", "1.5\n", "12a\n"})
		EXPECT_EQ(leading_number(text), std::nullopt) << text;
	/* Of the next line. */
	EXPECT_EQ(leading_number("\n5\n"), std::nullopt);
}

TEST(LeadingNumber, IsNoneBeyondInt64)
{
	EXPECT_EQ(leading_number("9223372036854775808\n"), std::nullopt);
	EXPECT_EQ(leading_number("18446744073709551615\n"), std::nullopt);
	EXPECT_EQ(leading_number(std::string(1000, '9').append("\n")), std::nullopt);
}

TEST(LeadingNumber, IsNoneThatMayHaveBeenCutOff)
{
	EXPECT_EQ(leading_number("123"), std::nullopt);
	EXPECT_EQ(leading_number("123 "), 123);
}

TEST(TextBehind, IsBehindALabelThatBeginsALine)
{
	EXPECT_EQ(text_behind("a 1\nb 2\n", "a "), "1\nb 2\n");
	EXPECT_EQ(text_behind("a 1\nb 2\n", "b "), "2\n");
	EXPECT_EQ(text_behind("a 1\nb 2\nb 3\n", "b "), "2\nb 3\n");
	EXPECT_EQ(text_behind("ab 1\na 2\n", "a "), "2\n");
	EXPECT_EQ(text_behind("ba 1\na 2\n", "a "), "2\n");
}

TEST(TextBehind, IsEmptyWithoutThatLine)
{
	EXPECT_EQ(text_behind("", "a "), "");
	EXPECT_EQ(text_behind("ba 1\n", "a "), "");
	EXPECT_EQ(text_behind("b\na", "a "), "");
	EXPECT_EQ(text_behind("a ", "a "), "");
}

TEST(NumberBehind, IsTheNumberOfALine)
{
	constexpr std::string_view io = "rchar: 3\nwchar: 0\nsyscr: 10\nsyscw: 2\n";

	EXPECT_EQ(number_behind(io, "rchar:"), 3);
	EXPECT_EQ(number_behind(io, "syscr:"), 10);
	EXPECT_EQ(number_behind(io, "syscw:"), 2);
	EXPECT_EQ(number_behind(io, "char:"), std::nullopt);
	EXPECT_EQ(number_behind("State:\tS (sleeping)\n", "State:"), std::nullopt);
	EXPECT_EQ(number_behind("nonvoluntary_ctxt_switches:\t3\n", "voluntary_ctxt_switches:"),
	          std::nullopt);
	EXPECT_EQ(number_behind("voluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t3\n",
	                        "voluntary_ctxt_switches:"),
	          7);
}

TEST(PrivateMemory, IsWhatIsResidentAndNotShared)
{
	EXPECT_EQ(private_memory_in("54321 444 416 5 0 123 0\n", page), 28 * page);
	EXPECT_EQ(private_memory_in("54321 444 416 5 0 123 0\n", 65536), 28 * 65536);
	EXPECT_EQ(private_memory_in("54321 444 444 5 0 123 0\n", page), 0);
	/* Of a process that has ended and was not waited for yet. */
	EXPECT_EQ(private_memory_in("0 0 0 0 0 0 0\n", page), 0);
}

TEST(PrivateMemory, IsUnknownByTextThatIsCutOff)
{
	const std::string whole = "54321 444 416 5 0 123 0\n";
	/* Up to the blank that ends the third number. */
	const std::size_t enough = whole.find(" 5") + 1;

	for (std::size_t size = 0; size < enough; size++)
		EXPECT_EQ(private_memory_in(whole.substr(0, size), page), std::nullopt) << size;
	for (std::size_t size = enough; size <= whole.size(); size++)
		EXPECT_EQ(private_memory_in(whole.substr(0, size), page), 28 * page) << size;
}

TEST(PrivateMemory, IsUnknownByGarbage)
{
	EXPECT_EQ(private_memory_in("x 444 416 5\n", page), std::nullopt);
	EXPECT_EQ(private_memory_in("1 x 416 5\n", page), std::nullopt);
	EXPECT_EQ(private_memory_in("1 444 x 5\n", page), std::nullopt);
	EXPECT_EQ(private_memory_in("1 -444 416 5\n", page), std::nullopt);
	EXPECT_EQ(private_memory_in("1 444 -416 5\n", page), std::nullopt);
	EXPECT_EQ(private_memory_in("1 444\n416 5\n", page), std::nullopt);
	/* More shared than there is. */
	EXPECT_EQ(private_memory_in("1 416 444 5\n", page), std::nullopt);
}

TEST(PrivateMemory, IsUnknownBeyondInt64)
{
	EXPECT_EQ(private_memory_in("1 9223372036854775807 0 0\n", 1), largest);
	EXPECT_EQ(private_memory_in("1 9223372036854775807 0 0\n", page), std::nullopt);
	EXPECT_EQ(private_memory_in("1 2251799813685247 0 0\n", page), 2251799813685247 * page);
	EXPECT_EQ(private_memory_in("1 2251799813685248 0 0\n", page), std::nullopt);
	EXPECT_EQ(private_memory_in("1 9223372036854775808 0 0\n", 1), std::nullopt);
}

constexpr std::string_view meminfo = "MemTotal:       24731708 kB\n"
                                     "MemFree:        21425612 kB\n"
                                     "MemAvailable:   23776828 kB\n"
                                     "Buffers:           45092 kB\n";

TEST(AvailableMemory, IsThatOfTheKernel)
{
	EXPECT_EQ(available_memory_in(meminfo), std::int64_t{23776828} * 1024);
	EXPECT_EQ(available_memory_in("MemAvailable:          0 kB\n"), 0);
}

TEST(AvailableMemory, IsUnknownByTextThatIsCutOff)
{
	const std::size_t enough = meminfo.find(" kB\nBuffers") + 1;

	for (std::size_t size = 0; size < enough; size++)
		EXPECT_EQ(available_memory_in(meminfo.substr(0, size)), std::nullopt) << size;
	for (std::size_t size = enough; size <= meminfo.size(); size++)
		EXPECT_EQ(available_memory_in(meminfo.substr(0, size)), std::int64_t{23776828} * 1024)
		    << size;
}

TEST(AvailableMemory, IsUnknownByGarbage)
{
	/* A kernel older than 3.14 does not tell. */
	EXPECT_EQ(available_memory_in("MemTotal: 5 kB\nMemFree: 4 kB\n"), std::nullopt);
	EXPECT_EQ(available_memory_in("MemAvailable: much kB\n"), std::nullopt);
	EXPECT_EQ(available_memory_in("MemAvailable: -5 kB\n"), std::nullopt);
	EXPECT_EQ(available_memory_in("NotMemAvailable: 5 kB\n"), std::nullopt);
	EXPECT_EQ(available_memory_in("MemAvailable: 9007199254740991 kB\n"), 9007199254740991 * 1024);
	EXPECT_EQ(available_memory_in("MemAvailable: 9007199254740992 kB\n"), std::nullopt);
}

} // namespace
} // namespace session_guard::test
