/*
 * Asking the kernel for the state of one socket (see socket_state.h).
 */
#include "status/socket_state.h"

#ifdef __linux__

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace session_guard
{

namespace
{

/* An answer with all attributes that are asked for is much smaller. */
struct alignas(NLMSG_ALIGNTO) AnswerBuffer
{
	std::array<char, 1024> bytes;
};

template <typename Request> struct Question
{
	nlmsghdr header;
	Request request;
};

template <typename Request>
Question<Request>
ask_by(const Request &request)
{
	return {.header = {.nlmsg_len = sizeof(Question<Request>),
	                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
	                   .nlmsg_flags = NLM_F_REQUEST,
	                   .nlmsg_seq = 1,
	                   .nlmsg_pid = 0},
	        .request = request};
}

/* One connection, and no list of them; the kernel finds what listens there, too. */
Question<inet_diag_req_v2>
question_of_tcp(const ClientSocket &socket)
{
	inet_diag_req_v2 request{};
	auto family = static_cast<__u8>(socket.kind == SocketKind::Ipv4 ? AF_INET : AF_INET6);

	request.sdiag_family = family;
	request.sdiag_protocol = IPPROTO_TCP;
	request.idiag_states = ~0U;
	request.id.idiag_sport = socket.local.port;
	request.id.idiag_dport = socket.remote.port;
	memcpy(request.id.idiag_src, socket.local.address.data(), sizeof(request.id.idiag_src));
	memcpy(request.id.idiag_dst, socket.remote.address.data(), sizeof(request.id.idiag_dst));
	request.id.idiag_if = socket.interface;
	request.id.idiag_cookie[0] = request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	return ask_by(request);
}

Question<unix_diag_req>
question_of_unix_socket(const ClientSocket &socket)
{
	unix_diag_req request{};

	request.sdiag_family = AF_UNIX;
	request.udiag_states = ~0U;
	request.udiag_ino = socket.inode;
	request.udiag_show = UDIAG_SHOW_PEER;
	request.udiag_cookie[0] = request.udiag_cookie[1] = INET_DIAG_NOCOOKIE;
	return ask_by(request);
}

/* The body of a message, if it is as long as a type; nullptr if not. */
template <typename Body>
const Body *
body_of(const nlmsghdr &header)
{
	return header.nlmsg_len >= NLMSG_LENGTH(sizeof(Body))
	           ? static_cast<const Body *>(NLMSG_DATA(&header))
	           : nullptr;
}

std::optional<SocketAnswer>
answer_of_tcp(const nlmsghdr &header)
{
	const auto *found = body_of<inet_diag_msg>(header);

	if (found == nullptr)
		return std::nullopt;
	return SocketAnswer{
	    .state = found->idiag_state, .inode = found->idiag_inode, .peer_inode = std::nullopt};
}

/* The inode of the other end, among the attributes that follow. */
std::optional<std::uint32_t>
peer_inode_in(const nlmsghdr &header)
{
	const char *at = reinterpret_cast<const char *>(&header) + NLMSG_SPACE(sizeof(unix_diag_msg));
	const char *end = reinterpret_cast<const char *>(&header) + header.nlmsg_len;

	while (end - at >= NLA_HDRLEN)
	{
		nlattr attribute;
		std::uint32_t inode;

		memcpy(&attribute, at, sizeof(attribute));
		if (attribute.nla_len < NLA_HDRLEN || attribute.nla_len > end - at)
			return std::nullopt;
		if (attribute.nla_type == UNIX_DIAG_PEER && attribute.nla_len == NLA_HDRLEN + sizeof(inode))
		{
			memcpy(&inode, at + NLA_HDRLEN, sizeof(inode));
			return inode;
		}
		at += std::min<std::ptrdiff_t>(NLA_ALIGN(attribute.nla_len), end - at);
	}
	return std::nullopt;
}

std::optional<SocketAnswer>
answer_of_unix_socket(const nlmsghdr &header)
{
	const auto *found = body_of<unix_diag_msg>(header);

	if (found == nullptr)
		return std::nullopt;
	return SocketAnswer{.state = found->udiag_state,
	                    .inode = found->udiag_ino,
	                    .peer_inode = peer_inode_in(header)};
}

std::optional<SocketAnswer>
read_answer(int netlink, SocketKind kind)
{
	AnswerBuffer buffer;
	ssize_t length = recv(netlink, buffer.bytes.data(), buffer.bytes.size(), MSG_DONTWAIT);
	const auto *header = reinterpret_cast<const nlmsghdr *>(buffer.bytes.data());

	if (length < static_cast<ssize_t>(sizeof(nlmsghdr)) ||
	    header->nlmsg_len > static_cast<std::size_t>(length) || header->nlmsg_seq != 1 ||
	    header->nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return std::nullopt;
	return kind == SocketKind::Unix ? answer_of_unix_socket(*header) : answer_of_tcp(*header);
}

template <typename Question>
std::optional<SocketAnswer>
ask(int netlink, const Question &question, SocketKind kind)
{
	ssize_t sent = send(netlink, &question, sizeof(question), MSG_DONTWAIT);

	return sent == static_cast<ssize_t>(sizeof(question)) ? read_answer(netlink, kind)
	                                                      : std::nullopt;
}

} // namespace

std::optional<SocketAnswer>
ask_for_socket(const ClientSocket &socket)
{
	if (socket.kind == SocketKind::Unknown)
		return std::nullopt;
	int netlink = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (netlink < 0)
		return std::nullopt;
	std::optional<SocketAnswer> answer =
	    socket.kind == SocketKind::Unix ? ask(netlink, question_of_unix_socket(socket), socket.kind)
	                                    : ask(netlink, question_of_tcp(socket), socket.kind);
	close(netlink);
	return answer;
}

} // namespace session_guard

#else

namespace session_guard
{

std::optional<SocketAnswer>
ask_for_socket(const ClientSocket &)
{
	return std::nullopt;
}

} // namespace session_guard

#endif
