/* SPDX-License-Identifier: Apache-2.0 */
/* limpid hub */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/children.h"
#include "cmd/run.h"

/* What hub_run says once it listens becomes the line with the address; else it says why. */
static pid_t announce(const struct hub_setup *s, const struct identity *who, int ready,
		      int other_end)
{
	char line[400] = "";
	pid_t pid = fork();
	ssize_t n;

	if (pid)
		return pid;
	close(other_end);
	(void)signal(SIGINT, SIG_IGN);
	n = read(ready, line, sizeof(line) - 1);
	line[strcspn(line, "\n")] = 0;
	if (n > 0 && strcmp(line, "ok") == 0)
		printf("%s/#t=%s\n", s->url, s->token);
	else
		hub_complain(s, who, line[0] ? line : "it did not start");
	(void)fflush(stdout);
	_exit(0);
}

int run_hub(const struct args *a)
{
	struct identity who;
	struct hub_setup s;
	char err[400] = "";
	pid_t announcer = -1;
	int ready[2], rc;

	log_setup("hub", a->level);
	identity_find(&who);
	rc = hub_prepare(a, &who, &s, err, sizeof(err));
	if (rc) {
		log_error("%s", err);
		return rc == -EINVAL ? EXIT_USAGE : 1;
	}
	if (pipe(ready) == 0)
		announcer = announce(&s, &who, ready[0], ready[1]);
	if (announcer < 0) {
		log_error("cannot start: %s", strerror(errno));
		return 1;
	}
	close(ready[0]);
	rc = hub_process(a, &s, &who, ready[1], -1);
	close(ready[1]);
	(void)waitpid(announcer, NULL, 0); /* its line comes before our end */
	return rc;
}
