/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/redis_cmd.h"

/* key: position of the first key; KEY_NUM: it follows a number of keys there; KEY_SUB: of a command whose second word
 * belongs to its name. */
#define KEY_NONE 0
#define KEY_NUM	 16
#define KEY_SUB	 32
#define KEY_STREAMS 64 /* behind the word STREAMS */

static const struct known {
	const char *name;
	uint8_t key;
	enum redis_kind kind;
} known[] = {
	{ "ACL", KEY_SUB, REDIS_ACL },
	{ "AUTH", KEY_NONE, REDIS_PLAIN },
	{ "BGREWRITEAOF", KEY_NONE, REDIS_PLAIN },
	{ "BGSAVE", KEY_NONE, REDIS_PLAIN },
	{ "BITOP", 2, REDIS_PLAIN },
	{ "BLMPOP", KEY_NUM | 2, REDIS_PLAIN },
	{ "BZMPOP", KEY_NUM | 2, REDIS_PLAIN },
	{ "CLIENT", KEY_SUB, REDIS_PLAIN },
	{ "CLUSTER", KEY_SUB, REDIS_PLAIN },
	{ "COMMAND", KEY_SUB, REDIS_PLAIN },
	{ "CONFIG", KEY_SUB | 2, REDIS_PLAIN },
	{ "DBSIZE", KEY_NONE, REDIS_PLAIN },
	{ "DEBUG", KEY_SUB, REDIS_PLAIN },
	{ "DISCARD", KEY_NONE, REDIS_DISCARD },
	{ "ECHO", KEY_NONE, REDIS_PLAIN },
	{ "EVAL", KEY_NUM | 2, REDIS_PLAIN },
	{ "EVALSHA", KEY_NUM | 2, REDIS_PLAIN },
	{ "EVALSHA_RO", KEY_NUM | 2, REDIS_PLAIN },
	{ "EVAL_RO", KEY_NUM | 2, REDIS_PLAIN },
	{ "EXEC", KEY_NONE, REDIS_EXEC },
	{ "FAILOVER", KEY_NONE, REDIS_PLAIN },
	{ "FCALL", 1, REDIS_PLAIN },
	{ "FCALL_RO", 1, REDIS_PLAIN },
	{ "FLUSHALL", KEY_NONE, REDIS_PLAIN },
	{ "FLUSHDB", KEY_NONE, REDIS_PLAIN },
	{ "FUNCTION", KEY_SUB | 2, REDIS_PLAIN },
	{ "HELLO", KEY_NONE, REDIS_HELLO },
	{ "INFO", 1, REDIS_PLAIN },
	{ "LATENCY", KEY_SUB, REDIS_PLAIN },
	{ "LMPOP", KEY_NUM | 1, REDIS_PLAIN },
	{ "MEMORY", KEY_SUB | 2, REDIS_PLAIN },
	{ "MIGRATE", 3, REDIS_PLAIN },
	{ "MODULE", KEY_SUB, REDIS_PLAIN },
	{ "MONITOR", KEY_NONE, REDIS_MONITOR },
	{ "MULTI", KEY_NONE, REDIS_MULTI },
	{ "OBJECT", KEY_SUB | 2, REDIS_PLAIN },
	{ "PING", KEY_NONE, REDIS_PLAIN },
	{ "PSUBSCRIBE", 1, REDIS_SUBSCRIBE },
	{ "PSYNC", KEY_NONE, REDIS_SYNC },
	{ "PUBSUB", KEY_SUB | 2, REDIS_PLAIN },
	{ "PUNSUBSCRIBE", 1, REDIS_UNSUBSCRIBE },
	{ "QUIT", KEY_NONE, REDIS_PLAIN },
	{ "RANDOMKEY", KEY_NONE, REDIS_PLAIN },
	{ "READONLY", KEY_NONE, REDIS_PLAIN },
	{ "READWRITE", KEY_NONE, REDIS_PLAIN },
	{ "REPLCONF", KEY_NONE, REDIS_PLAIN },
	{ "RESET", KEY_NONE, REDIS_RESET },
	{ "ROLE", KEY_NONE, REDIS_PLAIN },
	{ "SAVE", KEY_NONE, REDIS_PLAIN },
	{ "SCAN", KEY_NONE, REDIS_PLAIN },
	{ "SCRIPT", KEY_SUB, REDIS_PLAIN },
	{ "SELECT", 1, REDIS_SELECT },
	{ "SENTINEL", KEY_SUB | 2, REDIS_PLAIN },
	{ "SHUTDOWN", KEY_NONE, REDIS_PLAIN },
	{ "SINTERCARD", KEY_NUM | 1, REDIS_PLAIN },
	{ "SLOWLOG", KEY_SUB, REDIS_PLAIN },
	{ "SSUBSCRIBE", 1, REDIS_SUBSCRIBE },
	{ "SUBSCRIBE", 1, REDIS_SUBSCRIBE },
	{ "SUNSUBSCRIBE", 1, REDIS_UNSUBSCRIBE },
	{ "SWAPDB", KEY_NONE, REDIS_PLAIN },
	{ "SYNC", KEY_NONE, REDIS_SYNC },
	{ "TIME", KEY_NONE, REDIS_PLAIN },
	{ "UNSUBSCRIBE", 1, REDIS_UNSUBSCRIBE },
	{ "UNWATCH", KEY_NONE, REDIS_PLAIN },
	{ "WAIT", KEY_NONE, REDIS_PLAIN },
	{ "WAITAOF", KEY_NONE, REDIS_PLAIN },
	{ "XGROUP", KEY_SUB | 2, REDIS_PLAIN },
	{ "XINFO", KEY_SUB | 2, REDIS_PLAIN },
	{ "XREAD", KEY_STREAMS, REDIS_PLAIN },
	{ "XREADGROUP", KEY_STREAMS, REDIS_PLAIN },
	{ "ZDIFF", KEY_NUM | 1, REDIS_PLAIN },
	{ "ZINTER", KEY_NUM | 1, REDIS_PLAIN },
	{ "ZINTERCARD", KEY_NUM | 1, REDIS_PLAIN },
	{ "ZMPOP", KEY_NUM | 1, REDIS_PLAIN },
	{ "ZUNION", KEY_NUM | 1, REDIS_PLAIN },
};
#define KNOWN (sizeof(known) / sizeof(known[0]))

/* What people type at a server that is not above: the first key is word 1. */
static const char *const others[] = {
	"APPEND", "BLPOP",  "BRPOP",  "DECR",	"DECRBY",    "DEL",	 "EXISTS", "EXPIRE", "GET",
	"GETDEL", "GETSET", "HDEL",   "HGET",	"HGETALL",   "HINCRBY",	 "HKEYS",  "HLEN",   "HMGET",
	"HSET",	  "INCR",   "INCRBY", "KEYS",	"LINDEX",    "LLEN",	 "LPOP",   "LPUSH",  "LRANGE",
	"MGET",	  "MSET",   "PERSIST", "PEXPIRE", "PTTL",    "PUBLISH",	 "RENAME", "RPOP",   "RPUSH",
	"SADD",	  "SCARD",  "SET",    "SETEX",	"SETNX",     "SISMEMBER", "SMEMBERS", "SREM", "STRLEN",
	"TTL",	  "TYPE",   "UNLINK", "WATCH",	"XADD",	     "XLEN",	 "XRANGE", "ZADD",   "ZCARD",
	"ZRANGE", "ZREM",   "ZSCORE",
};

static uint8_t upper(uint8_t c)
{
	return c >= 'a' && c <= 'z' ? (uint8_t)(c - 32) : c;
}

static int compare(struct slice word, const char *name)
{
	size_t i = 0;

	for (; i < word.n && name[i]; i++)
		if (upper(word.p[i]) != (uint8_t)name[i])
			return upper(word.p[i]) < (uint8_t)name[i] ? -1 : 1;
	return i < word.n ? 1 : name[i] ? -1 : 0;
}

/* A name as put_name makes it. */
static const struct known *find(const char *name)
{
	size_t lo = 0, hi = KNOWN;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = strcmp(name, known[mid].name);

		if (c == 0)
			return &known[mid];
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

/* A name for people: what is no name character is a '?'. */
static size_t put_name(char *to, size_t room, struct slice word)
{
	size_t n = word.n < room - 1 ? word.n : room - 1;

	for (size_t i = 0; i < n; i++)
		to[i] = word.p[i] > ' ' && word.p[i] < 127 ? (char)upper(word.p[i]) : '?';
	to[n] = '\0';
	return n;
}

bool redis_is_known(struct slice word)
{
	char name[REDIS_NAME];

	(void)put_name(name, sizeof(name), word);
	if (find(name))
		return true;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(name, others[i]) == 0)
			return true;
	return false;
}

static enum redis_kind client_kind(const struct resp *r)
{
	static const struct {
		const char *mode;
		enum redis_kind kind;
	} modes[] = { { "ON", REDIS_REPLY_ON }, { "OFF", REDIS_REPLY_OFF }, { "SKIP", REDIS_REPLY_SKIP } };

	if (compare(resp_word(r, 1), "REPLY") == 0)
		for (size_t i = 0; i < 3; i++)
			if (compare(resp_word(r, 2), modes[i].mode) == 0)
				return modes[i].kind;
	return REDIS_PLAIN;
}

static unsigned key_of(const struct resp *r, const struct known *k)
{
	if (!k)
		return 1;
	if (k->key & KEY_STREAMS) {
		for (unsigned i = 1; i + 1 < r->nwords; i++)
			if (compare(resp_word(r, i), "STREAMS") == 0)
				return i + 1;
		return 0;
	}
	if (k->key & KEY_NUM) {
		unsigned at = k->key & 15;
		struct slice n = resp_word(r, at);

		return n.n == 1 && n.p[0] == '0' ? 0 : at + 1;
	}
	return k->key & 15;
}

void redis_cmd(const struct resp *r, struct redis_cmd *ret)
{
	struct slice word = resp_word(r, 0), sub = resp_word(r, 1);
	size_t n = put_name(ret->name, sizeof(ret->name), word);
	const struct known *k = find(ret->name);

	if (k && (k->key & KEY_SUB) && sub.n && sub.n < 20 && n + sub.n + 2 < sizeof(ret->name)) {
		ret->name[n++] = ' ';
		(void)put_name(ret->name + n, sizeof(ret->name) - n, sub);
	}
	ret->kind = k ? k->kind : REDIS_PLAIN;
	if (k && strcmp(k->name, "CLIENT") == 0)
		ret->kind = client_kind(r);
	ret->key = key_of(r, k);
	if (k && strcmp(k->name, "AUTH") == 0 && r->count == 3)
		ret->key = 1; /* the user */
	ret->whole = ret->key < r->nwords && (r->nwords > 1 || r->count < 2) && !(k && (k->key & (KEY_SUB | KEY_NUM | KEY_STREAMS)) && r->nwords < 4);
	if (ret->key >= r->nwords)
		ret->key = 0;
}

/* --- secrets --- */

bool redis_is_secret_setting(struct slice name)
{
	static const char *const secret[] = {
		"REQUIREPASS",	 "MASTERAUTH",		     "PRIMARYAUTH",	     "TLS-KEY-FILE-PASS",
		"AUTH-PASS",	 "TLS-CLIENT-KEY-FILE-PASS", "SENTINEL-PASS",
	};

	if (name.n < 9 || name.n > 24)
		return false;
	for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
		if (compare(name, secret[i]) == 0)
			return true;
	return false;
}

bool redis_has_hash(struct slice v)
{
	size_t run = 0;

	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];

		run = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') ? run + 1 : 0;
		if (run == 64)
			return true;
	}
	return false;
}

/* Of all words before the next one, the last; only those kept can be asked. */
static bool after_word(const struct resp *r, const char *name, unsigned distance)
{
	unsigned n = r->nwords;

	return r->nwords < RESP_WORDS && n > distance && compare(resp_word(r, n - distance), name) == 0;
}

bool redis_hides(const struct resp *r, struct slice arg)
{
	struct slice command = resp_word(r, 0);
	uint64_t i = r->depth ? r->level[0].index : 0;

	if (i == 0)
		return false;
	if (r->words.failed) /* which command it is has found no memory */
		return true;
	if (command.n < 3 || !strchr("AHMCS", upper(command.p[0]))) /* as those below begin */
		return false;
	if (compare(command, "AUTH") == 0) /* the last one; more than two words are an error, and secret all the same */
		return i > 1 || r->level[0].left <= 1 || r->level[0].left > 3;
	if (compare(command, "HELLO") == 0)
		return after_word(r, "AUTH", 2) || i > 8;
	if (compare(command, "MIGRATE") == 0)
		return after_word(r, "AUTH", 1) || after_word(r, "AUTH2", 2) || i >= RESP_WORDS;
	if (compare(command, "CONFIG") == 0 || compare(command, "SENTINEL") == 0)
		return i > 2 && (r->nwords >= RESP_WORDS || redis_is_secret_setting(resp_word(r, r->nwords - 1)));
	if (compare(command, "ACL") == 0 && compare(resp_word(r, 1), "SETUSER") == 0)
		return i > 2 && arg.n && strchr("><#!", arg.p[0]) && arg.p[0];
	return false;
}
