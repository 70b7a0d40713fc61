/*
 * Packets over a non-blocking SEQPACKET socket.
 *
 * An abstract socket belongs to a network namespace. A target in another one is reached by entering it just to make the socket, which stays in it.
 */
#include "wire_client.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "messages.h"
#include "proc.h"

void wire_client_init(struct wire_client *client)
{
	*client = (struct wire_client){ .fd = -1 };
}

void wire_client_close(struct wire_client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	free(client->queue);
	wire_client_init(client);
}

static int make_socket(void)
{
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* A socket in the network namespace of pid. */
static int socket_beside(pid_t pid)
{
	char path[64];
	struct stat ours, theirs;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	if (stat("/proc/self/ns/net", &ours) < 0 || stat(path, &theirs) < 0 || (ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev))
		return make_socket();

	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int there = open(path, O_RDONLY | O_CLOEXEC);
	int fd = -1;

	if (home >= 0 && there >= 0 && setns(there, CLONE_NEWNET) == 0) {
		fd = make_socket();
		if (setns(home, CLONE_NEWNET) < 0) {
			/* Nothing but sockets depends on it, and every other one goes this way too. */
			message_warning("cannot return to our own network namespace: %s", strerror(errno));
		}
	}
	int error = errno;

	if (home >= 0)
		close(home);
	if (there >= 0)
		close(there);
	errno = error;
	return fd;
}

/* Whether pid is in another user namespace. */
static bool users_differ(pid_t pid)
{
	char path[64];
	struct stat ours, theirs;

	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	return stat("/proc/self/ns/user", &ours) == 0 && stat(path, &theirs) == 0 && (ours.st_ino != theirs.st_ino || ours.st_dev != theirs.st_dev);
}

/* Who is root in the user namespace of pid, in ours; 0: nobody but our root, or it is not known. */
static uid_t root_of(pid_t pid)
{
	char *map = users_differ(pid) ? proc_read(NULL, "/proc/%d/uid_map", (int)pid) : NULL;
	unsigned inside, outside;
	uid_t root = 0;

	for (const char *line = map; line && sscanf(line, "%u %u", &inside, &outside) == 2; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (inside == 0)
			root = outside;
	free(map);
	return root;
}

/* In a user namespace that does not know our root, that is nobody: so root connects as the one that there is. */
static int connect_as_root(int fd, const struct sockaddr_un *address, socklen_t size, pid_t pid)
{
	const uid_t uid = geteuid() == 0 ? root_of(pid) : 0;
	const bool changed = uid && seteuid(uid) == 0;
	const int result = connect(fd, (const struct sockaddr *)address, size);
	const int error = errno;

	if (changed && seteuid(0) < 0)
		message_warning("cannot be root again: %s", strerror(errno));
	errno = error;
	return result;
}

bool wire_client_connect(struct wire_client *client, pid_t pid, const char *name, struct ucred *peer)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(name);
	socklen_t size = sizeof(*peer);

	if (length + 1 > sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(address.sun_path + 1, name, length);

	int fd = socket_beside(pid);

	if (fd < 0)
		return false;
	if (connect_as_root(fd, &address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length), pid) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &size) < 0) {
		int error = errno;

		close(fd);
		errno = error;
		return false;
	}
	client->fd = fd;
	return true;
}

/* 1: sent; 0: the socket is full; -1: broken. */
static int send_now(int fd, const void *packet, size_t size)
{
	for (;;) {
		if (send(fd, packet, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return 1;
		if (errno == EINTR)
			continue;
		return errno == EAGAIN || errno == ENOBUFS ? 0 : -1;
	}
}

bool wire_client_flush(struct wire_client *client)
{
	size_t at = 0;

	while (at < client->queued) {
		uint32_t size;

		memcpy(&size, client->queue + at, sizeof(size));
		int sent = send_now(client->fd, client->queue + at + sizeof(size), size);

		if (sent < 0) {
			client->error = errno == EPIPE || errno == ECONNRESET ? 0 : errno;
			return false;
		}
		if (sent == 0)
			break;
		at += sizeof(size) + size;
	}
	if (at)
		memmove(client->queue, client->queue + at, client->queued - at);
	client->queued -= at;
	return true;
}

bool wire_client_send(struct wire_client *client, enum jst_message_type type, const void *body, size_t size)
{
	const struct jst_message message = { .type = type, .size = (uint32_t)size };
	const uint32_t packet = (uint32_t)(sizeof(message) + size);

	if (client->fd < 0 || packet > JST_PACKET_MAX)
		return false;
	if (client->room - client->queued < sizeof(packet) + packet) {
		client->room = client->queued + sizeof(packet) + packet + 256;
		client->queue = message_resize(client->queue, client->room, 1);
	}
	memcpy(client->queue + client->queued, &packet, sizeof(packet));
	memcpy(client->queue + client->queued + sizeof(packet), &message, sizeof(message));
	if (size)
		memcpy(client->queue + client->queued + sizeof(packet) + sizeof(message), body, size);
	client->queued += sizeof(packet) + packet;
	return wire_client_flush(client);
}

/* Takes the descriptors out of the control data; what there is no room for is closed. */
static bool take_descriptors(struct msghdr *header, struct wire_packet *packet)
{
	size_t taken = 0;
	bool fits = !(header->msg_flags & MSG_CTRUNC);

	for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control; control = CMSG_NXTHDR(header, control)) {
		if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(control) + i * sizeof(int), sizeof(fd));
			if (taken < WIRE_DESCRIPTORS) {
				packet->descriptor[taken++] = fd;
			} else {
				close(fd);
				fits = false;
			}
		}
	}
	return fits;
}

enum wire_status wire_client_receive(struct wire_client *client, struct wire_packet *packet)
{
	static _Alignas(8) unsigned char buffer[JST_PACKET_MAX];
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))];
	struct iovec part = { .iov_base = buffer, .iov_len = sizeof(buffer) };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	ssize_t got;

	packet->descriptor[0] = packet->descriptor[1] = -1;
	if (client->fd < 0)
		return WIRE_END;
	do
		got = recvmsg(client->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN)
		return WIRE_NONE;
	if (got < 0) {
		client->error = errno == ECONNRESET ? 0 : errno;
		return WIRE_END;
	}

	bool whole = take_descriptors(&header, packet) && !(header.msg_flags & MSG_TRUNC);

	if (got == 0 && header.msg_controllen == 0)
		return WIRE_END;

	const struct jst_message *message = (const struct jst_message *)buffer;

	if (!whole || (size_t)got < sizeof(*message) || message->size != (size_t)got - sizeof(*message)) {
		wire_packet_close(packet);
		return WIRE_MALFORMED;
	}
	packet->type = message->type;
	packet->size = message->size;
	packet->body = message + 1;
	return WIRE_PACKET;
}

void wire_packet_close(struct wire_packet *packet)
{
	for (int i = 0; i < WIRE_DESCRIPTORS; i++) {
		if (packet->descriptor[i] >= 0)
			close(packet->descriptor[i]);
		packet->descriptor[i] = -1;
	}
}
