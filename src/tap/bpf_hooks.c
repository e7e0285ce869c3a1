/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "tap/bpf.h"

static const char *const names[TAP_BACKENDS] = { "auto", "tracepoint", "kprobe", "fentry" };

const char *tap_backend_name(enum tap_backend b)
{
	return names[b];
}

int tap_backend_parse(const char *name, enum tap_backend *ret)
{
	for (enum tap_backend b = 0; b < TAP_BACKENDS; b++) {
		if (strcmp(name, names[b]) != 0)
			continue;
		*ret = b;
		return 0;
	}
	return -EINVAL;
}
