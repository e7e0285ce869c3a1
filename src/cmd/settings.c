/* SPDX-License-Identifier: Apache-2.0 */
/* In the all-in-one command the hub keeps the capture settings and the command line may name some: so the
 * command asks its own hub, over the API that scripts use too.
 */
#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/children.h"
#include "container/answer.h"
#include "tap/policy.h"

#define WAIT_S 5

static const char *const modes[] = { "all", "chosen", "except" }; /* by enum ipc_mode */

static int connect_to(const char *url)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct timeval limit = { .tv_sec = WAIT_S };
	char host[256];
	uint16_t port;
	int fd, rc;

	if (args_address(url + strlen("http://"), host, sizeof(host), &port) < 0)
		return -EINVAL;
	v4.sin_port = v6.sin6_port = htons(port);
	if (strcmp(host, "localhost") == 0)
		(void)snprintf(host, sizeof(host), "127.0.0.1");
	if (inet_pton(AF_INET, host, &v4.sin_addr) != 1 &&
	    inet_pton(AF_INET6, host, &v6.sin6_addr) != 1)
		return -EINVAL;
	fd = socket(strchr(host, ':') ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	rc = setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (rc == 0)
		rc = strchr(host, ':') ? connect(fd, (struct sockaddr *)&v6, sizeof(v6))
				       : connect(fd, (struct sockaddr *)&v4, sizeof(v4));
	if (rc == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

/* The answer's body; its status must be 2xx. */
static int call(const struct hub_setup *s, const char *method, struct slice body, struct buf *ret)
{
	struct buf request = { 0 };
	struct answer a = { 0 };
	int fd = connect_to(s->url), err = 0;

	if (fd < 0)
		return fd;
	buf_printf(&request,
		   "%s /api/capture HTTP/1.1\r\nHost: localhost:%u\r\nAuthorization: Bearer %s\r\n"
		   "Content-Type: application/json\r\nContent-Length: %zu\r\nConnection: "
		   "close\r\n\r\n",
		   method, s->http_port, s->token, body.n);
	buf_put(&request, body);
	if (request.failed || send(fd, request.p, request.n, MSG_NOSIGNAL) != (ssize_t)request.n)
		err = -EIO;
	while (!err && !a.done) {
		uint8_t piece[4096];
		ssize_t n = recv(fd, piece, sizeof(piece), 0);

		err = n > 0   ? answer_feed(&a, (struct slice){ piece, (size_t)n })
		      : n < 0 ? -errno
			      : answer_end(&a);
	}
	close(fd);
	if (!err && (a.status < 200 || a.status > 299))
		err = -EPROTO;
	if (!err && ret)
		buf_put(ret, buf_slice(&a.body));
	answer_release(&a);
	buf_release(&request);
	return err;
}

static void write_policy(struct buf *b, const struct policy *p)
{
	buf_printf(b, "{\"mode\":\"%s\",\"names\":[", modes[p->capture.mode]);
	for (size_t i = 0; i < p->n; i++) {
		buf_puts(b, i ? "," : "");
		buf_put_json_str(b, slice_str(p->names[i]));
	}
	buf_printf(b, "],\"hosts\":%s,\"include_new\":%s,\"paused\":%s,\"body_limit\":%llu}",
		   p->capture.hosts ? "true" : "false", p->capture.include_new ? "true" : "false",
		   p->capture.paused ? "true" : "false", (unsigned long long)p->capture.body_limit);
}

static bool is_true(const cJSON *o, const char *key)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, key));
}

static int read_policy(struct slice json, struct policy *ret)
{
	cJSON *root = cJSON_ParseWithLength((const char *)json.p, json.n);
	const char *mode = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "mode"));
	double limit = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(root, "body_limit"));
	const cJSON *name;
	struct policy p = { 0 };
	int err = mode ? 0 : -EBADMSG;

	for (uint32_t i = 0; mode && i < 3; i++)
		if (strcmp(mode, modes[i]) == 0)
			p.capture.mode = i;
	p.capture.hosts = is_true(root, "hosts");
	p.capture.include_new = is_true(root, "include_new");
	p.capture.paused = is_true(root, "paused");
	p.capture.body_limit = limit >= 1 && limit < 1e15 ? (uint64_t)limit : 0;
	cJSON_ArrayForEach(name, cJSON_GetObjectItemCaseSensitive(root, "names")) {
		const char *text = cJSON_GetStringValue(name);

		if (text && !err)
			err = policy_add(&p, text);
	}
	cJSON_Delete(root);
	if (err)
		policy_release(&p);
	else
		*ret = p;
	return err;
}

int settings_exchange(const struct hub_setup *s, const struct policy *set, struct policy *ret)
{
	struct buf b = { 0 };
	int err = 0;

	if (set) {
		write_policy(&b, set);
		err = b.failed ? -ENOMEM : call(s, "PUT", buf_slice(&b), NULL);
		buf_clear(&b);
	}
	err = err ? err : call(s, "GET", (struct slice){ 0 }, &b);
	err = err ? err : read_policy(buf_slice(&b), ret);
	buf_release(&b);
	return err;
}
