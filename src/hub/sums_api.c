/* SPDX-License-Identifier: Apache-2.0 */
/* The calls whose answer is summed up over all rows that a filter leaves (job.h). */
#include "hub/callmap.h"
#include "hub/metrics.h"
#include "hub/serve.h"
#include "hub/statements.h"

void api_map(struct conn *c, const char *rest)
{
	enum aggregate_by by;
	int64_t nodes = CALLMAP_NODES_MAX;

	(void)rest;
	if (!aggregate_by_parse(request_arg(c, "by"), &by))
		answer_error(c, 400, "by is service, container, project or namespace");
	else if (!api_number(c, "nodes", &nodes) || nodes < 1)
		answer_error(c, 400, "nodes is a whole number, at least 1");
	else
		job_begin(c, callmap_new(by, (size_t)nodes));
}

void api_metrics(struct conn *c, const char *rest)
{
	int64_t points = 120, series = 8;
	enum metrics_by by;

	(void)rest;
	if (!metrics_by_parse(request_arg(c, "by"), &by))
		answer_error(c, 400, "by is service, client, endpoint, proto or status");
	else if (!api_number(c, "points", &points) || !api_number(c, "series", &series) || points < 1 || series < 0)
		answer_error(c, 400, "points and series are whole numbers");
	else
		job_begin(c, metrics_new(by, (size_t)points, (size_t)series));
}

void api_sql(struct conn *c, const char *rest)
{
	int64_t n = 100;

	(void)rest;
	if (!api_number(c, "n", &n) || n < 1)
		answer_error(c, 400, "n is a whole number, at least 1");
	else
		job_begin(c, statements_new((size_t)n));
}
