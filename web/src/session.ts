// SPDX-License-Identifier: Apache-2.0
// What this tab knows: the link to the hub, its view of the list, the selection, the open detail.
// Signals for what panels show; callbacks for the grid, which draws itself.
import { batch, signal } from "@preact/signals";
import { ApiError, api } from "./model/api";
import type { Capture, Containers, Counters, FilterCheck, Flow, Health, Row } from "./model/api";
import { Channel } from "./model/channel";
import type { HubMessage, Tick } from "./model/channel";
import { START, next } from "./model/follow";
import type { Effect, FollowEvent } from "./model/follow";
import { formatRoute, parseRoute } from "./model/route";
import type { Page, Tab } from "./model/route";
import { View } from "./model/view";
import { COLUMNS } from "./model/columns";
import type { Sort } from "./model/columns";
import { sort } from "./state/columns";
import { loadContainers, loadHealth, settled } from "./state/hub";
import { countNews } from "./state/news";
import { onTally } from "./state/tally";
import { args } from "./state/args";

export type Link = "connecting" | "open" | "lost" | "signin";
/* Rows that a tick carries while following: more than fit on a screen. */
const TICK_ROWS = 100;

const first = parseRoute(location.hash);

export const link = signal<Link>("connecting");
export const lostSince = signal(0);
export const signinError = signal("");
export const page = signal<Page>(first.page);
export const tab = signal<Tab>(first.tab);
export const counters = signal<Counters>({ flows: 0, dropped: 0, truncated: 0, undecrypted: 0, gaps: 0 });
export const capture = signal<Capture | null>(null);
export const containers = signal<Containers | null>(null);
export const health = signal<Health | null>(null);
export const healthError = signal("");
export const total = signal(0);
export const matched = signal(0);
export const scanning = signal(-1); /* part of the list that the filter has looked at; -1: all */
export const live = signal(false); /* the list has been seen at least once */
export const follow = signal(START);
export const filter = signal(first.filter); /* the one in force */
export const check = signal<FilterCheck>({ ok: true, sentence: "" });
export const selected = signal<string | null>(first.selected);
export const detailOpen = signal(first.selected !== null);
export const detail = signal<Flow | null>(null);
export const detailError = signal("");
export const notice = signal(""); /* one line, goes away by itself */
export const savedChanged = signal(0); /* the named filters of the hub */

export { attempt, changeCapture, clearAll, loadContainers, loadHealth, pollHealth } from "./state/hub";

export interface GridEvents {
	/* Rows, counts or the selection changed: draw again; `end`: show the newest. */
	changed(effect: Effect): void;
	/* The list begins anew; keep row `at` (absolute) where row `n` was on screen, -1: nothing to keep. */
	anew(at: number): void;
	/* A row's number that stands for what is on screen, or -1. */
	anchor(): number;
	reveal(at: number): void;
}
let grid: GridEvents | null = null;
export function attachGrid(g: GridEvents | null): void {
	grid = g;
}

const channel = new Channel({ message: onMessage, lost: onLost });
export const view = new View((m) => channel.send(m));

let boot = "";
let selectedRow = -1; /* number of the selected row; -1: none or not known yet */
let selectedAt = -1; /* its absolute position */
/* Where the display was frozen; null: not paused. */
let frozen: number | null = null;
let anchorRow = -1;
let toPlace = false;
let firstView = true;

export const selection = () => selectedAt;
export const selectedRowOf = (): Row | undefined => (selectedAt >= 0 ? view.rows.get(selectedAt) : undefined);
export const redraw = (): void => grid?.changed("stay");
/* One past the last row on display. */
export const shownEnd = () => (frozen === null ? view.end : Math.max(view.base, Math.min(frozen, view.end)));

// --- follow -----------------------------------------------------------------------------------------------------

export function step(e: FollowEvent): void {
	const was = follow.peek();
	const { state, effect } = next(was, e);
	follow.value = state;
	if (state.mode === "paused") frozen ??= view.end;
	else frozen = null;
	if ((was.mode === "follow") !== (state.mode === "follow")) channel.send({ op: "follow", on: state.mode === "follow" });
	if (e.type === "newest" && state.mode !== "sorted") select(-1);
	/* What was asked for while the list was held still is done now. */
	if (effect === "resort" || (was.mode === "paused" && state.mode !== "paused" && applied !== sort.peek())) resort(true);
	grid?.changed(effect);
}

let toTop = false; /* another order begins with its first row */
let applied: Sort | null = null; /* the order in force */
let sortedFresh = 0;

/* null: as they came.  The rows that there are, in that order; what comes later is counted. */
export function sortBy(s: Sort | null): void {
	sort.value = s;
	step({ type: "sort", by: s ? "other" : "time" });
}

function resort(again: boolean): void {
	const s = sort.peek();
	applied = s;
	sortedFresh = 0;
	toTop = again;
	anchorRow = -1;
	view.sort(COLUMNS.find((c) => c.key === s?.by)?.sort ?? "", !!s?.desc, again);
}

/* The filter looks at no more of the older rows. */
export const stopSearch = (): void => channel.send({ op: "stop" });
export const searchAgain = (): void => subscribe(filter.peek());

// --- the channel ------------------------------------------------------------------------------------------------

function onLost(attempt: number): void {
	if (link.peek() === "signin") return;
	if (link.peek() === "open" || (attempt === 2 && link.peek() === "connecting")) {
		link.value = "lost";
		lostSince.value = Date.now();
	}
	/* A refused upgrade does not say why; an ordinary call does. */
	api.capture().catch((e: unknown) => {
		if (e instanceof ApiError && e.status === 401) askToSignIn("");
	});
}

export function askToSignIn(why: string): void {
	channel.stop();
	batch(() => {
		signinError.value = why;
		link.value = "signin";
	});
}

export async function signIn(token: string): Promise<void> {
	try {
		await api.login(token.trim().replace(/^.*#t=/, ""));
	} catch (e) {
		return askToSignIn(e instanceof ApiError && e.status !== 401 ? e.message : "This is not the token of the hub that runs now. Limpid prints it when it starts.");
	}
	link.value = "connecting";
	channel.open();
}

export function connect(): void {
	channel.open();
}

function onMessage(m: HubMessage): void {
	switch (m.op) {
	case "hello":
		/* Another run of the hub may count its rows otherwise; ids stay. */
		if (boot && m.boot !== boot) say("The hub was restarted. The list goes on with what it kept.");
		if (boot && m.boot !== boot) selectedRow = -1;
		boot = m.boot;
		batch(() => {
			link.value = "open";
			lostSince.value = 0;
		});
		step({ type: "reconnect" });
		subscribe(filter.peek());
		watch();
		void loadContainers();
		void loadHealth();
		break;
	case "tick":
		if (view.mine(m)) onTick(m);
		else channel.send({ op: "ack", seq: m.seq }); /* of the former view; the next one waits for it */
		break;
	case "upd":
		for (const r of m.rows) {
			if (view.mine(m)) view.rows.update(r);
			if (r.id === selected.peek()) refreshDetail();
		}
		grid?.changed("stay");
		break;
	case "rows":
		if (!view.mine(m)) break;
		view.window(m);
		settlePending();
		grid?.changed("stay");
		break;
	case "find":
		if (view.mine(m)) view.found(m);
		break;
	case "containers":
		void loadContainers();
		break;
	case "saved":
		savedChanged.value++;
		break;
	case "error":
		if (view.mine(m)) check.value = { ok: false, error: { at: m.at, len: m.len, text: m.text } };
		break;
	}
}

function onTick(m: Tick): void {
	const wasLive = view.live;
	const oldBase = view.base;
	const fresh = view.tick(m);
	const fresher = m.sorted?.ready ? m.sorted.fresh - sortedFresh : 0;
	if (m.sorted) sortedFresh += fresher;
	const scan = m.scan ? m.scan.done / Math.max(1, m.scan.of) : -1;
	if (m.stale) view.rows.expire();
	batch(() => {
		scanning.value = scan;
		live.value = true;
		total.value = m.total;
		if (!m.sorted || m.sorted.ready) matched.value = m.matched;
		counters.value = m.counters;
		onTally(m);
		if (settled() && JSON.stringify(m.capture) !== JSON.stringify(capture.peek())) capture.value = m.capture;
		if (m.sorted) {
			if (fresh < 0) beginAnew(wasLive);
			else if (fresher > 0) step({ type: "rows", n: fresher });
		} else if (fresh < 0) beginAnew(wasLive);
		else if (fresh > 0 && scan >= 0) {
			/* Older rows that the filter finds are not news. */
			if (follow.peek().mode === "follow") grid?.changed("end");
		} else if (fresh > 0) {
			countNews(m.rows, fresh);
			step({ type: "rows", n: fresh });
		}
		if (view.base !== oldBase) step({ type: "evicted" });
	});
	if (toPlace && scan < 0) void placeAgain();
	grid?.changed("stay");
	/* Acknowledged when drawn, so that a hidden or slow tab gets fewer ticks, not a longer queue. */
	requestAnimationFrame(() => channel.send({ op: "ack", seq: m.seq }));
}

/* First tick of a subscription, or everything was cleared. */
function beginAnew(wasLive: boolean): void {
	selectedAt = -1;
	frozen = follow.peek().mode === "paused" ? view.end : null;
	toPlace = false;
	if (wasLive) {
		/* Cleared for everybody: what was selected is gone. */
		if (!view.matched) closeDetail();
		select(-1);
		grid?.anew(-1);
		return;
	}
	const linked = firstView && selected.peek() !== null; /* the address names a flow */
	firstView = false;
	if (follow.peek().mode === "follow" && !linked) {
		grid?.anew(-1);
		grid?.changed("end");
		return;
	}
	toPlace = true;
}

/* Once the filter has looked at everything: the row that was selected, or else the one that was on top,
 * where it was; if it is gone, the nearest older one. */
async function placeAgain(): Promise<void> {
	const id = view.id;
	toPlace = false;
	if (frozen !== null) frozen = view.end;
	if (selected.peek() !== null && selectedRow < 0) selectedRow = (await flowNumber(selected.peek()!)) ?? -1;
	const n = selectedRow >= 0 ? selectedRow : anchorRow;
	const at = n >= 0 ? await view.find(n) : -1;
	if (id !== view.id) return;
	if (follow.peek().mode === "follow" && selected.peek() === null) {
		/* Asked for meanwhile. */
		toTop = false;
		grid?.anew(-1);
		return grid?.changed("end");
	}
	if (selectedRow >= 0) selectedAt = at;
	grid?.anew(toTop ? -1 : at);
	if (toTop && !applied) grid?.changed("end");
	toTop = false;
	if (at >= 0) step({ type: "away" });
	else grid?.changed(follow.peek().mode === "follow" ? "end" : "stay");
}

async function flowNumber(id: string): Promise<number | undefined> {
	try {
		return (await api.flow(id)).n;
	} catch {
		return undefined;
	}
}

// --- the filter ---------------------------------------------------------------------------------------------------

function subscribe(text: string): void {
	anchorRow = grid?.anchor() ?? -1;
	channel.send({ op: "follow", on: follow.peek().mode === "follow" });
	view.subscribe(text, TICK_ROWS);
	if (applied) resort(false);
}

export function applyFilter(text: string): void {
	if (text === filter.peek()) return;
	filter.value = text;
	step({ type: "filter" });
	subscribe(text);
	saveRoute();
}

// --- selection and detail --------------------------------------------------------------------------------------------

let pendingAt = -1; /* to be selected when its row has arrived */
let detailTimer = 0;
let detailCall: AbortController | null = null;

/* at: absolute position, or -1: nothing is selected (an open detail stays). */
export function select(at: number): void {
	pendingAt = -1;
	if (at < 0) {
		selectedAt = -1;
		selectedRow = -1;
		if (!detailOpen.peek()) setSelected(null);
		grid?.changed("stay");
		return;
	}
	const to = Math.min(Math.max(at, view.base), shownEnd() - 1);
	if (to < view.base) return;
	const row = view.rows.get(to);
	step({ type: "away" });
	if (row?.state === "gone") return;
	if (!row) {
		pendingAt = to;
		view.want(to, to + 1);
		grid?.reveal(to);
		return;
	}
	selectedAt = to;
	selectedRow = row.n;
	setSelected(row.id);
	grid?.reveal(to);
}

function settlePending(): void {
	if (pendingAt >= 0 && view.rows.get(pendingAt)) select(pendingAt);
}

function setSelected(id: string | null): void {
	if (id === selected.peek()) return;
	selected.value = id;
	saveRoute();
	watch();
	if (detailOpen.peek()) scheduleDetail(60);
}

export function openDetail(): void {
	if (selected.peek() === null) return;
	step({ type: "away" });
	detailOpen.value = true;
	scheduleDetail(0);
	saveRoute();
}

export function closeDetail(): void {
	batch(() => {
		detailOpen.value = false;
		detail.value = null;
		detailError.value = "";
		if (selectedAt < 0) selected.value = null;
	});
	saveRoute();
	watch();
}

export function setTab(t: Tab): void {
	tab.value = t;
	saveRoute();
}

function watch(): void {
	const id = selected.peek();
	channel.send({ op: "watch", ids: id ? [id] : [] });
}

export function refreshDetail(): void {
	if (detailOpen.peek()) scheduleDetail(200);
}

function scheduleDetail(ms: number): void {
	clearTimeout(detailTimer);
	detailTimer = window.setTimeout(() => void loadDetail(), ms);
}

async function loadDetail(): Promise<void> {
	const id = selected.peek();
	if (!id) return;
	detailCall?.abort();
	const call = new AbortController();
	detailCall = call;
	try {
		const f = await api.flow(id, call.signal);
		batch(() => {
			/* What a call or a conversation is about are its messages. */
			if (detail.peek()?.id !== f.id && tab.peek() === "headers") tab.value = f.proto === "grpc" ? "grpc" : f.stream ? "messages" : "headers";
			detail.value = f;
			detailError.value = "";
		});
	} catch (e) {
		if (call.signal.aborted) return;
		batch(() => {
			detail.value = null;
			detailError.value = e instanceof ApiError ? (e.status === 404 ? "This exchange is not kept any more." : e.message) : String(e);
		});
	}
}


export function say(text: string): void {
	notice.value = text;
}

// --- address bar ------------------------------------------------------------------------------------------------------

export function go(p: Page): void {
	page.value = p;
	saveRoute();
}

export function routeAgain(): void {
	saveRoute();
}
function saveRoute(): void {
	const hash = formatRoute({
		page: page.peek(),
		filter: filter.peek(),
		selected: detailOpen.peek() ? selected.peek() : null,
		tab: tab.peek(),
		args: args.peek(),
	});
	/* Somebody typed another address meanwhile: its event is on its way, and what it names is shown. */
	if (location.hash !== known) return;
	if (hash !== known) writeHash(hash);
}

/* What the address bar was last seen to hold. */
let known = location.hash;
export function writeHash(hash: string): void {
	history.replaceState(null, "", hash);
	known = location.hash;
}
export const routeReads = signal(0); /* what was being typed into the filter is not wanted any more */

let argsKnown = false; /* subscribing calls at once, when the address may still hold the token */
args.subscribe(() => {
	if (argsKnown) saveRoute();
	argsKnown = true;
});

export function readRoute(): void {
	const r = parseRoute(location.hash);
	known = location.hash;
	page.value = r.page;
	tab.value = r.tab;
	args.value = r.args;
	applyFilter(r.filter);
	routeReads.value++;
	if (r.selected && r.selected !== selected.peek()) {
		selectedRow = selectedAt = -1;
		selected.value = r.selected;
		watch();
		openDetail();
		void flowNumber(r.selected).then(async (n) => {
			const at = n === undefined ? -1 : await view.find(n);
			if (at >= 0) select(at);
		});
	} else if (!r.selected) closeDetail();
}

export function startDetail(): void {
	if (selected.peek() && detailOpen.peek()) scheduleDetail(0);
}
