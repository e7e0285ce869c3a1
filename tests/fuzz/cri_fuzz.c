/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of whatever sits behind the CRI's socket. */
#include "container/cri_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void ignore(void *ctx, const struct container *c, const char *of_pod)
{
	(void)ctx;
	if (strlen(c->id) != 64 || strlen(of_pod) > 64)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice in = { p, n };
	struct container c;
	char name[32], version[64];

	(void)cri_containers(in, ignore, NULL);
	(void)cri_sandboxes(in, ignore, NULL);
	if (cri_sandbox_status(in, &c) == 0 && c.naddrs > CONTAINER_ADDRS)
		__builtin_trap();
	(void)cri_version(in, name, sizeof(name), version, sizeof(version));
	return 0;
}
