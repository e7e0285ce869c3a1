/* SPDX-License-Identifier: Apache-2.0 */
/* The log is copied into the database by a thread of its own (SQLite, "Write-Ahead Logging", 2.1): it costs two waits for the
 * disk, which whoever stores flows had to sit out.  Only a log that grows faster than the thread copies is copied by the
 * writer, which so waits for the disk before the next transaction and not without bound. */
#include "store/sqlite.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#define PAGES_WORTH 1000  /* of the log that are not copied yet: 8 MB */
#define PAGES_MAX   6000 /* in the log: 48 MB */
#define READERS_MS  50	  /* that the writer waits for those who read */

struct store_checkpoint {
	pthread_t thread;
	pthread_mutex_t lock, disk; /* of what follows; held while somebody copies */
	pthread_cond_t news;
	sqlite3 *db; /* the thread's own connection */
	bool wanted, ending, started;
	/* Only the writer's: pages in the log, of them when it was asked to be copied, and at how many the writer copies. */
	int pages, done, most;
};

static void *copies(void *ctx)
{
	struct store_checkpoint *c = ctx;

	(void)pthread_mutex_lock(&c->lock);
	for (;;) {
		while (!c->wanted && !c->ending)
			(void)pthread_cond_wait(&c->news, &c->lock);
		if (c->ending)
			break;
		c->wanted = false;
		(void)pthread_mutex_unlock(&c->lock);
		(void)pthread_mutex_lock(&c->disk);
		/* What fails here fails again where the log is full, and is told there. */
		(void)sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
		(void)pthread_mutex_unlock(&c->disk);
		(void)pthread_mutex_lock(&c->lock);
	}
	(void)pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* Called after each commit with the pages that the log has now. */
static int on_commit(void *ctx, sqlite3 *db, const char *name, int pages)
{
	struct store_checkpoint *c = ctx;

	(void)db;
	(void)name;
	if (pages < c->pages) { /* it began again from its start */
		c->done = 0;
		c->most = PAGES_MAX;
	}
	c->pages = pages;
	if (pages - c->done < PAGES_WORTH)
		return SQLITE_OK;
	c->done = pages;
	(void)pthread_mutex_lock(&c->lock);
	c->wanted = true;
	(void)pthread_cond_signal(&c->news);
	(void)pthread_mutex_unlock(&c->lock);
	return SQLITE_OK;
}

/* Signals stay with the thread that has them read. */
static int start(struct store_checkpoint *c)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &before);
	r = pthread_create(&c->thread, NULL, copies, c);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	c->started = r == 0;
	return -r;
}

int store_checkpoint_open(struct store *s)
{
	struct store_checkpoint *c = calloc(1, sizeof(*c));
	int r = 0;

	if (!c)
		return -ENOMEM;
	c->most = PAGES_MAX;
	(void)pthread_mutex_init(&c->lock, NULL);
	(void)pthread_mutex_init(&c->disk, NULL);
	(void)pthread_cond_init(&c->news, NULL);
	s->checkpoint = c;
	if (sqlite3_open_v2(s->path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		r = c->db ? store_errno(c->db) : -ENOMEM;
	/* A connection that has read nothing does not know yet that there is a log. */
	if (r == 0 && sqlite3_exec(c->db, "PRAGMA synchronous=NORMAL; SELECT 1 FROM sqlite_schema", NULL, NULL, NULL) != SQLITE_OK)
		r = store_errno(c->db);
	if (r == 0)
		r = start(c);
	if (r == 0)
		(void)sqlite3_wal_hook(s->db, on_commit, c);
	return r;
}

int store_checkpoint_room(struct store *s)
{
	struct store_checkpoint *c = s->checkpoint;
	int rc;

	if (!c || c->pages < c->most)
		return 0;
	(void)pthread_mutex_lock(&c->disk);
	(void)sqlite3_busy_timeout(s->db, READERS_MS);
	rc = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
	(void)sqlite3_busy_timeout(s->db, STORE_BUSY_MS);
	(void)pthread_mutex_unlock(&c->disk);
	if ((rc & 0xff) == SQLITE_BUSY) { /* somebody reads an old state of it: it has to grow on */
		c->most = c->pages + PAGES_MAX / 4;
		return 0;
	}
	c->most = PAGES_MAX;
	c->pages = c->done = 0;
	return rc == SQLITE_OK ? 0 : store_failed(s);
}

void store_checkpoint_close(struct store *s)
{
	struct store_checkpoint *c = s->checkpoint;

	if (!c)
		return;
	if (c->started) {
		(void)pthread_mutex_lock(&c->lock);
		c->ending = true;
		(void)pthread_cond_signal(&c->news);
		(void)pthread_mutex_unlock(&c->lock);
		(void)pthread_join(c->thread, NULL);
	}
	sqlite3_close_v2(c->db);
	(void)pthread_cond_destroy(&c->news);
	(void)pthread_mutex_destroy(&c->disk);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
	s->checkpoint = NULL;
}
