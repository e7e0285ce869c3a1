/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands that decode are told about the bytes they read.  Files are read here, as long as that is allowed. */
#include "cmd/args_priv.h"

#include <errno.h>
#include <stdio.h>

#include "proto/schemas.h"

enum key { KEY_PROTO_DESCRIPTORS = 0x400 };

#define DESCRIPTORS_MAX	 ((size_t)64 << 20) /* of one file */
#define DESCRIPTORS_ROOM ((size_t)256 << 20)
#define LEARNED_MAX	 ((size_t)16 << 20)

struct schemas *args_schemas_new(void)
{
	return schemas_new(DESCRIPTORS_ROOM, LEARNED_MAX);
}

static void read_descriptors(struct argp_state *state, const char *path)
{
	struct args *a = state->input;
	FILE *f = fopen(path, "re");
	struct buf b = { 0 };
	uint8_t *room;
	size_t n = 1;
	int err;

	if (!f)
		argp_failure(state, 1, errno, "cannot read the descriptors in %s", path);
	while (f && n > 0 && b.n <= DESCRIPTORS_MAX && (room = buf_room(&b, 65536))) {
		n = fread(room, 1, 65536, f);
		b.n += n;
	}
	if (f && ferror(f))
		argp_failure(state, 1, errno, "cannot read the descriptors in %s", path);
	if (f)
		(void)fclose(f); /* only read */
	if (!a->schemas)
		a->schemas = args_schemas_new();
	err = !a->schemas || b.failed || b.n > DESCRIPTORS_MAX
		      ? -ENOMEM
		      : schemas_give(a->schemas, buf_slice(&b));
	buf_release(&b);
	if (err == -EBADMSG)
		argp_failure(state, 1, 0,
			     "%s is no set of descriptors: make one with protoc --include_imports "
			     "--descriptor_set_out=FILE x.proto, or buf build -o FILE",
			     path);
	else if (err < 0)
		argp_failure(state, 1, 0,
			     "the descriptors in %s are larger than the memory for them", path);
}

static const struct argp_option decode_options[] = {
	{ NULL, 0, NULL, 0, "How bytes are read:", 6 },
	{ "proto-descriptors", KEY_PROTO_DESCRIPTORS, "FILE", 0,
	  "names for protobuf's fields: a set made by protoc --include_imports "
	  "--descriptor_set_out=FILE "
	  "(repeatable)",
	  6 },
	{ 0 },
};

static error_t decode_option(int key, char *arg, struct argp_state *state)
{
	if (key != KEY_PROTO_DESCRIPTORS)
		return ARGP_ERR_UNKNOWN;
	read_descriptors(state, arg);
	return 0;
}

const struct argp args_decode = { decode_options, decode_option, NULL, NULL, NULL, NULL, NULL };
