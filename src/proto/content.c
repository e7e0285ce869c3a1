/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/content.h"

#include "proto/grpc.h"
#include "proto/sse.h"
#include "proto/ws_content.h"

static const struct content *const all[] = { &content_grpc, &content_sse, &content_websocket, NULL };

const struct content *content_of(const struct flow_half *req, const struct flow_half *resp)
{
	for (size_t i = 0; all[i]; i++)
		if (all[i]->is(req, resp))
			return all[i];
	return NULL;
}
