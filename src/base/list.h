/* SPDX-License-Identifier: Apache-2.0 */
/* list.h - a doubly linked list through a member of what is listed. */
#ifndef LIMPID_BASE_LIST_H
#define LIMPID_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct link { /* all zero: in no list */
	struct link *prev, *next;
};

#define LINK_OWNER(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

static inline void list_init(struct link *head)
{
	head->prev = head->next = head;
}

static inline bool list_empty(const struct link *head)
{
	return head->next == head;
}

static inline bool link_listed(const struct link *l)
{
	return l->next != NULL;
}

static inline void link_remove(struct link *l) /* from whatever list it is in, or none */
{
	if (!l->next)
		return;
	l->prev->next = l->next;
	l->next->prev = l->prev;
	l->prev = l->next = NULL;
}

/* As the first of the list; head->prev is the last. */
static inline void link_move(struct link *head, struct link *l)
{
	link_remove(l);
	l->prev = head;
	l->next = head->next;
	l->next->prev = l;
	head->next = l;
}

#endif
