/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/decode.h"
#include "cmd/run.h"

static unsigned width_of(int fd)
{
	struct winsize w = { 0 };

	return isatty(fd) && ioctl(fd, TIOCGWINSZ, &w) == 0 ? w.ws_col : 0;
}

static bool coloured(const struct args *a, int fd)
{
	const char *no = getenv("NO_COLOR"); /* no-color.org: set, and not empty */

	if (a->colour != COLOUR_AUTO)
		return a->colour == COLOUR_ALWAYS;
	return isatty(fd) && !(no && no[0]);
}

struct sink *print_sink(const struct args *a, int fd)
{
	struct sink_text_options o = { .width = width_of(fd),
				       .terminal = isatty(fd),
				       .colour = coloured(a, fd),
				       .headers = a->headers,
				       .bodies = a->bodies,
				       .messages = a->messages,
				       .rows = a->rows,
				       .rows_max = a->rows_max < UINT32_MAX ? (unsigned)a->rows_max : UINT32_MAX };

	/* JSON always has the headers; bodies are as long as was kept */
	return a->json ? sink_jsonl_new(fd, SIZE_MAX) : sink_text_new(fd, &o);
}

bool print_wants(const struct args *a, const struct filter *q, const struct flow *f)
{
	/* An open flow comes again; what is new of a conversation is worth a line of its own. */
	if (f->state == FLOW_OPEN && a->json && !f->nmsgs)
		return false;
	if (f->state == FLOW_OPEN && !f->streams && !f->nmsgs)
		return false;
	return !q || filter_match(q, f);
}

bool print_bodies(const struct args *a, const struct filter *q)
{
	return a->json || a->bodies || a->messages || a->rows || filter_needs(q) == FILTER_BODIES;
}

struct filter *run_filter(const struct args *a)
{
	struct filter_error e = { 0 };
	struct filter *q = NULL;
	size_t pad, width;

	if (!a->filter[0])
		return NULL;
	if (filter_new(&q, a->filter, &e) == 0)
		return q;
	log_error("the filter is wrong: %s", e.text);
	pad = e.at < sizeof(a->filter) ? e.at : 0;
	width = e.len ? e.len : 1;
	(void)fprintf(stderr, "  %s\n  %*s", a->filter, (int)pad, "");
	for (size_t i = 0; i < width && i < sizeof(a->filter); i++)
		(void)fputc('^', stderr);
	(void)fputc('\n', stderr);
	exit(EXIT_USAGE);
}

static void put_bytes(struct buf *b, uint64_t n)
{
	if (n < 1000000)
		buf_printf(b, "%llu bytes", (unsigned long long)n);
	else
		buf_printf(b, "%.1f MB", (double)n / 1e6);
}

void print_status(struct sink *s, const struct print_counts *c, double seconds)
{
	double rate = seconds > 0 ? (double)(c->flows - c->flows_before) / seconds : 0;
	struct buf b = { 0 };

	buf_printf(&b, rate < 10 && rate > 0 ? "%.1f/s" : "%.0f/s", rate);
	buf_printf(&b, " · %llu shown · %llu open", (unsigned long long)c->shown, (unsigned long long)c->open);
	buf_puts(&b, " · ");
	if (c->missing)
		put_bytes(&b, c->missing);
	buf_puts(&b, c->missing ? " missing" : "nothing missing");
	if (c->dropped)
		buf_printf(&b, " · %llu not shown, the terminal is too slow", (unsigned long long)c->dropped);
	if (c->undecrypted)
		buf_printf(&b, " · %llu TLS connections not read", (unsigned long long)c->undecrypted);
	buf_put(&b, (struct slice){ (const uint8_t *)"", 1 });
	if (!b.failed)
		sink_text_status(s, (const char *)b.p);
	buf_release(&b);
}
