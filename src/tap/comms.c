/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/comms.h"

#include <fnmatch.h>
#include <stdint.h>
#include <string.h>

bool comms_key(const char *glob, struct ev_comm_key *ret)
{
	size_t n = strcspn(glob, "*?[\\");
	bool prefix = glob[n] == '*' && !glob[n + 1];

	if (glob[n] && !prefix)
		return false;
	if (n > EV_COMM_LEN - 1)
		n = EV_COMM_LEN - 1;
	*ret = (struct ev_comm_key){ .bits = (uint32_t)(8 * (n + !prefix)) };
	memcpy(ret->comm, glob, n);
	return true;
}

bool comms_match(const char *const *globs, size_t n, const char *comm, bool odd)
{
	struct ev_comm_key key;

	for (size_t i = 0; i < n; i++) {
		bool hit;

		if (!comms_key(globs[i], &key))
			hit = fnmatch(globs[i], comm, 0) == 0;
		else
			hit = !odd && strncmp(comm, key.comm, key.bits / 8) == 0;
		if (hit)
			return true;
	}
	return false;
}
