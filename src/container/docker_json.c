/* SPDX-License-Identifier: Apache-2.0 */
/* Only fields that Docker 1.13 to 28 and podman's service have alike are read. */
#include "container/docker_json.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>

static const char *text(const cJSON *o, const char *key)
{
	const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));

	return s ? s : "";
}

static const cJSON *object(const cJSON *o, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(o, key);
}

static void copy(char *ret, size_t n, const char *s)
{
	(void)snprintf(ret, n, "%s", s); /* names over the limit are cut */
}
#define COPY(field, s) copy(field, sizeof(field), s)

static bool id_ok(const char *id)
{
	return strlen(id) == 64 && strspn(id, "0123456789abcdef") == 64;
}

static void add_addr(struct container *c, const char *s)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	uint8_t addr[16];

	if (c->naddrs == CONTAINER_ADDRS || !*s)
		return;
	memcpy(addr, mapped, sizeof(mapped));
	if (inet_pton(AF_INET, s, addr + sizeof(mapped)) == 1 || inet_pton(AF_INET6, s, addr) == 1)
		memcpy(c->addrs[c->naddrs++], addr, sizeof(addr));
}

static void networks(struct container *c, const cJSON *settings)
{
	const cJSON *net;
	size_t at = 0;

	cJSON_ArrayForEach(net, object(settings, "Networks")) {
		int n = snprintf(c->networks + at, sizeof(c->networks) - at, "%s%s", at ? "," : "",
				 net->string ? net->string : "");

		if (n > 0 && at + (size_t)n < sizeof(c->networks))
			at += (size_t)n;
		else
			c->networks[at] = 0; /* no half names */
		add_addr(c, text(net, "IPAddress"));
		add_addr(c, text(net, "GlobalIPv6Address"));
	}
}

/* A kubelet that runs its containers with Docker (cri-dockerd) gives them names for machines, and says in labels what
 * they are. */
static void kubernetes(struct container *c, const cJSON *l)
{
	COPY(c->pod, text(l, "io.kubernetes.pod.name"));
	COPY(c->namespace, text(l, "io.kubernetes.pod.namespace"));
	c->sandbox = strcmp(text(l, "io.kubernetes.docker.type"), "podsandbox") == 0;
	if (c->pod[0])
		COPY(c->name, c->sandbox ? c->pod : text(l, "io.kubernetes.container.name"));
}

static void labels(struct container *c, const cJSON *l)
{
	COPY(c->project, text(l, "com.docker.compose.project"));
	COPY(c->service, text(l, "com.docker.compose.service"));
	kubernetes(c, l);
}

/* "/web"; a linked container has "/other/alias" as well. */
static const char *own_name(const cJSON *names)
{
	const cJSON *n;

	cJSON_ArrayForEach(n, names) {
		const char *s = cJSON_GetStringValue(n);

		if (s && s[0] == '/')
			s++;
		if (s && *s && !strchr(s, '/'))
			return s;
	}
	return "";
}

int docker_list(struct slice json, void (*fn)(void *ctx, const struct container *c), void *ctx)
{
	cJSON *root = cJSON_ParseWithLength((const char *)json.p, json.n);
	const cJSON *o;
	int n = 0;

	if (!cJSON_IsArray(root)) {
		cJSON_Delete(root);
		return -EBADMSG;
	}
	cJSON_ArrayForEach(o, root) {
		struct container c = { 0 };

		if (!id_ok(text(o, "Id")))
			continue;
		COPY(c.id, text(o, "Id"));
		COPY(c.name, own_name(object(o, "Names")));
		COPY(c.image, text(o, "Image"));
		COPY(c.state, text(o, "State"));
		labels(&c, object(o, "Labels"));
		networks(&c, object(o, "NetworkSettings"));
		fn(ctx, &c);
		n++;
	}
	cJSON_Delete(root);
	return n;
}

int docker_inspect(struct slice json, struct container *ret)
{
	cJSON *root = cJSON_ParseWithLength((const char *)json.p, json.n);
	const cJSON *state = object(root, "State"), *config = object(root, "Config");
	double pid = cJSON_GetNumberValue(object(state, "Pid"));
	const char *name = text(root, "Name");
	struct container c = { 0 };
	int err = -EBADMSG;

	if (id_ok(text(root, "Id"))) {
		COPY(c.id, text(root, "Id"));
		COPY(c.name, name[0] == '/' ? name + 1 : name);
		COPY(c.image, text(config, "Image"));
		COPY(c.state, text(state, "Status"));
		c.pid = pid >= 1 && pid < 1e9 ? (uint32_t)pid : 0;
		labels(&c, object(config, "Labels"));
		networks(&c, object(root, "NetworkSettings"));
		*ret = c;
		err = 0;
	}
	cJSON_Delete(root);
	return err;
}

static enum docker_action container_action(const char *action)
{
	static const struct {
		const char *word;
		enum docker_action action;
	} table[] = {
		{ "create", DOCKER_CREATE },   { "start", DOCKER_START },
		{ "rename", DOCKER_LOOK },     { "pause", DOCKER_LOOK },
		{ "unpause", DOCKER_LOOK },    { "die", DOCKER_DIE },
		{ "died", DOCKER_DIE },					     /* podman */
		{ "destroy", DOCKER_DESTROY }, { "remove", DOCKER_DESTROY }, /* podman */
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (strcmp(action, table[i].word) == 0)
			return table[i].action;
	return DOCKER_OTHER;
}

int docker_event(struct slice json, enum docker_action *ret_action, struct container *ret)
{
	cJSON *root = cJSON_ParseWithLength((const char *)json.p, json.n);
	const cJSON *actor = object(root, "Actor"), *attrs = object(actor, "Attributes");
	bool network = strcmp(text(root, "Type"), "network") == 0;
	const char *id = network ? text(attrs, "container") : text(actor, "ID");
	struct container c = { 0 };

	if (!cJSON_IsObject(root)) {
		cJSON_Delete(root);
		return -EBADMSG;
	}
	*ret_action = DOCKER_OTHER;
	if (id_ok(id)) {
		COPY(c.id, id);
		if (network) {
			*ret_action = DOCKER_LOOK;
		} else if (strcmp(text(root, "Type"), "container") == 0) {
			*ret_action = container_action(text(root, "Action"));
			COPY(c.name, text(attrs, "name"));
			COPY(c.image, text(attrs, "image"));
			labels(&c, attrs);
		}
	}
	*ret = c;
	cJSON_Delete(root);
	return 0;
}

int docker_version(struct slice json, char *ret, size_t n)
{
	cJSON *root = cJSON_ParseWithLength((const char *)json.p, json.n);
	const char *v = text(root, "Version");
	int err = *v ? 0 : -EBADMSG;

	if (!err)
		copy(ret, n, v);
	cJSON_Delete(root);
	return err;
}
