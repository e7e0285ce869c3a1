/* SPDX-License-Identifier: Apache-2.0 */
/* sample.h - one flow with every field filled in, for tests of what encodes flows. */
#ifndef LIMPID_TESTS_SAMPLE_H
#define LIMPID_TESTS_SAMPLE_H

#include "flow/flow.h"

/* GET /v1/users?x=1 from web to api over TLS, answered by 500 with a JSON body; two messages. */
const struct flow *sample_flow(void);
/* The same from curl to dockerd over the unix socket /run/docker.sock, in plain text. */
const struct flow *sample_unix_flow(void);
/* sample_flow with colour 3, a pin and a note. */
const struct flow *sample_marked_flow(void);

#endif
