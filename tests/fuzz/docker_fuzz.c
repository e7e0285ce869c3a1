/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever sits behind the Docker socket: its HTTP, then its JSON. */
#include <stdlib.h>

#include "container/answer.h"
#include "container/docker_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void ignore(void *ctx, const struct container *c)
{
	(void)ctx;
	(void)c;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice in = { p, n };
	struct answer a = { 0 };
	enum docker_action action;
	struct container c;
	char version[16];

	for (size_t at = 0; at < n; at += 37)
		if (answer_feed(&a, slice_cut(in, at, at + 37)) < 0)
			break;
	(void)answer_end(&a);
	if (a.status)
		in = buf_slice(&a.body);
	(void)docker_list(in, ignore, NULL);
	(void)docker_inspect(in, &c);
	(void)docker_event(in, &action, &c);
	(void)docker_version(in, version, sizeof(version));
	answer_release(&a);
	return 0;
}
