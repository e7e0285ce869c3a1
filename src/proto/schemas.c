/* SPDX-License-Identifier: Apache-2.0 */
/* google/protobuf/descriptor.proto, as far as names, types and streams go, read with our own reader: the bytes come from
 * the wire, and protobuf-c's reader recurses as deep as they say.
 *
 * Everything lies in two arenas that only grow; a name that comes again (a service that was changed and started
 * again) shadows the older one, which stays, because somebody may hold it. */
#include "proto/schemas.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"
#include "proto/protobuf.h"

#define DEPTH_MAX      32
#define CHAIN_MAX      64 /* names of one hash: more were made to be so many */
#define NAME_MAX_BYTES 512

enum kind { KIND_MESSAGE, KIND_ENUM, KIND_METHOD, KIND_FILE };

struct entry {
	struct entry *next; /* of the same hash, the newest first */
	enum kind kind;
	const char *name;
	const void *what;
};

struct set {
	struct arena *arena;
	struct map by_name;
};

struct schemas {
	struct set given, learned;
};

/* What is being read: into, the package or message around, how deep. */
struct reading {
	struct set *set;
	struct slice scope; /* "pkg.Outer", or empty */
	unsigned depth;
	bool *ret_known; /* of a file: nothing was added */
};

struct schemas *schemas_new(size_t max_given, size_t max_learned)
{
	struct schemas *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->given.arena = arena_new(max_given);
	s->learned.arena = arena_new(max_learned);
	if (!s->given.arena || !s->learned.arena) {
		schemas_free(s);
		return NULL;
	}
	return s;
}

void schemas_free(struct schemas *s)
{
	if (!s)
		return;
	map_release(&s->given.by_name);
	map_release(&s->learned.by_name);
	arena_free(s->given.arena);
	arena_free(s->learned.arena);
	free(s);
}

/* --- names ---------------------------------------------------------------------------------------------------- */

/* FNV-1a, 64 bits. */
static uint64_t hash(enum kind kind, struct slice name)
{
	uint64_t h = 0xcbf29ce484222325u ^ (uint64_t)kind;

	for (size_t i = 0; i < name.n; i++)
		h = (h ^ name.p[i]) * 0x100000001b3u;
	return h;
}

static const void *find(const struct set *set, enum kind kind, const char *name)
{
	struct slice s = slice_str(name);

	for (const struct entry *e = map_find(&set->by_name, hash(kind, s)); e; e = e->next)
		if (e->kind == kind && slice_eq(slice_str(e->name), s))
			return e->what;
	return NULL;
}

static int add(struct set *set, enum kind kind, const char *name, const void *what)
{
	uint64_t key = hash(kind, slice_str(name));
	struct entry *first = map_find(&set->by_name, key), *e;
	unsigned n = 0;

	for (e = first; e; e = e->next)
		n++;
	e = n < CHAIN_MAX ? arena_alloc(set->arena, sizeof(*e)) : NULL;
	if (!e)
		return -ENOMEM;
	*e = (struct entry){ first, kind, name, what };
	return map_put(&set->by_name, key, e);
}

static const void *find_full(const struct schemas *s, enum kind kind, const char *name)
{
	const void *what = find(&s->given, kind, name);

	return what ? what : find(&s->learned, kind, name);
}

/* ".pkg.Outer.Inner Name": the Name that is seen from there, in the innermost scope that has one. */
static const void *find_from(const struct schemas *s, enum kind kind, const char *name)
{
	char full[2 * NAME_MAX_BYTES + 2];
	const char *space = strchr(name, ' ');
	size_t scope = space ? (size_t)(space - name) : 0;
	const void *what = NULL;

	if (!space || strlen(name) >= sizeof(full))
		return NULL;
	for (unsigned i = 0; !what && scope > 0 && i < 2 * DEPTH_MAX; i++) {
		snprintf(full, sizeof(full), "%.*s.%s", (int)scope, name, space + 1);
		what = find_full(s, kind, full + 1);
		while (scope > 0 && name[--scope] != '.')
			;
	}
	return what ? what : find_full(s, kind, space + 1);
}

static const void *find_any(const struct schemas *s, enum kind kind, const char *name)
{
	if (!s || !name)
		return NULL;
	return name[0] == '.' ? find_from(s, kind, name) : find_full(s, kind, name);
}

const struct schema_message *schemas_message(const struct schemas *s, const char *name)
{
	return find_any(s, KIND_MESSAGE, name);
}

const struct schema_enum *schemas_enum(const struct schemas *s, const char *name)
{
	return find_any(s, KIND_ENUM, name);
}

const struct schema_method *schemas_method(const struct schemas *s, const char *path)
{
	return find_any(s, KIND_METHOD, path);
}

void schemas_each(const struct schemas *s, void (*message)(void *ctx, const struct schema_message *m),
		  void (*method)(void *ctx, const struct schema_method *m), void *ctx)
{
	const struct set *sets[] = { &s->given, &s->learned };
	uint64_t key;
	void *first;

	for (size_t i = 0, pos = 0; i < 2; i++, pos = 0)
		while (map_next(&sets[i]->by_name, &pos, &key, &first))
			for (const struct entry *e = first; e; e = e->next) {
				bool told = find_full(s, e->kind, e->name) == e->what;

				if (told && e->kind == KIND_MESSAGE)
					message(ctx, e->what);
				else if (told && e->kind == KIND_METHOD)
					method(ctx, e->what);
			}
}

const struct schema_field *schema_field_of(const struct schema_message *m, uint32_t number)
{
	size_t lo = 0, hi = m->nfields;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (m->fields[mid].number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < m->nfields && m->fields[lo].number == number ? &m->fields[lo] : NULL;
}

const char *schema_value_of(const struct schema_enum *e, int32_t number)
{
	size_t lo = 0, hi = e->nvalues;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (e->values[mid].number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < e->nvalues && e->values[lo].number == number ? e->values[lo].name : NULL;
}

/* --- reading descriptors --------------------------------------------------------------------------------------- */

static bool good_name(struct slice s)
{
	return s.n > 0 && s.n <= NAME_MAX_BYTES && slice_is_utf8(s) && !memchr(s.p, 0, s.n);
}

static const char *name_in(const struct reading *in, struct slice name)
{
	if (!good_name(name) || in->scope.n > NAME_MAX_BYTES)
		return NULL;
	if (in->scope.n == 0)
		return arena_str(in->set->arena, name);
	return arena_printf(in->set->arena, "%.*s.%.*s", (int)in->scope.n, in->scope.p, (int)name.n,
			    name.p);
}

/* ".pkg.Name" without the dot: protoc writes it so always. */
static const char *type_name(const struct reading *in, struct slice s)
{
	if (s.n > 0 && s.p[0] == '.')
		s = slice_cut(s, 1, s.n);
	return good_name(s) ? arena_str(in->set->arena, s) : NULL;
}

/* The type of a field of message: protobuf.js writes names as seen from there, with no dot in front. */
static const char *field_type(const struct reading *in, struct slice s, const char *message)
{
	static const char known[] = "google.protobuf.";

	if (s.n > 0 && s.p[0] != '.' && good_name(s) &&
	    !slice_eq(slice_cut(s, 0, sizeof(known) - 1), slice_str(known)))
		return arena_printf(in->set->arena, ".%s %.*s", message, (int)s.n, s.p);
	return type_name(in, s);
}

/* The first field of that number and of bytes; empty: there is none. */
static struct slice bytes_of(struct slice message, uint32_t number)
{
	struct rd r = rd_init(message);
	struct pb_field f;

	while (pb_next(&r, &f))
		if (f.number == number && f.wire == PB_BYTES)
			return f.bytes;
	return (struct slice){ 0 };
}

static size_t count_of(struct slice message, uint32_t number)
{
	struct rd r = rd_init(message);
	struct pb_field f;
	size_t n = 0;

	while (pb_next(&r, &f))
		n += f.number == number && f.wire == PB_BYTES;
	return n;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = ((const struct schema_field *)a)->number;
	uint32_t y = ((const struct schema_field *)b)->number;

	return x < y ? -1 : x > y;
}

static int by_value(const void *a, const void *b)
{
	int32_t x = ((const struct schema_value *)a)->number;
	int32_t y = ((const struct schema_value *)b)->number;

	return x < y ? -1 : x > y;
}

/* FieldDescriptorProto: name 1, number 3, label 4, type 5, type_name 6. */
static void read_field(const struct reading *in, struct slice s, const char *message,
		       struct schema_field *ret)
{
	struct rd r = rd_init(s);
	struct pb_field f;

	while (pb_next(&r, &f)) {
		if (f.number == 1 && f.wire == PB_BYTES && good_name(f.bytes))
			ret->name = arena_str(in->set->arena, f.bytes);
		else if (f.number == 3 && f.wire == PB_VARINT)
			ret->number = (uint32_t)f.value;
		else if (f.number == 4 && f.wire == PB_VARINT)
			ret->repeated = f.value == 3;
		else if (f.number == 5 && f.wire == PB_VARINT && f.value <= PB_TYPE_SINT64)
			ret->type = (enum pb_type)f.value;
		else if (f.number == 6 && f.wire == PB_BYTES)
			ret->type_name = field_type(in, f.bytes, message);
	}
}

/* EnumDescriptorProto: name 1, value 2 (name 1, number 2). */
static int read_enum(const struct reading *in, struct slice s)
{
	size_t n = count_of(s, 2), k = 0;
	struct schema_enum *e = arena_alloc(in->set->arena, sizeof(*e));
	struct schema_value *v = arena_alloc(in->set->arena, (n + 1) * sizeof(*v));
	struct rd r = rd_init(s);
	struct pb_field f, g;

	if (!e || !v)
		return -ENOMEM;
	while (pb_next(&r, &f)) {
		struct rd one = rd_init(f.bytes);

		if (f.number != 2 || f.wire != PB_BYTES)
			continue;
		while (pb_next(&one, &g)) {
			if (g.number == 1 && g.wire == PB_BYTES && good_name(g.bytes))
				v[k].name = arena_str(in->set->arena, g.bytes);
			else if (g.number == 2 && g.wire == PB_VARINT)
				v[k].number = (int32_t)g.value;
		}
		k += v[k].name != NULL;
	}
	qsort(v, k, sizeof(*v), by_value);
	e->name = name_in(in, bytes_of(s, 1));
	e->values = v;
	e->nvalues = k;
	return !r.short_read && e->name ? add(in->set, KIND_ENUM, e->name, e) : -EBADMSG;
}

static int read_message(const struct reading *in, struct slice s);

static int each(const struct reading *in, struct slice s, uint32_t number,
		int (*read)(const struct reading *in, struct slice s))
{
	struct rd r = rd_init(s);
	struct pb_field f;
	int rc = 0;

	while (rc == 0 && pb_next(&r, &f))
		if (f.number == number && f.wire == PB_BYTES)
			rc = read(in, f.bytes);
	if (rc == 0 && arena_short(in->set->arena))
		return -ENOMEM;
	return rc == 0 && r.short_read ? -EBADMSG : rc;
}

static int read_fields(const struct reading *in, struct slice s, struct schema_message *m)
{
	size_t n = count_of(s, 2), k = 0;
	struct schema_field *list = arena_alloc(in->set->arena, (n + 1) * sizeof(*list));
	struct rd r = rd_init(s);
	struct pb_field f;

	if (!list)
		return -ENOMEM;
	while (pb_next(&r, &f)) {
		if (f.number != 2 || f.wire != PB_BYTES)
			continue;
		read_field(in, f.bytes, m->name, &list[k]);
		k += list[k].name && list[k].number && list[k].type;
	}
	if (n > 0)
		qsort(list, k, sizeof(*list), by_number);
	m->fields = list;
	m->nfields = k;
	return 0;
}

/* MessageOptions, in field 7 of DescriptorProto: map_entry 7. */
static bool is_map_entry(struct slice s)
{
	struct rd r = rd_init(bytes_of(s, 7));
	struct pb_field f;
	bool is = false;

	while (pb_next(&r, &f))
		if (f.number == 7 && f.wire == PB_VARINT)
			is = f.value != 0;
	return is;
}

/* DescriptorProto: name 1, field 2, nested_type 3, enum_type 4, options 7. */
static int read_message(const struct reading *in, struct slice s)
{
	struct schema_message *m = arena_alloc(in->set->arena, sizeof(*m));
	struct reading inner = { .set = in->set, .depth = in->depth + 1 };
	int rc;

	if (!m)
		return -ENOMEM;
	m->name = name_in(in, bytes_of(s, 1));
	if (!m->name || in->depth >= DEPTH_MAX)
		return -EBADMSG;
	m->is_map_entry = is_map_entry(s);
	rc = read_fields(in, s, m);
	inner.scope = slice_str(m->name);
	if (rc == 0)
		rc = each(&inner, s, 3, read_message);
	if (rc == 0)
		rc = each(&inner, s, 4, read_enum);
	return rc == 0 ? add(in->set, KIND_MESSAGE, m->name, m) : rc;
}

/* MethodDescriptorProto: name 1, input_type 2, output_type 3, client_streaming 5, server_streaming 6.  The
 * scope is the service. */
static int read_method(const struct reading *in, struct slice s)
{
	struct schema_method *m = arena_alloc(in->set->arena, sizeof(*m));
	struct slice name = bytes_of(s, 1);
	struct rd r = rd_init(s);
	struct pb_field f;

	if (!m)
		return -ENOMEM;
	if (!good_name(name))
		return -EBADMSG;
	while (pb_next(&r, &f)) {
		if (f.wire != PB_VARINT)
			continue;
		m->client_streams |= f.number == 5 && f.value;
		m->server_streams |= f.number == 6 && f.value;
	}
	m->input = type_name(in, bytes_of(s, 2));
	m->output = type_name(in, bytes_of(s, 3));
	m->path = arena_printf(in->set->arena, "/%.*s/%.*s", (int)in->scope.n, in->scope.p,
			       (int)name.n, name.p);
	if (arena_short(in->set->arena))
		return -ENOMEM;
	return m->path && m->input && m->output ? add(in->set, KIND_METHOD, m->path, m) : -EBADMSG;
}

/* ServiceDescriptorProto: name 1, method 2. */
static int read_service(const struct reading *in, struct slice s)
{
	struct reading inner = { .set = in->set, .depth = in->depth + 1 };

	inner.scope = slice_str(name_in(in, bytes_of(s, 1)));
	return inner.scope.n ? each(&inner, s, 2, read_method) : -EBADMSG;
}

/* FileDescriptorProto: name 1, package 2, message_type 4, enum_type 5, service 6.  Known: the same bytes under
 * the same name. */
static int read_file(const struct reading *in, struct slice s)
{
	struct reading file = { .set = in->set };
	struct slice name = bytes_of(s, 1);
	const char *id;
	int rc;

	if (!pb_is_message(s) || !good_name(name))
		return -EBADMSG;
	id = arena_printf(in->set->arena, "%.*s#%016llx", (int)name.n, name.p,
			  (unsigned long long)hash(KIND_FILE, s));
	if (!id)
		return -ENOMEM;
	*in->ret_known = find(in->set, KIND_FILE, id) != NULL;
	if (*in->ret_known)
		return 0;
	file.scope = bytes_of(s, 2);
	rc = each(&file, s, 4, read_message);
	if (rc == 0)
		rc = each(&file, s, 5, read_enum);
	if (rc == 0)
		rc = each(&file, s, 6, read_service);
	if (rc == 0)
		rc = add(in->set, KIND_FILE, id, id);
	return rc;
}

int schemas_give(struct schemas *s, struct slice set)
{
	bool known;
	struct reading in = { .set = &s->given, .ret_known = &known };
	int rc;

	if (set.n == 0 || !pb_is_message(set) || count_of(set, 1) == 0)
		return -EBADMSG;
	rc = each(&in, set, 1, read_file);
	return rc < 0 ? rc : (int)count_of(set, 1);
}

int schemas_learn(struct schemas *s, struct slice file)
{
	bool known = false;
	struct reading in = { .set = &s->learned, .ret_known = &known };
	struct arena_mark before = arena_mark(s->learned.arena);
	int rc = read_file(&in, file);

	if (known) /* nobody holds the name that was made to look for it */
		arena_rewind(s->learned.arena, before);
	return rc < 0 ? rc : !known;
}
