// SPDX-License-Identifier: Apache-2.0
// Messages over time: bars up for what the client said, down for the server.
import { useMemo } from "preact/hooks";
import type { Message } from "../model/api";
import { count, duration } from "../model/format";
import { bars } from "../model/talk-text";

const PARTS = 120;
const HALF = 16;

export function Plot({ list, choose }: { list: readonly Message[]; choose: (i: number) => void }) {
	const p = useMemo(() => bars(list, PARTS), [list, list.length, list.at(-1)?.seq]);
	const tall = (n: number) => (n ? Math.max(1.5, (n / p.most) * HALF) : 0);
	const path = (of: (b: (typeof p.bars)[number]) => number, up: boolean) =>
		p.bars.map((b, i) => (of(b) ? `M${i * 10} ${HALF}h8v${(up ? -1 : 1) * tall(of(b))}h-8z` : "")).join("");
	const told = `${count(list.length)} messages that are loaded over ${duration(p.ns)}, at most ${count(p.most)} each way in ${duration(p.ns / PARTS)}`;
	return (
		<div class="msg-plot" title={`${told}. A click shows the first of that time.`}>
			<svg
				viewBox={`0 0 ${PARTS * 10} ${2 * HALF}`}
				preserveAspectRatio="none"
				role="img"
				aria-label={told}
				onClick={(e) => {
					const r = e.currentTarget.getBoundingClientRect();
					const from = Math.floor(((e.clientX - r.left) / r.width) * PARTS);
					const b = p.bars.slice(from).find((x) => x.first >= 0);
					if (b) choose(b.first);
				}}
			>
				<path class="up" d={path((b) => b.up, true)} />
				<path class="down" d={path((b) => b.down, false)} />
				<path class="axis" d={`M0 ${HALF}H${PARTS * 10}`} />
			</svg>
			<span class="muted num">
				↑ ↓ over {duration(p.ns)}
			</span>
		</div>
	);
}
