/* SPDX-License-Identifier: Apache-2.0 */
/* What a flow is as HTTP, whatever it carries. */
#include "export/export.h"

bool export_is_http(const struct flow *f)
{
	static const char *const names[] = { "http1", "http2", "http3", "grpc", "grpc-web", "websocket", "sse" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(f->proto, names[i]) == 0)
			return true;
	return false;
}

const char *export_attr(const struct flow_half *h, const char *key)
{
	for (size_t i = 0; i < h->nattrs; i++)
		if (strcmp(h->attrs[i].key, key) == 0)
			return h->attrs[i].value;
	return NULL;
}

bool export_is_grpc(const struct flow *f)
{
	return strncmp(f->proto, "grpc", 4) == 0;
}

const char *export_method(const struct flow *f)
{
	const char *sent = flow_header(&f->req, ":method");

	if (!export_is_grpc(f))
		return f->req.op ? f->req.op : "GET";
	return sent ? sent : "POST"; /* its op is the method of the service */
}

const char *export_status(const struct flow *f)
{
	const char *sent = flow_header(&f->resp, ":status"), *other = export_attr(&f->resp, "http_status");

	if (!export_is_grpc(f))
		return f->resp.status ? f->resp.status : "";
	return sent ? sent : other ? other : "200";
}
