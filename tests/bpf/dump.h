/* SPDX-License-Identifier: Apache-2.0 */
/* dump.h - what was captured, as text without anything that differs from run to run: no ports, times, cookies. */
#ifndef LIMPID_TESTS_DUMP_H
#define LIMPID_TESTS_DUMP_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "event.h"

struct dump;		     /* collects events */
struct dump *dump_new(void); /* NULL: out of memory */
void dump_free(struct dump *d);
void dump_event(void *d, const struct ev_hdr *ev); /* for watch.also */
/* The end with these ports: its side, command, ends, and the ranges of both directions. */
void dump_end(const struct dump *d, FILE *f, const char *name, uint16_t lport, uint16_t rport);

/* The lines for one direction whose bytes are all there, or all missing.  n: bytes. */
uint64_t dump_hash(uint64_t hash, const uint8_t *p, size_t n); /* begins with DUMP_HASH */
#define DUMP_HASH 0xcbf29ce484222325u
void dump_bytes(FILE *f, int dir, uint64_t off, uint64_t n, uint64_t hash);
void dump_hole(FILE *f, int dir, uint64_t off, uint64_t n, unsigned why);
void dump_head(FILE *f, const char *name, unsigned side, const char *comm, unsigned how);

#endif
