/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/proto.h"

#define PROTO(name) extern const struct proto proto_##name;
#include "proto/list.h"
#undef PROTO

static const struct proto *const all[] = {
#define PROTO(name) &proto_##name,
#include "proto/list.h"
#undef PROTO
	NULL,
};

const struct proto *const *proto_all(void)
{
	return all;
}

const struct proto *proto_find(const char *name)
{
	for (size_t i = 0; all[i]; i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}

const struct proto *proto_detect_in(const struct proto *const *list, enum side side,
				    struct slice head, bool *maybe)
{
	bool more = false;

	for (size_t i = 0; list[i]; i++) {
		switch (list[i]->probe(side, head)) {
		case PROBE_YES:
			return list[i];
		case PROBE_LIKELY:
		case PROBE_MAYBE:
			more = true;
			break;
		case PROBE_NO:
			break;
		}
	}
	*maybe = more;
	return NULL;
}

const struct proto *proto_detect(enum side side, struct slice head, bool *maybe)
{
	return proto_detect_in(all, side, head, maybe);
}
