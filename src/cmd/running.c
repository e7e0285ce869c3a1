/* SPDX-License-Identifier: Apache-2.0 */
/* limpid doctor --running: what a running Limpid says of itself, above all what is missing and why. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cmd/hub_call.h"
#include "cmd/run.h"

#define MARK_BAD 2

static const char *text_of(const cJSON *o, const char *key)
{
	const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));

	return s ? s : "";
}

static void print_fact(const cJSON *fact)
{
	static const char *const marks[] = { "ok", "note", "PROBLEM" };
	double level = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(fact, "level"));
	const char *hint = text_of(fact, "hint");

	printf("%-8s%-18s %s\n", marks[level >= 1 ? (level >= MARK_BAD ? 2 : 1) : 0],
	       text_of(fact, "key"), text_of(fact, "text"));
	if (hint[0])
		printf("%-8s%-18s -> %s\n", "", "", hint);
}

/* Those of what is missing, with all their digits. */
static void print_counter(const cJSON *counter)
{
	double v = cJSON_GetNumberValue(counter);

	if (v > 0 && (strncmp(counter->string, "loss.", 5) == 0 ||
		      strncmp(counter->string, "told.", 5) == 0))
		printf("        %-30s %20.0f\n", counter->string, v);
}

static double number_of(const cJSON *o, const char *key)
{
	double v = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(o, key));

	return v > 0 ? v : 0;
}

/* One line a process: what it is, how it is read, and how much of what it moved was. */
static void print_process(const cJSON *p)
{
	bool bad = !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(p, "readable")) &&
		   number_of(p, "connections") > 0;
	const char *container = text_of(p, "container"), *hint = text_of(p, "hint");
	double n = number_of(p, "processes");
	const cJSON *lib;

	printf("%-8s%-18s %s%s%s", bad ? "note" : "ok", text_of(p, "code"), container,
	       container[0] ? "/" : "", text_of(p, "comm"));
	if (n > 1)
		printf(" (%.0f processes, one is %.0f)", n, number_of(p, "pid"));
	else
		printf(" (%.0f)", number_of(p, "pid"));
	cJSON_ArrayForEach(lib, cJSON_GetObjectItemCaseSensitive(p, "libraries"))
		printf(", %s %s in %s", text_of(lib, "name"), text_of(lib, "version"),
		       text_of(lib, "path"));
	if (number_of(p, "connections") > 0)
		printf("; %.0f TLS connections, %.0f not read; %.0f bytes encrypted, %.0f bytes read",
		       number_of(p, "connections"), number_of(p, "unread"),
		       number_of(p, "wire_bytes"), number_of(p, "plain_bytes"));
	printf("\n");
	if (bad)
		printf("%-8s%-18s %s%s%s\n", "", "", text_of(p, "text"), hint[0] ? " -> " : "", hint);
}

static void print_ledger(const cJSON *tls)
{
	double left_out = number_of(tls, "left_out");
	const cJSON *p;

	cJSON_ArrayForEach(p, cJSON_GetObjectItemCaseSensitive(tls, "processes"))
		print_process(p);
	if (left_out > 0)
		printf("%-8s%-18s %.0f more processes have no room in this list\n", "note", "tls", left_out);
}

static int print_health(struct slice json)
{
	cJSON *root = cJSON_ParseWithLength((const char *)json.p, json.n);
	const cJSON *agents = cJSON_GetObjectItemCaseSensitive(root, "agents"), *a, *x;
	int connected = 0;

	cJSON_ArrayForEach(a, agents) {
		bool there = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(a, "connected"));

		connected += there;
		printf("%s, Limpid %s on %s%s\n", text_of(a, "hostname"), text_of(a, "version"),
		       text_of(a, "kernel"), there ? "" : ": not connected any more");
		cJSON_ArrayForEach(x, cJSON_GetObjectItemCaseSensitive(a, "facts"))
			print_fact(x);
		cJSON_ArrayForEach(x, cJSON_GetObjectItemCaseSensitive(a, "counters"))
			print_counter(x);
		print_ledger(cJSON_GetObjectItemCaseSensitive(a, "tls"));
	}
	cJSON_Delete(root);
	if (!connected)
		printf("PROBLEM no agent is connected: nothing is captured\n");
	return connected ? 0 : 1;
}

int doctor_running(const char *url, bool json)
{
	const char *token = strstr(url, "#t=");
	struct buf b = { 0 };
	int rc = hub_call(url, token ? token + 3 : "", "GET", "/api/health", (struct slice){ 0 },
			  &b);

	if (rc) {
		log_error("%.*s: %s", (int)strcspn(url, "#"), url,
			  rc == -EACCES ? "the token is wrong: give the address that Limpid printed"
			  : rc == -EPROTO ? "what answers there is no Limpid"
					  : strerror(-rc));
		rc = 1;
	} else if (json) {
		(void)fwrite(b.p, 1, b.n, stdout);
		putchar('\n');
	} else {
		rc = print_health(buf_slice(&b));
	}
	buf_release(&b);
	return rc;
}
