/* SPDX-License-Identifier: Apache-2.0 */
/* How a connection begins.  Nothing of what proves an identity is kept: neither salts, nor scrambles, passwords, keys. */
#include "proto/mysql.h"
#include "proto/mysql_zip.h"

#define ATTRS_MAX 16 /* connection attributes that are shown */
#define MY_MYSQL  1  /* this bit is unset where MariaDB's own capabilities are sent */

/* A flag that both sides need to set; the server's are not known when the greeting was not seen. */
static void agree(struct mysql *m, uint64_t client)
{
	m->caps = m->greeted ? client & m->server_caps : client;
	m->caps_known = true;
	m->deprecate = my_has(m, MY_DEPRECATE_EOF) ? 1 : -1;
}

static void copy_name(char *to, size_t size, struct slice s)
{
	size_t n = s.n < size - 1 ? s.n : size - 1;

	if (n)
		memcpy(to, s.p, n);
	to[n] = '\0';
}

static bool refused(struct mysql *m, struct slice p, struct msg *out)
{
	unsigned code;
	struct slice state, text;

	if (!my_err_read(p, &code, &state, &text))
		return false;
	out->failed = true;
	if (!my_begin(m, out, SIDE_RESP, ROLE_ONEWAY)) {
		out->failed = true;
		return true;
	}
	out->failed = true;
	out->half.status = arena_printf(out->arena, "%u", code);
	out->half.reason = arena_str(out->arena, text);
	if (arena_short(out->arena))
		out->flags |= FLOW_TRUNCATED;
	return true;
}

bool my_greeting(struct mysql *m, struct slice p, struct msg *out)
{
	struct rd r = rd_init(p);
	struct slice version;
	unsigned salt;

	if (!my_is_greeting(p))
		return refused(m, p, out);
	(void)rd_u8(&r);
	version = my_cstr(&r);
	if (slice_starts(version, SLICE_LIT("5.5.5-")) && version.n > 6)
		version = slice_cut(version, 6, version.n); /* MariaDB's, for old replicas */
	copy_name(m->version, sizeof(m->version), version);
	m->thread = rd_le32(&r);
	(void)rd_bytes(&r, 9);
	m->server_caps = rd_le16(&r);
	(void)rd_bytes(&r, 3);
	m->server_caps |= (uint64_t)rd_le16(&r) << 16;
	salt = rd_u8(&r);
	(void)rd_bytes(&r, 6);
	if (m->server_caps & MY_MYSQL)
		(void)rd_bytes(&r, 4);
	else
		m->server_caps |= rd_le(&r, 4) << 32;
	m->server_caps |= MY_MYSQL;
	(void)rd_bytes(&r, salt > 21 ? salt - 8 : 13);
	if (m->server_caps & MY_PLUGIN_AUTH)
		copy_name(m->plugin, sizeof(m->plugin), my_cstr(&r));
	m->greeted = true;
	return false;
}

static void skip_proof(uint64_t caps, struct rd *r)
{
	if (caps & MY_LENENC_AUTH)
		(void)my_lenenc_str(r);
	else if (caps & MY_SECURE)
		(void)rd_bytes(r, rd_u8(r));
	else
		(void)my_cstr(r);
}

static void connection_attrs(struct mysql *m, struct rd *r, struct msg *out, struct sql_attrs *t)
{
	struct rd in = rd_init(my_lenenc_str(r));
	struct buf tmp = { 0 };
	unsigned n = 0;

	while (rd_left(&in) > 0 && !in.short_read) {
		struct slice key = my_lenenc_str(&in), value = my_lenenc_str(&in);
		const char *name;

		if (in.short_read)
			break;
		if (n++ == ATTRS_MAX) {
			out->flags |= FLOW_TRUNCATED;
			break;
		}
		name = arena_printf(out->arena, "attribute:%.*s", (int)(key.n < 64 ? key.n : 64),
				    key.p ? (const char *)key.p : "");
		if (name)
			sql_attr_slice(t, out->arena, name, my_text(value, m->charset, &tmp));
	}
	buf_release(&tmp);
}

static void who(struct msg *out, struct sql_attrs *t, const char *op, struct slice user,
		struct slice db)
{
	out->half.op = op;
	out->half.target = db.n ? arena_str(out->arena, db) : NULL;
	sql_attr_slice(t, out->arena, "user", user);
	if (db.n)
		sql_attr_slice(t, out->arena, "database", db);
}

static bool login_old(struct mysql *m, struct slice p, struct msg *out)
{
	struct rd r = rd_init(p);
	struct sql_attrs t = { 0 };

	agree(m, rd_le16(&r));
	(void)rd_bytes(&r, 3);
	if (my_begin(m, out, SIDE_REQ, ROLE_REQUEST)) {
		who(out, &t, "Connect", my_cstr(&r), (struct slice){ 0 });
		(void)sql_attrs_put(&t, out->arena, &out->half);
	}
	return true;
}

void my_login_caps(struct mysql *m, struct slice p)
{
	struct rd r = rd_init(p);
	uint64_t caps = rd_le32(&r);

	(void)rd_le32(&r);
	m->charset = rd_u8(&r);
	(void)rd_bytes(&r, 19);
	if (!(caps & MY_MYSQL))
		caps |= rd_le(&r, 4) << 32;
	else
		(void)rd_bytes(&r, 4);
	if (!r.short_read)
		agree(m, caps | MY_MYSQL);
}

bool my_login(struct mysql *m, struct slice p, struct msg *out)
{
	struct rd r = rd_init(p);
	uint64_t caps = rd_le32(&r);
	struct sql_attrs t = { 0 };
	struct slice user, db = { 0 };

	m->asked = true;
	if (p.n == 32 && (caps & MY_SSL)) {
		m->tls = true;
		return false;
	}
	my_ask(m, (struct my_cmd){ .com = MY_CONNECT });
	if (!(caps & MY_PROTOCOL_41))
		return login_old(m, p, out);
	my_login_caps(m, p);
	(void)rd_bytes(&r, 28);
	user = my_cstr(&r);
	skip_proof(caps, &r);
	if (caps & MY_CONNECT_WITH_DB)
		db = my_cstr(&r);
	if (!my_begin(m, out, SIDE_REQ, ROLE_REQUEST))
		return true;
	who(out, &t, "Connect", user, db);
	if (caps & MY_PLUGIN_AUTH) {
		struct slice plugin = my_cstr(&r);

		copy_name(m->plugin, sizeof(m->plugin), plugin);
		sql_attr_slice(&t, out->arena, "plugin", plugin);
	}
	if (caps & MY_ATTRS)
		connection_attrs(m, &r, out, &t);
	if (!sql_attrs_put(&t, out->arena, &out->half) || arena_short(out->arena))
		out->flags |= FLOW_TRUNCATED;
	return true;
}

bool my_change_user(struct mysql *m, struct slice p, struct msg *out)
{
	struct rd r = rd_init(p);
	struct sql_attrs t = { 0 };
	struct slice user, db, plugin;

	(void)rd_u8(&r);
	user = my_cstr(&r);
	skip_proof(m->caps_known ? m->caps & ~(uint64_t)MY_LENENC_AUTH : MY_SECURE, &r);
	db = my_cstr(&r);
	if (rd_left(&r) >= 2)
		m->charset = rd_le16(&r);
	plugin = rd_left(&r) > 0 ? my_cstr(&r) : (struct slice){ 0 };
	my_ask(m, (struct my_cmd){ .com = MY_CHANGE_USER });
	if (!my_begin(m, out, SIDE_REQ, ROLE_REQUEST))
		return true;
	who(out, &t, "ChangeUser", user, db);
	if (plugin.n) {
		copy_name(m->plugin, sizeof(m->plugin), plugin);
		sql_attr_slice(&t, out->arena, "plugin", plugin);
	}
	if (rd_left(&r) > 0)
		connection_attrs(m, &r, out, &t);
	if (!sql_attrs_put(&t, out->arena, &out->half) || arena_short(out->arena))
		out->flags |= FLOW_TRUNCATED;
	return true;
}

void my_auth_packet(struct mysql *m, struct slice p)
{
	struct rd r = rd_init(p);
	struct slice name;

	switch (rd_u8(&r)) {
	case 0xfe: /* another method, please */
		name = my_cstr(&r);
		copy_name(m->plugin, sizeof(m->plugin),
			  name.n ? name : SLICE_LIT("mysql_old_password"));
		my_answer_attr(&m->ans, "auth_switch", slice_str(m->plugin));
		break;
	case 0x01: /* the method's own: caching_sha2_password says which way it goes */
		if (strcmp(m->plugin, "caching_sha2_password") == 0 && p.n == 2)
			my_answer_attr(&m->ans, "auth",
				       p.p[1] == 3 ? SLICE_LIT("fast") : SLICE_LIT("full"));
		break;
	default:
		break;
	}
}

void my_auth_done(struct mysql *m, bool good)
{
	if (m->plugin[0])
		my_answer_attr(&m->ans, "plugin", slice_str(m->plugin));
	if (m->ans.cmd.com != MY_CONNECT)
		return;
	if (m->version[0])
		my_answer_attr(&m->ans, "server_version", slice_str(m->version));
	if (m->greeted)
		my_answer_attr_num(&m->ans, "connection_id", m->thread);
	if (!good || !(m->caps & (MY_COMPRESS | MY_ZSTD)))
		return;
	my_answer_attr(&m->ans, "compression",
		       my_has(m, MY_COMPRESS) ? SLICE_LIT("zlib") : SLICE_LIT("zstd"));
	my_zipped(m);
}
