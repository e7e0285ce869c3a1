/* SPDX-License-Identifier: Apache-2.0 */
/* What the connection table asks and says while it runs: to tap, to the names, to the sink. */
#include "cmd/decode_priv.h"

#include <errno.h>

static bool names_hook(void *ctx, uint64_t cgroup_id, const uint8_t addr[16], uint16_t port,
		       uint32_t pid, struct conn_names *ret)
{
	struct decode *d = ctx;
	struct ipc_msg who = { .cgroup.cgroup_id = cgroup_id };
	bool ask, found = hold_names(d->hold, cgroup_id, addr, port, pid, ret, &ask);

	if (ask)
		(void)ipc_send(d->ipc, IPC_WHO, &who, -1); /* not taken: the flow is held, then goes without */
	return found; /* a beginning of an id that is known already is filled in by hold */
}

static void tls_hook(void *ctx, uint8_t tls, uint16_t tls_lib, struct flow_tls *ret)
{
	const struct decode *d = ctx;

	(void)tls;
	names_by_lib(d->names, tls_lib, &ret->library, &ret->version);
}

static void verdict_hook(void *ctx, uint64_t cookie, enum ev_verdict v)
{
	const struct decode *d = ctx;
	struct ipc_msg m = { .verdict = { .cookie = cookie, .verdict = v } };

	(void)ipc_send(d->ipc, IPC_VERDICT, &m,
		       -1); /* not taken: copying goes on, nothing is lost */
}

static void skip_hook(void *ctx, uint64_t cookie, enum ev_dir dir, bool plain, uint64_t to)
{
	const struct decode *d = ctx;
	struct ipc_msg m = { .verdict = { .cookie = cookie,
					  .skip_to = to,
					  .skip = 1,
					  .dir = (uint8_t)dir,
					  .plain = plain } };

	(void)ipc_send(d->ipc, IPC_VERDICT, &m, -1); /* as above */
}

static void totals_hook(void *ctx, uint64_t cookie)
{
	const struct decode *d = ctx;
	struct ipc_msg m = { .verdict = { .cookie = cookie, .totals = 1 } };

	(void)ipc_send(d->ipc, IPC_VERDICT, &m, -1); /* not taken: asked again */
}

static void flow_hook(void *ctx, const struct flow *f)
{
	struct decode *d = ctx;

	hold_flow(d->hold, f, d->now_ns);
}

void decode_out(void *ctx, const struct flow *f)
{
	struct decode *d = ctx;
	int err;

	if (!d->to_hub && (d->closed || !print_wants(d->o->args, d->o->filter, f)))
		return;
	err = d->sink->ops->write(d->sink, f);
	if (err == -EPIPE)
		d->closed = d->stop = true;
	d->dropped += err == -EAGAIN;
	if (d->to_hub || f->state == FLOW_OPEN)
		return;
	d->printed++;
	if (d->o->args->count && d->printed >= d->o->args->count)
		d->closed = d->stop = true;
}

const struct conn_hooks decode_hooks = {
	.flow = flow_hook,
	.names = names_hook,
	.tls = tls_hook,
	.verdict = verdict_hook,
	.skip = skip_hook,
	.tls_why = report_why,
	.use = report_use,
	.totals = totals_hook,
};
