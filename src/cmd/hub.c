/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/children.h"

#define HUB_NICE 5 /* beside the programs that are watched; flows wait in the queue of decode */
#define ROOT_DB	   "/var/lib/limpid/limpid.db"
#define READY_WAIT 15000 /* ms; opening a big database may take a while */

static int db_path(const struct args *a, char *ret, size_t n)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int len;

	if (a->db)
		len = snprintf(ret, n, "%s", a->db);
	else if (geteuid() == 0)
		len = snprintf(ret, n, "%s", ROOT_DB);
	else if (state && state[0] == '/')
		len = snprintf(ret, n, "%s/limpid/limpid.db", state);
	else
		len = snprintf(ret, n, "%s/.local/state/limpid/limpid.db", home ? home : "");
	return len < 0 || (size_t)len >= n ? -ENAMETOOLONG : 0;
}

/* Makes the missing directories above path.  Only those made here change owner: a directory that was there
 * is somebody's. */
static int make_dirs(char *path, const struct identity *who)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		bool last = !strchr(slash + 1, '/');
		int err = 0;

		*slash = 0;
		if (mkdir(path, last ? 0750 : 0755) == 0) {
			if (last && geteuid() == 0 && chown(path, who->uid, who->gid) < 0)
				err = -errno;
		} else if (errno != EEXIST) {
			err = -errno;
		}
		*slash = '/';
		if (err)
			return err;
	}
	return 0;
}

static int make_token(char ret[33])
{
	uint8_t bytes[16];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -EIO;
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

int hub_prepare(const struct args *a, const struct identity *who, struct hub_setup *ret, char *err,
		size_t errlen)
{
	char host[256];
	const char *shown = host;
	int rc;

	if (args_address(a->http, host, sizeof(host), &ret->http_port) < 0 || !ret->http_port) {
		(void)snprintf(err, errlen, "--http: '%s' is not ADDRESS:PORT", a->http);
		return -EINVAL;
	}
	if (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0)
		shown = "127.0.0.1";
	memcpy(ret->token, a->token, sizeof(ret->token));
	if (!a->token[0] && make_token(ret->token) < 0) {
		(void)snprintf(err, errlen, "the kernel gives no random numbers");
		return -EIO;
	}
	(void)snprintf(ret->url, sizeof(ret->url),
		       strchr(shown, ':') ? "http://[%.100s]:%u" : "http://%.100s:%u", shown,
		       ret->http_port);
	if (args_address(a->grpc, host, sizeof(host), &ret->grpc_port) < 0 || !ret->grpc_port) {
		(void)snprintf(err, errlen, "--grpc: '%s' is not ADDRESS:PORT", a->grpc);
		return -EINVAL;
	}
	rc = db_path(a, ret->db, sizeof(ret->db));
	rc = rc ? rc : make_dirs(ret->db, who);
	if (rc)
		(void)snprintf(err, errlen,
			       "cannot make the directory of %s: %s; name another file with --db",
			       ret->db, strerror(-rc));
	return rc;
}

void hub_complain(const struct hub_setup *s, const struct identity *who, const char *err)
{
	/* "this user" is not the one who typed the command */
	if (strstr(err, s->db))
		log_error("%s (the hub runs as the user %s)", err, who->name);
	else
		log_error("%s", err);
}

int hub_process(const struct args *a, const struct hub_setup *s, const struct identity *who,
		int ready_fd, int stop_fd)
{
	struct hub_options o = { .grpc_addr = a->grpc,
				 .http_addr = a->http,
				 .db_path = s->db,
				 .token = s->token,
				 .agent_token = a->agent_token,
				 .web_host = a->web_host,
				 .max_bytes = a->max_bytes,
				 .max_age_ns = a->max_age_ns,
				 .max_rows = a->max_rows,
				 .allow_remote = a->allow_remote,
				 .resend = a->resend,
				 .ready_fd = ready_fd,
				 .stop_fd = stop_fd };
	char err[400] = "";
	int rc;

	(void)umask(027);
	rc = confine_user(who, err, sizeof(err));
	if (rc && ready_fd >= 0)
		(void)!write(ready_fd, err,
			     strlen(err)); /* whoever waits sees the end of it otherwise */
	if (rc == 0)
		rc = hub_run(&o, err, sizeof(err));
	if (rc && ready_fd < 0) /* else the reader of that was told */
		hub_complain(s, who, err[0] ? err : strerror(-rc));
	return rc ? 1 : 0;
}

/* The hub's first line: "ok", or what is wrong. */
static int wait_ready(int fd, char *err, size_t errlen)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t n = 0;

	while (n + 1 < errlen && poll(&p, 1, READY_WAIT) > 0) {
		ssize_t got = read(fd, err + n, errlen - 1 - n);

		if (got <= 0)
			break;
		n += (size_t)got;
		if (memchr(err, '\n', n))
			break;
	}
	err[n] = 0;
	err[strcspn(err, "\n")] = 0;
	if (strcmp(err, "ok") == 0)
		return 0;
	if (!err[0])
		(void)snprintf(err, errlen, "the hub did not start");
	return -EIO;
}

pid_t hub_start(const struct args *a, const struct hub_setup *s, const struct identity *who,
		int *ret_stop, char *err, size_t errlen)
{
	int ready[2], stop[2], rc;
	pid_t pid;

	if (pipe2(ready, 0) < 0)
		return -errno;
	if (pipe2(stop, 0) < 0) {
		rc = -errno;
		close(ready[0]);
		close(ready[1]);
		return rc;
	}
	pid = fork();
	if (pid == 0) {
		sigset_t none;

		close(ready[0]);
		close(stop[1]);
		(void)signal(SIGINT, SIG_IGN); /* the parent tells: agents flush first */
		(void)signal(SIGHUP, SIG_IGN);
		sigemptyset(&none);
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		(void)prctl(PR_SET_NAME, "limpid-hub", 0, 0, 0);
		log_setup("hub", a->level);
		confine_priority(HUB_NICE);
		_exit(hub_process(a, s, who, ready[1], stop[0]));
	}
	rc = pid < 0 ? -errno : 0;
	close(ready[1]);
	close(stop[0]);
	if (rc == 0)
		rc = wait_ready(ready[0], err, errlen);
	close(ready[0]);
	if (rc == 0) {
		*ret_stop = stop[1];
		return pid;
	}
	close(stop[1]);
	if (pid > 0)
		(void)waitpid(pid, NULL,
			      0); /* it ends by itself: nothing else is left to do for it */
	return rc;
}
