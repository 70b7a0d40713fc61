/*
 * See privileges.h.
 */
#include "privileges.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <unistd.h>

#include "messages.h"

void privileges_drop(const struct target *targets, bool more)
{
	if (geteuid() != 0 || !targets || targets->process.uid == 0 || more)
		return;

	const uid_t uid = targets->process.uid;
	const gid_t gid = targets->process.gid;

	for (const struct target *target = targets; target; target = target->next)
		if (target->process.uid != uid || target->process.gid != gid || target->state != TARGET_RUNNING)
			return;
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		message_note("going on as root: cannot become user %u: %s", (unsigned)uid, strerror(errno));
	else
		message_note("going on as user %u", (unsigned)uid);
}
