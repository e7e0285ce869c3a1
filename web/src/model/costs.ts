// SPDX-License-Identifier: Apache-2.0
// Processor time as a share of one processor, out of two reports of the hub; and how much was dropped minute by minute.  No DOM.
import type { Health } from "./api";

export interface CostRow {
	key: string;
	name: string;
	host: string;
	does: string;
	percent: number | null; /* not known before the second report */
	cpuMs: number;
	bytes: number;
}

interface Sample {
	at: number;
	cpuMs: number;
	percent: number | null;
}
const MINUTES = 60;

export class Costs {
	private samples = new Map<string, Sample>();
	private dropped = -1;
	private minutes: { minute: number; n: number }[] = [];

	add(h: Health, now: number): void {
		for (const [key, cpuMs] of this.processes(h)) {
			const was = this.samples.get(key);
			/* A process that began again counts from nothing; reports that follow at once say nothing new. */
			if (was && cpuMs >= was.cpuMs && now - was.at < 900) continue;
			const percent = was && cpuMs >= was.cpuMs ? ((cpuMs - was.cpuMs) / (now - was.at)) * 100 : null;
			this.samples.set(key, { at: now, cpuMs, percent });
		}
		const n = this.dropped < 0 ? 0 : Math.max(0, h.counters.dropped - this.dropped);
		this.dropped = h.counters.dropped;
		const minute = Math.floor(now / 60000);
		const last = this.minutes[this.minutes.length - 1];
		if (last?.minute === minute) last.n += n;
		else this.minutes.push({ minute, n });
		while (this.minutes.length && this.minutes[0]!.minute <= minute - MINUTES) this.minutes.shift();
	}

	private *processes(h: Health): Iterable<[string, number]> {
		yield ["hub", h.hub.cpu_ms];
		for (const a of h.agents)
			for (const p of ["tap", "decode"]) {
				const n = a.counters[`cost.${p}_cpu_ms`];
				if (n !== undefined) yield [`${p} ${a.id}`, n];
			}
	}

	rows(h: Health): CostRow[] {
		const percent = (key: string) => this.samples.get(key)?.percent ?? null;
		const out: CostRow[] = [{ key: "hub", name: "hub", host: "", does: "stores flows, serves this page", percent: percent("hub"), cpuMs: h.hub.cpu_ms, bytes: h.hub.bytes }];
		for (const a of h.agents) {
			if (a.counters["cost.tap_cpu_ms"] === undefined) continue;
			const host = a.hostname || a.id.slice(0, 8);
			const one = (p: string, does: string) => ({ key: `${p} ${a.id}`, name: p, host, does, percent: percent(`${p} ${a.id}`), cpuMs: a.counters[`cost.${p}_cpu_ms`] ?? 0, bytes: a.counters[`cost.${p}_bytes`] ?? 0 });
			out.push(one("tap", "loads probes, watches processes and containers"), one("decode", "reads protocols"));
		}
		return out;
	}

	/* The last hour, as parts of the worst minute; oldest first. */
	lost(): { bars: number[]; total: number; peak: number } {
		const last = this.minutes[this.minutes.length - 1]?.minute ?? 0;
		const list = Array.from({ length: MINUTES }, (_, i) => this.minutes.find((m) => m.minute === last - MINUTES + 1 + i)?.n ?? 0);
		const peak = Math.max(...list);
		return { bars: list.map((n) => (peak ? n / peak : 0)), total: list.reduce((a, b) => a + b, 0), peak };
	}
}
