/*
 * The rows of session_guard.rule as a piece of memory (see rule_image.h).
 */
#include "policy/rule_image.h"

#include <cstring>
#include <type_traits>

namespace session_guard
{

namespace
{

constexpr std::int32_t is_none = -1;

/* Writes values one after the other. */
class ImageWriter
{
  public:
	ImageWriter()
	{
		initStringInfo(&bytes_);
	}

	template <typename T>
	void
	value(const T &value)
	{
		/* What has padding, or a place for what is not there, could differ between equal rows. */
		static_assert(std::is_trivially_copyable_v<T> &&
		              std::has_unique_object_representations_v<T>);
		appendBinaryStringInfo(&bytes_, reinterpret_cast<const char *>(&value), sizeof(value));
	}

	template <typename T>
	void
	optional(const std::optional<T> &optional)
	{
		value(optional.has_value());
		if (optional)
			value(*optional);
	}

	void
	text(const char *text)
	{
		value(text == nullptr ? is_none : static_cast<std::int32_t>(strlen(text)));
		if (text != nullptr)
			appendBinaryStringInfo(&bytes_, text, static_cast<int>(strlen(text)) + 1);
	}

	template <typename T, typename Element>
	void
	list(const std::optional<std::span<const T>> &list, Element element)
	{
		value(list ? static_cast<std::int32_t>(list->size()) : is_none);
		if (list)
			for (const T &one : *list)
				element(*this, one);
	}

	RuleImage
	image() const
	{
		return {reinterpret_cast<const std::byte *>(bytes_.data),
		        static_cast<std::size_t>(bytes_.len)};
	}

  private:
	StringInfoData bytes_;
};

/* Reads them in the same order. */
class ImageReader
{
  public:
	explicit ImageReader(RuleImage image) : next_(reinterpret_cast<const char *>(image.data()))
	{
	}

	template <typename T>
	void
	value(T &value)
	{
		memcpy(&value, next_, sizeof(value));
		next_ += sizeof(value);
	}

	template <typename T>
	void
	optional(std::optional<T> &optional)
	{
		bool has_value;

		value(has_value);
		optional = has_value ? std::optional(T{}) : std::nullopt;
		if (optional)
			value(*optional);
	}

	void
	text(const char *&text)
	{
		std::int32_t length;

		value(length);
		text = length == is_none ? nullptr : next_;
		next_ += length == is_none ? 0 : length + 1;
	}

	template <typename T, typename Element>
	void
	list(std::optional<std::span<const T>> &list, Element element)
	{
		std::int32_t count;

		value(count);
		list.reset();
		if (count == is_none)
			return;
		auto elements = static_cast<T *>(palloc0((static_cast<Size>(count) + 1) * sizeof(T)));
		for (std::int32_t i = 0; i < count; i++)
			element(*this, elements[i]);
		list = std::span<const T>(elements, static_cast<std::size_t>(count));
	}

  private:
	const char *next_;
};

/* All that a row has, in a fixed order: what is written is what is read. */
template <typename Archive, typename Row>
void
pass_through(Archive &archive, Row &row)
{
	auto text = [](auto &one, auto &value) { one.text(value); };
	auto value = [](auto &one, auto &network) { one.value(network); };

	archive.value(row.position);
	archive.text(row.name);
	archive.value(row.is_enabled);
	archive.value(row.only_logs);
	archive.list(row.databases, text);
	archive.list(row.roles, text);
	archive.list(row.except_roles, text);
	archive.text(row.application_name);
	archive.text(row.except_application_name);
	archive.list(row.client_addr, value);
	archive.text(row.query);
	for (auto &limit : row.limits)
		archive.optional(limit);
	archive.optional(row.exempt);
}

} // namespace

RuleImage
image_of(RuleRows rows)
{
	ImageWriter writer;

	writer.value(rows.encoding);
	writer.value(rows.rows.size());
	for (RuleRow &row : rows.rows)
		pass_through(writer, row);
	return writer.image();
}

RuleRows
rows_of(RuleImage image)
{
	RuleRows rows{};
	std::size_t count = 0;

	if (image.empty())
		return rows;
	ImageReader reader(image);
	reader.value(rows.encoding);
	reader.value(count);
	rows.rows = {static_cast<RuleRow *>(palloc0((count + 1) * sizeof(RuleRow))), count};
	for (RuleRow &row : rows.rows)
		pass_through(reader, row);
	return rows;
}

bool
is_alike(RuleImage a, RuleImage b)
{
	return a.size() == b.size() && (a.empty() || memcmp(a.data(), b.data(), a.size()) == 0);
}

} // namespace session_guard
