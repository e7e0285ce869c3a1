/* SPDX-License-Identifier: Apache-2.0 */
/* limpid hub */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/children.h"
#include "cmd/run.h"

/* What hub_run says once it listens becomes the line with the address. */
static pid_t announce(const struct hub_setup *s, int ready, int other_end)
{
	char line[512] = "";
	pid_t pid = fork();
	ssize_t n;

	if (pid)
		return pid;
	close(other_end);
	(void)signal(SIGINT, SIG_IGN);
	n = read(ready, line, sizeof(line) - 1);
	line[strcspn(line, "\n")] = '\0';
	if (n > 0 && strcmp(line, "ok") == 0)
		printf("%s/#t=%s\n", s->url, s->token);
	else if (n > 0) /* the hub told whoever waits, which is only us */
		log_error("%s", line);
	(void)fflush(stdout);
	_exit(0);
}

int run_hub(const struct args *a)
{
	struct identity who;
	struct hub_setup s;
	char err[400] = "";
	int ready[2], rc;

	log_setup("hub", a->level);
	identity_find(&who);
	rc = hub_prepare(a, &who, &s, err, sizeof(err));
	if (rc) {
		log_error("%s", err);
		return rc == -EINVAL ? EXIT_USAGE : 1;
	}
	if (pipe(ready) < 0 || announce(&s, ready[0], ready[1]) < 0) {
		log_error("cannot start: %s", strerror(errno));
		return 1;
	}
	close(ready[0]);
	return hub_process(a, &s, &who, ready[1], -1);
}
