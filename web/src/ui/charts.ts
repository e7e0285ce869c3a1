// SPDX-License-Identifier: Apache-2.0
// The metrics' plots, drawn by uPlot: lines over time, gaps where nothing was, the pointer's values told by the caller.
import uPlot from "uplot";

export interface Line {
	label: string;
	color: number; /* of --chart-N */
	dash?: number[];
	values: (number | null)[];
}
export interface Plot {
	times: number[]; /* Unix time in s */
	lines: Line[];
	format: (v: number) => string;
	/* A part of the time was chosen with the pointer: from and to in s. */
	zoom: (from: number, to: number) => void;
	/* The point under the pointer; null: it is elsewhere. */
	at: (i: number | null) => void;
}

const style = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/* A colour as the theme in force has it: a property's value may be light-dark(…), which only an element resolves. */
function color(host: HTMLElement, name: string): string {
	const probe = document.createElement("span");
	probe.style.color = `var(${name})`;
	host.append(probe);
	const c = getComputedStyle(probe).color;
	probe.remove();
	return c;
}

const two = (n: number) => String(n).padStart(2, "0");

/* As fine as the marks are apart: "14:02", "14:02:10", "14:02:10.5", or a day. */
function clockOf(s: number, step: number): string {
	const d = new Date(s * 1000);
	if (step >= 86400) return `${two(d.getMonth() + 1)}-${two(d.getDate())}`;
	const minutes = `${two(d.getHours())}:${two(d.getMinutes())}`;
	if (step >= 60) return minutes;
	return `${minutes}:${two(d.getSeconds())}${step < 1 ? `.${String(d.getMilliseconds()).padStart(3, "0").slice(0, step < 0.1 ? 3 : 1)}` : ""}`;
}

function options(host: HTMLElement, p: Plot): uPlot.Options {
	const line = color(host, "--line-soft");
	const axis = { stroke: color(host, "--muted"), grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1, size: 4 }, font: `11px ${style("--sans")}` };
	return {
		width: Math.max(200, host.clientWidth),
		height: Math.max(90, host.clientHeight),
		legend: { show: false },
		cursor: { sync: { key: "limpid" }, drag: { x: true, y: false, setScale: false }, points: { size: 6 }, y: false },
		scales: { x: { time: true }, y: { range: (_, __, max) => [0, max > 0 ? max * 1.08 : 1] } },
		axes: [
			{ ...axis, space: 80, values: (_, ticks, __, ___, step) => ticks.map((t) => clockOf(t, step)) },
			{ ...axis, size: 62, space: 26, values: (_, ticks) => ticks.map((t) => (t === 0 ? "0" : p.format(t))) },
		],
		series: [{}, ...p.lines.map((l) => ({ label: l.label, stroke: color(host, `--chart-${l.color}`), width: 1.6, ...(l.dash ? { dash: l.dash } : {}), points: { show: p.times.length < 3 }, spanGaps: false }))],
		hooks: {
			setCursor: [(u) => p.at(u.cursor.idx ?? null)],
			setSelect: [
				(u) => {
					if (u.select.width > 6) p.zoom(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"));
					u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
				},
			],
		},
	};
}

/* Draws into host; call again with what is newer, and end() when it is not looked at any more. */
export class Chart {
	private u: uPlot | null = null;
	private plot: Plot | null = null;
	private drawn = ""; /* what lines, in which theme */
	private size: ResizeObserver;

	constructor(private host: HTMLElement) {
		this.size = new ResizeObserver(() => this.u?.setSize({ width: Math.max(200, host.clientWidth), height: Math.max(90, host.clientHeight) }));
		this.size.observe(host);
	}

	draw(p: Plot): void {
		const key = JSON.stringify([color(this.host, "--text"), p.lines.map((l) => [l.label, l.color]), p.times.length < 3]);
		const data = [p.times, ...p.lines.map((l) => l.values)] as uPlot.AlignedData;
		if (this.plot) Object.assign(this.plot, p);
		else this.plot = { ...p };
		if (this.u && this.drawn === key) return this.u.setData(data);
		this.u?.destroy();
		this.drawn = key;
		this.u = new uPlot(options(this.host, this.plot), data, this.host);
	}

	redraw(): void {
		if (this.plot) this.draw({ ...this.plot });
	}

	end(): void {
		this.size.disconnect();
		this.u?.destroy();
	}
}
