/* SPDX-License-Identifier: Apache-2.0 */
/* Keys by which flows belong together: the shape of what was asked, the trace. */
#include "filter/node.h"
#include "flow/shape.h"
#include "flow/trace.h"

bool key_shape(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	struct buf shape = { 0 };
	bool hit;

	(void)arg;
	shape_of(&shape, f->proto, f->req.op, f->req.target);
	hit = shape.n > 0 && visit(ctx, buf_slice(&shape));
	buf_release(&shape);
	return hit;
}

bool key_trace(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	const char *const *names = trace_headers();

	(void)arg;
	for (; *names; names++) {
		const char *v = flow_header(&f->req, *names);

		if (v && visit(ctx, slice_str(v)))
			return true;
	}
	return false;
}
