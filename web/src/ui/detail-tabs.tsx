// SPDX-License-Identifier: Apache-2.0
// The tabs of the detail: which there are, for which flows, and what they show.
import type { ComponentChildren } from "preact";
import type { Flow } from "../model/api";
import { hasResult, isStatement } from "../model/kinds";
import type { Tab } from "../model/route";
import { tab } from "../session";
import { compareWith } from "../state/compare";
import { BodyPane } from "./body";
import { Connection } from "./detail-connection";
import { Headers, Sides } from "./detail-headers";
import { Timing } from "./detail-timing";
import { LazyPart } from "./lazy";

export interface DetailTab {
	id: Tab;
	label: string;
	has?: (f: Flow) => boolean; /* absent: every flow */
	show: (f: Flow) => ComponentChildren;
}

/* In their order on screen; one that is not in model/route.ts cannot be linked to. */
const ALL: readonly DetailTab[] = [
	{ id: "statement", label: "Statement", has: isStatement, show: (f) => <LazyPart key="statement" name="The statement" load={() => import("./sql-statement")} props={{ f }} /> },
	{ id: "result", label: "Result", has: hasResult, show: (f) => <LazyPart key="result" name="The result" load={() => import("./sql-result")} props={{ f }} /> },
	{ id: "command", label: "Command", has: (f) => f.proto === "redis", show: (f) => <LazyPart key="command" name="The command" load={() => import("./redis")} props={{ f }} /> },
	{ id: "grpc", label: "gRPC", has: (f) => f.proto === "grpc", show: (f) => <LazyPart key="grpc" name="The call" load={() => import("./grpc")} props={{ f }} /> },
	{ id: "messages", label: "Messages", has: (f) => !!f.stream && f.proto !== "grpc", show: (f) => <LazyPart key="messages" name="The conversation" load={() => import("./messages")} props={{ f }} /> },
	{ id: "headers", label: "Headers", has: (f) => !isStatement(f) && f.proto !== "redis", show: (f) => <Sides f={f} of={(h, side) => <Headers h={h} side={side} open={f.state === "open"} />} /> },
	{ id: "body", label: "Body", has: (f) => !hasResult(f) && !(isStatement(f) && !f.request?.body && !f.response?.body), show: (f) => <Bodies f={f} /> },
	{ id: "timing", label: "Timing", show: (f) => <Timing f={f} /> },
	{ id: "related", label: "Related", has: (f) => f.proto !== "tls", show: (f) => <LazyPart key="related" name="What belongs with it" load={() => import("./related")} props={{ f }} /> },
	{ id: "connection", label: "Connection", show: (f) => <Connection f={f} /> },
	{ id: "raw", label: "Raw", show: (f) => <LazyPart key="raw" name="The raw view" load={() => import("./detail-raw")} props={{ f }} /> },
	{ id: "compare", label: "Compare", has: (f) => !!compareWith.value && compareWith.value.id !== f.id, show: (f) => <LazyPart key="compare" name="The comparison" load={() => import("./detail-compare")} props={{ f }} /> },
];

export const tabsOf = (f: Flow | null): readonly DetailTab[] => ALL.filter((t) => !t.has || (f && t.has(f)));
/* The one to show: that of the last flow, if this one has it. */
export function shownTab(f: Flow | null): DetailTab {
	const all = tabsOf(f);
	return all.find((t) => t.id === tab.value) ?? all.find((t) => t.id === "headers") ?? all[0]!;
}

function Bodies({ f }: { f: Flow }) {
	const req = !!f.request?.body?.captured;
	const resp = !!f.response?.body?.captured;
	/* An empty side leaves its room to the other. */
	const only = req && !resp ? "req" : resp && !req ? "resp" : "";
	return (
		<div class={`sides ${only ? "one" : ""}`}>
			{only !== "resp" && (
				<section class="side" aria-label="Request">
					<BodyPane key={`${f.id}req`} f={f} side="req" title="Request" />
				</section>
			)}
			{only !== "req" && (
				<section class="side" aria-label="Response">
					<BodyPane key={`${f.id}resp`} f={f} side="resp" title="Response" />
				</section>
			)}
		</div>
	);
}
