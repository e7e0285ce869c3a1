/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http1.h"

#include "proto/http1_body.h"

void http1_upgrade_keep(struct http1_upgrade *u, const struct proto_limits *lim, struct slice head,
			size_t lines, const struct http1_head *hd, uint64_t begin_ns)
{
	struct http1_dir d = { 0 };
	struct http1_head again;
	struct arena *a;

	arena_free(u->request.arena);
	*u = (struct http1_upgrade){ 0 };
	if (!slice_eq_nocase(slice_str(hd->framing.upgrade_to), SLICE_LIT("h2c")))
		return;
	u->asked = true;
	a = arena_new(16 * lim->head_bytes + 65536);
	if (!a || http1_head_read(a, SIDE_REQ, head, lines, &again) != 0) {
		arena_free(a);
		u->request.flags = FLOW_TRUNCATED;
		return;
	}
	http1_body_begin(&d, a, &again);
	u->request = d.msg;
	u->request.half.begin_ns = begin_ns;
	if (hd->framing.has_coding || hd->framing.length > 0)
		u->request.flags |= FLOW_TRUNCATED; /* its body is with the exchange before */
}
