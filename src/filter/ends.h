/* SPDX-License-Identifier: Apache-2.0 */
/* ends.h - the keys that are about who spoke with whom: what they read from a flow, as in struct key (node.h). */
#ifndef LIMPID_FILTER_ENDS_H
#define LIMPID_FILTER_ENDS_H

#include "filter/node.h"

#define KEY(name) bool key_##name(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
KEY(src);
KEY(dst);
KEY(sock);
KEY(l4);
KEY(container);
KEY(container_id);
KEY(image);
KEY(project);
KEY(pod);
KEY(ns);
KEY(proc);
KEY(src_project);
KEY(dst_project);
KEY(src_ns);
KEY(dst_ns);
KEY(src_service);
KEY(dst_service);
KEY(service);
#undef KEY

#endif
