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

struct sink *print_sink(const struct args *a, int fd)
{
	struct sink_text_options o = { .width = width_of(fd),
				       .colour = isatty(fd) && !getenv("NO_COLOR"),
				       .headers = a->headers,
				       .bodies = a->bodies };

	/* JSON always has the headers; bodies are as long as was kept */
	return a->json ? sink_jsonl_new(fd, SIZE_MAX) : sink_text_new(fd, &o);
}

bool print_wants(const struct args *a, const struct filter *q, const struct flow *f)
{
	/* An open flow comes again; only new messages of a stream are worth a line of their own. */
	if (f->state == FLOW_OPEN && !(f->nmsgs && (a->json || a->bodies)))
		return false;
	return !q || filter_match(q, f);
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
