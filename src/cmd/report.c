/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>

#include "cmd/decode_priv.h"

void report_fact(struct decode *d, const struct ipc_health *h)
{
	if (strcmp(h->key, "loss") == 0) {
		memcpy(d->loss, h->loss, sizeof(d->loss));
		d->restarts = h->restarts;
		d->up_s = h->up_s;
		memcpy(d->cost_cpu_ms, h->cpu_ms, sizeof(d->cost_cpu_ms));
		memcpy(d->cost_bytes, h->bytes, sizeof(d->cost_bytes));
		return;
	}
	for (size_t i = 0; i < d->nfacts; i++) {
		if (strcmp(d->facts[i].key, h->key) != 0)
			continue;
		d->facts[i] = *h;
		return;
	}
	if (d->nfacts < DECODE_FACTS)
		d->facts[d->nfacts++] = *h;
}

/* Why bytes did not come, as the kernel counted them. */
static const struct {
	enum ev_loss loss;
	const char *key, *text, *hint; /* hint NULL: it is as it should be */
} causes[] = {
	{ EV_LOSS_RING_BYTES, "missing.ring", "were refused by full rings; each is in a gap",
	  "give them more memory with --events-ring, or capture less" },
	{ EV_LOSS_SHED_BYTES, "missing.shed",
	  "of bodies were left out because the rings were filling up",
	  "give them more memory with --events-ring, or capture less" },
	{ EV_LOSS_FAULT_BYTES, "missing.fault", "could not be read from a program's memory", "" },
	{ EV_LOSS_NO_BUFFER, "missing.no-buffer",
	  "moved without a buffer that can be read, as by sendfile or splice", "" },
	{ EV_LOSS_UNSEEN_BYTES, "missing.unseen",
	  "moved while nothing looked, as by io_uring or before a process was chosen", "" },
	{ EV_LOSS_BUDGET_BYTES, "missing.not-wanted",
	  "were not wanted: behind the body limit, or while capture was paused", NULL },
	{ EV_LOSS_SKIPPED, "missing.skipped",
	  "runs of capture programs at most were left out by the kernel, as one that was preempted was in their way",
	  "bytes of TCP missed so are in gaps, some of unix sockets and UDP are not; less load or --backend kprobe makes it rarer" },
};
#define CAUSES (sizeof(causes) / sizeof(*causes))

static void size_text(char *ret, size_t n, uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	double v = (double)bytes / 1024;
	size_t u = 0;

	for (; v >= 1024 && u < 3; u++)
		v /= 1024;
	if (bytes < 1024)
		(void)snprintf(ret, n, "%llu bytes", (unsigned long long)bytes);
	else
		(void)snprintf(ret, n, "%.1f %s", v, units[u]);
}

/* One sentence per cause that there is. */
static size_t loss_facts(const struct decode *d, struct collector_fact *facts,
			 char texts[CAUSES][200])
{
	size_t n = 0;

	for (size_t i = 0; i < CAUSES; i++) {
		uint64_t bytes = d->loss[causes[i].loss];
		char size[32];

		if (!bytes)
			continue;
		if (causes[i].loss == EV_LOSS_SKIPPED) /* no bytes */
			(void)snprintf(size, sizeof(size), "%llu", (unsigned long long)bytes);
		else
			size_text(size, sizeof(size), bytes);
		(void)snprintf(texts[n], sizeof(texts[n]), "%s %s", size, causes[i].text);
		facts[n] = (struct collector_fact){ .key = causes[i].key,
						    .text = texts[n],
						    .hint = causes[i].hint ? causes[i].hint : "",
						    .level = causes[i].hint ? 1 : 0 };
		n++;
	}
	return n;
}

void report_use(void *ctx, const struct conn_use *u)
{
	struct decode *d = ctx;
	struct ipc_msg m = { .tls_who.pid = u->pid };

	if (tls_use_note(d->tls, u, d->now_ns))
		(void)ipc_send(d->ipc, IPC_TLS_WHO, &m, -1); /* not taken: shown as unknown */
}

enum tls_reason report_why(void *ctx, uint32_t pid)
{
	const struct decode *d = ctx;

	return tls_use_why(d->tls, pid);
}

void report_health(struct decode *d)
{
	const struct collector_stats *q = collector_stats(d->sink);
	const struct conn_stats *c = conn_table_stats(d->table);
	unsigned ring_most = 0;
	size_t ring_bytes = d->source->ops->room ? d->source->ops->room(d->source, &ring_most) : 0;
	const struct collector_counter counters[] = {
		{ "agent.up_s", d->up_s },
		{ "ring.bytes", ring_bytes },
		{ "ring.percent", d->source->ops->filled ? d->source->ops->filled(d->source) : 0 },
		{ "ring.percent_most", ring_most },
		{ "conn.open_max", d->limits.conns },
		{ "conn.bytes_held_max", d->limits.total_bytes },
		{ "queue.bytes_max", q->queue_max },
		{ "loss.ring_records", d->loss[EV_LOSS_RING] },
		{ "loss.ring_bytes", d->loss[EV_LOSS_RING_BYTES] },
		{ "loss.fault_bytes", d->loss[EV_LOSS_FAULT_BYTES] },
		{ "loss.no_buffer_bytes", d->loss[EV_LOSS_NO_BUFFER] },
		{ "loss.unseen_bytes", d->loss[EV_LOSS_UNSEEN_BYTES] },
		{ "loss.budget_bytes", d->loss[EV_LOSS_BUDGET_BYTES] },
		{ "loss.shed_bytes", d->loss[EV_LOSS_SHED_BYTES] },
		{ "loss.inflight", d->loss[EV_LOSS_INFLIGHT] },
		{ "loss.skipped_runs", d->loss[EV_LOSS_SKIPPED] },
		{ "loss.tls_unmapped_bytes", d->loss[EV_LOSS_TLS_UNMAPPED] },
		{ "loss.task_records", d->loss[EV_LOSS_TASK_RING] },
		{ "loss.processes", d->loss[EV_LOSS_RULES] },
		{ "loss.untold_records", d->loss[EV_LOSS_UNTOLD] },
		{ "loss.untold_bytes", d->loss[EV_LOSS_UNTOLD_BYTES] },
		{ "told.ring_bytes", c->missing[EV_WHY_RING] },
		{ "told.fault_bytes", c->missing[EV_WHY_FAULT] },
		{ "told.no_buffer_bytes", c->missing[EV_WHY_NO_BUFFER] },
		{ "told.unseen_bytes", c->missing[EV_WHY_UNSEEN] },
		{ "told.budget_bytes", c->missing[EV_WHY_BUDGET] },
		{ "told.shed_bytes", c->missing[EV_WHY_SHED] },
		{ "told.without_reason_bytes", c->missing[EV_WHY_NONE] },
		{ "conn.moved_bytes", c->bytes },
		{ "conn.captured_bytes", c->captured_bytes },
		{ "conn.wakeups", d->loss[EV_COUNT_WAKEUPS] },
		{ "conn.gap_bytes", c->gap_bytes },
		{ "conn.gaps", c->gaps },
		{ "conn.truncated", c->truncated },
		{ "conn.undecrypted_now", c->undecrypted_now },
		{ "conn.undecrypted_total", c->undecrypted_conns },
		{ "conn.unknown_total", c->unknown_conns },
		{ "conn.datagram_total", c->datagram_conns },
		{ "udp.datagrams", d->loss[EV_COUNT_DATAGRAMS] },
		{ "udp.bytes", d->loss[EV_COUNT_UDP_BYTES] },
		{ "conn.flows", c->flows },
		{ "conn.events", c->events },
		{ "conn.bad_events", c->bad_events },
		{ "conn.evicted", c->evicted_conns },
		{ "conn.forgotten", c->forgotten_conns },
		{ "conn.open", c->conns },
		{ "conn.bytes_held", c->bytes_held },
		{ "queue.dropped_flows", q->dropped_flows },
		{ "queue.dropped_updates", q->dropped_updates },
		{ "queue.bytes", q->queue_bytes },
		{ "decode.restarts", d->restarts },
		{ "cost.tap_cpu_ms", d->cost_cpu_ms[0] },
		{ "cost.tap_bytes", d->cost_bytes[0] },
		{ "cost.decode_cpu_ms", d->cost_cpu_ms[1] },
		{ "cost.decode_bytes", d->cost_bytes[1] },
		{ "decode.lost_flows", d->o->left ? d->o->left->lost : 0 },
	};
	struct collector_fact facts[DECODE_FACTS + CAUSES];
	struct collector_ledger tls;
	char texts[CAUSES][200];
	size_t n = loss_facts(d, facts, texts);

	for (size_t i = 0; i < d->nfacts; i++)
		facts[n++] = (struct collector_fact){ .key = d->facts[i].key,
						      .text = d->facts[i].text,
						      .hint = d->facts[i].hint,
						      .level = d->facts[i].level };
	tls_use_list(d->tls, d->names, d->now_ns, &tls);
	collector_health(d->sink, facts, n, counters, sizeof(counters) / sizeof(*counters), &tls);
}

/* Those that answer; else why Docker does not. */
static void report_runtime(struct decode *d)
{
	static const char *const keys[] = { "docker", "cri" };
	char text[400] = "";

	for (unsigned level = 0; level <= 2 && !text[0]; level++) {
		for (size_t i = 0; i < d->nfacts; i++) {
			const struct ipc_health *f = &d->facts[i];
			size_t n = strlen(text);

			for (size_t k = 0; k < sizeof(keys) / sizeof(*keys); k++)
				if (f->level == level && strcmp(f->key, keys[k]) == 0)
					(void)snprintf(text + n, sizeof(text) - n, "%s%s",
						       n ? "; " : "", f->text); /* cut */
		}
	}
	if (text[0])
		collector_runtime(d->sink, text);
}

static struct collector_container view_of(const struct ipc_container *c)
{
	return (struct collector_container){
		.id = c->id,
		.name = c->name,
		.image = c->image,
		.project = c->project,
		.service = c->service,
		.pod = c->pod,
		.ns = c->namespace,
		.state = c->state,
		.networks = c->networks,
		.addrs = (uint8_t(*)[16])(uintptr_t)c->addrs,
		.naddrs = c->naddrs,
		.captured = c->captured && !c->gone,
	};
}

void report_containers(struct decode *d)
{
	const struct ipc_container *c = NULL;
	struct collector_container *list = NULL;
	size_t n = 0, cap = 0;

	while ((c = names_next(d->names, c))) {
		if (n == cap) {
			size_t more = cap ? cap * 2 : 64;
			void *p = realloc(list, more * sizeof(*list));

			if (!p)
				break; /* a shorter list, until the next change */
			list = p;
			cap = more;
		}
		if (!c->sandbox) /* it runs nothing that could be captured */
			list[n++] = view_of(c);
	}
	report_runtime(d);
	collector_containers(d->sink, list, n);
	free(list);
	d->containers_new = false;
}

static void send_rules(const struct decode *d, enum ipc_rule what, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct ipc_msg m = { .settings.what = (uint8_t)what };

		(void)snprintf(m.settings.name, sizeof(m.settings.name), "%s", list[i]);
		(void)ipc_send(d->ipc, IPC_SETTINGS, &m, -1); /* as below */
	}
}

/* To tap, which is the one that can act on it.  A message that does not fit is a setting lost: the hub
 * sends the whole set again at the next change or connection. */
static void settings(void *ctx, const struct collector_settings *s)
{
	const struct decode *d = ctx;
	struct ipc_msg m = { .settings = { .begin = 1 } };

	m.settings.capture = (struct ipc_capture){ .mode = s->mode,
						   .paused = s->paused,
						   .hosts = s->hosts,
						   .include_new = s->include_new,
						   .body_limit = s->body_limit,
						   .conn_budget = s->conn_budget };
	(void)ipc_send(d->ipc, IPC_SETTINGS, &m, -1);
	send_rules(d, IPC_RULE_NAME, s->names, s->nnames);
	send_rules(d, IPC_RULE_END, s->ends, s->nends);
	send_rules(d, IPC_RULE_PROCESS, s->processes, s->nprocesses);
	m = (struct ipc_msg){ .settings = { .commit = 1 } };
	(void)ipc_send(d->ipc, IPC_SETTINGS, &m, -1);
}

static void want_connect(void *ctx, unsigned delay_ms)
{
	struct decode *d = ctx;

	d->connect_ns = d->now_ns + delay_ms * 1000000ull + 1; /* 0 means never */
}

struct sink *report_collector(struct decode *d)
{
	struct collector_options o = { .version = LIMPID_VERSION,
				       .token = d->o->args->agent_token,
				       .queue_bytes = d->o->args->queue_bytes, /* else set_limits says */
				       .want_connect = want_connect,
				       .settings = settings,
				       .ctx = d };
	struct utsname u = { 0 };
	struct buf id = { 0 };
	struct sink *s = NULL;
	uint8_t seed[16];

	(void)uname(&u); /* empty then */
	if (getrandom(seed, sizeof(seed), 0) == sizeof(seed)) {
		/* New for each decode: its batches are numbered from 1 again. */
		buf_put_hex(&id, (struct slice){ seed, sizeof(seed) });
		buf_put(&id, (struct slice){ (const uint8_t *)"", 1 });
	}
	o.agent_id = (const char *)id.p;
	o.hostname = u.nodename;
	o.kernel = u.release;
	if (id.p && !id.failed)
		s = collector_new(&o);
	buf_release(&id);
	return s;
}

void report_status(struct decode *d)
{
	const struct conn_stats *s = conn_table_stats(d->table);
	struct print_counts c = { .flows = s->flows,
				  .flows_before = d->status_flows,
				  .shown = d->printed,
				  .open = s->exchanges,
				  .missing = s->gap_bytes,
				  .dropped = d->dropped,
				  .undecrypted = s->undecrypted_now };

	if (!d->sink || d->o->args->json)
		return;
	print_status(d->sink, &c, d->status_ns ? (double)(d->now_ns - d->status_ns) / 1e9 : 0);
	d->status_ns = d->now_ns;
	d->status_flows = s->flows;
}

void report_end(const struct decode *d)
{
	const struct conn_stats *s = conn_table_stats(d->table);
	char missing[64] = "none missing";

	if (s->gaps)
		(void)snprintf(missing, sizeof(missing), "%llu missing in %llu places",
			       (unsigned long long)s->gap_bytes, (unsigned long long)s->gaps);
	log_info("%llu exchanges, %llu shown; %llu bytes captured, %s",
		 (unsigned long long)s->flows, (unsigned long long)d->printed,
		 (unsigned long long)s->captured_bytes, missing);
	log_debug("%llu records, %llu bad, %llu resyncs; connections: %llu unknown, %llu refused, %llu evicted",
		  (unsigned long long)s->events, (unsigned long long)s->bad_events,
		  (unsigned long long)s->resyncs, (unsigned long long)s->unknown_conns,
		  (unsigned long long)s->refused_conns, (unsigned long long)s->evicted_conns);
}
